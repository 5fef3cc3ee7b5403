"""Renames that never replace by accident: renameat2(2) with its flags."""

import ctypes
import errno
import os
from typing import Final

NO_REPLACE: Final = 1
"""Fail with EEXIST where something has the new name."""
EXCHANGE: Final = 2
"""The two change places."""
_UNKNOWN_CALL: Final = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

_renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
_renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
_renameat2.restype = ctypes.c_int


def rename(old: tuple[int, bytes], new: tuple[int, bytes], flags: int) -> bool:
    """Rename one (directory, name) to another; False where the kernel or the file system does not know the flags."""
    if _renameat2(*old, *new, flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNKNOWN_CALL:
        return False
    raise OSError(number, os.strerror(number), new[1])
