"""The secret keys in a node's home: 32 bytes each, made at the first start, readable by their owner only.

`site.key` signs the marks of stubs. All nodes of a site need the same one: copy it from the first node to the home
of each further node before that node's first start, and keep a copy elsewhere, since stubs marked under a lost key
must be adopted anew. `box.key` is the node's own: the hub seals the secrets of targets to it.
"""

import contextlib
import os
import secrets
from pathlib import Path

from towpath.domain.errors import Mistake

SIZE = 32


def load_or_make(path: Path) -> bytes:
    """The key in a file, made there where there is none; raises `Mistake` for a file that is no key of ours.

    Two processes that come here at once end with the same key: the first file stays.
    """
    if not path.exists():
        _make(path)
    mode = path.stat().st_mode & 0o777
    if mode & 0o077:
        raise Mistake(f"{path}: expected a file that only its owner can read (0600), found mode {mode:04o}")
    key = path.read_bytes()
    if len(key) != SIZE:
        raise Mistake(f"{path}: expected a key of {SIZE} bytes, found {len(key)}")
    return key


def _make(path: Path) -> None:
    private = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, leaves a key that another process has put there meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(private, path)
    finally:
        private.unlink()
