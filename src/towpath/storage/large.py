"""A large object on its way to a store: in parts, several at once, gone on with where it broke off."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import google_crc32c

from towpath.domain.paths import ErrorClass
from towpath.storage.parts import Begun, Part, PartStore, UploadGone, Whole
from towpath.storage.protocol import Corrupt, GivenUp, StorageError
from towpath.storage.sources import SourceEnded

MIB: Final = 1024 * 1024
MOST_PARTS: Final = 10_000
"""The limit of S3."""
AT_ONCE: Final = 4
"""Objects that go in parts at once: with `Sizes.in_flight` the bound on memory, whatever the number of threads."""
LOOK: Final = 0.25
"""Seconds between two questions whether to go on, while all parts in flight are under way."""
TRIES: Final = 3
"""So often a part is sent that the store finds to be another than was sent."""

CRC32C: Final = "the store's CRC32C equals ours"
PARTS_CRC32C: Final = "the store has checked the CRC32C of each part"
PARTS_MD5: Final = "the store's MD5 equals ours"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How objects are cut, in bytes: what is larger than `single` goes in parts of `part`, `in_flight` at once."""

    single: int = 8 * MIB
    part: int = 8 * MIB
    in_flight: int = 32 * MIB

    def part_of(self, size: int) -> int:
        """The size of each part, but for the last, of an object of that size: no more than S3's limit of them."""
        part = self.part
        while part * MOST_PARTS < size:
            part *= 2
        return part

    def at_once(self, size: int) -> int:
        """How many of its parts are under way together."""
        return max(2, self.in_flight // self.part_of(size))


USUAL: Final = Sizes()


class Outgoing(Protocol):
    """An object's parts in their order, with what is asked while they are under way."""

    size: int

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def ask(self) -> None:
        """Raise what the source raises where the put is to be given up."""


@dataclass(slots=True)
class _Course:
    """One upload on its way."""

    key: str
    id: str
    there: dict[int, Part]
    """What the store had already."""
    done: dict[int, Part] = field(default_factory=dict)
    crc32c: int = 0
    """Of all that was handed on so far."""
    checked: bool = True
    """The store checks the CRC32C of each part."""
    told: bool = True
    """Every ETag so far was the MD5 of its part; only asked where the store checks no CRC32C."""


class LargePuts:
    """Puts objects in parts at one store.

    The store alone keeps the list of the parts that are there, so that whoever puts the same version of the same
    file next, after any death, at any node, asks for it and sends only what is missing. What is there is
    compared with the file again, part by part.

    A put that is given up, or that failed by what may pass, leaves its upload; any other failure takes it away.
    """

    def __init__(self, store: PartStore, sizes: Sizes = USUAL) -> None:
        self._store, self._sizes = store, sizes
        self._large = threading.BoundedSemaphore(AT_ONCE)
        self._checks: bool | None = None
        """Whether the store refuses a part whose checksum is wrong; None until it was tried."""

    def put(self, key: str, sent: Outgoing) -> str | None:
        """Put; how it was verified, or None where it must be read back."""
        with self._large:
            course = self._begin(key)
            try:
                self._send(course, sent)
                return self._finish(course)
            except GivenUp:
                raise
            except BaseException as error:
                if not _may_pass(error):
                    with suppress(StorageError):
                        self._store.abort(key, course.id)
                raise

    def give_up(self, key: str) -> None:
        """Take away what was sent of an object that is not finished."""
        for begun in list(self._store.begun(key)):
            if begun.key == key:
                self._store.abort(key, begun.id)

    def sweep(self, prefix: str, before: datetime) -> int:
        """Take away what was begun before that moment and has had no part since; how many uploads that were."""
        swept = 0
        for begun in list(self._store.begun(prefix)):
            if begun.at < before and not self._is_going_on(begun, before):
                self._store.abort(begun.key, begun.id)
                swept += 1
        return swept

    def _is_going_on(self, begun: Begun, before: datetime) -> bool:
        try:
            return any(
                part.at is None or part.at >= before for part in self._store.parts(begun.key, begun.id)
            )
        except UploadGone:
            return False

    # Beginning ------------------------------------------------------------------------------------------------

    def _begin(self, key: str) -> _Course:
        """Take up what was begun; begin anew where nothing was, or where the store does not let us see it."""
        own: list[Begun] = []
        with suppress(_Unseen):
            own = [begun for begun in _seen(self._store.begun(key)) if begun.key == key]
        own.sort(key=lambda begun: (begun.at, begun.id))
        for other in own[1:]:
            self._store.abort(other.key, other.id)
        if own:
            with suppress(UploadGone):
                there = {part.number: part for part in self._store.parts(key, own[0].id)}
                return _Course(key, own[0].id, there)
        return _Course(key, self._store.begin(key), {})

    def _does_check(self, course: _Course, number: int) -> bool:
        """Whether the store refuses a part whose bytes are not those of its checksum; asked once.

        A store that only repeats what it was told would vouch for nothing. The part has a number that is not used.
        """
        if self._checks is None:
            content = os.urandom(64)
            try:
                self._store.send(course.key, course.id, number, content, google_crc32c.value(content) ^ 1)
            except Corrupt:
                self._checks = True
            else:
                self._checks = False
        return self._checks

    # Sending --------------------------------------------------------------------------------------------------

    def _send(self, course: _Course, sent: Outgoing) -> None:
        flying: set[Future[Part]] = set()
        most = self._sizes.at_once(sent.size)
        count = -(-sent.size // self._sizes.part_of(sent.size))
        course.checked = self._does_check(course, count + 1)
        try:
            for number, content in enumerate(sent, 1):
                crc = int(google_crc32c.value(content))
                course.crc32c = int(google_crc32c.extend(course.crc32c, content))
                there = course.there.get(number)
                if there is not None and _is_same(there, content, crc):
                    course.done[number] = there
                    continue
                flying.add(_begun(partial(self._send_part, course, number, content, crc)))
                flying = self._landed(flying, course, sent, most - 1)
            self._landed(flying, course, sent, 0)
        except GivenUp:
            raise  # What is under way ends by itself, and harms nothing: its bytes are the file's.
        except BaseException:
            wait(flying)
            raise

    def _landed(
        self, flying: set[Future[Part]], course: _Course, sent: Outgoing, left: int
    ) -> set[Future[Part]]:
        """Those that still fly once no more than `left` of them do; asks meanwhile whether to go on."""
        while len(flying) > left:
            down, flying = wait(flying, LOOK, FIRST_COMPLETED)
            for future in down:
                part = future.result()
                course.done[part.number] = part
            sent.ask()
        return flying

    def _send_part(self, course: _Course, number: int, content: bytes, crc: int) -> Part:
        for left in reversed(range(TRIES)):
            try:
                part = self._store.send(course.key, course.id, number, content, crc)
                break
            except Corrupt:
                if not left:
                    raise
            except UploadGone:
                raise _taken_away(course.key) from None
        if not course.checked and part.etag != _md5(content):
            course.told = False
        return part

    # Finishing ------------------------------------------------------------------------------------------------

    def _finish(self, course: _Course) -> str | None:
        """How the whole is verified; None where reading it back must tell."""
        parts = [course.done[number] for number in sorted(course.done)]
        try:
            whole = self._store.finish(course.key, course.id, parts)
        except UploadGone:
            return None  # Perhaps an answer was lost, and the object is there: reading it tells.
        if course.checked and whole.crc32c is not None:
            return CRC32C if whole.crc32c == course.crc32c else None
        if course.checked and whole.vouched:
            return whole.vouched
        composed = _composed(parts, whole)
        if course.checked:
            return PARTS_CRC32C if composed else None
        return PARTS_MD5 if composed and course.told else None


class _Unseen(Exception):
    """The store does not tell what is under way."""


def _seen(begun: Iterator[Begun]) -> Iterator[Begun]:
    try:
        yield from begun
    except StorageError as error:
        if error.error_class in (ErrorClass.NO_PERMISSION, ErrorClass.PERMANENT) or "501" in error.error_name:
            raise _Unseen from error
        raise


def _is_same(part: Part, content: bytes, crc32c: int) -> bool:
    """Whether the store has these very bytes already."""
    if part.size != len(content):
        return False
    return part.crc32c == crc32c if part.crc32c is not None else part.etag == _md5(content)


def _composed(parts: list[Part], whole: Whole) -> bool:
    """Whether the whole's ETag is the one that S3 gives to an object of just these parts in this order."""
    try:
        digests = b"".join(bytes.fromhex(part.etag) for part in parts)
    except ValueError:
        return False
    return whole.etag == f"{_md5(digests)}-{len(parts)}"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _may_pass(error: BaseException) -> bool:
    """Whether the next try may go on with what was sent."""
    if not isinstance(error, StorageError) or isinstance(error, Corrupt | SourceEnded):
        return False
    return error.error_class in (ErrorClass.TRANSIENT, ErrorClass.NO_SPACE)


def _taken_away(key: str) -> StorageError:
    return StorageError(f"put '{key}': its upload was given up by somebody else", ErrorClass.TRANSIENT)


def _begun(send: Callable[[], Part]) -> "Future[Part]":
    """Send in a thread of its own: one that nobody waits for when the process is told to leave."""
    future: Future[Part] = Future()

    def run() -> None:
        try:
            future.set_result(send())
        except BaseException as error:  # It is raised again where the part is waited for.
            future.set_exception(error)

    threading.Thread(target=run, name="part", daemon=True).start()
    return future
