"""What can be put around any storage: trying again, and counting."""

import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, TypeVar

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import Abilities, Corrupt, ObjectFound, Storage, StorageError, Stored
from towpath.storage.sources import SourceEnded

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and for how long, something is tried again; times in seconds."""

    attempts: int = 4
    first_pause: float = 0.5
    longest_pause: float = 10.0
    overall: float = 120.0
    """No further attempt begins once so much time has gone by."""


USUAL = Patience()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Time and chance, from outside: a monotonic clock, a sleep, and a random number in [0, 1)."""

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]


class Retrying:
    """Tries again what failed by a transient error, after a pause that doubles and is drawn at random.

    Neither a corrupt object nor a source that was cut short is tried again: both are evidence, which belongs to
    the caller. A put is tried again only from a source that can seek; a get and a listing go on where they broke
    off.
    """

    abilities: Abilities

    def __init__(self, inner: Storage, surroundings: Surroundings, patience: Patience = USUAL) -> None:
        self.abilities = inner.abilities
        self._inner = inner
        self._around = surroundings
        self._patience = patience

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Put, from the same place of the source each time."""
        if not _can_seek(source):
            return self._inner.put(key, source, size)
        start = source.tell()
        course = _Course(self._patience, self._around)
        while True:
            try:
                return self._inner.put(key, source, size)
            except StorageError as error:
                course.pause_or_raise(error)
                source.read(0)  # Where it is to be given up, it says so now.
                source.seek(start)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Get, going on behind the last byte that came."""
        course, done = _Course(self._patience, self._around), 0
        while True:
            try:
                left = None if length is None else length - done
                for piece in self._inner.get(key, start + done, left):
                    done += len(piece)
                    yield piece
                return
            except StorageError as error:
                course.pause_or_raise(error)

    def look(self, key: str) -> ObjectFound | None:
        """Look."""
        return self._again(lambda: self._inner.look(key))

    def delete(self, key: str) -> None:
        """Delete."""
        self._again(lambda: self._inner.delete(key))

    def give_up(self, key: str) -> None:
        """Give up."""
        self._again(lambda: self._inner.give_up(key))

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """List, going on behind the last key that came."""
        return self._listed(self._inner.listing, prefix, after)

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """List everything, in the same way."""
        return self._listed(self._inner.everything, prefix, after)

    def _listed(
        self, listing: Callable[[str, str], Iterator[ObjectFound]], prefix: str, after: str
    ) -> Iterator[ObjectFound]:
        course = _Course(self._patience, self._around)
        while True:
            try:
                for found in listing(prefix, after):
                    after = found.key
                    yield found
                return
            except StorageError as error:
                course.pause_or_raise(error)

    def sync(self, keys: list[str]) -> None:
        """Sync."""
        self._again(lambda: self._inner.sync(keys))

    def check(self) -> str:
        """Check, once: whoever asks wants to know how it is now."""
        return self._inner.check()

    def _again(self, call: Callable[[], T]) -> T:
        course = _Course(self._patience, self._around)
        while True:
            try:
                return call()
            except StorageError as error:
                course.pause_or_raise(error)


class _Course:
    """One thing's attempts so far."""

    def __init__(self, patience: Patience, surroundings: Surroundings) -> None:
        self._patience = patience
        self._around = surroundings
        self._began = surroundings.clock()
        self._failed = 0

    def pause_or_raise(self, error: StorageError) -> None:
        """Wait, where another attempt makes sense; else raise the error."""
        self._failed += 1
        transient = error.error_class is ErrorClass.TRANSIENT and not isinstance(error, Corrupt | SourceEnded)
        pause = min(self._patience.longest_pause, self._patience.first_pause * 2 ** (self._failed - 1))
        pause *= 0.5 + self._around.random() / 2
        spent = self._around.clock() - self._began + pause
        if not transient or self._failed >= self._patience.attempts or spent > self._patience.overall:
            raise error
        self._around.sleep(pause)


def _can_seek(source: BinaryIO) -> bool:
    try:
        return source.seekable()
    except (AttributeError, io.UnsupportedOperation):
        return False


@dataclass(slots=True)
class Tally:
    """What went through a storage: calls by name, bytes each way; read it while it is being counted."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    """By the class of the error."""
    bytes_put: int = 0
    bytes_got: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, call: str = "", error: str = "", put: int = 0, got: int = 0) -> None:
        """Count, from any thread."""
        with self._lock:
            self.calls.update([call] if call else [])
            self.errors.update([error] if error else [])
            self.bytes_put += put
            self.bytes_got += got


class Counted:
    """Counts calls, errors and bytes into a tally."""

    abilities: Abilities

    def __init__(self, inner: Storage, tally: Tally) -> None:
        self.abilities = inner.abilities
        self._inner = inner
        self._tally = tally

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Put; the bytes count once they are verified."""
        stored = self._counted("put", lambda: self._inner.put(key, source, size))
        self._tally.add(put=stored.size)
        return stored

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Get; the bytes count as they come."""
        self._tally.add("get")
        for piece in self._flowing(self._inner.get(key, start, length)):
            self._tally.add(got=len(piece))
            yield piece

    def look(self, key: str) -> ObjectFound | None:
        """Look."""
        return self._counted("look", lambda: self._inner.look(key))

    def delete(self, key: str) -> None:
        """Delete."""
        self._counted("delete", lambda: self._inner.delete(key))

    def give_up(self, key: str) -> None:
        """Give up."""
        self._counted("give_up", lambda: self._inner.give_up(key))

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """List; one call, however many pages it takes."""
        self._tally.add("listing")
        yield from self._flowing(self._inner.listing(prefix, after))

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """List everything; one call too."""
        self._tally.add("listing")
        yield from self._flowing(self._inner.everything(prefix, after))

    def sync(self, keys: list[str]) -> None:
        """Sync."""
        self._counted("sync", lambda: self._inner.sync(keys))

    def check(self) -> str:
        """Check."""
        return self._counted("check", self._inner.check)

    def _counted(self, name: str, call: Callable[[], T]) -> T:
        self._tally.add(name)
        try:
            return call()
        except StorageError as error:
            self._tally.add(error=error.error_class)
            raise

    def _flowing(self, items: Iterator[T]) -> Iterator[T]:
        try:
            yield from items
        except StorageError as error:
            self._tally.add(error=error.error_class)
            raise
