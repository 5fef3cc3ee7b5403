"""Files that have no name until they take their place; where the file system has none such, a private name."""

import errno
import os
from dataclasses import dataclass
from typing import Final

from towpath.hsm import private
from towpath.storage.roots import Holds, Root

_HAS_NONE: Final = (errno.EOPNOTSUPP, errno.EISDIR)
"""What a file system says that knows no files without a name, and a kernel that does not."""


@dataclass(frozen=True, slots=True)
class Nascent:
    """A file under way to `path`, open: `named` says that it stands under the private name beside it.

    One without a name goes with its descriptor, and so with the process, whatever ends that: nothing is left of it,
    nobody comes upon it, and nobody takes it for his own.
    """

    root: Root
    path: bytes
    fd: int
    named: bool

    def take_place(self, root: Holds) -> None:
        """Let it stand at its path, where nothing else does, in one move; raises FileExistsError."""
        if self.named:
            private.place(root, self.path)
        else:
            private.name_again(root, self.path, self.fd)

    def abandon(self) -> None:
        """Let go of it, and close it."""
        if self.named:
            private.abandon(self.root, self.path, self.fd)
        else:
            os.close(self.fd)


def begin(root: Root, path: bytes, key: bytes, *, is_new: bool) -> Nascent:
    """An empty file to stand at `path`, where nothing does now; without a name if it can be.

    A private file that an earlier run left there is removed first, unless the directory `is_new`. Raises what
    `private.create` raises.
    """
    parent, slash, name = path.rpartition(b"/")
    if not is_new:
        private.reclaim(root, parent + slash + private.name_beside(name), key)
    try:
        return Nascent(root, path, root.open(parent, os.O_RDWR | os.O_TMPFILE, 0o600), named=False)
    except OSError as error:
        if error.errno not in _HAS_NONE:
            raise
    return named(root, path, key)


def named(root: Root, path: bytes, key: bytes) -> Nascent:
    """An empty file under the private name beside `path`; raises what `private.create` raises."""
    return Nascent(root, path, private.create(root, path, key), named=True)
