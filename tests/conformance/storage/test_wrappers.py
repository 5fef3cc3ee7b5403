"""What is put around a storage: trying again, and counting."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from towpath.domain.paths import ErrorClass
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Abilities, Corrupt, ObjectFound, ObjectMissing, StorageError, Stored
from towpath.storage.wrappers import Counted, Patience, Retrying, Surroundings, Tally

TRANSIENT = StorageError("away for a moment", ErrorClass.TRANSIENT)


@dataclass
class Unreliable:
    """A directory that fails with each of these errors in turn before it does what it is asked to."""

    inner: DirectoryStorage
    errors: list[StorageError]
    abilities: Abilities = field(default_factory=Abilities)

    def _fail(self) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Read a little, then fail."""
        place = source.tell()
        source.read(3)
        self._fail()
        source.seek(place)
        return self.inner.put(key, source, size)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Give single bytes, and fail before every second one."""
        for number, piece in enumerate(self.inner.get(key, start, length)):
            for index in range(len(piece)):
                if index + number:
                    self._fail()
                yield piece[index : index + 1]

    def look(self, key: str) -> ObjectFound | None:
        """Look."""
        self._fail()
        return self.inner.look(key)

    def delete(self, key: str) -> None:
        """Delete."""
        self._fail()
        self.inner.delete(key)

    def give_up(self, key: str) -> None:
        """Fail, or give up."""
        self._fail()
        self.inner.give_up(key)

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """Give one, then fail."""
        for found in self.inner.listing(prefix, after):
            yield found
            self._fail()

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """Give one, then fail."""
        for found in self.inner.everything(prefix, after):
            yield found
            self._fail()

    def sync(self, keys: list[str]) -> None:
        """Sync."""
        self._fail()

    def check(self) -> str:
        """Check."""
        self._fail()
        return self.inner.check()


class Time:
    """A clock that moves only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.now += seconds
        self.slept.append(seconds)

    def surroundings(self, chance: float = 0.0) -> Surroundings:
        """As the wrapper wants them."""
        return Surroundings(clock=lambda: self.now, sleep=self.sleep, random=lambda: chance)


@pytest.fixture
def time() -> Time:
    """Time."""
    return Time()


def test_each_call_is_tried_again_until_it_works(directory: DirectoryStorage, time: Time) -> None:
    place = Unreliable(directory, [])
    retrying = Retrying(place, time.surroundings())

    def twice() -> None:
        place.errors[:] = [TRANSIENT, TRANSIENT]

    twice()
    assert retrying.put("a/b", io.BytesIO(b"hello"), 5).size == 5
    twice()
    assert b"".join(retrying.get("a/b")) == b"hello"
    twice()
    assert b"".join(retrying.get("a/b", 1, 3)) == b"ell"
    twice()
    assert retrying.look("a/b") is not None
    directory.put("a/c", io.BytesIO(b""), 0)
    directory.put("a/d", io.BytesIO(b""), 0)
    twice()
    assert [found.key for found in retrying.listing()] == ["a/b", "a/c", "a/d"]
    twice()
    retrying.sync(["a/b"])
    twice()
    retrying.delete("a/b")
    assert directory.look("a/b") is None
    assert len(time.slept) == 14


def test_a_put_begins_again_where_the_source_stood(directory: DirectoryStorage, time: Time) -> None:
    source = io.BytesIO(b"before|content")
    source.seek(7)
    Retrying(Unreliable(directory, [TRANSIENT]), time.surroundings()).put("k", source, 7)
    assert b"".join(directory.get("k")) == b"content"


def test_the_pauses_double_and_are_bounded(directory: DirectoryStorage, time: Time) -> None:
    place = Unreliable(directory, [TRANSIENT] * 9)
    patience = Patience(attempts=6, first_pause=1.0, longest_pause=5.0)
    with pytest.raises(StorageError, match="away for a moment"):
        Retrying(place, time.surroundings(chance=1.0), patience).look("k")
    assert time.slept == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_chance_shortens_a_pause_by_up_to_a_half(directory: DirectoryStorage, time: Time) -> None:
    Retrying(Unreliable(directory, [TRANSIENT]), time.surroundings(), Patience(first_pause=1.0)).look("k")
    assert time.slept == [0.5]


def test_nothing_is_tried_again_once_the_time_is_spent(directory: DirectoryStorage, time: Time) -> None:
    patience = Patience(attempts=100, first_pause=4.0, longest_pause=4.0, overall=10.0)
    with pytest.raises(StorageError):
        Retrying(Unreliable(directory, [TRANSIENT] * 99), time.surroundings(1.0), patience).look("k")
    assert time.slept == [4.0, 4.0]


@pytest.mark.parametrize(
    "error",
    [
        Corrupt("not what was sent"),
        ObjectMissing("k"),
        StorageError("full", ErrorClass.NO_SPACE),
        StorageError("no", ErrorClass.NO_PERMISSION),
    ],
)
def test_what_trying_again_does_not_mend_is_told_at_once(
    directory: DirectoryStorage, time: Time, error: StorageError
) -> None:
    with pytest.raises(StorageError) as caught:
        Retrying(Unreliable(directory, [error]), time.surroundings()).put("k", io.BytesIO(b"hello"), 5)
    assert caught.value is error
    assert time.slept == []


def test_a_source_that_was_cut_short_is_told_at_once(directory: DirectoryStorage, time: Time) -> None:
    with pytest.raises(StorageError, match="ended early"):
        Retrying(directory, time.surroundings()).put("k", io.BytesIO(b"hello"), 9)
    assert time.slept == []


def test_a_check_is_made_once(directory: DirectoryStorage, time: Time) -> None:
    with pytest.raises(StorageError):
        Retrying(Unreliable(directory, [TRANSIENT]), time.surroundings()).check()
    assert time.slept == []


def test_what_goes_through_is_counted(directory: DirectoryStorage) -> None:
    tally = Tally()
    counted = Counted(Unreliable(directory, []), tally)
    counted.put("a", io.BytesIO(b"hello"), 5)
    assert b"".join(counted.get("a", 1)) == b"ello"
    assert len(list(counted.listing())) == 1
    assert counted.look("a") is not None
    counted.sync(["a"])
    counted.delete("a")
    assert tally.calls == {"put": 1, "get": 1, "listing": 1, "look": 1, "sync": 1, "delete": 1}
    assert (tally.bytes_put, tally.bytes_got) == (5, 4)
    assert tally.errors == {}


def test_errors_are_counted_by_class(directory: DirectoryStorage) -> None:
    tally = Tally()
    with pytest.raises(StorageError):
        Counted(Unreliable(directory, [TRANSIENT]), tally).put("a", io.BytesIO(b"hello"), 5)
    with pytest.raises(ObjectMissing):
        next(Counted(directory, tally).get("none"))
    assert tally.errors == {"transient": 1, "permanent": 1}
    assert tally.bytes_put == 0
