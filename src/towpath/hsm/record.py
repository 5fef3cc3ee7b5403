"""Records: all that is needed to make a file again, kept at its target in one object for each commit group."""

from collections.abc import Sequence
from enum import IntEnum
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

import msgspec
import zstandard

from towpath.hsm.mark import GROUP_LENGTH, MAC_LENGTH

VERSION: Final = 1
MOST_RECORDS: Final = 1_000
LARGEST_GROUP: Final = 256 * 1024 * 1024
"""No more than this is ever unpacked: 1,000 records with the 64 KiB of attributes that a file may have, and more."""

_MAGIC: Final = b"TWPR"
_PERSON: Final = b"towpath record"
_GROUP_PERSON: Final = b"towpath group"
_LEVEL: Final = 3
PRIVILEGED: Final = (b"security.", b"trusted.")
"""How attributes begin that may give rights: they come back only from a record whose signature holds."""
PRIVILEGED_MODE: Final = 0o6000
"""Setuid and setgid, for which the same holds."""


class Malformed(ValueError):
    """The bytes are no group of records of a version that we know, or not the group they are said to be."""


class Kind(IntEnum):
    """What a record is of."""

    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One path as it was: a file, with the key of its object; a directory; or a symbolic link.

    New fields come at the end, with defaults: older software does not see them. `owner` and `group` are names,
    `uid` and `gid` what they stood for. POSIX ACLs are among the extended attributes, as the kernel gives them.
    `checksum` is the xxh3_128 of the data. `signature` is under the key of the site that made it (`sign`).
    """

    path: bytes
    kind: Kind
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    atime_ns: int
    mtime_ns: int
    size: int = 0
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
    key: str = ""
    checksum: bytes = b""
    link: bytes = b""
    sparse: bool = False
    signature: bytes = b""


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Records that were committed together: of paths beneath one root of one site."""

    version: int
    site: str
    root: str
    records: tuple[Record, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Group)


def _signature(record: Record, key: bytes) -> bytes:
    """Binds rights to content: what may give rights is signed together with what it would give them to."""
    privileged = [pair for pair in record.xattrs if pair[0].startswith(PRIVILEGED)]
    told = _encoder.encode(
        (
            record.kind,
            record.mode,
            record.uid,
            record.gid,
            record.size,
            record.key,
            record.checksum,
            privileged,
        )
    )
    return blake2b(told, digest_size=MAC_LENGTH, key=key, person=_PERSON).digest()


def sign(record: Record, key: bytes) -> Record:
    """The record, signed under its site's key."""
    return msgspec.structs.replace(record, signature=_signature(record, key))


def is_signed(record: Record, key: bytes) -> bool:
    """Whether it was signed under that site's key and nothing that may give rights has changed since."""
    return compare_digest(record.signature, _signature(record, key))


def harmless(record: Record) -> Record:
    """The record without what may give rights: for one that this site has not signed.

    A directory's setgid bit stays: it says which group its files get, and gives nobody any.
    """
    kept = tuple(pair for pair in record.xattrs if not pair[0].startswith(PRIVILEGED))
    mode = record.mode if record.kind is Kind.DIRECTORY else record.mode & ~PRIVILEGED_MODE
    return msgspec.structs.replace(record, mode=mode, xattrs=kept)


def pack_group(site: str, root: str, records: Sequence[Record]) -> tuple[bytes, bytes]:
    """The group's id and its bytes.

    The id is a hash of the bytes: a mark, which is signed, so vouches for every record that it leads to, and the
    same group put again after a crash stands under the same key.
    """
    if not 0 < len(records) <= MOST_RECORDS:
        raise ValueError(f"a group of records: expected 1 to {MOST_RECORDS}, found {len(records)}")
    raw = _encoder.encode(Group(VERSION, site, root, tuple(records)))
    packed = _MAGIC + zstandard.ZstdCompressor(level=_LEVEL).compress(raw)
    return group_id(packed), packed


def group_id(packed: bytes) -> bytes:
    """10 bytes that only this group has."""
    return blake2b(packed, digest_size=GROUP_LENGTH, person=_GROUP_PERSON).digest()


def unpack_group(packed: bytes, group: bytes) -> Group:
    """The group in these bytes; raises `Malformed` unless they are the very bytes that the id stands for."""
    if not compare_digest(group_id(packed), group):
        raise Malformed("its content is not the one that was written")
    if not packed.startswith(_MAGIC):
        raise Malformed(f"expected a group of records, found one that begins {packed[:4]!r}")
    body = packed[len(_MAGIC) :]
    try:
        if zstandard.frame_content_size(body) > LARGEST_GROUP:
            raise Malformed(f"expected at most {LARGEST_GROUP} bytes")
        raw = zstandard.ZstdDecompressor().decompress(body, max_output_size=LARGEST_GROUP)
        found = _decoder.decode(raw)
    except (msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise Malformed(str(error)) from error
    if found.version != VERSION:
        raise Malformed(f"expected version {VERSION}, found {found.version}")
    return found


def unpacked_size(packed: bytes) -> int:
    """How many bytes the group has once unpacked."""
    return zstandard.frame_content_size(packed[len(_MAGIC) :])
