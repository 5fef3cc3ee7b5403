"""What the verify step promises: it compares, and changes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath.domain.paths import Code
from towpath.steps.migrate import Migrate
from towpath.steps.verify import Verify

CONTENT = os.urandom(200_000)
NAMES = (b"resident", b"whole", b"stub", b"edited")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with files in each standing."""
    made = place_with_directory(tmp_path)
    for name in NAMES:
        made.write(name.decode(), CONTENT)
    made.run(Migrate(), b"whole", b"edited", premigrate=True)
    made.run_one(Migrate(), b"stub")
    (made.directory / "edited").write_bytes(b"edited")
    yield made
    made.root.close()


def object_file(place: Place, name: str) -> Path:
    """The object of a file, in the target's directory."""
    (found,) = (place.directory.parent / "target" / "oslo" / "data").glob(f"{name}@*")
    return found


def state(place: Place) -> list[tuple[object, ...]]:
    """All that stands at the site and at the target, with its times.

    Of a guarded stub, the change time only where root looks: to anybody else it opens by its permission bits alone.
    """
    found: list[tuple[object, ...]] = []
    for path in sorted(place.directory.parent.rglob("*")):
        told = path.lstat()
        changed = told.st_ctime_ns if os.geteuid() == 0 or told.st_mode & 0o777 else None
        found.append((str(path), told.st_mode, told.st_size, told.st_mtime_ns, changed))
    return found


@pytest.mark.parametrize("depth", ["object", "data"])
def test_each_file_is_said_to_be_the_same_to_differ_or_not_to_be_managed(place: Place, depth: str) -> None:
    before = state(place)
    (place.directory / "d").mkdir()
    outcomes = place.run(Verify(), *NAMES, b"d", depth=depth)
    (place.directory / "d").rmdir()
    assert {outcomes[name].code for name in (b"whole", b"stub")} == {Code.PROCESSED}
    assert outcomes[b"edited"].reason == "differs: it was edited since it was copied"
    for name in (b"resident", b"d"):
        assert (outcomes[name].code, outcomes[name].reason) == (Code.SKIPPED, "not managed: it has no object")
    assert [entry for entry in state(place) if entry[0] != str(place.directory)] == [
        entry for entry in before if entry[0] != str(place.directory)
    ]


@pytest.mark.parametrize("name", ["whole", "stub"])
def test_an_object_that_is_missing_is_told(place: Place, name: str) -> None:
    object_file(place, name).unlink()
    outcome = place.run_one(Verify(), name.encode())
    assert outcome.code is Code.FAILED
    assert outcome.reason.startswith(f"its object is missing: oslo/data/{name}@")


def test_an_object_of_another_size_is_told_at_any_depth(place: Place) -> None:
    with object_file(place, "stub").open("ab") as file:
        file.write(b"x")
    for depth in ("object", "data"):
        outcome = place.run_one(Verify(), b"stub", depth=depth)
        assert outcome.reason == "differs: its object has 200001 bytes, and its record 200000"


def test_only_the_data_tell_that_bytes_have_changed(place: Place) -> None:
    for name in ("whole", "stub"):
        with object_file(place, name).open("r+b") as file:
            file.write(b"spoilt")
        assert place.run_one(Verify(), name.encode(), depth="object").code is Code.PROCESSED
        outcome = place.run_one(Verify(), name.encode(), depth="data")
        assert outcome.reason == "differs: the bytes of its object are not those that were put there"


def test_a_file_that_was_changed_behind_its_times_differs(place: Place) -> None:
    path = place.directory / "whole"
    told = path.stat()
    with path.open("r+b") as file:
        file.write(b"spoilt")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert place.run_one(Verify(), b"whole", depth="object").code is Code.PROCESSED
    outcome = place.run_one(Verify(), b"whole", depth="data")
    assert "differs: its bytes are not those that were copied" in outcome.reason


def test_a_record_that_is_missing_is_told(place: Place) -> None:
    for record in (place.directory.parent / "target/.towpath/records").iterdir():
        record.unlink()
    assert place.run_one(Verify(), b"stub").reason.startswith("its record is missing")


def test_a_mark_that_is_not_trusted_is_told(place: Place) -> None:
    place.key = OTHER_KEY
    assert "its mark is not trusted" in place.run_one(Verify(), b"stub").reason


@pytest.mark.parametrize(("abort", "code"), [(True, Code.ABORTED), (False, Code.FAILED)])
def test_abort_missing_says_what_a_path_counts_as_that_is_not_there(
    place: Place, abort: bool, code: Code
) -> None:
    assert place.run_one(Verify(), b"gone", abort_missing=abort).code is code
