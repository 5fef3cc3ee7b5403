"""Where paths go that are sent to another root and directory of the other site."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.copy import Copy
from towpath.steps.migrate import Migrate
from towpath.steps.move import Move
from towpath.steps.protocol import Step
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub
from towpath.storage.roots import Root

CONTENT = b"content" * 1000
PATHS = (b"in/d", b"in/d/f", b"in/l")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    """The site that sends."""
    made = place_with_directory(tmp_path)
    made.write("in/d/f", CONTENT)
    (made.directory / "in/l").symlink_to("d/f")
    yield made
    made.root.close()


@pytest.fixture
def there(here: Place, tmp_path: Path) -> Iterator[Place]:
    """The site that receives: it has a second root, `archive`, and the same target."""
    for name in ("there", "archive"):
        (tmp_path / name).mkdir()
    with Root("archive", os.fsencode(tmp_path / "archive")) as archive:
        root = Root("data", os.fsencode(tmp_path / "there"))
        made = Place(tmp_path / "there", root, here.targets, OTHER_KEY, "bergen")
        made.other_roots["archive"] = archive
        yield made
        root.close()


def send(here: Place, there: Place, **arguments: object) -> dict[bytes, Code]:
    """Premigrate here, and make the paths there."""
    sent = here.run(Migrate(), *PATHS, premigrate=True, records="all")
    there.carried = {i: sent[path].carry or b"" for i, path in enumerate(PATHS)}
    context = there.context(ReverseStub(), PATHS, **arguments)
    context.items = here.items(PATHS)
    return {PATHS[outcome.index]: outcome.code for outcome in ReverseStub().run(context)}


def test_a_tree_arrives_in_another_root_and_directory(here: Place, there: Place) -> None:
    codes = send(here, there, to_root="archive", to_path="from/oslo", from_path="in")
    assert set(codes.values()) == {Code.PROCESSED}
    archive = Place(
        there.directory.parent / "archive", there.other_roots["archive"], there.targets, OTHER_KEY
    )
    assert archive.standing(b"from/oslo/d/f") is Standing.OFFLINE
    assert archive.run_one(Recall(), b"from/oslo/d/f").code is Code.PROCESSED
    assert (archive.directory / "from/oslo/d/f").read_bytes() == CONTENT
    assert os.readlink(archive.directory / "from/oslo/l") == "d/f"
    assert os.listdir(there.directory) == []


def test_a_stub_in_another_root_is_hydrated_there(here: Place, there: Place) -> None:
    send(here, there, to_root="archive")
    codes = send(here, there, to_root="archive", hydrate=True)
    assert (codes[b"in/d/f"], codes[b"in/l"]) == (Code.PROCESSED, Code.ALREADY)
    assert (there.directory.parent / "archive/in/d/f").read_bytes() == CONTENT


def test_a_root_that_the_other_site_does_not_have_is_told(here: Place, there: Place) -> None:
    sent = here.run(Migrate(), b"in/d/f", premigrate=True)
    there.carried = {0: sent[b"in/d/f"].carry or b""}
    outcome = there.run_one(ReverseStub(), b"in/d/f", to_root="nowhere")
    assert outcome.reason == "to_root: expected a root of this site (archive, data), found 'nowhere'"


@pytest.mark.parametrize("step", [Move(), Copy()])
def test_what_a_walk_finds_where_paths_go_to_is_not_put_there_again(here: Place, step: Step) -> None:
    here.write("out/a", b"1")
    outcomes = here.run(step, b"out", b"out/a", to_path="out")
    assert {outcome.reason for outcome in outcomes.values()} == {"it lies in the directory that paths go to"}
    assert os.listdir(here.directory / "out") == ["a"]
    assert here.run_one(step, b"out/a", to_path="out", from_path="out").code in (Code.ALREADY, Code.FAILED)
    here.write("out/x/b", b"1")
    assert here.run_one(step, b"out/x/b", to_path="out", from_path="out/x").code is Code.PROCESSED
    assert (here.directory / "out/b").read_bytes() == b"1"


@pytest.mark.parametrize("step", [Move(), Copy()])
def test_a_root_within_the_root_is_where_paths_go_to_as_well(here: Place, step: Step) -> None:
    here.write("inner/a", b"1")
    with Root("inner", os.fsencode(here.directory / "inner")) as inner:
        here.other_roots["inner"] = inner
        assert here.run_one(step, b"inner/a", to_root="inner").code is Code.SKIPPED
        assert here.run_one(step, b"in/d/f", to_root="inner").code is Code.PROCESSED
    assert (here.directory / "inner/in/d/f").read_bytes() == CONTENT
