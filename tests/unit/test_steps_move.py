"""What the move step promises."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, PathOutcome
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.move import Move
from towpath.steps.protocol import Stopped
from towpath.storage.roots import Root

OLD, NEW = 1_000_000_000, 2_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def tree(place: Place) -> dict[str, bytes]:
    """All files of the site by path."""
    top = place.directory
    return {str(f.relative_to(top)): f.read_bytes() for f in sorted(top.rglob("*")) if f.is_file()}


def test_a_path_goes_beneath_to_path_less_what_from_path_takes_off(place: Place) -> None:
    place.write("in/a/f", b"1")
    inode = (place.directory / "in/a/f").stat().st_ino
    outcome = place.run_one(Move(), b"in/a/f", to_path="out/x", from_path="in")
    assert outcome.code is Code.PROCESSED
    assert tree(place) == {"out/x/a/f": b"1"}
    assert (place.directory / "out/x/a/f").stat().st_ino == inode


def test_a_path_that_is_from_path_itself_is_renamed_to_to_path(place: Place) -> None:
    place.write("a", b"1")
    assert place.run_one(Move(), b"a", to_path="b", from_path="a").code is Code.PROCESSED
    assert tree(place) == {"b": b"1"}


def test_a_path_goes_to_another_root(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Root("other", os.fsencode(tmp_path / "other")) as root:
        place.other_roots["other"] = root
        place.write("a", b"1")
        assert place.run_one(Move(), b"a", to_root="other").code is Code.PROCESSED
        assert (tmp_path / "other/a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("argument", "value", "said"),
    [
        ("to_root", "nowhere", "to_root: expected a root of this site (data), found 'nowhere'"),
        ("to_path", "../out", "to_path: expected a relative path"),
        ("from_path", "/in", "from_path: expected a relative path"),
        ("from_path", "other", "expected a path beneath from_path 'other', found 'a'"),
    ],
)
def test_a_place_that_cannot_be_is_told(place: Place, argument: str, value: str, said: str) -> None:
    place.write("a", b"1")
    outcome = place.run_one(Move(), b"a", **{argument: value})
    assert outcome.code is Code.FAILED
    assert said in outcome.reason
    assert tree(place) == {"a": b"1"}


@pytest.mark.parametrize(
    ("replace", "there", "moved"),
    [("never", OLD, False), ("older", OLD, True), ("older", NEW, False), ("always", NEW, True)],
)
def test_replace_says_what_makes_room(place: Place, replace: str, there: int, moved: bool) -> None:
    place.write("a", b"comes")
    place.write("out/a", b"stands")
    os.utime(place.directory / "a", (1_500_000_000, 1_500_000_000))
    os.utime(place.directory / "out/a", (there, there))
    outcome = place.run_one(Move(), b"a", to_path="out", replace=replace)
    if moved:
        assert (outcome.code, tree(place)) == (Code.PROCESSED, {"out/a": b"comes"})
    else:
        assert outcome.reason == "something else stands at its new place"
        assert tree(place) == {"a": b"comes", "out/a": b"stands"}


@pytest.mark.parametrize("replace", ["never", "older", "always"])
def test_a_directory_makes_room_for_no_file_nor_a_file_for_a_directory(place: Place, replace: str) -> None:
    place.write("a", b"1")
    place.write("out/a/b", b"2")
    place.write("d/f", b"3")
    place.write("out/d", b"4")
    before = tree(place)
    outcomes = place.run(Move(), b"a", b"d", to_path="out", replace=replace, recursive=True)
    assert {outcome.code for outcome in outcomes.values()} == {Code.FAILED}
    assert tree(place) == before


def test_recursive_moves_a_directory_with_all_that_it_holds_and_what_it_held_is_done(place: Place) -> None:
    place.write("d/a", b"1")
    place.write("d/e/b", b"2")
    paths = (b"d/a", b"d", b"d/e", b"d/e/b")
    outcomes = place.run(Move(), *paths, to_path="out", recursive=True)
    assert outcomes[b"d"].code is Code.PROCESSED
    assert {outcomes[path].code for path in paths[2:]} == {Code.ALREADY}
    assert tree(place) == {"out/d/a": b"1", "out/d/e/b": b"2"}


def test_without_recursive_only_an_empty_directory_is_moved(place: Place) -> None:
    place.write("d/a", b"1")
    (place.directory / "empty").mkdir()
    outcomes = place.run(Move(), b"d", b"empty", to_path="out")
    assert outcomes[b"d"].reason == "it is not empty (recursive moves it with all that it holds)"
    assert outcomes[b"empty"].code is Code.PROCESSED
    assert (place.directory / "out/empty").is_dir()


def test_two_directories_are_merged_and_what_cannot_go_stays_and_is_counted(place: Place) -> None:
    place.write("d/a", b"1")
    place.write("d/e/b", b"2")
    place.write("d/e/g/h", b"3")
    place.write("out/d/e/b", b"stands")
    outcome = place.run_one(Move(), b"d", to_path="out", recursive=True)
    assert outcome.reason == "1 path stays: something stands where it would go"
    assert tree(place) == {"d/e/b": b"2", "out/d/a": b"1", "out/d/e/b": b"stands", "out/d/e/g/h": b"3"}
    again = place.run_one(Move(), b"d", to_path="out", recursive=True, replace="always")
    assert again.code is Code.PROCESSED
    assert tree(place) == {"out/d/a": b"1", "out/d/e/b": b"2", "out/d/e/g/h": b"3"}
    assert not (place.directory / "d").exists()


@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_abort_missing_says_what_a_path_counts_as_that_is_not_there(
    place: Place, abort: bool, code: Code
) -> None:
    assert place.run_one(Move(), b"gone", to_path="out", abort_missing=abort).code is code


def test_what_a_lost_run_has_moved_is_done(place: Place) -> None:
    place.write("out/a", b"1")
    assert place.run_one(Move(), b"a", to_path="out").code is Code.FAILED
    place.again = True
    assert place.run_one(Move(), b"a", to_path="out").code is Code.ALREADY


def test_a_stub_that_is_moved_is_the_same_stub(place: Place) -> None:
    place.write("a", b"content" * 1000)
    place.run_one(Migrate(), b"a")
    assert place.run_one(Move(), b"a", to_path="out").code is Code.PROCESSED
    assert place.standing(b"out/a") is Standing.OFFLINE


def test_nothing_moves_beneath_itself_nor_is_the_root_moved(place: Place) -> None:
    place.write("d/a", b"1")
    outcomes: dict[bytes, PathOutcome] = place.run(Move(), b"d", b"", to_path="d/x", recursive=True)
    assert outcomes[b"d"].reason == "its new place lies beneath itself"
    assert outcomes[b""].code is Code.FAILED
    assert place.run_one(Move(), b"d/a").code is Code.ALREADY
    assert tree(place) == {"d/a": b"1"}


def test_odd_names_are_moved_as_they_are(place: Place) -> None:
    name = b"n\n\xff" + b"x" * 250
    (place.directory / os.fsdecode(name)).write_bytes(b"1")
    assert place.run_one(Move(), name, to_path="out").code is Code.PROCESSED
    assert os.listdir(os.fsencode(place.directory / "out")) == [name]


def test_nothing_is_moved_once_the_run_was_lost(place: Place) -> None:
    def lost() -> None:
        raise Stopped

    place.write("a", b"1")
    place.certain = lost
    with pytest.raises(Stopped):
        place.run_one(Move(), b"a", to_path="out")
    assert tree(place) == {"a": b"1"}
