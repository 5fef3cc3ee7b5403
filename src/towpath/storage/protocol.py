"""What every place that keeps objects promises: the contract that one conformance suite checks."""

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol, runtime_checkable

from towpath.domain.paths import ErrorClass

SAFE_KEY_CHARACTERS: Final = frozenset((string.ascii_letters + string.digits + " -_.,+=@()~").encode())
"""The bytes that a component of a key may hold as they are.

They come back unchanged from each kind of place, and rclone lists and copies them (tried: SeaweedFS and
`rclone serve s3` through obstore, a directory, memory). obstore refuses control characters, and SeaweedFS takes
a backslash for a slash; the other marks come through too, but are left out because shells, URLs, XML or Windows
take them for something else. Non-ASCII letters are left out because places normalise them differently.
"""
ESCAPE: Final = "%"
"""What starts an escape in a key: two upper-case hexadecimal digits follow, as in a URL. It stands for itself
only as such a start; nothing on the way to the place decodes it (tried, as above)."""
NEVER_LAST: Final = b". "
"""The bytes that may not end a component: Azure drops a last dot, and so do people a last space."""
LONGEST_COMPONENT: Final = 255
LONGEST_KEY: Final = 896
"""S3 and Azure end at 1,024 bytes; the rest is for the prefix of a target (`towpath.domain.targets`)."""

PRIVATE_PREFIX: Final = ".towpath/tmp"
"""Where a place keeps writes under way and its own trials: no key lies there, and no listing shows it."""

OURS: Final = ".towpath/"
"""Beneath it lies what Towpath itself must be able to read at any time, such as records."""


def has_class(key: str) -> bool:
    """Whether an object may be put with a storage class of its target: people's data, and nothing of our own."""
    return not key.startswith(OURS)


_SAFE: Final = re.escape("".join(sorted(map(chr, SAFE_KEY_CHARACTERS))))
_COMPONENT: Final = rf"(?!\.\.?(?:/|\Z))(?:[{_SAFE}]|%[0-9A-F]{{2}}){{1,{LONGEST_COMPONENT}}}(?<![. ])"
_KEY: Final = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")


def is_safe_key(key: str) -> bool:
    """Whether a key is one that every place keeps as it is; `towpath.hsm.keys` makes no others."""
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key) or f"{key}/".startswith(PRIVATE_PREFIX + "/"):
        return False
    return len(key) <= LONGEST_COMPONENT or all(len(part) <= LONGEST_COMPONENT for part in key.split("/"))


def require_safe(key: str) -> None:
    """Raise ValueError for a key that `is_safe_key` refuses: whoever made it has a bug."""
    if not is_safe_key(key):
        raise ValueError(f"expected a safe key, found {key!a}")


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a place can do beyond the contract."""

    needs_sync: bool = False
    """Objects are safe from a power cut only after `sync`; an S3 put is safe when it returns."""
    local: bool = False
    parts_over: int | None = None
    """What was sent of an object of more bytes outlives a put that did not end, until the next put or `give_up`;
    None: nothing ever does."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object that was put and verified: the place's own checksum of what it keeps equals ours, or it was
    read back (`how` says which, for people)."""

    key: str
    size: int
    how: str


@dataclass(frozen=True, slots=True)
class ObjectFound:
    """An object as a listing or a look at it tells."""

    key: str
    size: int
    modified_at: datetime


class StorageError(Exception):
    """An object could not be put, read, listed or deleted: one sentence for people, the error's class, and what the
    place calls it (`ENOSPC`, `503 SlowDown`; "" where it has no name)."""

    def __init__(self, reason: str, error_class: ErrorClass, error_name: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.error_class = error_class
        self.error_name = error_name


class ObjectMissing(StorageError):
    """There is no object under that key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object '{key}' at the target", ErrorClass.PERMANENT)


class Archived(StorageError):
    """The object lies in an archive; it was asked for, and is there again after some hours."""

    def __init__(self, key: str, name: str) -> None:
        super().__init__(f"get '{key}': it is in an archive, and was asked for", ErrorClass.ARCHIVED, name)


class Corrupt(StorageError):
    """What the place keeps, or what came back from it, is not what was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, ErrorClass.TRANSIENT)


class GivenUp(Exception):
    """Raised by a source that is read no further for now: a large put leaves what it has sent, to be gone on with."""


class Storage(Protocol):
    """A place that keeps immutable objects under keys. Every method may be called from several threads at once.

    Keys are relative, of `/`-separated components that `towpath.hsm.keys` has made safe (see there, and
    `is_safe_key` above): `SAFE_KEY_CHARACTERS` and escapes, no component over 255 bytes or ending in a dot or a
    space, the whole at most 896 bytes, never starting with `/`. Another key is a bug of ours: ValueError. No key
    lies beneath another one (`a` and `a/b`): a directory and a file cannot share a name.
    Every error of the place comes as `StorageError` with its class; an OSError of the caller's own file comes as
    it is.
    """

    abilities: Abilities

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Keep `size` bytes of `source`, read from where it stands, under the key, whole or not at all.

        Returns only once what is kept there was verified against what was read. Raises `Corrupt` where they
        differ (the bad object is deleted). An existing object of that key is replaced atomically. A source that
        ends early raises `StorageError` and keeps nothing. Memory stays flat at any size. `source` is only ever
        asked to `read(n)`, in order, each byte once, by one thread at a time (not always the caller's); also to
        `read(0)`, while it waits and while what is kept is verified. What it raises ends the put, and no object is
        kept. Where that is `GivenUp`, or the put failed by what may pass, parts of a large object may stay beside
        (never seen by `look`, `get` and `listing`): the next put of that key goes on with them, and
        `give_up` takes them away.
        """

    def give_up(self, key: str) -> None:
        """Take away what puts of that key that were never finished have left; the object itself stays."""

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The object's bytes in pieces (of 1 MiB or so), from `start`, `length` of them or all, as far as there
        are any; raises `ObjectMissing` at the first piece. Memory stays flat."""

    def look(self, key: str) -> ObjectFound | None:
        """What stands under the key; None where nothing does."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens where there is none."""

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """Objects whose key lies beneath `prefix` (a whole number of components, or "" for all), streamed, in the
        place's own order, which is the same each time (by bytes of the whole key, or component by component);
        only those after `after`, a key that such a listing has yielded. Private names never appear."""

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """A listing that has those objects too whose keys are no safe keys: others wrote them, and nothing but this can
        be done with them. Such a key may also be `after`, and the prefix may be any."""

    def sync(self, keys: list[str]) -> None:
        """Return once these objects, put before, would survive a power cut."""

    def check(self) -> str:
        """Try the place out (write, read, list, delete a small object of its own) and say in one line that it
        works and how puts are verified; raises `StorageError` that says exactly what does not."""


@runtime_checkable
class Sweeping(Protocol):
    """A place that keeps what was begun and never ended, until it is swept."""

    def sweep(self, site: str, now: datetime) -> int:
        """Take away what a site began there so long ago that nobody will go on with it; how many went."""
