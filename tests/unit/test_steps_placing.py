"""Where paths go that are sent to another root and directory of the other site."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
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
