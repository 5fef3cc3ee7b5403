"""Bad lines and places on real processes: the right class, a clear reason, the files as they were, and an end."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.acceptance.world import Document, World, chain
from tests.applicable import mount
from tests.conformance.storage.proxy import Proxy, Weather, nothing, proxy, puts
from tests.conformance.storage.test_large import under_way
from tests.fixtures_hub import until
from tests.fixtures_seaweed import Seaweed

SOON = {"tries": 1}
"""An error that may pass fails its path when the node has tried for its two minutes."""


@contextmanager
def target(
    world: World, seaweed: Seaweed, bucket: str, weather: Weather, flips: Callable[[bytes], bool] = nothing
) -> Iterator[Proxy]:
    """A bucket in such weather, and workflows `up-…` and `down-…` to it and from it."""
    with proxy(seaweed.endpoint, flips, weather=weather) as between:
        url = seaweed.url(bucket, "cold", between.endpoint) + "&timeout=5"
        world.post("/api/targets/", {"name": bucket, "url": url, "credentials": seaweed.credentials})
        for name, step in (("up", {"name": "migrate", "premigrate": True}), ("down", {"name": "recall"})):
            world.post(
                "/api/workflows/", chain(f"{name}-{bucket}", {**step, "endpoint": bucket, "patience": SOON})
            )
        yield between


def sown(place: Path, count: int, size: int) -> dict[str, bytes]:
    """Files of random bytes; their contents by name."""
    contents = {f"{number:03}": os.urandom(size) for number in range(count)}
    for name, content in contents.items():
        (place / name).write_bytes(content)
    return contents


def found(place: Path) -> dict[str, bytes]:
    """What stands there."""
    return {each.name: each.read_bytes() for each in place.iterdir()}


def brim(ballast: Path) -> None:
    """Take all the room that there is."""
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with pytest.raises(OSError, match="No space left"):
        os.posix_fallocate(fd, 0, 1 << 30)
    free = os.fstatvfs(fd)
    os.posix_fallocate(fd, 0, free.f_bavail * free.f_frsize)
    os.close(fd)


def failure(world: World, job: int) -> Document:
    """The one path that failed of a job that is over."""
    world.finish(job, "FAILURE", patience=200)
    (failed,) = world.failed(job)
    return failed


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_target_that_creeps_times_out_as_an_error_that_may_pass(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    with target(world, seaweed, bucket, Weather(creeps=puts)) as between:
        place = world.fresh("creeping")
        contents = sown(place, 1, 10_000)
        job = world.submit(f"up-{bucket}", place)
        until(lambda: between.crept, "it crept")
        failed = failure(world, job)
        assert failed["error_class"] == "transient"
        assert "no answer in time" in failed["reason"]
        assert found(place) == contents


@pytest.mark.parametrize("size", [10_000, 20_000_000])
def test_a_target_that_creeps_is_not_waited_for_by_a_pause_nor_by_a_cancel(
    world: World, seaweed: Seaweed, bucket: str, size: int
) -> None:
    creeping = Weather(creeps=lambda line: puts(line) and b"partNumber=4" not in line)
    with target(world, seaweed, bucket, creeping) as between:
        place = world.fresh("creeping-paused")
        contents = sown(place, 1, size)
        job = world.submit(f"up-{bucket}", place)
        until(lambda: between.crept, "it crept")
        world.run("job", "pause", str(job), "--now")
        world.wait(job, "PAUSED")
        world.run("job", "resume", str(job))
        until(lambda: world.tasks(job, "STARTED"), "it ran again")
        world.run("job", "cancel", str(job))
        world.finish(job, "CANCELLED")
        assert found(place) == contents
        until(lambda: under_way(seaweed, bucket) == [], "no upload was left")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_object_that_creeps_back_times_out_and_leaves_the_stub(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    creeping: list[bool] = []
    weather = Weather(creeps=lambda line: bool(creeping) and line.startswith(b"GET ") and b"000%40" in line)
    with target(world, seaweed, bucket, weather):
        place = world.fresh("creeping-back")
        contents = sown(place, 1, 10_000)
        world.do("migrate", place, {"endpoint": bucket})
        creeping.append(True)
        failed = failure(world, world.submit(f"down-{bucket}", place))
        assert failed["error_class"] == "transient"
        creeping.clear()
        world.do(f"down-{bucket}", place)
        assert found(place) == contents


def test_a_line_that_flips_a_bit_each_time_fails_as_an_error_that_may_pass_and_nothing_stays_there(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    with target(world, seaweed, bucket, Weather(), puts) as between:
        place = world.fresh("flipping")
        contents = sown(place, 1, 10_000)
        failed = failure(world, world.submit(f"up-{bucket}", place))
        assert between.flipped
        assert (failed["error_class"], "not what was sent" in failed["reason"]) == ("transient", True)
        assert found(place) == contents


def test_a_line_that_flips_a_bit_now_and_then_loses_nothing(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    seen = [0]

    def seldom(line: bytes) -> bool:
        seen[0] += 1
        return seen[0] % 40 == 0

    weather = Weather(spoils=lambda line: line.startswith(b"GET ") and b"%40" in line and seldom(line))
    with target(world, seaweed, bucket, weather, lambda line: puts(line) and seldom(line)) as between:
        place = world.fresh("flipping-seldom")
        contents = sown(place, 200, 3_000)
        assert world.do("migrate", place, {"endpoint": bucket})["totals"]["done"] == 200
        assert world.do("recall", place)["totals"]["done"] == 200
        assert between.flipped
        assert found(place) == contents


def test_a_line_of_which_every_tenth_connection_is_cut_loses_nothing(
    world: World, seaweed: Seaweed, bucket: str
) -> None:
    with target(world, seaweed, bucket, Weather(cuts=lambda number: number % 10 == 0, brief=True)) as between:
        place = world.fresh("cut")
        contents = sown(place, 200, 3_000)
        (place / "large").write_bytes(contents.setdefault("large", os.urandom(50_000_000)))
        assert world.do("migrate", place, {"endpoint": bucket})["totals"]["done"] == 201
        assert world.do("recall", place)["totals"]["done"] == 201
        assert between.cut > 10
        assert found(place) == contents
        until(lambda: under_way(seaweed, bucket) == [], "no upload was left")


@pytest.fixture
def mounted(world: World) -> Iterator[Callable[[Path, str], None]]:
    """Mounts a memory file system of a site or target, taken down at the end."""
    done: list[Path] = []

    def mount_small(place: Path, options: str) -> None:
        place.mkdir(exist_ok=True)
        mount("tmpfs", "small", place, options)
        done.append(place)

    yield mount_small
    for place in done:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_target_that_is_read_only_is_refused_as_a_lack_of_permission(
    world: World, mounted: Callable[[Path, str], None]
) -> None:
    vault = world.root / "sealed"
    mounted(vault, "ro,size=1m")
    world.post("/api/targets/", {"name": "sealed", "url": vault.as_uri()})
    place = world.fresh("sealed")
    contents = sown(place, 1, 1_000)
    failed = failure(world, world.submit("premigrate", place, {"endpoint": "sealed"}))
    assert (failed["error_class"], "Read-only file system" in failed["reason"]) == ("no_permission", True)
    assert found(place) == contents


def test_a_site_without_room_keeps_a_recall_waiting_and_its_stubs_whole(
    world: World, mounted: Callable[[Path, str], None]
) -> None:
    place = world.site("oslo") / "tight"
    mounted(place, "size=2m")
    contents = sown(place, 8, 100_000)
    world.do("migrate", place)
    ballast = place / "ballast"
    brim(ballast)
    world.post(
        "/api/workflows/",
        chain("tighten", {"name": "recall", "patience": {"space_first": 1, "space_longest": 1}}),
    )
    job = world.submit("tighten", [str(place / name) for name in contents])
    until(lambda: "no space" in (world.job(job)["waiting"] or ""), "the job said that there was no space")
    ballast.unlink()
    assert world.finish(job)["totals"]["done"] == 8
    assert found(place) == contents
