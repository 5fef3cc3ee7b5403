"""A glance at a regular file: how it stands, without opening it."""

import errno
import os

from towpath.hsm import mark as marks
from towpath.hsm.mark import Judged


def judged_by(handle: int, found: os.stat_result, key: bytes) -> Judged | None:
    """How a regular file stands, by an O_PATH descriptor and its stat, under a site's key.

    None where this process may not read its attributes. Raises OSError.
    """
    way = f"/proc/self/fd/{handle}"
    try:
        names = os.listxattr(way)
        packed = next((os.getxattr(way, name) for name in marks.NAMES if name in names), None)
    except PermissionError:
        return None
    except OSError as error:
        if error.errno != errno.EOPNOTSUPP:
            raise
        packed = None
    return marks.judge(found, packed, key)
