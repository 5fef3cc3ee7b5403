"""Objects live as long as something refers to them, then for a grace time: swept, listed, brought back, collected."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.world import Document, MakeWorld, World, furnished
from tests.fixtures_hub import until
from tests.fixtures_seaweed import Seaweed

from towpath.steps.undelete import COLLECTED

CONTENT = b"the only copy " * 1000


@pytest.fixture(scope="module")
def world(make_brief_worlds: MakeWorld) -> World:
    """A hub with two sites and the directory target vault, which no other test sweeps."""
    return furnished(make_brief_worlds("oslo", "bergen"))


@pytest.fixture
def tree(world: World) -> Iterator[Path]:
    """Three stubs at oslo; afterwards nothing is left there or at the target."""
    place = world.fresh("lives")
    for name in ("a", "b", "c"):
        (place / name).write_bytes(CONTENT + name.encode())
    world.do("migrate", place)
    world.run("orphan", "grace", "vault", "0")
    yield place
    shutil.rmtree(place)
    for site in ("oslo", "bergen"):
        shutil.rmtree(world.root / "vault" / site, ignore_errors=True)


def swept(world: World, verb: str = "sweep", *options: str, status: int = 0) -> Document:
    """A sweep of vault, once it is over."""
    found: Document = world.json("orphan", verb, "vault", "--wait", *options, status=status)
    return found


def listed(world: World) -> dict[str, Document]:
    """The orphans of vault, by name of the file."""
    return {os.path.basename(row["path"]): row for row in world.json("orphan", "list", "--target=vault")}


def objects(world: World, tree: Path) -> set[str]:
    """The names of the files of a tree of which objects are at vault."""
    there = world.root / "vault" / "oslo"
    return {path.name.partition("@")[0] for path in there.glob(f"*/{tree.name}/*")}


def test_what_was_deleted_is_listed_kept_for_the_grace_time_and_then_collected(
    world: World, tree: Path
) -> None:
    (tree / "b").unlink()
    first = swept(world)
    assert (first["state"], first["orphans"], first["due"]) == ("done", 1, 0), first
    assert set(listed(world)) == {"b"}
    world.run("orphan", "grace", "vault", "30")
    assert swept(world, "collect")["deleted"] == 0
    assert objects(world, tree) == {"a", "b", "c"}
    world.run("orphan", "grace", "vault", "0")
    done = swept(world, "collect")
    assert (done["state"], done["due"], done["deleted"]) == ("done", 1, 1), done
    assert objects(world, tree) == {"a", "c"}
    assert listed(world) == {}
    ended = world.command("job", "retry", str(done["jobs"][0]), "--all")
    assert (ended.status, "begin another sweep" in ended.err) == (1, True), ended
    world.do("recall", tree)
    assert (tree / "a").read_bytes() == CONTENT + b"a"
    job = world.do("undelete", tree / "b", state="FAILURE")
    (row,) = world.failed(job["id"])
    assert COLLECTED in row["reason"]


def test_what_was_deleted_comes_back_from_the_list(world: World, tree: Path) -> None:
    (tree / "b").unlink()
    swept(world)
    assert set(listed(world)) == {"b"}
    (number,) = (row["id"] for row in listed(world).values())
    assert "towpath undelete --site oslo" in world.run("orphan", "show", str(number))
    world.do("undelete", tree / "b")
    assert listed(world) == {}
    assert swept(world, "collect")["deleted"] == 0
    world.do("recall", tree)
    assert (tree / "b").read_bytes() == CONTENT + b"b"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to copy stubs of mode 000 as a backup does")
def test_stubs_that_were_renamed_copied_linked_or_sent_elsewhere_keep_their_objects(
    world: World, tree: Path
) -> None:
    (tree / "d").mkdir()
    (tree / "a").rename(tree / "d" / "renamed")
    copied(tree / "b", tree / "d" / "copied")
    (tree / "b").unlink()
    world.do("send", tree / "c", {"destinationsite": "bergen"})
    (tree / "c").unlink()
    done = swept(world)
    assert (done["state"], done["orphans"]) == ("done", 0), done
    adopted = world.run("site", "adopt", "oslo", "--moved", "--wait", str(tree / "d" / "copied"))
    assert adopted
    world.do("recall", tree)
    assert (tree / "d" / "renamed").read_bytes() == CONTENT + b"a"
    assert (tree / "d" / "copied").read_bytes() == CONTENT + b"b"
    world.do("recall", world.site("bergen"), site="bergen")
    (there,) = (path for path in world.site("bergen").rglob("c") if path.is_file())
    assert there.read_bytes() == CONTENT + b"c"
    there.unlink()


def copied(stub: Path, place: Path) -> None:
    """As `cp -a` copies a stub: a hole of the same size, time, mode and mark."""
    found = stub.stat()
    with place.open("wb") as file:
        file.truncate(found.st_size)
    for name in os.listxattr(stub):
        os.setxattr(place, name, os.getxattr(stub, name))
    os.chown(place, found.st_uid, found.st_gid)
    place.chmod(found.st_mode & 0o7777)
    os.utime(place, ns=(found.st_atime_ns, found.st_mtime_ns))


def test_a_file_that_cannot_be_read_for_certain_blocks_the_sweep(world: World, tree: Path) -> None:
    (tree / "b").unlink()
    swept(world)
    strange = tree / "strange"
    strange.write_bytes(b"")
    os.setxattr(strange, "user.towpath", b"\x02 of a version that nobody knows yet")
    done = swept(world, "collect", status=3)
    assert done["state"] == "blocked"
    assert "not everything could be read" in done["why"]
    assert "towpath job report" in done["why"]
    strange.unlink()
    stub = tree / "without-a-mark"
    with stub.open("wb") as file:
        file.truncate(1 << 20)
    stub.chmod(0)
    assert swept(world, "collect", status=3)["state"] == "blocked"
    assert objects(world, tree) == {"a", "b", "c"}
    stub.chmod(0o600)
    assert swept(world, "collect")["deleted"]
    assert objects(world, tree) == {"a", "c"}


def test_a_root_of_which_no_file_refers_to_anything_any_more_is_asked_about(world: World, tree: Path) -> None:
    away = world.root / "away"
    away.mkdir()
    for entry in list(world.site("oslo").iterdir()):
        entry.rename(away / entry.name)
    first = swept(world)
    assert first["orphans"] >= 3
    done = swept(world, "collect", status=3)
    assert done["state"] == "asks"
    assert "is it mounted" in done["why"]
    assert done["deleted"] == 0
    for entry in list(away.iterdir()):
        entry.rename(world.site("oslo") / entry.name)
    assert swept(world, "collect")["orphans"] == 0
    world.do("recall", tree)


def test_a_collection_waits_for_jobs_that_were_there_before_it_and_can_be_stopped(
    world: World, tree: Path
) -> None:
    gate = world.root / f"gate-{tree.name}"
    job = world.begin_at_gate(tree, gate)
    number = int(world.run("orphan", "collect", "vault"))

    def why() -> str:
        return str(world.get(f"/api/sweeps/{number}/")["why"])

    until(lambda: f"it waits for job {job} " in why(), "the sweep waited for the job")
    ended = world.command("orphan", "sweep", "vault")
    assert (ended.status, f"as sweep {number}" in ended.err) == (1, True)
    gate.touch()
    until(lambda: world.get(f"/api/sweeps/{number}/")["ended_at"], "the sweep was over")
    assert world.get(f"/api/sweeps/{number}/")["state"] == "done"
    gate.unlink()
    job = world.begin_at_gate(tree, gate)
    number = int(world.run("orphan", "collect", "vault"))
    world.run("orphan", "stop", str(number))
    assert world.get(f"/api/sweeps/{number}/")["state"] == "blocked"
    gate.touch()
    world.finish(job)


def test_objects_of_a_bucket_are_collected_too(world: World, seaweed: Seaweed, bucket: str) -> None:
    """Its times are whole seconds: what came in the second in which a sweep began is left to the next one."""
    tree = world.fresh("bucket")
    for name in ("a", "b"):
        (tree / name).write_bytes(CONTENT + name.encode())
    target = {"name": bucket, "url": seaweed.url(bucket), "credentials": seaweed.credentials}
    world.post("/api/targets/", target)
    world.do("migrate", tree, {"endpoint": bucket})
    world.run("orphan", "grace", bucket, "0")
    (tree / "b").unlink()

    def is_found() -> bool:
        found: Document = world.json("orphan", "sweep", bucket, "--wait")
        return bool(found["orphans"])

    until(is_found, "the orphan was found")
    done = world.json("orphan", "collect", bucket, "--wait")
    assert (done["objects"], done["deleted"]) == (2, 1), done
    (left,) = world.json("target", "browse", bucket, "oslo")
    assert f"{tree.name}/a@" in left["key"]
    world.do("recall", tree)
    assert (tree / "a").read_bytes() == CONTENT + b"a"


def test_a_sweep_outlives_its_workers_and_its_hub(world: World, tree: Path) -> None:
    (tree / "b").unlink()
    number = int(world.run("orphan", "sweep", "vault"))
    world.kill_and_await("worker")
    world.kill_and_await("hub")
    until(lambda: world.get(f"/api/sweeps/{number}/")["ended_at"], "the sweep was over")
    done = world.get(f"/api/sweeps/{number}/")
    assert (done["state"], done["orphans"], set(listed(world))) == ("done", 1, {"b"}), done
