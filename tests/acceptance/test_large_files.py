"""Large files on real processes: what was sent stays sent, whatever happens to the worker, the job or the file."""

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import obstore
import pytest
from tests.acceptance.world import World
from tests.conformance.storage.proxy import Proxy, proxy
from tests.conformance.storage.test_large import under_way
from tests.fixtures_hub import PATIENCE, until
from tests.fixtures_seaweed import Seaweed

from towpath.hsm.arrival import USUAL

MIB = 1 << 20
PART = 8 * MIB
COUNT = 12
SIZE = COUNT * PART - 1000
IN_FLIGHT = 4
HALF = COUNT // 2
RANGES = 8

_SENT = re.compile(rb"PUT /\S*partNumber=(\d+)&")


@dataclass
class Narrows:
    """An S3 target behind a proxy that lets half of a file's parts through, and the others once it is opened."""

    seaweed: Seaweed
    bucket: str
    open: threading.Event = field(default_factory=threading.Event)
    between: Proxy | None = None

    def watch(self, line: bytes) -> None:
        """Hold a part of the second half back."""
        if self.number(line) > HALF:
            self.open.wait(PATIENCE)

    @staticmethod
    def number(line: bytes) -> int:
        """Which part a request sends; 0 for none, or for the trial beyond the last one."""
        sent = _SENT.match(line)
        number = int(sent[1]) if sent else 0
        return number if number <= COUNT else 0

    @property
    def sent(self) -> "Counter[int]":
        """How often each part was sent."""
        assert self.between is not None
        return Counter(number for line in self.between.seen if (number := self.number(line)))

    def await_half(self) -> None:
        """Return once the parts of the first half are there, and others wait."""
        until(lambda: len(self.sent) >= HALF + 2, "half of the file was sent")

    @property
    def left(self) -> list[str]:
        """The uploads that the server keeps."""
        return under_way(self.seaweed, self.bucket)


@pytest.fixture
def narrows(
    rough_world: World, seaweed: Seaweed, bucket: str, request: pytest.FixtureRequest
) -> Iterator[Narrows]:
    """The target of that name, and a workflow `premigrate` to it."""
    made = Narrows(seaweed, bucket)
    name = f"narrows-{bucket[:6]}"
    with proxy(seaweed.endpoint, watch=made.watch) as made.between:
        url = seaweed.url(bucket, "cold", made.between.endpoint)
        rough_world.post("/api/targets/", {"name": name, "url": url, "credentials": seaweed.credentials})
        yield made
        made.open.set()


def sown(world: World, name: str) -> tuple[Path, bytes]:
    """A directory with one large file."""
    place = world.fresh(name)
    content = os.urandom(SIZE)
    (place / "film").write_bytes(content)
    return place, content


def begun(world: World, narrows: Narrows, place: Path) -> int:
    """A job that has sent half of the file."""
    job = world.submit("premigrate", place, {"endpoint": f"narrows-{narrows.bucket[:6]}"})
    narrows.await_half()
    return job


def kept(narrows: Narrows) -> list[bytes]:
    """The contents of the objects, without records."""
    store = narrows.seaweed.store(narrows.bucket)
    names = [meta["path"] for page in obstore.list(store, "cold/oslo") for meta in page]
    return [bytes(obstore.get(store, name).bytes()) for name in names]


def test_an_upload_goes_on_after_its_worker_was_killed_and_sends_only_what_was_in_flight_again(
    rough_world: World, narrows: Narrows
) -> None:
    place, content = sown(rough_world, "killed")
    job = begun(rough_world, narrows, place)
    rough_world.kill_and_await("worker")
    before = narrows.sent
    narrows.open.set()
    assert rough_world.finish(job)["totals"]["done"] == 1
    again = narrows.sent - Counter(range(1, COUNT + 1))
    assert sum(again.values()) <= IN_FLIGHT, (before, narrows.sent)
    assert kept(narrows) == [content]
    assert narrows.left == []


def test_a_recall_goes_on_after_its_worker_was_killed_and_asks_only_for_what_was_in_flight_again(
    rough_world: World, seaweed: Seaweed, bucket: str
) -> None:
    gate, asked = threading.Event(), 0

    def watch(line: bytes) -> None:
        nonlocal asked
        asked += line.startswith(b"GET ") and b"film" in line and b"?" not in line
        if asked > RANGES // 2:
            gate.wait(PATIENCE)

    with proxy(seaweed.endpoint, watch=watch) as between:
        url = seaweed.url(bucket, "cold", between.endpoint)
        name = f"deep-{bucket[:6]}"
        rough_world.post("/api/targets/", {"name": name, "url": url, "credentials": seaweed.credentials})
        place = rough_world.fresh("recalled-large")
        content = os.urandom(RANGES * USUAL.each - 77)
        (place / "film").write_bytes(content)
        assert rough_world.do("migrate", place, {"endpoint": name})["totals"]["done"] == 1
        between.ranges.clear()
        job = rough_world.submit("recall", place)
        until(lambda: asked >= RANGES // 2 + USUAL.at_once, "half of the file came, and more was asked for")
        rough_world.kill_and_await("worker")
        gate.set()
        assert rough_world.finish(job)["totals"]["done"] == 1
        starts = Counter(start for line, start in between.ranges if b"film" in line)
        again = starts - Counter(range(0, len(content), USUAL.each))
        assert sum(again.values()) <= USUAL.at_once, between.ranges
    assert (place / "film").read_bytes() == content
    assert [each.name for each in place.iterdir()] == ["film"]


def test_an_upload_goes_on_after_a_pause_that_did_not_wait_for_a_silent_target(
    rough_world: World, narrows: Narrows
) -> None:
    place, content = sown(rough_world, "paused-large")
    job = begun(rough_world, narrows, place)
    rough_world.run("job", "pause", str(job), "--now")
    rough_world.wait(job, "PAUSED")
    assert len(narrows.left) == 1
    narrows.open.set()
    rough_world.run("job", "resume", str(job))
    assert rough_world.finish(job)["totals"]["done"] == 1
    assert sum((narrows.sent - Counter(range(1, COUNT + 1))).values()) <= IN_FLIGHT
    assert kept(narrows) == [content]


def test_a_cancel_does_not_wait_for_a_silent_target_and_leaves_no_upload_behind(
    rough_world: World, narrows: Narrows
) -> None:
    place, _ = sown(rough_world, "cancelled-large")
    job = begun(rough_world, narrows, place)
    rough_world.run("job", "cancel", str(job))
    rough_world.finish(job, "CANCELLED")
    narrows.open.set()
    until(lambda: narrows.left == [], "the upload was taken away")
    assert kept(narrows) == []


def test_a_job_that_is_cancelled_while_its_worker_is_dead_leaves_no_upload_behind(
    rough_world: World, narrows: Narrows
) -> None:
    place, _ = sown(rough_world, "cancelled-dead")
    job = begun(rough_world, narrows, place)
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    rough_world.run("job", "cancel", str(job))
    rough_world.finish(job, "CANCELLED")
    narrows.open.set()
    until(lambda: narrows.left == [], "the upload was taken away")


def test_a_file_that_changed_meanwhile_is_sent_anew_and_the_old_upload_goes(
    rough_world: World, narrows: Narrows
) -> None:
    place, _ = sown(rough_world, "changed-large")
    job = begun(rough_world, narrows, place)
    rough_world.run("job", "pause", str(job), "--now")
    rough_world.wait(job, "PAUSED")
    content = os.urandom(SIZE)
    (place / "film").write_bytes(content)
    narrows.open.set()
    rough_world.run("job", "resume", str(job))
    assert rough_world.finish(job)["totals"]["done"] == 1
    assert kept(narrows) == [content]
    until(lambda: narrows.left == [], "the old upload was taken away, for its job is over")
