"""The hub's database may burn: with a stub's mark, the site's key and the target, its data comes back."""

import shutil

from tests.acceptance import trees
from tests.acceptance.world import MakeWorld, exact, furnished


def test_stubs_are_recalled_by_a_hub_that_has_nothing_but_the_sites_key_and_the_target(
    make_world: MakeWorld,
) -> None:
    old = furnished(make_world("oslo"))
    tree = old.fresh("tree")
    trees.plant(tree)
    before = trees.picture(tree)
    old.do("migrate", tree)
    key = (old.home / "sites" / "oslo" / "site.key").read_bytes()
    old.run("down")
    shutil.rmtree(old.home)
    old.close()
    new = old
    place = new.home / "sites" / "oslo"
    place.mkdir(parents=True)
    (place / "site.key").write_bytes(key)
    (place / "site.key").chmod(0o600)
    new.up("oslo")
    assert list(new.lines("/api/jobs/")) == []
    new.post("/api/targets/", {"name": "vault", "url": (new.root / "vault").as_uri()})
    job = new.do("recall", tree)
    assert trees.picture(tree) == before
    assert {exact(row) for row in new.paths(job["id"], outcome="processed")} == set(trees.files(tree))
