"""The hub's secret key: 32 random bytes in a private file."""

import os
import secrets
from pathlib import Path

from towpath.domain.errors import Mistake

KEY_BYTES = 32


def load_or_make_key(path: Path) -> bytes:
    """The key in a file, made there, readable by its owner only, where there is none."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return _make(path)
    except OSError as error:
        raise Mistake(f"{path}: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise Mistake(f"{path}: expected a key of {KEY_BYTES} bytes, found {len(key)}")
    return key


def _make(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A link, unlike a rename, leaves a key that another process has made meanwhile: the first one stays.
        os.link(draft, path)
    except FileExistsError:
        return load_or_make_key(path)
    finally:
        draft.unlink()
    return key
