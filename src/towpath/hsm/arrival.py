"""An object's data on its way into a private file: as one stream, or, where it is large, in ranges, several at once."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from xxhash import xxh3_128

from towpath.hsm.record import Record
from towpath.storage.durable import written
from towpath.storage.protocol import Corrupt, Storage

MIB: Final = 1024 * 1024
_PIECE: Final = MIB
_BLOCK: Final = 4096
_ZEROS: Final = bytes(_BLOCK)
_LOOK: Final = 0.25
"""Seconds between two questions whether to go on, while nothing comes."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """How large objects are brought: those over so many bytes in ranges of `each` (whole blocks), `at_once` of them."""

    over: int = 64 * MIB
    each: int = 16 * MIB
    at_once: int = 4


USUAL: Final = Ranges()


class Course(Protocol):
    """Who hears of bytes, who may end it by an exception, and how it is to be done."""

    @property
    def progress(self) -> Callable[[int], None]:
        """Hears of bytes that came."""

    @property
    def go_on(self) -> Callable[[], None]:
        """Is asked between pieces, and may raise."""

    @property
    def skip_hash(self) -> bool:
        """The bytes are not compared with their checksum."""

    @property
    def ranges(self) -> Ranges:
        """How large objects are brought."""


def goes_in_ranges(storage: Storage, record: Record, how: Course) -> bool:
    """Whether the object is brought in ranges, and so can be gone on with."""
    return record.size > how.ranges.over and not storage.abilities.local


def write(fd: int, storage: Storage, record: Record, how: Course) -> None:
    """Write an object's bytes to a private file, of which it may have some already.

    Raises `Corrupt` unless the whole is that of the record; whatever of it was there before is then fetched anew.
    """
    if not goes_in_ranges(storage, record, how):
        # One byte more than there should be: an object that is too long is found so too. Of an empty one no range
        # is asked for, which stores answer in ways of their own.
        length = record.size + 1 if record.size else None
        _stream(fd, storage.get(record.key, 0, length), record, how)
        return
    every = list(_cut(record.size, how.ranges.each))
    missing = [part for part in every if not _is_there(fd, part)]
    if missing != every:
        if _arrives(fd, storage, record, how, missing):
            return
        os.ftruncate(fd, 0)
    if not _arrives(fd, storage, record, how, every):
        raise _other(record)


# In one stream ------------------------------------------------------------------------------------------------


def _stream(fd: int, content: Iterable[bytes], record: Record, how: Course) -> None:
    digest, size = xxh3_128(), 0
    for piece in content:
        how.go_on()
        if not how.skip_hash:
            digest.update(piece)
        _write_piece(fd, piece, size, sparse=record.sparse)
        written(fd, size, len(piece))
        size += len(piece)
        if size > record.size:
            break
        how.progress(len(piece))
    if size != record.size:
        raise Corrupt(f"object '{record.key}': expected {record.size} bytes, found {size}")
    if not how.skip_hash and not is_recorded(record, digest.digest()):
        raise _other(record)
    if record.sparse:
        os.ftruncate(fd, size)


def is_recorded(record: Record, digest: bytes) -> bool:
    """Whether bytes of that digest are those of the record; of an object that others wrote nobody knows it."""
    return not record.checksum or digest == record.checksum


def _other(record: Record) -> Corrupt:
    return Corrupt(f"object '{record.key}': its bytes are not those that were put there")


def _write_piece(fd: int, piece: bytes, start: int, *, sparse: bool) -> None:
    if not sparse:
        _write_all(fd, piece, start)
        return
    offset = 0
    while offset < len(piece):  # Pieces come in any sizes: blocks are those of the file.
        block = piece[offset : offset + _BLOCK - (start + offset) % _BLOCK]
        if block != _ZEROS[: len(block)]:
            _write_all(fd, block, start + offset)
        offset += len(block)


def _write_all(fd: int, piece: bytes, start: int) -> None:
    done = os.pwrite(fd, piece, start)
    while done < len(piece):
        done += os.pwrite(fd, piece[done:], start + done)


# In ranges ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Range:
    start: int
    length: int


def _cut(size: int, each: int) -> Iterator[_Range]:
    for start in range(0, size, each):
        yield _Range(start, min(each, size - start))


def _is_there(fd: int, part: _Range) -> bool:
    """Whether the file has a range without a hole: then it was written whole, which the digest is to confirm."""
    try:
        return os.lseek(fd, part.start, os.SEEK_HOLE) >= part.start + part.length
    except OSError:  # The file ends before it.
        return False


def _arrives(fd: int, storage: Storage, record: Record, how: Course, missing: list[_Range]) -> bool:
    """Bring what is missing; whether the whole, read back from the file in its order, is that of the record."""
    flow = _Flow(fd, storage, record, missing)
    flow.begin(how.ranges.at_once)
    try:
        digest = xxh3_128()
        for part in _cut(record.size, how.ranges.each):
            flow.wait_for(part, how)
            if not how.skip_hash:
                _digest(fd, part, digest)
        os.ftruncate(fd, record.size)
    finally:
        flow.stop()
    return how.skip_hash or is_recorded(record, digest.digest())


def _digest(fd: int, part: _Range, digest: xxh3_128) -> None:
    for offset in range(part.start, part.start + part.length, _PIECE):
        length = min(_PIECE, part.start + part.length - offset)
        found = os.pread(fd, length, offset)
        digest.update(
            found + bytes(length - len(found))
        )  # A hole at the end of a sparse file is not there yet.


class _Flow:
    """Threads that bring ranges, each through a descriptor of its own."""

    def __init__(self, fd: int, storage: Storage, record: Record, missing: list[_Range]) -> None:
        self._fd, self._storage, self._record = fd, storage, record
        self._left = iter(missing)
        self._open = set(missing)
        self._changed = threading.Condition()
        self._stopped = False
        self._broken: BaseException | None = None
        self._fresh = 0

    def begin(self, threads: int) -> None:
        """Start; nobody waits for these threads when the process is told to leave."""
        for _ in range(min(threads, len(self._open))):
            # Not a copy of the descriptor: that would keep the lock of a file that was given up.
            fd = os.open(f"/proc/self/fd/{self._fd}", os.O_WRONLY | os.O_CLOEXEC)
            threading.Thread(target=self._bring, args=(fd,), name="range", daemon=True).start()

    def wait_for(self, part: _Range, how: Course) -> None:
        """Return once a range is there; asks meanwhile whether to go on, and raises what a thread met."""
        while True:
            with self._changed:
                if part in self._open and self._broken is None:
                    self._changed.wait(_LOOK)
                there, broken, fresh = part not in self._open, self._broken, self._fresh
                self._fresh = 0
            how.go_on()
            how.progress(fresh)
            if broken is not None:
                raise broken
            if there:
                return

    def stop(self) -> None:
        """No thread writes another byte once this returns, though one may go on waiting for its answer."""
        with self._changed:
            self._stopped = True

    def _bring(self, fd: int) -> None:
        try:
            while (part := self._next()) is not None and self._write(fd, part):
                written(fd, part.start, part.length)
                with self._changed:
                    self._open.discard(part)
                    self._changed.notify_all()
        except BaseException as error:  # It is raised again by the thread that waits for the data.
            with self._changed:
                self._broken = self._broken or error
                self._changed.notify_all()
        finally:
            os.close(fd)

    def _next(self) -> _Range | None:
        with self._changed:
            return None if self._stopped or self._broken is not None else next(self._left, None)

    def _write(self, fd: int, part: _Range) -> bool:
        """Bring one range; False where that is not wanted any more."""
        done = 0
        for piece in self._storage.get(self._record.key, part.start, part.length):
            with self._changed:
                if self._stopped:
                    return False
                _write_piece(fd, piece, part.start + done, sparse=self._record.sparse)
                self._fresh += len(piece)
            done += len(piece)
        if done != part.length:
            found = part.start + done
            raise Corrupt(f"object '{self._record.key}': expected {self._record.size} bytes, found {found}")
        return True
