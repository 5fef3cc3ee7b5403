"""What the delete step promises."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, Kind
from towpath.hsm import mark as marks
from towpath.steps.delete import Delete
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Item, Stopped

IS_ROOT = marks.SETS_TRUSTED


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def test_files_links_stubs_fifos_and_empty_directories_are_deleted(place: Place) -> None:
    stub, name = place.write("stub", b"x" * 10_000), place.write("f", b"x")
    place.run_one(Migrate(), stub)
    (place.directory / "link").symlink_to("f")
    (place.directory / "dir").mkdir()
    os.mkfifo(place.directory / "fifo")
    outcomes = place.run(Delete(), stub, name, b"link", b"dir", b"fifo")
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert list(place.directory.iterdir()) == []
    assert place.object_of(stub) == b"x" * 10_000


def test_what_a_link_points_to_stays(place: Place) -> None:
    outside = place.directory.parent / "outside"
    outside.mkdir()
    (outside / "f").write_bytes(b"x")
    (place.directory / "link").symlink_to(outside)
    place.write("d/f", b"x")
    (place.directory / "d/link").symlink_to(outside)
    place.run(Delete(), b"link", b"d", recursive=True)
    assert list(place.directory.iterdir()) == []
    assert (outside / "f").exists()


def test_a_directory_that_is_not_empty_fails_and_stays(place: Place) -> None:
    place.write("d/f", b"x")
    outcome = place.run_one(Delete(), b"d")
    assert outcome.code is Code.FAILED
    assert "not empty" in outcome.reason
    assert (place.directory / "d/f").exists()


def test_recursive_deletes_all_that_a_directory_holds(place: Place) -> None:
    for name in ("d/a", "d/e/b", "d/e/g/c", "d/h/i/j", "keep/f"):
        place.write(name, b"x")
    (place.directory / "d/empty").mkdir()
    assert place.run_one(Delete(), b"d", recursive=True).code is Code.PROCESSED
    assert [path.name for path in place.directory.iterdir()] == ["keep"]


def test_recursive_deletes_a_tree_of_any_depth(place: Place) -> None:
    fd = os.open(place.directory, os.O_RDONLY)
    for _ in range(3_000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
    os.close(fd)
    assert place.run_one(Delete(), b"d", recursive=True).code is Code.PROCESSED
    assert list(place.directory.iterdir()) == []


@pytest.mark.parametrize(("abort", "code"), [(False, Code.FAILED), (True, Code.ABORTED)])
def test_a_path_that_is_not_there_fails_or_is_aborted(place: Place, abort: bool, code: Code) -> None:
    place.write("f", b"x")
    outcomes = place.run(Delete(), b"gone", b"f/below", abort_missing=abort)
    assert {outcome.code for outcome in outcomes.values()} == {code}


def test_a_path_that_is_not_there_any_more_when_the_task_runs_again_is_done(place: Place) -> None:
    step, name = Delete(), place.write("f", b"x")
    context = place.context(step, [name])
    assert [outcome.code for outcome in step.run(context)] == [Code.PROCESSED]
    context.again = True
    assert [outcome.code for outcome in step.run(context)] == [Code.ALREADY]


@pytest.mark.parametrize("recursive", [False, True])
def test_the_root_of_a_site_is_never_deleted(place: Place, recursive: bool) -> None:
    place.write("f", b"x")
    assert place.run_one(Delete(), b"", recursive=recursive).code is Code.FAILED
    assert (place.directory / "f").exists()


@pytest.mark.parametrize("recursive", [False, True])
def test_what_became_another_kind_of_thing_is_not_deleted(place: Place, recursive: bool) -> None:
    place.write("d/f", b"x")
    name = place.write("f", b"x")
    context = place.context(Delete(), [b"d", name], recursive=recursive)
    context.items = [
        Item(0, b"d", Kind.FILE, 1, "deleted"),
        Item(1, name, Kind.DIRECTORY, 0, "deleted"),
    ]
    outcomes = list(Delete().run(context))
    assert [outcome.code for outcome in outcomes] == [Code.FAILED] * 2
    assert (place.directory / "d/f").exists()
    assert (place.directory / "f").exists()


def test_nothing_is_deleted_once_the_run_is_no_longer_ours(place: Place) -> None:
    place.write("d/f", b"x")
    name = place.write("f", b"x")

    def lost() -> None:
        raise Stopped

    place.certain = lost
    (place.directory / "empty").mkdir()
    for path in (name, b"d", b"empty"):
        with pytest.raises(Stopped):
            place.run_one(Delete(), path, recursive=True)
    assert (place.directory / "d/f").exists()
    assert (place.directory / "f").exists()
    assert (place.directory / "empty").exists()


def test_a_tree_that_is_handed_back_has_no_outcome_and_the_next_run_ends_it(place: Place) -> None:
    for number in range(20):
        place.write(f"d/{number}", b"x")
    left = iter([False] * 10)
    place.back = lambda: next(left, True)
    assert place.run(Delete(), b"d", recursive=True) == {}
    assert 0 < len(list((place.directory / "d").iterdir())) < 20
    place.back = lambda: False
    assert place.run_one(Delete(), b"d", recursive=True).code is Code.PROCESSED


@pytest.mark.usefixtures("unprivileged")
def test_what_may_not_be_deleted_fails_for_want_of_permission(place: Place) -> None:
    name = place.write("d/f", b"x")
    (place.directory / "d").chmod(0o555)
    outcome = place.run_one(Delete(), name)
    (place.directory / "d").chmod(0o755)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, "no_permission")
