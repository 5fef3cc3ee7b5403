"""What check_sync_state promises: told at the sender's site, compared at the destination."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, PathOutcome
from towpath.steps.check_sync_state import CheckSyncState

OLD, MIDDLE, NEW = 1_000_000_000, 1_500_000_000, 2_000_000_000


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[tuple[Place, Place]]:
    """The sender's site and the destination."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here, there = (place_with_directory(tmp_path / name) for name in ("here", "there"))
    yield here, there
    here.root.close()
    there.root.close()


def compare(sites: tuple[Place, Place], path: bytes, **arguments: str) -> PathOutcome:
    """The outcome at the destination."""
    here, there = sites
    told = here.run_one(CheckSyncState(), path, **arguments)
    assert told.code is Code.PROCESSED
    assert told.carry is not None
    there.carried = {0: told.carry}
    return there.run_one(CheckSyncState(), path, **arguments)


def write(place: Place, name: str, content: bytes, mtime: int) -> None:
    """A file of that time."""
    place.write(name, content)
    os.utime(place.directory / name, (mtime, mtime))


@pytest.mark.parametrize("preference", ["newest", "local", "ignore"])
def test_what_is_not_there_goes_on_and_what_is_the_same_is_skipped(
    sites: tuple[Place, Place], preference: str
) -> None:
    write(sites[0], "a", b"1", MIDDLE)
    assert compare(sites, b"a", sync_preference=preference).code is Code.PROCESSED
    write(sites[1], "a", b"2", MIDDLE)
    outcome = compare(sites, b"a", sync_preference=preference)
    assert (outcome.code, outcome.reason) == (Code.SKIPPED, "the same stands at the destination already")


@pytest.mark.parametrize(
    ("preference", "there", "code"),
    [
        ("newest", OLD, Code.PROCESSED),
        ("newest", NEW, Code.SKIPPED),
        ("local", OLD, Code.PROCESSED),
        ("local", NEW, Code.PROCESSED),
        ("ignore", OLD, Code.ABORTED),
        ("ignore", NEW, Code.ABORTED),
    ],
)
def test_sync_preference_says_which_of_two_different_files_wins(
    sites: tuple[Place, Place], preference: str, there: int, code: Code
) -> None:
    write(sites[0], "a", b"1", MIDDLE)
    write(sites[1], "a", b"22", there)
    assert compare(sites, b"a", sync_preference=preference).code is code


def test_a_directory_is_the_same_as_a_directory_but_not_as_a_file(sites: tuple[Place, Place]) -> None:
    for place, mtime in zip(sites, (MIDDLE, NEW), strict=True):
        (place.directory / "d").mkdir()
        os.utime(place.directory / "d", (mtime, mtime))
    assert compare(sites, b"d").code is Code.SKIPPED
    (sites[1].directory / "d").rmdir()
    write(sites[1], "d", b"", OLD)
    assert compare(sites, b"d").code is Code.PROCESSED


def test_the_path_is_looked_for_where_it_is_to_go(sites: tuple[Place, Place]) -> None:
    write(sites[0], "in/a", b"1", MIDDLE)
    write(sites[1], "out/a", b"1", MIDDLE)
    assert compare(sites, b"in/a").code is Code.PROCESSED
    assert compare(sites, b"in/a", from_path="in", to_path="out").code is Code.SKIPPED
    outcome = compare(sites, b"in/a", to_root="data", from_path="in", to_path="out")
    assert outcome.code is Code.SKIPPED


def test_a_path_of_which_nothing_was_told_fails_and_so_does_one_that_is_gone(
    sites: tuple[Place, Place],
) -> None:
    here, there = sites
    assert here.run_one(CheckSyncState(), b"gone").code is Code.FAILED
    there.carried = {0: b"another step's"}
    assert "told nothing of it" in there.run_one(CheckSyncState(), b"a").reason
