"""Large objects come back from an S3 server in ranges, several at once, and go on where they broke off."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.storage.proxy import Proxy, Weather, proxy
from tests.fixtures_seaweed import Seaweed
from tests.step_context import Place

from towpath.domain.paths import Code, ErrorClass
from towpath.hsm.arrival import Ranges
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.storage.opening import open_storage

MIB = 1 << 20
COUNT = 12
SIZE = COUNT * MIB - 99
EACH = Ranges(over=2 * MIB, each=MIB, at_once=2)
ALL = Counter(range(0, SIZE, MIB))


class Scene:
    """A stub whose data lies behind a proxy."""

    def __init__(self, base: Path, seaweed: Seaweed, bucket: str, between: Proxy) -> None:
        self.between = between
        url = seaweed.url(bucket, "cold", between.endpoint)
        self.place = Place.at(base / "site", open_storage(url, seaweed.credentials, []))
        self.content = os.urandom(SIZE)
        self.name = self.place.write("film", self.content)
        assert self.place.run_one(Migrate(), self.name).code is Code.PROCESSED
        between.ranges.clear()

    @property
    def asked(self) -> "Counter[int]":
        """How often each range was asked for."""
        return Counter(start for line, start in self.between.ranges if b"film" in line)

    def recall(self, **arguments: object) -> Code:
        """Recall it to its end."""
        return self.place.run_one(Recall(EACH), self.name, **arguments).code

    def give_up_after(self, count: int) -> None:
        """A recall that is asked back once so many ranges came."""
        self.place.back = lambda: sum(self.asked.values()) > count
        assert self.place.run(Recall(EACH), self.name) == {}
        self.place.back = lambda: False

    @property
    def private(self) -> Path:
        """The one private file."""
        (found,) = self.place.private_files()
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the file is as it was, and nothing is left beside it."""
        whole = (self.place.directory / "film").read_bytes() == self.content
        return (
            whole
            and not self.place.private_files()
            and self.place.standing(self.name) is Standing.PREMIGRATED
        )


@pytest.fixture
def scene(tmp_path: Path, seaweed: Seaweed, bucket: str) -> Iterator[Scene]:
    """It, in fair weather."""
    with proxy(seaweed.endpoint) as between:
        made = Scene(tmp_path, seaweed, bucket, between)
        yield made
        made.place.root.close()


def test_each_range_is_asked_for_once(scene: Scene) -> None:
    assert scene.recall() is Code.PROCESSED
    assert scene.asked == ALL
    assert scene.is_whole


def test_a_recall_that_was_given_up_is_gone_on_with(scene: Scene) -> None:
    scene.give_up_after(6)
    assert scene.place.standing(scene.name) is Standing.OFFLINE
    assert scene.private.stat().st_blocks
    assert scene.recall() is Code.PROCESSED
    assert sum((scene.asked - ALL).values()) <= EACH.at_once
    assert scene.is_whole


def test_what_is_there_and_is_not_the_objects_is_fetched_anew(scene: Scene) -> None:
    scene.give_up_after(6)
    with scene.private.open("r+b") as file:
        file.write(b"spoilt")
    assert scene.recall() is Code.PROCESSED
    assert scene.is_whole


def test_what_another_object_has_left_is_not_gone_on_with(scene: Scene) -> None:
    scene.give_up_after(6)
    kept = scene.private.read_bytes()
    (scene.place.directory / "film").unlink()
    scene.private.rename(scene.place.directory / "kept")
    changed = scene.content[::-1]
    scene.place.write("film", changed)
    scene.place.run_one(Migrate(), scene.name)
    name = scene.place.directory / ".towpath-0000000000000000.part"
    (scene.place.directory / "kept").rename(name)
    assert kept != changed[: len(kept)]
    scene.content = changed
    assert scene.recall() is Code.PROCESSED
    name.unlink()
    assert scene.is_whole


def test_where_bytes_are_not_to_be_compared_nothing_is_gone_on_with(scene: Scene) -> None:
    scene.give_up_after(6)
    scene.between.ranges.clear()
    assert scene.recall(skip_hash=True) is Code.PROCESSED
    assert not ALL - scene.asked
    # The recall that was given up may have sent its last requests meanwhile.
    assert sum((scene.asked - ALL).values()) <= EACH.at_once
    assert scene.is_whole


def test_a_bit_flipped_in_a_range_is_found_and_the_stub_stays(
    tmp_path: Path, seaweed: Seaweed, bucket: str
) -> None:
    flipping = Weather(spoils=lambda line: line.startswith(b"GET ") and b"film" in line and b"?" not in line)
    with proxy(seaweed.endpoint, weather=flipping) as between:
        scene = Scene(tmp_path, seaweed, bucket, between)
        outcome = scene.place.run_one(Recall(EACH), scene.name)
        assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)
        assert "not those that were put there" in str(outcome.reason)
        assert (scene.place.standing(scene.name), scene.place.private_files()) == (Standing.OFFLINE, [])
        scene.place.root.close()


def test_a_sparse_file_comes_back_with_its_holes(scene: Scene) -> None:
    with (scene.place.directory / "sparse").open("wb") as file:
        file.write(b"head")
        file.truncate(SIZE)
    assert scene.place.run_one(Migrate(), b"sparse").code is Code.PROCESSED
    scene.place.run_one(Recall(EACH), b"sparse")
    found = (scene.place.directory / "sparse").stat()
    assert (found.st_size, found.st_blocks * 512 < MIB) == (SIZE, True)
