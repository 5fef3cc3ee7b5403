"""NKEYs: the seed by which a node or the hub proves to the bus who it is."""

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path

import nkeys  # type: ignore[import-untyped]

from towpath.domain.errors import Mistake

_SEED_BYTES = 32
_CHECKSUM_BYTES = 2


def make_seed() -> str:
    """A new user seed (`SU…`)."""
    return _encode(secrets.token_bytes(_SEED_BYTES))


def public_key(seed: str) -> str:
    """The public key (`U…`, 56 characters) of a user seed; raises `Mistake` for text that is no such seed."""
    try:
        prefix, raw = nkeys.decode_seed(seed.encode())
        # The library does not look at the checksum, so a seed with a typing error would be another key in silence.
        sound = prefix == nkeys.PREFIX_BYTE_USER and _encode(bytes(raw)) == seed
    except (nkeys.NkeysError, ValueError, IndexError):
        sound = False
    if not sound:
        raise Mistake("NKEY seed: expected a user's seed (SU… with its checksum), found something else")
    key: bytes = nkeys.from_seed(bytearray(seed.encode())).public_key
    return key.decode()


def is_public_key(text: str) -> bool:
    """Whether that is the public key of a user, its checksum included."""
    try:
        raw = base64.b32decode(text.encode())
    except (binascii.Error, ValueError):
        return False
    body, checksum = raw[:-_CHECKSUM_BYTES], raw[-_CHECKSUM_BYTES:]
    known_size = len(body) == _SEED_BYTES + 1
    return known_size and body[0] == nkeys.PREFIX_BYTE_USER and bytes(nkeys.crc16_checksum(body)) == checksum


def load_seed(path: Path) -> str:
    """The seed in a file; raises `Mistake` where there is none, `FileNotFoundError` where there is no file."""
    seed = path.read_bytes().decode("ascii", "replace").strip()
    try:
        public_key(seed)
    except Mistake as error:
        raise Mistake(f"{path}: {error}") from None
    return seed


def load_or_make_seed(path: Path) -> str:
    """The seed in a file, made there (readable by its owner only) where the file does not exist.

    Two processes that come here at once end with the same seed: the first file stays.
    """
    if not path.exists():
        _place(path, make_seed().encode() + b"\n")
    return load_seed(path)


def _encode(raw: bytes) -> str:
    encoded: bytes = nkeys.encode_seed(raw, nkeys.PREFIX_BYTE_USER)
    return encoded.decode()


def _place(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    private = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, leaves a file that another process has put there meanwhile.
        with contextlib.suppress(FileExistsError):
            os.link(private, path)
    finally:
        private.unlink()
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
