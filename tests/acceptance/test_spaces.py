"""Spaces as people use them: what is left alone in one, and how much lies in it."""

import os

from tests.acceptance.world import World


def test_a_space_is_counted_and_what_it_leaves_out_is_left_alone(world: World) -> None:
    place = world.fresh("counted")
    for name in ("keep", "keep/scratch", "skip"):
        (place / name).mkdir()
    for name in ("a", "keep/b", "keep/scratch/c", "skip/d"):
        (place / name).write_bytes(b"x" * 100_000)
    odd = os.fsencode(place) + b"/skip/\xff"
    with open(odd, "wb"):
        pass
    world.run("space", "add", "counted", "--site", "oslo", str(place), "--exclude", "scratch")
    assert "left alone: scratch skip/*" in world.run(
        "space", "exclude", "counted", "--site", "oslo", "scratch", "skip/*"
    )
    job = world.finish(world.submit("migrate", place))
    assert job["totals"]["discovered"] == 2

    shown = {row["path"] for row in world.json("ls", "oslo", str(place / "keep"))}
    assert shown == {str(place / "keep" / "b")}
    assert world.json("ls", "oslo", str(place / "skip")) == []
    assert "space counted excludes it" in world.command("ls", "oslo", str(place / "skip" / "d")).err
    refused = world.command("run", "checksum", "--site", "oslo", odd)
    assert refused.status == 1
    assert "which space counted of site oslo excludes" in refused.err

    assert "not counted yet" in world.run("space", "usage", "counted", "--site", "oslo")
    found = world.json("space", "usage", "counted", "--site", "oslo", "--count")
    assert (found["complete"], found["failure"], found["job"]) == (True, "", None)
    assert found["began_at"] <= found["ended_at"]
    usage = found["usage"]
    assert (usage["files"], usage["folders"], usage["bytes"]) == (2, 3, 200_000)
    assert (usage["dehydrated_files"], usage["dehydrated_bytes"], usage["hydrated_files"]) == (2, 200_000, 0)
    (place / "a").unlink()
    assert world.json("space", "usage", "counted", "--site", "oslo") == found
    assert "files: 1 (100.0 kB)" in world.run("space", "usage", "counted", "--site", "oslo", "--count")
    assert (place / "skip" / "d").read_bytes() == b"x" * 100_000
