"""Files go to a target and come back: as stubs, and byte for byte as they were."""

import json
import os
import shutil
import subprocess

import pytest
from tests.acceptance import trees
from tests.acceptance.world import WEAK, World, exact
from tests.conformance.storage.proxy import Proxy, proxy, puts
from tests.fixtures_seaweed import Seaweed


def add_s3(world: World, name: str, seaweed: Seaweed, endpoint: str = "") -> str:
    """A fresh bucket as a target, by the command line; the bucket's name."""
    bucket = seaweed.fresh_bucket()
    secret = world.root / f"{name}.credentials"
    secret.write_text(json.dumps(seaweed.credentials))
    url = seaweed.url(bucket, "some/prefix", endpoint)
    assert name in world.run("target", "add", name, url, "--credentials", str(secret))
    return bucket


@pytest.fixture(scope="package")
def s3(world: World, seaweed: Seaweed) -> str:
    """An S3 target."""
    add_s3(world, "s3", seaweed)
    return "s3"


@pytest.fixture(params=["vault", "s3"])
def target(request: pytest.FixtureRequest) -> str:
    """A target of each kind: a directory, and S3."""
    return str(request.getfixturevalue("s3")) if request.param == "s3" else "vault"


def test_migrate_leaves_stubs_and_recall_brings_all_of_each_file_back(world: World, target: str) -> None:
    tree = world.fresh("tree")
    trees.plant(tree)
    before = trees.picture(tree)
    size = sum(entry.size for entry in before.values() if entry.mode >> 12 == 0o10)
    held = world.json(
        "run", "migrate", "--site=oslo", f"--field=endpoint={target}", "--wait", tree.as_posix()
    )
    assert (held["state"], held["totals"]["done"], held["totals"]["skipped"]) == ("SUCCESS", 12, 2)
    assert held["bytes_done"] == size
    for path in trees.files(tree):
        was = before[os.path.relpath(path, bytes(tree))]
        assert trees.is_stub(path, was.size, was.mtime_ns), path
    brought = world.json("run", "recall", "--site=oslo", "--wait", tree.as_posix())
    assert (brought["state"], brought["bytes_done"]) == ("SUCCESS", size)
    assert trees.picture(tree) == before


def test_an_edit_between_premigrate_and_migrate_comes_back(world: World, target: str) -> None:
    place = world.fresh("edited")
    for name in ("edited", "replaced", "left"):
        (place / name).write_bytes(name.encode() * 5000)
    fields = {"endpoint": target}
    world.do("premigrate", place, fields)
    with (place / "edited").open("r+b") as file:
        file.write(b"EDITED")
    (place / "new").write_bytes(b"another file" * 5000)
    (place / "new").rename(place / "replaced")
    before = trees.picture(place)
    job = world.do("migrate", place, fields)
    # The one that was left alone is not sent again.
    assert job["bytes_done"] == before[b"edited"].size + before[b"replaced"].size
    for path in trees.files(place):
        was = before[os.path.basename(path)]
        assert trees.is_stub(path, was.size, was.mtime_ns), path
    world.do("recall", place)
    assert trees.picture(place) == before
    assert (place / "edited").read_bytes().startswith(b"EDITEDedited")


def test_a_second_premigrate_sends_nothing(world: World) -> None:
    place = world.fresh("again")
    trees.sow(place, 20)
    assert world.do("premigrate", place)["bytes_done"] == 2000
    again = world.do("premigrate", place)
    assert (again["bytes_done"], again["totals"]["done"]) == (0, 20)
    assert all(row["already"] for row in world.paths(again["id"]))


def flipping(world: World, seaweed: Seaweed, wire: Proxy) -> str:
    """A target on whose way a bit is flipped in each body; its bucket."""
    return add_s3(world, "flipping", seaweed, wire.endpoint)


def test_a_bit_flipped_on_the_way_fails_the_path_and_leaves_the_source_whole(
    world: World, seaweed: Seaweed
) -> None:
    place = world.fresh("flipped")
    (place / "precious").write_bytes(os.urandom(100_000))
    before, blocks = trees.picture(place), (place / "precious").stat().st_blocks
    with proxy(seaweed.endpoint, puts) as wire:
        bucket = flipping(world, seaweed, wire)
        job = world.do("migrate", place, {"endpoint": "flipping"}, "FAILURE")
        assert wire.flipped
        [failed] = world.failed(job["id"])
        assert exact(failed) == bytes(place / "precious")
        assert failed["reason"]
        assert trees.picture(place) == before
        assert (place / "precious").stat().st_blocks == blocks
        assert [batch for batch in seaweed.store(bucket).list() if batch] == []
        wire.flips = lambda _line: False
        world.do("migrate", place, {"endpoint": "flipping"})
        world.do("recall", place)
    assert trees.picture(place) == before


def test_an_object_that_was_changed_at_the_target_is_not_taken_for_the_file(world: World) -> None:
    place = world.fresh("rotten")
    (place / "precious").write_bytes(os.urandom(50_000))
    before = trees.picture(place)
    world.do("migrate", place)
    [object_] = (world.root / "vault" / "oslo" / "data" / place.name).iterdir()
    content = bytearray(object_.read_bytes())
    content[25_000] ^= 1
    object_.chmod(0o600)
    object_.write_bytes(content)
    job = world.do("recall", place, state="FAILURE")
    [failed] = world.failed(job["id"])
    assert "its bytes are not those that were put there" in failed["reason"]
    was = before[b"precious"]
    assert trees.is_stub(bytes(place / "precious"), was.size, was.mtime_ns)
    content[25_000] ^= 1
    object_.write_bytes(content)
    world.do("recall", place)
    assert trees.picture(place) == before


def test_an_unprivileged_reader_of_a_stub_gets_an_error_and_no_zeros(world: World) -> None:
    place = world.fresh("closed")
    secret = place / "secret"
    secret.write_bytes(b"x" * 10_000)
    world.do("migrate", place)
    reader = [*WEAK, shutil.which("cat") or "cat", str(secret)]
    read = subprocess.run(reader, capture_output=True, check=False)
    assert (read.returncode, read.stdout) == (1, b"")
    world.do("recall", place)
    assert subprocess.run(reader, capture_output=True, check=True).stdout == b"x" * 10_000


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to copy a stub of mode 000 as a backup does")
def test_a_tree_that_was_restored_from_a_copy_is_adopted_and_comes_back(world: World) -> None:
    place = world.fresh("restored")
    trees.sow(place, 5)
    before = trees.picture(place)
    world.do("migrate", place)
    lost = place.with_name(f"{place.name}.lost")
    place.rename(lost)
    subprocess.run(["cp", "-a", lost, place], check=True)
    job = world.do("recall", place, state="FAILURE")
    reasons = {row["reason"] for row in world.failed(job["id"])}
    assert all("towpath site adopt" in reason for reason in reasons), reasons
    ended = world.command("site", "adopt", "oslo", "--wait", str(place))
    assert ended.status == 0, {row["reason"] for row in world.failed(int(ended.out))}
    world.do("recall", place)
    assert trees.picture(place) == before


def test_what_a_user_deleted_is_brought_back_by_one_command(world: World, target: str) -> None:
    place = world.fresh("deleted")
    trees.sow(place, 20)
    before = trees.picture(place)
    world.do("migrate", place, {"endpoint": target})
    shutil.rmtree(place / "000")
    given = ["--site=oslo", f"--target={target}", "--wait", str(place)]
    ended = world.command("undelete", *given)
    assert ended.status == 0, {row["reason"] for row in world.failed(int(ended.out))}
    world.do("recall", place)
    assert trees.picture(place) == before
