"""Places that are full, on real processes: the job waits, says so, and goes on by itself once there is room."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.world import World, chain
from tests.applicable import mount
from tests.fixtures_hub import until

SOON = {"space_first": 1, "space_longest": 1}


@pytest.fixture
def small(world: World) -> Iterator[Path]:
    """A directory on a file system of one megabyte."""
    place = world.root / "small"
    place.mkdir(exist_ok=True)
    mount("tmpfs", "small", place, "size=1m")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_job_whose_target_is_full_waits_and_goes_on_by_itself_once_there_is_room(
    world: World, small: Path
) -> None:
    ballast = small / "ballast"
    ballast.write_bytes(bytes(900 * 1024))
    world.post("/api/targets/", {"name": "small", "url": small.as_uri()})
    step = {"name": "migrate", "premigrate": True, "endpoint": "small", "patience": SOON}
    world.post("/api/workflows/", chain("squeeze", step))
    place = world.fresh("too-much")
    for number in range(8):
        (place / f"{number}").write_bytes(os.urandom(64 * 1024))
    job = world.submit("squeeze", place)
    until(lambda: "no space" in (world.job(job)["waiting"] or ""), "the job said that there was no space")
    held_up = world.job(job)
    assert "No space left on device" in held_up["waiting"]
    assert (held_up["state"], held_up["totals"]["failed"]) == ("STARTED", 0)
    # What holds no slot stalls nobody: another job goes through meanwhile.
    assert world.do("noop", place)["totals"]["done"] == 9
    ballast.unlink()
    assert world.finish(job)["totals"]["done"] == 8


def test_paths_for_which_there_is_no_room_wait_and_the_others_go_on(world: World) -> None:
    place, room = world.fresh("brimming"), world.root / "brimming.room"
    for number in range(100):
        (place / f"{number:03}").touch()
    job = world.submit("brim", place, {"gate": str(room)})
    until(lambda: world.job(job)["totals"]["done"] == 50, "all paths were through for which there was room")
    until(lambda: not world.tasks(job, "STARTED"), "nothing ran")
    assert "no space" in world.job(job)["waiting"]
    room.touch()
    assert world.finish(job)["totals"]["done"] == 100
