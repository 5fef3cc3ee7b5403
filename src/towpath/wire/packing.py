"""Messages as bytes: msgpack, compressed where that pays."""

from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec
import zstandard

COMPRESS_FROM = 1024
SMALL = 32
"""Masks and codes of so few bytes are mostly alike: remembering them costs less than compressing them."""

PLAIN, ZSTD = b"\x00", b"\x01"


class Malformed(ValueError):
    """The bytes are no message of the expected kind."""


T = TypeVar("T")

_encoder = msgspec.msgpack.Encoder()


def pack(message: object, limit: int | None = None) -> bytes:
    """A message as bytes, compressed where that pays; raises `Malformed` above `limit`."""
    raw = _encoder.encode(message)
    packed = PLAIN + raw if len(raw) < COMPRESS_FROM else ZSTD + compress(raw)
    if limit is not None and len(packed) > limit:
        raise Malformed(f"{type(message).__name__}: expected at most {limit} bytes, found {len(packed)}")
    return packed


def unpack(data: bytes, kind: type[T], limit: int = 64 * 1024 * 1024) -> T:
    """The message of that kind; raises `Malformed`. No more than `limit` bytes are ever unpacked."""
    try:
        flag, body = data[:1], data[1:]
        if flag == ZSTD:
            body = decompress(body, limit)
        elif flag != PLAIN:
            raise Malformed(f"{kind}: expected a message's first byte, found {flag!r}")
        return cast(T, _decoder(kind).decode(body))  # type: ignore[arg-type]  # classes are hashable
    except (msgspec.MsgspecError, zstandard.ZstdError) as error:
        raise Malformed(f"{getattr(kind, '__name__', kind)}: {error}") from error


@lru_cache(maxsize=64)
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    """Made once for each kind: to make one for a union of messages takes longer than to read one."""
    return msgspec.msgpack.Decoder(kind)


def compress(raw: bytes) -> bytes:
    """zstd, level 3, with the size in the frame."""
    return _compress_small(raw) if len(raw) <= SMALL else zstandard.ZstdCompressor(level=3).compress(raw)


@lru_cache(maxsize=4096)
def _compress_small(raw: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=3).compress(raw)


def decompress(data: bytes, limit: int) -> bytes:
    """What `compress` was given; raises `ZstdError` for more than `limit` bytes."""
    size = zstandard.frame_content_size(data)
    if size > limit:
        raise zstandard.ZstdError(f"frame holds more than {limit} bytes")
    if 0 <= size <= SMALL and len(data) <= 2 * SMALL:
        return _decompress_small(data)
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=limit)


@lru_cache(maxsize=4096)
def _decompress_small(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=SMALL)


def may_hold(data: bytes, needle: bytes, limit: int = 64 * 1024 * 1024) -> bool:
    """Whether a packed message may hold these bytes: False is certain, and told without reading the message."""
    flag, body = data[:1], data[1:]
    return needle in (decompress(body, limit) if flag == ZSTD else body)
