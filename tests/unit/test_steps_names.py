"""Names of one file (hard links): copied once, all of them readable, and names of one file again when it comes back."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory
from tests.unit.test_steps_crashes import each_death

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.names import Names
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub

CONTENT = os.urandom(50_000)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def link(place: Place, name: str, to: str = "one") -> bytes:
    (place.directory / name).hardlink_to(place.directory / to)
    return name.encode()


def inodes(place: Place, *names: bytes) -> set[int]:
    return {place.root.stat(name).st_ino for name in names}


def objects(place: Place) -> list[str]:
    return [entry.key for entry in place.storage.listing(place.name)]


def test_a_file_of_several_names_is_copied_once_and_stays_readable_under_each(place: Place) -> None:
    one = place.write("one", CONTENT)
    names = (one, *(link(place, f"n{number}") for number in range(20)))
    outcomes = place.run(Migrate(), *names)
    assert len(objects(place)) == 1
    assert sum(outcome.bytes for outcome in outcomes.values()) == len(CONTENT)
    assert {outcome.code for outcome in outcomes.values()} == {Code.SKIPPED}
    assert "further hard links" in outcomes[one].reason
    for name in names:
        assert place.standing(name) is Standing.PREMIGRATED
        assert (place.directory / name.decode()).read_bytes() == CONTENT
    again = place.run(Migrate(), *names, premigrate=True)
    assert {outcome.code for outcome in again.values()} == {Code.ALREADY}
    assert len(objects(place)) == 1


def test_a_file_that_was_edited_under_one_name_is_copied_anew_once(place: Place) -> None:
    names = (place.write("one", CONTENT), link(place, "two"))
    place.run(Migrate(), *names, premigrate=True)
    place.write("two", b"edited")
    outcomes = place.run(Migrate(), *names, premigrate=True)
    assert sum(outcome.bytes for outcome in outcomes.values()) == len(b"edited")
    assert len(objects(place)) == 2


def test_the_last_name_of_a_file_is_freed_and_comes_back(place: Place) -> None:
    names = (place.write("one", CONTENT), link(place, "two"))
    place.run(Migrate(), *names)
    (place.directory / "one").unlink()
    assert place.run_one(Migrate(), b"two").code is Code.PROCESSED
    assert place.standing(b"two") is Standing.OFFLINE
    assert place.run_one(Recall(), b"two").code is Code.PROCESSED
    assert (place.directory / "two").read_bytes() == CONTENT


def stubs(place: Place) -> tuple[bytes, bytes, bytes]:
    """A stub that was given two more names."""
    names = (place.write("one", CONTENT), b"two", b"d/three")
    place.run(Migrate(), names[0])
    (place.directory / "d").mkdir(exist_ok=True)
    for name in names[1:]:
        link(place, name.decode())
    return names


def test_names_of_one_stub_are_names_of_one_file_once_they_are_recalled(place: Place) -> None:
    names = stubs(place)
    outcomes = place.run(Recall(), *names)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert len(inodes(place, *names)) == 1
    assert place.root.stat(b"two").st_nlink == 3
    assert (place.directory / "d/three").read_bytes() == CONTENT
    assert place.private_files() == []


def test_names_that_are_recalled_by_tasks_of_one_node_are_kept_together(place: Place) -> None:
    names, recall = stubs(place), Recall()
    for name in names:
        assert place.run_one(recall, name).code is Code.PROCESSED
    assert len(inodes(place, *names)) == 1


def test_names_that_two_nodes_recall_are_files_of_their_own(place: Place) -> None:
    names = stubs(place)
    for name in names:
        assert place.run_one(Recall(), name).code is Code.PROCESSED
        assert (place.directory / name.decode()).read_bytes() == CONTENT
    assert len(inodes(place, *names)) == 3


def test_a_name_whose_file_was_replaced_meanwhile_is_filled_by_itself(place: Place) -> None:
    names, recall = stubs(place), Recall()
    place.run_one(recall, b"one")
    (place.directory / "one").unlink()
    place.write("one", b"another file")
    assert place.run_one(recall, b"two").code is Code.PROCESSED
    assert (place.directory / "two").read_bytes() == CONTENT
    assert (place.directory / "one").read_bytes() == b"another file"
    assert len(inodes(place, *names)) == 3


def test_a_name_that_is_forgotten_is_filled_by_itself(place: Place) -> None:
    names = stubs(place)
    place.run(Recall(), *names, delete_remote=True)
    assert len(inodes(place, *names)) == 3
    assert {place.standing(name) for name in names} == {Standing.RESIDENT}


def test_a_recall_of_two_names_that_dies_anywhere_is_ended_by_the_next_run(place: Place) -> None:
    place.threads = 1

    def before() -> None:
        for name in ("one", "two", "d/three"):
            (place.directory / name).unlink(missing_ok=True)
        stubs(place)

    def after() -> None:
        outcomes = place.run(Recall(), b"one", b"two")
        assert {outcome.code for outcome in outcomes.values()} <= {Code.PROCESSED, Code.ALREADY}
        assert place.private_files() == []
        for name in ("one", "two"):
            assert (place.directory / name).read_bytes() == CONTENT
        assert place.standing(b"d/three") is Standing.OFFLINE

    assert each_death(lambda: place.run(Recall(), b"one", b"two"), after, before) > 15


@pytest.mark.parametrize("hydrate", [False, True])
def test_names_of_one_file_are_names_of_one_file_at_the_other_site(place: Place, hydrate: bool) -> None:
    names = (place.write("one", CONTENT), link(place, "two"), link(place, "three"))
    sent = place.run(Migrate(), *names, premigrate=True, records="all")
    there = replace(Place.at(place.directory.parent / "there", place.storage), key=OTHER_KEY, name="bergen")
    there.carried = {index: sent[name].carry or b"" for index, name in enumerate(names)}
    there.write("two", b"something different")
    outcomes = there.run(ReverseStub(), *names, hydrate=hydrate, overwrite=True)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert len(inodes(there, *names)) == 1
    assert there.private_files() == []
    recalled = there.run(Recall(), *names)
    assert {outcome.code for outcome in recalled.values()} <= {Code.PROCESSED, Code.ALREADY}
    assert len(inodes(there, *names)) == 1
    assert (there.directory / "three").read_bytes() == CONTENT
    there.root.close()


def test_only_so_many_files_are_remembered(place: Place) -> None:
    names = Names(most=2)
    with place.look(place.write("one", CONTENT)):
        place.run_one(Migrate(), b"one", premigrate=True)
    with place.look(b"one") as found:
        reference = found.judged.ours.reference
    for file in range(3):
        names.tell(file, place.root, b"one", reference)
    assert names.find(0) is None
    assert names.find(2) is not None
    names.tell(3, place.root, b"gone", reference)
    assert names.find(3) is None
