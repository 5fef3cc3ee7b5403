"""What the copy step promises."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm import private
from towpath.hsm.mark import Standing
from towpath.steps.copy import Copy
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Stopped
from towpath.storage.roots import Root

OLD, NEW = 1_000_000_000, 2_000_000_000


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def told(path: Path) -> tuple[object, ...]:
    """All metadata of a path but its change time."""
    found = path.lstat()
    link = path.is_symlink()
    names = [] if link else os.listxattr(path)
    return (
        found.st_mode,
        found.st_uid,
        found.st_gid,
        found.st_mtime_ns,
        0 if path.is_dir() else found.st_size,
        sorted((name, os.getxattr(path, name)) for name in names),
        os.readlink(path) if link else None,
    )


def test_a_copy_has_all_data_and_metadata(place: Place) -> None:
    place.write("in/d/f", os.urandom(3_000_000))
    place.write("in/empty", b"")
    top = place.directory / "in"
    (top / "link").symlink_to("nowhere")
    with (top / "sparse").open("wb") as sparse:
        sparse.truncate(50_000_000)
        sparse.seek(20_000_000)
        sparse.write(b"data")
    os.setxattr(top / "d/f", "user.colour", b"blue")
    os.setxattr(top / "d", "user.colour", b"red")
    (top / "d/f").chmod(0o640)
    (top / "d").chmod(0o2750)
    if os.geteuid() == 0:
        os.chown(top / "d/f", 1234, 2345)
        os.chown(top / "link", 1234, 2345, follow_symlinks=False)
    for path in (top / "d/f", top / "d", top / "empty"):
        os.utime(path, ns=(NEW * 10**9 + 7, OLD * 10**9 + 123_456_789))
    paths = (b"in/d", b"in/d/f", b"in/empty", b"in/link", b"in/sparse")
    outcomes = place.run(Copy(), *paths, from_path="in", to_path="out")
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert outcomes[b"in/d/f"].bytes == 3_000_000
    out = place.directory / "out"
    for name in ("d", "d/f", "empty", "link", "sparse"):
        assert told(out / name) == told(top / name), name
    assert (out / "d/f").read_bytes() == (top / "d/f").read_bytes()
    assert (out / "sparse").read_bytes() == (top / "sparse").read_bytes()
    assert (out / "sparse").stat().st_blocks == (top / "sparse").stat().st_blocks
    assert place.private_files() == []


def test_a_copy_that_is_repeated_finds_all_done(place: Place) -> None:
    place.write("in/d/f", b"1")
    paths = (b"in/d", b"in/d/f")
    place.run(Copy(), *paths, from_path="in", to_path="out")
    again = place.run(Copy(), *paths, from_path="in", to_path="out")
    assert {outcome.code for outcome in again.values()} == {Code.ALREADY}


def test_a_copy_goes_to_another_root(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with Root("other", os.fsencode(tmp_path / "other")) as root:
        place.other_roots["other"] = root
        place.write("d/a", b"1")
        assert place.run_one(Copy(), b"d/a", to_root="other").code is Code.PROCESSED
        assert (tmp_path / "other/d/a").read_bytes() == b"1"


@pytest.mark.parametrize(
    ("replace", "there", "copied"),
    [("never", OLD, False), ("older", OLD, True), ("older", NEW, False), ("always", NEW, True)],
)
def test_replace_says_what_makes_room(place: Place, replace: str, there: int, copied: bool) -> None:
    place.write("a", b"comes")
    place.write("out/a", b"stands")
    os.utime(place.directory / "a", (1_500_000_000, 1_500_000_000))
    os.utime(place.directory / "out/a", (there, there))
    outcome = place.run_one(Copy(), b"a", to_path="out", replace=replace)
    assert outcome.code is (Code.PROCESSED if copied else Code.FAILED)
    assert (place.directory / "out/a").read_bytes() == (b"comes" if copied else b"stands")
    assert place.private_files() == []


def test_a_link_takes_the_place_of_a_file_where_replace_says_so(place: Place) -> None:
    (place.directory / "a").symlink_to("x")
    place.write("out/a", b"stands")
    assert place.run_one(Copy(), b"a", to_path="out").code is Code.FAILED
    assert place.run_one(Copy(), b"a", to_path="out", replace="always").code is Code.PROCESSED
    assert os.readlink(place.directory / "out/a") == "x"


def test_a_copy_of_a_premigrated_file_is_resident_and_a_stub_is_skipped(place: Place) -> None:
    place.write("a", b"content" * 1000)
    place.run_one(Migrate(), b"a", premigrate=True)
    assert place.run_one(Copy(), b"a", to_path="out").code is Code.PROCESSED
    assert place.standing(b"out/a") is Standing.RESIDENT
    place.run_one(Migrate(), b"a")
    outcome = place.run_one(Copy(), b"a", to_path="two")
    assert outcome.code is Code.SKIPPED
    assert "offline" in outcome.reason


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root gives files away")
def test_the_owner_that_may_be_set_is_set_and_else_the_default_one(place: Place) -> None:
    place.write("a", b"1")
    os.chown(place.directory / "a", 1234, 2345)
    place.run_one(Copy(), b"a", to_path="out", default_uid=77, default_gid=78)
    found = (place.directory / "out/a").stat()
    assert (found.st_uid, found.st_gid) == (1234, 2345)


@pytest.mark.usefixtures("unprivileged")
def test_a_copy_whose_owner_may_not_be_set_belongs_to_the_worker_or_to_the_default_owner(
    place: Place,
) -> None:
    name = place.write("a", b"1")
    outcome = place.run_one(Copy(), name, to_path="out", default_uid=os.geteuid(), default_gid=os.getegid())
    assert outcome.code is Code.PROCESSED
    found = (place.directory / "out/a").stat()
    assert (found.st_uid, found.st_gid) == (os.geteuid(), os.getegid())


@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_abort_missing_says_what_a_path_counts_as_that_is_not_there(
    place: Place, abort: bool, code: Code
) -> None:
    assert place.run_one(Copy(), b"gone", to_path="out", abort_missing=abort).code is code


def test_nothing_is_copied_onto_or_beneath_itself(place: Place) -> None:
    place.write("d/a", b"1")
    assert "its own place" in place.run_one(Copy(), b"d/a").reason
    assert "beneath itself" in place.run_one(Copy(), b"d", to_path="d/x").reason


def test_what_a_run_left_that_was_lost_is_made_anew(place: Place) -> None:
    place.write("a", b"1")
    (place.directory / "out").mkdir()
    os.close(private.create(place.root, b"out/a", place.key))
    assert place.run_one(Copy(), b"a", to_path="out").code is Code.PROCESSED
    assert (place.directory / "out/a").read_bytes() == b"1"
    assert place.private_files() == []


def test_nothing_takes_its_place_once_the_run_was_lost(place: Place) -> None:
    def lost() -> None:
        raise Stopped

    place.write("a", b"1")
    place.certain = lost
    with pytest.raises(Stopped):
        place.run_one(Copy(), b"a", to_path="out")
    assert not (place.directory / "out/a").exists()


def test_a_run_that_is_lost_within_a_group_leaves_no_private_files_and_nothing_open(place: Place) -> None:
    asked: list[int] = []

    def lost() -> None:
        asked.append(1)
        if len(asked) > 5:
            raise Stopped

    names = [place.write(f"f{number}", b"1") for number in range(40)]
    place.certain, before = lost, len(os.listdir("/proc/self/fd"))
    with pytest.raises(Stopped):
        place.run(Copy(), *names, to_path="out")
    assert place.private_files() == []
    assert len(os.listdir(place.directory / "out")) == 5
    assert len(os.listdir("/proc/self/fd")) == before


def test_what_became_something_else_since_it_was_found_is_copied_as_what_it_is(place: Place) -> None:
    names = [place.write("link", b"1"), place.write("dir", b"1")]
    items = place.items(names)
    for name in names:
        (place.directory / os.fsdecode(name)).unlink()
    (place.directory / "link").symlink_to("there")
    (place.directory / "dir").mkdir()
    context = place.context(Copy(), names, to_path="out")
    context.items = items
    codes = {outcome.index: outcome.code for outcome in Copy().run(context)}
    assert codes == {0: Code.PROCESSED, 1: Code.SKIPPED}
    assert os.readlink(place.directory / "out/link") == "there"
