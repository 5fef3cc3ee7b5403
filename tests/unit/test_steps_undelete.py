"""What was deleted here comes back from the target: the newest of each, as it was, and nothing that stands here."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory
from tests.unit.test_steps_crashes import each_death

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.undelete import Undelete
from towpath.storage.protocol import StorageError

CONTENT = os.urandom(50_000)
MTIME = 1_234_567_890_123_456_789


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site whose files `f` and `d/e/g` are at the target, `f` with an attribute."""
    made = place_with_directory(tmp_path)
    for name in ("f", "d/e/g"):
        made.write(name, CONTENT)
        (made.directory / name).chmod(0o640)
        os.setxattr(made.directory / name, "user.colour", b"red")
        os.utime(made.directory / name, ns=(MTIME, MTIME))
    made.run(Migrate(), b"f", b"d/e/g")
    yield made
    made.root.close()


def is_back(place: Place, name: str, content: bytes = CONTENT) -> None:
    assert place.run_one(Recall(), name.encode()).code in (Code.PROCESSED, Code.ALREADY)
    path = place.directory / name
    assert path.read_bytes() == content
    assert path.stat().st_mode & 0o7777 == 0o640
    assert path.stat().st_mtime_ns == MTIME
    assert os.getxattr(path, "user.colour") == b"red"
    assert place.private_files() == []


def test_a_deleted_stub_comes_back_as_a_stub(place: Place) -> None:
    (place.directory / "f").unlink()
    assert place.run_one(Undelete(), b"f").code is Code.PROCESSED
    assert place.standing(b"f") is Standing.OFFLINE
    is_back(place, "f")


@pytest.mark.parametrize("hydrate", [False, True])
def test_a_deleted_file_comes_back_with_its_data_where_that_is_wanted(place: Place, hydrate: bool) -> None:
    place.run_one(Recall(), b"f")
    (place.directory / "f").unlink()
    outcome = place.run_one(Undelete(), b"f", hydrate=hydrate)
    assert outcome.bytes == (len(CONTENT) if hydrate else 0)
    assert place.standing(b"f") is (Standing.PREMIGRATED if hydrate else Standing.OFFLINE)
    is_back(place, "f")


@pytest.mark.parametrize("path", [b"d", b"d/e", b""])
def test_all_that_is_gone_beneath_a_directory_comes_back(place: Place, path: bytes) -> None:
    place.write("d/stays", b"here")
    place.run_one(Migrate(), b"d/stays", premigrate=True)
    shutil.rmtree(place.directory / "d/e")
    assert place.run_one(Undelete(), path).code is Code.PROCESSED
    is_back(place, "d/e/g")
    assert (place.directory / "d/stays").read_bytes() == b"here"
    assert place.run_one(Undelete(), path).code is Code.ALREADY


def test_the_disk_of_a_site_may_be_lost(place: Place) -> None:
    for entry in ("f", "d"):
        shutil.rmtree(place.directory / entry, ignore_errors=True)
    (place.directory / "f").unlink()
    assert place.run_one(Undelete(), b"").code is Code.PROCESSED
    is_back(place, "f")
    is_back(place, "d/e/g")


def test_the_newest_of_several_versions_comes_back(place: Place) -> None:
    place.run_one(Recall(), b"f")
    newer = b"edited" + CONTENT[6:]
    (place.directory / "f").write_bytes(newer)
    os.utime(place.directory / "f", ns=(MTIME, MTIME))
    assert place.run_one(Migrate(), b"f", overwrite=True).code is Code.PROCESSED
    (place.directory / "f").unlink()
    assert place.run_one(Undelete(), b"f").code is Code.PROCESSED
    is_back(place, "f", newer)


def test_what_stands_here_stays_as_it_is(place: Place) -> None:
    (place.directory / "f").unlink()
    place.write("f", b"another file")
    assert place.run_one(Undelete(), b"f").code is Code.ALREADY
    assert (place.directory / "f").read_bytes() == b"another file"


def test_each_file_comes_back_once_where_directories_are_named_within_each_other(place: Place) -> None:
    (place.directory / "d/e/g").unlink()
    outcomes = place.run(Undelete(), b"", b"d", b"d/e", b"f")
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED, Code.ALREADY}
    assert outcomes[b"d/e"].code is Code.PROCESSED
    is_back(place, "d/e/g")


def test_what_the_target_does_not_know_fails(place: Place) -> None:
    outcome = place.run_one(Undelete(), b"never")
    assert (outcome.code, "knows no file" in outcome.reason) == (Code.FAILED, True)
    assert not (place.directory / "never").exists()


def test_records_that_another_site_or_nobody_signed_bring_nothing_back(place: Place) -> None:
    (place.directory / "f").unlink()
    place.key = OTHER_KEY
    assert place.run_one(Undelete(), b"f").code is Code.FAILED
    place.key, place.name = bytes(range(32)), "bergen"
    assert place.run_one(Undelete(), b"f").code is Code.FAILED


def test_records_that_were_altered_bring_nothing_back(place: Place) -> None:
    (place.directory / "f").unlink()
    [record] = (place.directory.parent / "target/.towpath/records").iterdir()
    record.chmod(0o600)
    record.write_bytes(record.read_bytes()[:-1] + b"x")
    (record.parent / "no-group").write_bytes(b"?")
    assert place.run_one(Undelete(), b"f").code is Code.FAILED


def test_a_lost_object_fails_the_directory_and_the_others_come_back(place: Place) -> None:
    place.write("d/h", CONTENT)
    place.run_one(Migrate(), b"d/h")
    [lost] = (place.directory.parent / "target/oslo/data/d").glob("h@*")
    lost.unlink()
    shutil.rmtree(place.directory / "d")
    outcome = place.run_one(Undelete(), b"d", hydrate=True)
    assert (outcome.code, "1 files beneath it did not come back" in outcome.reason) == (Code.FAILED, True)
    is_back(place, "d/e/g")


def test_too_much_at_once_is_refused_before_anything_is_made(place: Place) -> None:
    (place.directory / "f").unlink()
    shutil.rmtree(place.directory / "d")
    outcome = place.run_one(Undelete(most=1), b"")
    assert (outcome.code, "name directories within them" in outcome.reason) == (Code.FAILED, True)
    assert list(place.directory.iterdir()) == []


def test_no_stub_is_made_where_the_site_does_not_allow_it(place: Place) -> None:
    (place.directory / "f").unlink()
    place.unguarded = False
    assert "unguarded" in place.run_one(Undelete(), b"f").reason
    assert place.run_one(Undelete(), b"f", hydrate=True).code is Code.PROCESSED


def test_a_target_that_cannot_be_had_fails_each_path(place: Place) -> None:
    place.targets.clear()
    outcome = place.run_one(Undelete(), b"f")
    assert (outcome.code, outcome.reason) == (Code.FAILED, "no target has the tag b'tgt1'")
    with pytest.raises(StorageError):
        place.context(Undelete(), [b"f"]).target()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to others")
def test_an_owner_that_is_known_stays_whatever_the_defaults(place: Place) -> None:
    (place.directory / "f").unlink()
    place.run_one(Undelete(), b"f", default_uid=4711, default_gid=4712)
    assert (place.directory / "f").stat().st_uid == os.geteuid()


def test_an_undelete_that_dies_anywhere_is_ended_by_the_next_run(place: Place) -> None:
    place.threads = 1

    def before() -> None:
        shutil.rmtree(place.directory / "d", ignore_errors=True)

    def after() -> None:
        assert place.run_one(Undelete(), b"d/e/g").code in (Code.PROCESSED, Code.ALREADY)
        is_back(place, "d/e/g")

    assert each_death(lambda: place.run_one(Undelete(), b"d/e/g"), after, before) > 5
