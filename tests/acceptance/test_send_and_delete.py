"""Trees go to another site, with or without their data; and trees go."""

import os
import stat
from pathlib import Path

import pytest
from tests.acceptance import trees
from tests.acceptance.world import World, exact

SETUID = stat.S_ISUID | stat.S_ISGID


def expected(tree: Path) -> dict[bytes, trees.Entry]:
    """A tree as it must be at another site: what gives rights there comes only from that site's own records."""
    return {path: entry._replace(mode=entry.mode & ~SETUID) for path, entry in trees.picture(tree).items()}


def sent(world: World, hydrate: bool) -> tuple[Path, Path]:
    """A tree at oslo, and where bergen has it."""
    tree = world.fresh("sent")
    trees.plant(tree)
    (tree / "hollow").mkdir(mode=0o711)
    (tree / "far").rename(tree / "far \xff\n".encode("latin-1").decode("utf-8", "surrogateescape"))
    job = world.json(
        "run",
        "send",
        "--site=oslo",
        "--field=destinationsite=bergen",
        f"--field=hydrate={hydrate}",
        "--wait",
        str(tree),
    )
    assert (job["state"], job["totals"]["done"]) == ("SUCCESS", len(trees.picture(tree)))
    return tree, world.site("bergen") / tree.name


def test_a_tree_is_sent_to_another_site_with_its_data(world: World) -> None:
    here, there = sent(world, hydrate=True)
    assert trees.picture(there) == expected(here)


def test_a_tree_is_sent_as_stubs_which_are_recalled_at_the_other_site(world: World) -> None:
    here, there = sent(world, hydrate=False)
    before = expected(here)
    assert {os.path.relpath(path, bytes(there)) for path in trees.everything(there)} == set(before)
    for path in trees.files(there):
        was = before[os.path.relpath(path, bytes(there))]
        assert trees.is_stub(path, was.size, was.mtime_ns), path
    world.do("recall", there, site="bergen")
    assert trees.picture(there) == before


def test_a_second_send_brings_what_was_edited_and_only_that(world: World) -> None:
    here, there = sent(world, hydrate=True)
    edited = here / "near" / "2.dat"
    edited.chmod(0o600)
    edited.write_bytes(b"edited at oslo")
    fields = {"destinationsite": "bergen", "hydrate": True, "conflict_preference": "newest"}
    job = world.do("send", here, fields)
    rows = {exact(row): row["already"] for row in world.paths(job["id"], step="reverse_stub")}
    assert [path for path, already in rows.items() if not already and os.path.isfile(path)] == [
        bytes(there / "near" / "2.dat")
    ]
    assert trees.picture(there) == expected(here)


def test_delete_takes_a_tree_with_all_that_is_in_it_the_children_first(world: World) -> None:
    place = world.fresh("deleted")
    trees.plant(place)
    deep = place / "/".join("abcdefghij")
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"")
    os.mkfifo(deep / "fifo")
    (world.site("oslo") / "beside").write_bytes(b"stays")
    (deep / "link").symlink_to(world.site("oslo") / "beside")
    world.do("migrate", place / "near")
    count = len(list(trees.everything(place)))
    job = world.do("delete", place)
    assert (job["totals"]["discovered"], job["totals"]["done"]) == (count, count)
    assert not place.exists()
    assert (world.site("oslo") / "beside").read_bytes() == b"stays"


@pytest.mark.parametrize("destination", ["berge", "rome"])
def test_a_destination_that_is_no_site_is_told(world: World, destination: str) -> None:
    ended = world.command(
        "run", "send", "--site=oslo", f"--field=destinationsite={destination}", str(world.fresh("lost"))
    )
    assert ended.status == 1
    assert "bergen" in ended.err
