"""The hub's secret key: 32 random bytes in a private file."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from towpath.domain.errors import Mistake

KEY_BYTES = 32


def load_hub_key(own: Path, given: Path | None) -> bytes:
    """The key in the file that was given, else the hub's own, made where there is none; raises `Mistake`.

    A file that was given holds 32 bytes, or 64 hexadecimal digits, which are easier to keep where secrets are text.
    """
    if given is None:
        return load_or_make_key(own)
    try:
        content = given.read_bytes()
    except OSError as error:
        raise Mistake(f"TOWPATH_KEY_FILE {given}: {error.strerror}") from None
    if len(content) == KEY_BYTES:
        return content
    with suppress(ValueError):
        key = bytes.fromhex(content.decode("ascii"))
        if len(key) == KEY_BYTES:
            return key
    expected = f"expected {KEY_BYTES} bytes or {2 * KEY_BYTES} hexadecimal digits"
    raise Mistake(f"TOWPATH_KEY_FILE {given}: {expected}, found {len(content)} bytes that are neither")


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
