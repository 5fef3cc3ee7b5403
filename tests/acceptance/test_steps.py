"""The steps of the catalogue through the face: trees are moved, copied, sent elsewhere, listed and compared."""

import hashlib
import os
import subprocess
from pathlib import Path

from tests.acceptance import trees
from tests.acceptance.world import World


def planted(world: World, name: str) -> Path:
    """A tree with every oddity, at oslo."""
    tree = world.fresh(name)
    trees.plant(tree)
    return tree


def many(world: World, name: str, count: int) -> Path:
    """A tree of so many small files, each with its name as content: more than one task has."""
    tree = world.fresh(name)
    for number in range(count):
        (tree / f"{number:04}").write_text(f"{number:04}")
    return tree


def relative(world: World, path: Path) -> str:
    """A path as it lies beneath its site's root."""
    return str(path.relative_to(world.site("oslo")))


def test_a_tree_is_moved_whole_and_each_path_is_accounted_for(world: World) -> None:
    tree = planted(world, "moved")
    before, inode = trees.picture(tree), tree.stat().st_ino
    name = relative(world, tree)
    job = world.do("move", tree, {"from_path": name, "to_path": f"elsewhere/{name}"})
    there = world.site("oslo") / "elsewhere" / name
    assert trees.picture(there) == before
    assert there.stat().st_ino == inode
    assert not tree.exists()
    assert job["totals"]["done"] == job["totals"]["discovered"] > 0


def test_a_tree_is_copied_with_all_that_it_is(world: World) -> None:
    tree = planted(world, "copied")
    name = relative(world, tree)
    world.do("copy", tree, {"from_path": name, "to_path": f"copies/{name}"})
    assert trees.picture(world.site("oslo") / "copies" / name) == trees.picture(tree)


def test_the_manifest_of_a_job_of_several_tasks_is_read_by_sha256sum_and_checked_by_a_job(
    world: World,
) -> None:
    tree = many(world, "listed", 250)
    name = relative(world, tree)
    fields = {"algorithm": "sha256", "manifest": f"{name}/SHA256SUMS"}
    job = world.do("manifest", tree, fields)
    assert len([task for task in world.tasks(job["id"]) if task["step"] == "checksum"]) > 1
    assert len([task for task in world.tasks(job["id"]) if task["step"] == "manifest"]) == 1
    assert job["totals"]["done"] == 250
    said = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tree, capture_output=True, check=True)
    assert said.stdout.count(b": OK\n") == 250
    lines = (tree / "SHA256SUMS").read_text().splitlines()
    assert lines[0] == f"{hashlib.sha256(b'0000').hexdigest()}  0000"
    world.do("manifest", tree, fields | {"check": True})
    (tree / "0007").write_text("spoilt")
    (tree / "0008").unlink()
    checked = world.do("manifest", tree, fields | {"check": True}, state="FAILURE")
    reasons = [row["reason"] for row in world.failed(checked["id"])]
    assert (checked["totals"]["done"], checked["totals"]["failed"]) == (248, 1)
    assert len(reasons) == 2
    assert any("paths that the manifest names are not there: '0008'" in reason for reason in reasons)


def test_verify_says_of_each_path_how_it_and_its_object_stand(world: World) -> None:
    tree = many(world, "verified", 5)
    world.do("premigrate", tree)
    (tree / "0001").write_text("edited")
    (tree / "new").write_text("new")
    name = relative(world, tree)
    (gone,) = (world.root / "vault" / "oslo" / "data" / name).glob("0002@*")
    gone.unlink()
    job = world.do("verify", tree, {"depth": "data"}, state="FAILURE")
    totals = job["totals"]
    assert (totals["done"], totals["failed"], totals["skipped"]) == (3, 2, 1)
    reasons = sorted(str(row["reason"]) for row in world.failed(job["id"]))
    assert reasons[0] == "differs: it was edited since it was copied"
    assert reasons[1].startswith("its object is missing")


def test_unmanage_makes_premigrated_files_resident_and_leaves_stubs(world: World) -> None:
    tree = many(world, "unmanaged", 3)
    world.do("premigrate", tree)
    assert world.do("unmanage", tree)["totals"]["done"] == 3
    assert os.listxattr(tree / "0000") == []
    world.do("migrate", tree)
    assert world.do("unmanage", tree)["totals"]["skipped"] == 3
    world.do("recall", tree)
    assert (tree / "0002").read_text() == "0002"


def test_a_tree_is_sent_to_another_directory_of_the_other_site(world: World) -> None:
    tree = many(world, "sent-aside", 3)
    name = relative(world, tree)
    fields = {"destinationsite": "bergen", "hydrate": True, "from_path": name, "to_path": f"from/{name}"}
    world.do("send", tree, fields)
    there = world.site("bergen") / "from" / name
    assert {path.name: path.read_text() for path in there.iterdir()} == {
        f"{number:04}": f"{number:04}" for number in range(3)
    }
    assert not (world.site("bergen") / name).exists()


def test_check_sync_state_lets_only_on_what_the_destination_is_to_get(world: World) -> None:
    tree = many(world, "synced", 3)
    there = {"site": "bergen"}
    chain = [
        {"name": "check_sync_state"},
        {"name": "check_sync_state", **there},
        {"name": "migrate", "premigrate": True},
        {"name": "reverse_stub", "hydrate": True, "overwrite": True, **there},
    ]
    rules = [{"type": "file", "state": "all", "action": chain}]
    world.post("/api/workflows/", {"name": "checked-send", "filter_rules": rules})
    assert world.do("checked-send", tree)["totals"]["done"] == 3
    (tree / "0001").write_text("newer")
    job = world.do("checked-send", tree)
    assert (job["totals"]["done"], job["totals"]["skipped"]) == (1, 2)
    assert (world.site("bergen") / tree.name / "0001").read_text() == "newer"


def test_only_a_command_that_the_site_has_listed_runs_over_the_paths(world: World) -> None:
    tree = many(world, "commanded", 3)
    (tree / "new\nline").write_text("x")
    for command in ("shout", "whisper"):
        rules = [{"type": "file", "state": "all", "action": [{"name": "run", "command": command}]}]
        world.post("/api/workflows/", {"name": f"to-{command}", "filter_rules": rules})
    job = world.do("to-shout", tree)
    assert job["totals"]["done"] == 4
    assert (tree / "0001").read_text() == "0001!"
    refused = world.do("to-whisper", tree, state="FAILURE")
    assert {row["reason"] for row in world.failed(refused["id"])} == {
        "command: the administrator of site oslo has listed none 'whisper'; expected one of: shout"
    }


def test_what_others_wrote_at_a_target_is_imported_as_stubs_and_recalled(world: World) -> None:
    tree = world.fresh("imported")
    name = relative(world, tree)
    partner = world.root / "vault" / "partner" / name
    (partner / "deep").mkdir(parents=True)
    for number in range(150):
        (partner / "deep" / f"{number:03}").write_text(f"{number:03}" * 2000)
    fields = {"prefix": f"partner/{name}", "to_path": name, "mode": "0600"}
    job = world.do("import", tree, fields)
    assert (job["totals"]["discovered"], job["totals"]["done"]) == (150, 150)
    assert (tree / "deep" / "007").stat().st_size == 6000
    assert (tree / "deep" / "007").stat().st_mode & 0o777 == 0
    assert world.do("import", tree, fields)["totals"]["done"] == 150
    world.do("recall", tree)
    assert (tree / "deep" / "149").read_text() == "149" * 2000
    assert (tree / "deep" / "149").stat().st_mode & 0o777 == 0o600
    assert len(list((partner / "deep").iterdir())) == 150, "the objects stay"
