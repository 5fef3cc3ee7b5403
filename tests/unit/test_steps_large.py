"""A large file is given up in its midst where its task is to be handed back, and the next run begins it anew."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.checksum import Checksum
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Step
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub

MIB = 1024 * 1024
SIZE = 40 * MIB
HALF = 20


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


@pytest.fixture
def large(place: Place) -> bytes:
    """A large file that is mostly a hole; what is written in it differs from MiB to MiB."""
    name = place.write("d/large", b"")
    with (place.directory / "d/large").open("r+b") as file:
        file.truncate(SIZE)
        for number in range(0, SIZE, MIB):
            file.seek(number)
            file.write(number.to_bytes(8))
    return name


def after(calls: int) -> Callable[[], bool]:
    """Asks for the task back after so many looks."""
    left = iter([False] * calls)
    return lambda: next(left, True)


def given_up(place: Place, step: Step, name: bytes, **arguments: object) -> int:
    """Run a step that is asked back in the midst of the file, which so has no outcome; how many bytes it did."""
    place.back = after(HALF)
    context = place.context(step, [name], **arguments)
    assert list(step.run(context)) == []
    place.back = lambda: False
    assert 0 < context.moved < SIZE
    return context.moved


def leftovers(place: Place) -> list[Path]:
    """Private files, at the site and at its target."""
    target = place.targets[b"tgt1"].directory
    assert target is not None
    return place.private_files() + list(Path(os.fsdecode(target), ".towpath", "tmp").glob("*"))


def test_an_upload_that_is_asked_back_leaves_nothing_and_is_done_by_the_next_run(
    place: Place, large: bytes
) -> None:
    content = (place.directory / "d/large").read_bytes()
    assert given_up(place, Migrate(), large) <= HALF * MIB
    assert list(place.storage.listing()) == []
    assert leftovers(place) == []
    assert place.standing(large) is Standing.RESIDENT
    assert place.run_one(Migrate(), large).code is Code.PROCESSED
    assert place.object_of(large) == content


def test_what_was_done_before_an_upload_that_is_asked_back_is_kept(place: Place, large: bytes) -> None:
    small = place.write("d/a", b"small")
    place.back, place.threads = after(HALF), 1
    done = place.run(Migrate(), small, large)
    assert {path: outcome.code for path, outcome in done.items()} == {small: Code.PROCESSED}
    assert (place.standing(small), place.standing(large)) == (Standing.OFFLINE, Standing.RESIDENT)


def test_a_recall_that_is_asked_back_leaves_the_stub_as_it_was(place: Place, large: bytes) -> None:
    content = (place.directory / "d/large").read_bytes()
    place.run_one(Migrate(), large)
    before = place.root.stat(large)
    given_up(place, Recall(), large)
    after_it = place.root.stat(large)
    assert (after_it.st_ino, after_it.st_mtime_ns, after_it.st_blocks) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_blocks,
    )
    assert (place.standing(large), leftovers(place)) == (Standing.OFFLINE, [])
    assert place.run_one(Recall(), large).code is Code.PROCESSED
    assert (place.directory / "d/large").read_bytes() == content


def test_a_file_that_is_being_made_from_its_record_is_given_up(place: Place, large: bytes) -> None:
    content = (place.directory / "d/large").read_bytes()
    carry = place.run_one(Migrate(), large, premigrate=True).carry
    assert carry is not None
    place.carried = {0: carry}
    (place.directory / "d/large").unlink()
    given_up(place, ReverseStub(), large, hydrate=True)
    assert list((place.directory / "d").iterdir()) == []
    assert place.run_one(ReverseStub(), large, hydrate=True).code is Code.PROCESSED
    assert (place.directory / "d/large").read_bytes() == content


def test_a_comparison_with_the_recorded_data_is_given_up(place: Place, large: bytes) -> None:
    carry = place.run_one(Migrate(), large, premigrate=True).carry
    assert carry is not None
    place.carried = {0: carry}
    os.utime(place.directory / "d/large")
    place.back = after(HALF)
    assert place.run(ReverseStub(), large, hydrate=True) == {}


def test_a_checksum_is_given_up(place: Place, large: bytes) -> None:
    assert given_up(place, Checksum(), large) == HALF * MIB
    assert place.run_one(Checksum(), large).bytes == SIZE
