"""The hub's database may burn: with a stub's mark, the site's key and the target, its data comes back."""

import shutil

from tests.acceptance import trees
from tests.acceptance.world import World, exact, furnished, one_line


def test_stubs_are_recalled_by_a_hub_that_has_nothing_but_the_sites_key_and_the_target(
    rough_world: World,
) -> None:
    world = rough_world
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
