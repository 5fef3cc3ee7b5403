"""Marks that came along with copies and backups: never trusted, and bound anew where somebody says so."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.fixtures_disks import Disks, disks
from tests.programs import program
from tests.step_context import OTHER_KEY, SITE_KEY, Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm import mark as marks
from towpath.hsm.mark import Standing
from towpath.steps.adopt import Adopt
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.unmanage import Unmanage

__all__ = ["disks"]

CONTENT = os.urandom(100_000)
MTIME = 1_234_567_890_123_456_789
MARK = marks.TRUSTED if marks.SETS_TRUSTED else marks.USER


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target, a stub `f` of mode 0640 and a premigrated file `w`."""
    made = place_with_directory(tmp_path)
    for name in ("f", "w"):
        made.write(name, CONTENT)
        (made.directory / name).chmod(0o640)
        os.utime(made.directory / name, ns=(MTIME, MTIME))
    assert made.run_one(Migrate(), b"f").code is Code.PROCESSED
    assert made.run_one(Migrate(), b"w", premigrate=True).code is Code.PROCESSED
    yield made
    made.root.close()


def do(name: str, *arguments: str | Path) -> None:
    subprocess.run([program(name), *arguments], check=True, capture_output=True)


def by_cp(old: Path, new: Path) -> None:
    do("cp", "-a", old, new)


def by_rsync(old: Path, new: Path) -> None:
    do("rsync", "-aX", "--sparse", f"{old}/", f"{new}/")


def by_tar(old: Path, new: Path) -> None:
    archive = old.with_suffix(".tar")
    do("tar", "--xattrs", "--xattrs-include=*", "--sparse", "-C", old.parent, "-cf", archive, old.name)
    new.mkdir()
    do("tar", "--xattrs", "--xattrs-include=*", "--strip-components=1", "-C", new, "-xpf", archive)


WAYS: tuple[Callable[[Path, Path], None], ...] = (by_cp, by_rsync, by_tar)
restored = pytest.mark.parametrize("restore", WAYS)
privileged = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root, to read a stub of mode 000 as a backup does"
)


def set_mark(path: Path, packed: bytes) -> None:
    with opened(path):
        os.setxattr(path, MARK, packed)


def mark_of(path: Path) -> bytes:
    with opened(path):
        return os.getxattr(path, MARK)


@contextmanager
def opened(path: Path) -> Iterator[None]:
    """Let its owner at the attributes of a stub."""
    mode = path.stat().st_mode
    path.chmod(0o600)
    yield
    path.chmod(mode)


def copied(place: Place, restore: Callable[[Path, Path], None]) -> Place:
    """A copy of the site's directory under its old name; the old one is gone."""
    old = place.directory.with_name("old")
    place.directory.rename(old)
    restore(old, place.directory)
    place.root.close()
    return Place(place.directory, type(place.root)("data", bytes(place.directory)), place.targets)


@privileged
@restored
def test_a_restored_stub_is_foreign_until_it_is_adopted_and_then_comes_back_whole(
    place: Place, restore: Callable[[Path, Path], None]
) -> None:
    place = copied(place, restore)
    assert place.standing(b"f") is Standing.FOREIGN
    for step in (Recall(), Migrate()):
        outcome = place.run_one(step, b"f")
        assert (outcome.code, "towpath site adopt" in outcome.reason) == (Code.FAILED, True)
    assert place.run_one(Adopt(), b"f").code is Code.PROCESSED
    assert place.standing(b"f") is Standing.OFFLINE
    assert place.run_one(Recall(), b"f").code is Code.PROCESSED
    assert (place.directory / "f").read_bytes() == CONTENT
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0o640
    assert (place.directory / "f").stat().st_mtime_ns == MTIME
    place.root.close()


@privileged
@restored
def test_a_restored_whole_file_is_like_any_edited_one_and_is_copied_anew(
    place: Place, restore: Callable[[Path, Path], None]
) -> None:
    place = copied(place, restore)
    assert place.standing(b"w") is Standing.MODIFIED
    assert place.run_one(Migrate(), b"w").bytes == len(CONTENT)
    assert place.standing(b"w") is Standing.OFFLINE
    assert place.run_one(Recall(), b"w").code is Code.PROCESSED
    assert (place.directory / "w").read_bytes() == CONTENT
    place.root.close()


@privileged
@restored
def test_a_copy_of_a_stub_beside_it_is_foreign_and_the_stub_itself_is_not(
    place: Place, restore: Callable[[Path, Path], None]
) -> None:
    place.write("d/f", CONTENT)
    place.run_one(Migrate(), b"d/f")
    restore(place.directory / "d", place.directory / "e")
    assert place.standing(b"e/f") is Standing.FOREIGN
    assert place.run_one(Recall(), b"e/f").code is Code.FAILED
    refused = place.run_one(Adopt(), b"e/f")
    assert (refused.code, "`moved` binds" in refused.reason) == (Code.FAILED, True)
    assert place.run_one(Adopt(), b"e/f", moved=True).code is Code.PROCESSED
    for name in (b"d/f", b"e/f"):
        assert place.run_one(Recall(), name).code is Code.PROCESSED
        assert (place.directory / name.decode()).read_bytes() == CONTENT


@pytest.mark.parametrize("names", [(b"f", b"w"), (b"w", b"f")])
def test_what_was_marked_under_a_key_that_is_lost_is_adopted_under_the_new_one(
    place: Place, names: tuple[bytes, bytes]
) -> None:
    place.key = OTHER_KEY
    assert {place.standing(name) for name in names} == {Standing.FOREIGN}
    assert {outcome.code for outcome in place.run(Adopt(), *names).values()} == {Code.PROCESSED}
    assert (place.standing(b"f"), place.standing(b"w")) == (Standing.OFFLINE, Standing.PREMIGRATED)
    assert {outcome.code for outcome in place.run(Adopt(), *names).values()} == {Code.ALREADY}
    place.run(Recall(), *names)
    for name in names:
        assert (place.directory / name.decode()).read_bytes() == CONTENT
        assert (place.directory / name.decode()).stat().st_mode & 0o7777 == 0o640


def test_what_the_lost_key_gave_rights_to_has_none_after_it_was_adopted(place: Place) -> None:
    place.write("s", CONTENT)
    (place.directory / "s").chmod(0o4755)
    place.run_one(Migrate(), b"s")
    place.key = OTHER_KEY
    place.run_one(Adopt(), b"s")
    place.run_one(Recall(), b"s")
    assert (place.directory / "s").stat().st_mode & 0o7777 == 0o755


def test_a_file_left_half_freed_under_a_key_that_is_lost_is_adopted_and_made_whole(place: Place) -> None:
    with place.look(b"w") as found:
        half = found.judged.ours.freeing(0, 0o640).pack(SITE_KEY)
    set_mark(place.directory / "w", half)
    with (place.directory / "w").open("r+b") as file:
        file.truncate(12 * 4096)
        file.truncate(len(CONTENT))
    place.key = OTHER_KEY
    assert place.standing(b"w") is Standing.FOREIGN
    assert place.run_one(Adopt(), b"w").code is Code.PROCESSED
    assert place.standing(b"w") is Standing.INTERRUPTED
    assert place.run_one(Recall(), b"w").code is Code.PROCESSED
    assert (place.directory / "w").read_bytes() == CONTENT


def test_a_whole_file_that_differs_from_its_record_is_only_forgotten_on_request(place: Place) -> None:
    (place.directory / "w").write_bytes(b"edited" + CONTENT[6:])
    place.key = OTHER_KEY
    refused = place.run_one(Adopt(), b"w")
    assert (refused.code, "neither all away" in refused.reason) == (Code.FAILED, True)
    assert place.standing(b"w") is Standing.FOREIGN
    assert place.run_one(Adopt(), b"w", forget=True).code is Code.PROCESSED
    assert place.standing(b"w") is Standing.RESIDENT
    assert (place.directory / "w").read_bytes().startswith(b"edited")


def forged(place: Place, name: str, packed: bytes, size: int) -> bytes:
    """An empty file of a size, with a mark that somebody made up."""
    path = place.directory / name
    path.touch()
    os.truncate(path, size)
    os.utime(path, ns=(MTIME, MTIME))
    set_mark(path, packed)
    return name.encode()


def test_a_forged_mark_is_not_adopted_at_another_path(place: Place) -> None:
    name = forged(place, "mine", mark_of(place.directory / "w"), len(CONTENT))
    with place.look(name) as found:
        packed = bytearray(found.packed or b"")
    packed[-1] ^= 1
    set_mark(place.directory / "mine", bytes(packed))
    assert place.standing(name) is Standing.FOREIGN
    refused = place.run_one(Adopt(), name)
    assert (refused.code, "the record of 'w'" in refused.reason) == (Code.FAILED, True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give a file to another user")
def test_nobody_gets_anothers_data_by_a_mark_that_he_made_up(place: Place) -> None:
    packed = bytearray(mark_of(place.directory / "w"))
    packed[-1] ^= 1
    name = forged(place, "mine", bytes(packed), len(CONTENT))
    os.chown(place.directory / "mine", 12_345, 12_345)
    refused = place.run_one(Adopt(), name, moved=True)
    assert (refused.code, "another owner's file" in refused.reason) == (Code.FAILED, True)
    assert place.standing(name) is Standing.FOREIGN


@pytest.mark.parametrize("change", ["size", "time", "record", "length"])
def test_what_does_not_fit_its_record_is_not_adopted(place: Place, change: str) -> None:
    path = place.directory / "f"
    packed = bytearray(mark_of(path))
    match change:
        case "size":
            path.chmod(0o600)
            os.truncate(path, len(CONTENT) + 1)
        case "time":
            os.utime(path, ns=(1, 1))
        case "record":
            packed[10] ^= 1
        case "length":
            packed = packed[:-1]
    set_mark(path, bytes(packed))
    place.key = OTHER_KEY
    outcome = place.run_one(Adopt(), b"f")
    assert outcome.code is Code.FAILED, outcome
    assert place.standing(b"f") is Standing.FOREIGN


def test_a_stub_that_came_back_readable_is_closed_when_it_is_adopted(place: Place) -> None:
    (place.directory / "f").chmod(0o644)
    place.key = OTHER_KEY
    assert place.run_one(Adopt(), b"f").code is Code.PROCESSED
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0
    assert place.run_one(Recall(), b"f").code is Code.PROCESSED
    assert (place.directory / "f").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("tail", [b"", b"x"])
def test_a_stub_that_was_copied_as_zeros_is_adopted_and_one_with_anything_else_is_not(
    place: Place, tail: bytes
) -> None:
    path = place.directory / "f"
    packed = mark_of(path)
    path.unlink()
    path.write_bytes(bytes(len(CONTENT) - len(tail)) + tail)
    os.utime(path, ns=(MTIME, MTIME))
    set_mark(path, packed)
    place.key = OTHER_KEY
    outcome = place.run_one(Adopt(), b"f")
    assert outcome.code is (Code.FAILED if tail else Code.PROCESSED), outcome
    if not tail:
        assert path.stat().st_blocks <= 8
        assert path.stat().st_mtime_ns == MTIME
        assert place.run_one(Recall(), b"f").code is Code.PROCESSED
        assert path.read_bytes() == CONTENT


def test_what_needs_no_adoption_is_left_alone(place: Place) -> None:
    place.write("resident", b"x")
    (place.directory / "link").symlink_to("f")
    outcomes = place.run(Adopt(), b"f", b"w", b"resident", b"link", b"gone")
    assert [outcomes[name].code for name in (b"f", b"w", b"resident")] == [Code.ALREADY] * 3
    assert [outcomes[name].code for name in (b"link", b"gone")] == [Code.SKIPPED, Code.FAILED]
    assert place.run_one(Unmanage(), b"w").code is Code.PROCESSED


@pytest.mark.parametrize("premigrate", [False, True])
def test_a_file_system_without_attributes_has_no_stubs_and_says_so(
    tmp_path: Path, disks: Disks, premigrate: bool
) -> None:
    bare = disks.of("ramfs") / f"{premigrate}"
    bare.mkdir()
    place = place_with_directory(tmp_path)
    there = Place.at(bare / "site", place.storage)
    there.write("f", CONTENT)
    outcome = there.run_one(Migrate(), b"f", premigrate=premigrate)
    assert (outcome.code, "not supported" in outcome.reason) == (Code.FAILED, True)
    assert (bare / "site" / "f").read_bytes() == CONTENT
    assert there.private_files() == []
    assert there.standing(b"f") is Standing.RESIDENT
    there.root.close()
    place.root.close()


@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_what_a_path_counts_as_that_is_not_there_to_be_adopted(place: Place, abort: bool, code: Code) -> None:
    assert place.run_one(Adopt(), b"gone", abort_missing=abort).code is code
