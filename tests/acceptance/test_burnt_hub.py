"""The hub's database may burn: with a stub's mark, the site's key and the target, its data comes back."""

import shutil

import pytest
from tests.acceptance import trees
from tests.acceptance.world import MakeWorld, World, exact, furnished, one_line


@pytest.fixture(scope="module")
def burnt_world(make_brief_worlds: MakeWorld) -> World:
    """A world of its own: a rebuild looks at all marks of a site, and so at whatever other tests have left there."""
    return furnished(make_brief_worlds("oslo", weak=True))


def test_stubs_are_recalled_by_a_hub_that_has_nothing_but_the_sites_key_and_the_target(
    burnt_world: World,
) -> None:
    world = burnt_world
    tree = world.fresh("tree")
    trees.plant(tree, trees.nobody_else)
    before = trees.picture(tree)
    world.do("migrate", tree)
    here = world.home / "sites" / "oslo"
    key = (here / "site.key").read_bytes()
    world.down()
    shutil.rmtree(world.home)
    here.mkdir(parents=True)
    (here / "site.key").touch(0o600)
    (here / "site.key").write_bytes(key)
    world.up("oslo")
    assert list(world.lines("/api/jobs/")) == []
    # It has no target yet, and says so.
    ended = world.command("run", "migrate", "--site=oslo", str(tree))
    assert (ended.status, ended.out, one_line(ended.err)) == (1, "", True)
    assert "target" in ended.err
    furnished(world)
    job = world.do("recall", tree)
    assert trees.picture(tree) == before
    assert {exact(row) for row in world.paths(job["id"], outcome="processed")} == set(trees.files(tree))


def test_a_site_is_rebuilt_from_its_marks_and_targets(burnt_world: World) -> None:
    """The database alone is lost: keys, the home and the nodes are there still."""
    world = furnished(burnt_world) if not list(burnt_world.lines("/api/targets/")) else burnt_world
    tree = world.fresh("rebuilt")
    for name in ("stays", "goes", "comes-back"):
        (tree / name).write_bytes(name.encode() * 1000)
    world.do("migrate", tree)
    (tree / "goes").unlink()
    (tree / "comes-back").unlink()
    world.down()
    for left in world.home.glob("hub.db*"):
        left.unlink()
    world.up("oslo")
    assert list(world.lines("/api/jobs/")) == []
    assert "add each one again" in world.command("site", "rebuild", "oslo").err
    furnished(world)
    said = world.json("site", "rebuild", "oslo")
    (sweep,) = said["sweeps"]
    assert sweep["state"] == "done"
    orphans = world.json("orphan", "list")
    assert {f"{tree.name}/goes", f"{tree.name}/comes-back"} <= {row["path"] for row in orphans}
    world.do("recall", tree)
    assert (tree / "stays").read_bytes() == b"stays" * 1000
    world.do("undelete", tree / "comes-back", {"hydrate": True})
    assert (tree / "comes-back").read_bytes() == b"comes-back" * 1000
    assert f"{tree.name}/comes-back" not in {row["path"] for row in world.json("orphan", "list")}


def test_a_rebuild_tells_of_marks_whose_target_was_not_added_again(burnt_world: World) -> None:
    world = burnt_world
    tree = world.fresh("other-name")
    (tree / "f").write_bytes(b"data" * 1000)
    world.do("migrate", tree)
    world.down()
    for left in world.home.glob("hub.db*"):
        left.unlink()
    world.up("oslo")
    world.post("/api/targets/", {"name": "renamed", "url": (world.root / "vault").as_uri()})
    ended = world.command("site", "rebuild", "oslo")
    assert ended.status == 3, ended
    assert "sweep 1 of target renamed: blocked" in ended.err
    job = world.get("/api/jobs/")["results"][-1]
    reasons = {row["reason"] for row in world.failed(job["id"])}
    assert any("has to be added under the name that it had" in reason for reason in reasons), reasons
    world.api.delete("/api/targets/renamed/").raise_for_status()
    furnished(world)
    assert world.command("site", "rebuild", "oslo").status == 0
