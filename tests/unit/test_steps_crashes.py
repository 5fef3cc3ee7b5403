"""A worker may die between any two calls of the system: what it leaves is whole, and the next run ends the work."""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.step_context import OTHER_KEY, SITE_KEY, Place, place_with_directory

from towpath.domain.paths import Code, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm.look import WINDOWS
from towpath.hsm.mark import Standing
from towpath.steps.adopt import Adopt
from towpath.steps.checksum import Checksum
from towpath.steps.copy import Copy
from towpath.steps.delete import Delete
from towpath.steps.manifest import Manifest
from towpath.steps.migrate import Migrate
from towpath.steps.move import Move
from towpath.steps.protocol import Step
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub
from towpath.steps.set_metadata import SetMetadata

CONTENT = os.urandom(100_000)
EDITED = b"edited" + CONTENT[6:]
DIED = 9
WRITING = frozenset(
    {
        "fcntl.fcntl",
        "fcntl.flock",
        "open",
        "os.chmod",
        "os.chown",
        "os.getxattr",
        "os.link",
        "os.listxattr",
        "os.mkdir",
        "os.remove",
        "os.removexattr",
        "os.rename",
        "os.rmdir",
        "os.scandir",
        "os.setxattr",
        "os.symlink",
        "os.truncate",
        "os.utime",
    }
)
"""What Python tells of before it asks the system for it; the calls between two of these lie between two deaths."""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target, and one thread, so that each run makes the same calls."""
    made = place_with_directory(tmp_path)
    made.threads = 1
    yield made
    made.root.close()


def dies(number: int, run: Callable[[], object]) -> bool:
    """Run in a process that dies, as by kill -9, just before its call of that number; whether it came so far."""
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, _: Any) -> None:
            nonlocal left
            if event in WRITING:
                left -= 1
                if left == 0:
                    os._exit(DIED)

        code = 1
        try:
            sys.addaudithook(count)
            run()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, DIED)
    return code == DIED


def each_death(run: Callable[[], object], after: Callable[[], None], before: Callable[[], None]) -> int:
    """Let the run die at each of its calls in turn, from the same beginning; how many there were."""
    number = 0
    before()
    while dies(number + 1, run):
        number += 1
        after()
        before()
    return number


def reads_true(place: Place, name: str, *contents: bytes) -> None:
    """What a reader who is let in reads is a whole version: never zeros, never half."""
    path = place.directory / name
    if path.stat().st_mode & 0o7777 not in (0, *WINDOWS):
        assert path.read_bytes() in contents


def begin_anew(place: Place, content: bytes = CONTENT) -> Callable[[], None]:
    def begin() -> None:
        (place.directory / "f").unlink(missing_ok=True)
        place.write("f", content)
        os.utime(place.directory / "f", ns=(10**18 + 1, 10**18 + 2))

    return begin


def ends_well(place: Place, step: Step, **arguments: Any) -> None:
    outcome = place.run_one(step, b"f", **arguments)
    assert outcome.code in (Code.PROCESSED, Code.ALREADY), outcome
    assert place.private_files() == []


@pytest.mark.parametrize("stub_size", [0, 4096])
def test_a_migrate_that_dies_anywhere_loses_nothing_and_can_be_run_again(
    place: Place, stub_size: int
) -> None:
    def after() -> None:
        reads_true(place, "f", CONTENT)
        ends_well(place, Migrate(), stub_size=stub_size)
        assert place.standing(b"f") is Standing.OFFLINE
        assert (place.directory / "f").stat().st_mtime_ns == 10**18 + 2
        ends_well(place, Recall())
        assert (place.directory / "f").read_bytes() == CONTENT

    deaths = each_death(lambda: place.run_one(Migrate(), b"f", stub_size=stub_size), after, begin_anew(place))
    assert deaths > 7


def test_a_migrate_that_dies_leaves_what_a_recall_makes_whole(place: Place) -> None:
    def after() -> None:
        ends_well(place, Recall())
        assert (place.directory / "f").read_bytes() == CONTENT
        assert (place.directory / "f").stat().st_mode & 0o777 == 0o600

    def before() -> None:
        begin_anew(place)()
        (place.directory / "f").chmod(0o600)

    assert each_death(lambda: place.run_one(Migrate(), b"f"), after, before) > 7


@pytest.mark.skipif(not marks.SETS_TRUSTED, reason="needs root")
def test_a_migrate_that_dies_anywhere_keeps_the_capabilities_of_a_program(place: Place) -> None:
    capability = bytes.fromhex("0100000200040000000000000000000000000000")

    def before() -> None:
        begin_anew(place)()
        os.setxattr(place.directory / "f", "security.capability", capability)

    def after() -> None:
        ends_well(place, Recall())
        assert os.getxattr(place.directory / "f", "security.capability") == capability

    assert each_death(lambda: place.run_one(Migrate(), b"f"), after, before) > 7


def test_a_migrate_that_dies_leaves_what_a_premigrate_makes_whole(place: Place) -> None:
    def after() -> None:
        if place.standing(b"f") is not Standing.OFFLINE:
            ends_well(place, Migrate(), premigrate=True)
            assert place.standing(b"f") is Standing.PREMIGRATED
            assert (place.directory / "f").read_bytes() == CONTENT

    assert each_death(lambda: place.run_one(Migrate(), b"f"), after, begin_anew(place)) > 7


def test_a_migrate_of_an_edited_file_that_dies_keeps_the_edit(place: Place) -> None:
    def before() -> None:
        begin_anew(place)()
        place.run_one(Migrate(), b"f", premigrate=True)
        place.write("f", EDITED)

    def after() -> None:
        reads_true(place, "f", EDITED)
        ends_well(place, Migrate())
        ends_well(place, Recall())
        assert (place.directory / "f").read_bytes() == EDITED

    assert each_death(lambda: place.run_one(Migrate(), b"f"), after, before) > 7


@pytest.mark.parametrize("forget", [False, True])
def test_a_recall_that_dies_anywhere_leaves_the_stub_or_the_whole_file(place: Place, forget: bool) -> None:
    def before() -> None:
        begin_anew(place)()
        place.run_one(Migrate(), b"f")

    def after() -> None:
        reads_true(place, "f", CONTENT)
        assert place.standing(b"f") in (Standing.OFFLINE, Standing.PREMIGRATED, Standing.RESIDENT)
        ends_well(place, Recall(), delete_remote=forget)
        assert place.standing(b"f") is (Standing.RESIDENT if forget else Standing.PREMIGRATED)
        assert (place.directory / "f").read_bytes() == CONTENT
        assert (place.directory / "f").stat().st_mtime_ns == 10**18 + 2

    deaths = each_death(lambda: place.run_one(Recall(), b"f", delete_remote=forget), after, before)
    assert deaths > 7


def test_a_private_file_that_a_death_left_is_removed_when_a_walk_finds_it(place: Place) -> None:
    def before() -> None:
        begin_anew(place)()
        place.run_one(Migrate(), b"f")

    found = 0

    def after() -> None:
        nonlocal found
        for left in place.private_files():
            found += 1
            assert place.run_one(Migrate(), left.name.encode()).code is Code.SKIPPED
        assert place.private_files() == []

    each_death(lambda: place.run_one(Recall(), b"f"), after, before)
    assert found > 5


@pytest.mark.parametrize("hydrate", [False, True])
@pytest.mark.parametrize("stands", [False, True])
def test_a_reverse_stub_that_dies_leaves_what_stood_there_or_all_of_the_new(
    place: Place, hydrate: bool, stands: bool
) -> None:
    place.write("f", CONTENT)
    carry = place.run_one(Migrate(), b"f", premigrate=True).carry
    assert carry is not None
    place.carried = {0: carry}
    place.key = OTHER_KEY
    arguments = {"hydrate": hydrate, "overwrite": True}

    def before() -> None:
        (place.directory / "f").unlink(missing_ok=True)
        if stands:
            place.write("f", EDITED)

    def after() -> None:
        if (place.directory / "f").exists():
            reads_true(place, "f", EDITED, CONTENT)
        ends_well(place, ReverseStub(), **arguments)
        ends_well(place, Recall())
        assert (place.directory / "f").read_bytes() == CONTENT

    assert each_death(lambda: place.run_one(ReverseStub(), b"f", **arguments), after, before) > 4


def test_a_recursive_delete_that_dies_is_ended_by_the_next_run(place: Place) -> None:
    def before() -> None:
        for name in ("d/a", "d/e/b", "d/e/g/c", "d/h/i"):
            place.write(name, b"x")

    def after() -> None:
        outcome = place.run_one(Delete(), b"d", recursive=True)
        assert outcome.code in (Code.PROCESSED, Code.ABORTED)
        assert not (place.directory / "d").exists()

    assert each_death(lambda: place.run_one(Delete(), b"d", recursive=True), after, before) > 5


@pytest.mark.parametrize("premigrate", [False, True])
def test_an_adoption_that_dies_anywhere_leaves_a_file_to_be_adopted(place: Place, premigrate: bool) -> None:
    def before() -> None:
        place.key = SITE_KEY
        begin_anew(place)()
        place.run_one(Migrate(), b"f", premigrate=premigrate)
        place.key = OTHER_KEY

    def after() -> None:
        ends_well(place, Adopt())
        ends_well(place, Recall())
        assert (place.directory / "f").read_bytes() == CONTENT

    assert each_death(lambda: place.run_one(Adopt(), b"f"), after, before) > 1


def test_a_tree_that_is_made_at_another_site_and_dies_anywhere_is_whole_after_the_next_run(
    place: Place,
) -> None:
    paths = (b"d", b"d/one", b"d/two", b"link")
    place.write("d/one", CONTENT)
    (place.directory / "d/two").hardlink_to(place.directory / "d/one")
    (place.directory / "link").symlink_to("d/one")
    sent = place.run(Migrate(), *paths, premigrate=True, records="all")
    items = place.items(paths)
    there = replace(Place.at(place.directory.parent / "there", place.storage), key=OTHER_KEY, threads=1)
    there.carried = {index: sent[path].carry or b"" for index, path in enumerate(paths)}

    def send() -> list[PathOutcome]:
        context = there.context(ReverseStub(), paths)
        context.items = items
        return list(ReverseStub().run(context))

    def before() -> None:
        for left in there.directory.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()

    def after() -> None:
        assert {outcome.code for outcome in send()} <= {Code.PROCESSED, Code.ALREADY}
        assert there.private_files() == []
        assert sorted(os.listdir(there.directory / "d")) == ["one", "two"]
        for name in (b"d/one", b"d/two"):
            assert there.standing(name) is Standing.OFFLINE
        assert (there.directory / "link").readlink() == Path("d/one")

    assert each_death(send, after, before) > 10
    there.root.close()


# Moves, copies and manifests ----------------------------------------------------------------------------------


def sown(place: Place, *names: str) -> None:
    """Only these files, each with its name as content, with old times."""
    for found in (*place.directory.iterdir(),):
        shutil.rmtree(found) if found.is_dir() else found.unlink()
    for name in names:
        place.write(name, name.encode())
        os.utime(place.directory / name, ns=(10**18 + 1, 10**18 + 2))


def standing(place: Place) -> dict[str, bytes]:
    """All files beneath the root that are not Towpath's own, by path."""
    top = place.directory
    files = {str(path.relative_to(top)): path for path in top.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if ".towpath" not in name}


def test_a_move_that_dies_anywhere_has_each_file_in_one_place_and_the_next_run_ends_it(place: Place) -> None:
    where = {"from_path": "d", "to_path": "out", "recursive": True, "replace": "always"}

    def before() -> None:
        sown(place, "d/a", "d/e/b", "out/e/c")

    def run() -> None:
        place.run_one(Move(), b"d", **where)

    def after() -> None:
        assert sorted(standing(place).values()) == [b"d/a", b"d/e/b", b"out/e/c"]
        place.again = True
        assert place.run_one(Move(), b"d", **where).code in (Code.PROCESSED, Code.ALREADY)
        place.again = False
        assert standing(place) == {"out/a": b"d/a", "out/e/b": b"d/e/b", "out/e/c": b"out/e/c"}
        assert not (place.directory / "d").exists()

    assert each_death(run, after, before) > 3


@pytest.mark.parametrize("there", [False, True])
def test_a_copy_that_dies_anywhere_shows_a_whole_file_or_none_and_the_next_run_ends_it(
    place: Place, there: bool
) -> None:
    paths, where = (b"d", b"d/a", b"d/b"), {"from_path": "d", "to_path": "out", "replace": "always"}

    def before() -> None:
        sown(place, "d/a", "d/b", *(["out/a"] if there else []))
        os.setxattr(place.directory / "d/a", "user.colour", b"blue")

    def after() -> None:
        seen = standing(place)
        assert seen.get("out/a") in ((b"d/a", b"out/a") if there else (b"d/a", None))
        assert seen.get("out/b") in (b"d/b", None)
        outcomes = place.run(Copy(), *paths, **where)
        assert {outcome.code for outcome in outcomes.values()} <= {Code.PROCESSED, Code.ALREADY}
        assert (standing(place)["out/a"], standing(place)["out/b"]) == (b"d/a", b"d/b")
        assert os.listxattr(place.directory / "out/a") == ["user.colour"]
        assert place.private_files() == []

    assert each_death(lambda: place.run(Copy(), *paths, **where), after, before) > 10


def test_a_manifest_is_whole_wherever_its_tasks_die(place: Place) -> None:
    where = {"algorithm": "sha256", "manifest": "SUMS"}
    lines = b"".join(
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n".encode() for name in ("d/a", "d/b")
    )

    def read() -> None:
        for place.task, path in ((70, b"d/a"), (71, b"d/b")):
            place.run_one(Checksum(), path, **where)

    def before() -> None:
        sown(place, "d/a", "d/b", "SUMS")

    def job() -> None:
        read()
        place.run_one(Manifest(), b"d", **where)

    def after() -> None:
        assert standing(place)["SUMS"] in (b"SUMS", lines)
        done = standing(place)["SUMS"] == lines
        place.again = done
        if not done:
            read()
        assert place.run_one(Manifest(), b"d", **where).code in (Code.PROCESSED, Code.ALREADY)
        place.again = False
        assert standing(place)["SUMS"] == lines
        assert place.private_files() == []
        left = [path for path in (place.directory / ".towpath").rglob("*") if path.is_file()]
        assert left == []

    assert each_death(job, after, before) > 10


def test_metadata_that_are_being_set_on_a_stub_never_open_it_and_are_set_by_the_next_run(
    place: Place,
) -> None:
    where = {"mode": "0640", "mtime": "2020-01-01T00:00:00Z", "xattrs": '{"user.a": "1"}'}

    def before() -> None:
        begin_anew(place)()
        place.run_one(Migrate(), b"f")

    def after() -> None:
        assert (place.directory / "f").stat().st_mode & 0o7777 in (0, *WINDOWS)
        ends_well(place, SetMetadata(), **where)
        assert place.standing(b"f") is Standing.OFFLINE
        ends_well(place, Recall())
        found = (place.directory / "f").stat()
        assert (place.directory / "f").read_bytes() == CONTENT
        assert (found.st_mode & 0o7777, found.st_mtime_ns) == (0o640, 1577836800 * 10**9)

    assert each_death(lambda: place.run_one(SetMetadata(), b"f", **where), after, before) > 3
