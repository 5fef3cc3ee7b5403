"""What a store that takes large objects in parts must be able to do, so that an upload outlives whoever began it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload that was begun and neither finished nor given up; the store keeps what was sent of it."""

    key: str
    id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Part:
    """A part as the store has it. `crc32c` is None where the store does not say."""

    number: int
    size: int
    etag: str
    crc32c: int | None = None
    at: datetime | None = None
    """When it came; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Whole:
    """An object that was made of its parts, as the store's answer tells of it."""

    etag: str
    crc32c: int | None = None
    """Of the whole content, reckoned by the store; None where it does not say."""
    vouched: str = ""
    """Where the store makes an object of just the parts that it was told, or none, and has checked each: in words."""


class UploadGone(Exception):
    """The store knows nothing of such an upload (any more): it was finished, or given up."""


class PartStore(Protocol):
    """The uploads of one bucket and prefix. The parts that are there are asked of the store, which alone knows.

    Every error of the store comes as `StorageError` with its class. May be called from several threads at once.
    """

    def begun(self, prefix: str) -> Iterator[Begun]:
        """The uploads under way to keys that begin so."""

    def begin(self, key: str) -> str:
        """Begin an upload; its id."""

    def parts(self, key: str, upload: str) -> Iterator[Part]:
        """The parts that are there; raises `UploadGone`."""

    def send(self, key: str, upload: str, number: int, content: bytes, crc32c: int) -> Part:
        """Send a part, from 1 on; one of the same number is replaced. Raises `Corrupt` where the store finds that
        the bytes are not those of the checksum, and `UploadGone`."""

    def finish(self, key: str, upload: str, parts: list[Part]) -> Whole:
        """Make the object of these parts; raises `UploadGone`."""

    def abort(self, key: str, upload: str) -> None:
        """Give the upload up, with all that was sent of it; nothing happens where there is none."""
