"""The process of a node, over a real bus: it finds its hub, does its work, and ends when it is told to."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from tests.fixtures_nats import Bus, until
from tests.site_hub import SiteHub

from towpath import wire
from towpath.bus.connection import HubLink, Refused
from towpath.worker.link import HubAway, HubRefused, Verb

pytestmark = pytest.mark.anyio

SERVE = """
import asyncio, ctypes, signal, sys
from pathlib import Path
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
from towpath.domain.errors import Mistake
from towpath.worker.serve import serve
from towpath.worker.settings import WorkerSettings
site, node, root, home, url, seed = sys.argv[1:]
settings = WorkerSettings(site, node, {"data": root}, Path(home), url, Path(seed))
try:
    sys.exit(asyncio.run(serve(settings)))
except Mistake as mistake:
    sys.exit(str(mistake))
"""


class Place:
    """A node's directories and keys."""

    def __init__(self, bus: Bus, directory: Path) -> None:
        self.root, self.home, self.seed = directory / "data", directory / "home", directory / "node.nk"
        self.root.mkdir()
        self.bus = bus
        bus.let_in(("oslo", "n1"))
        self.seed.write_text(bus.seeds["oslo", "n1"])

    def start(self) -> subprocess.Popen[str]:
        """The node as a process."""
        arguments = ("oslo", "n1", str(self.root), str(self.home), self.bus.child.url, str(self.seed))
        command = [sys.executable, "-c", SERVE, *arguments]
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The node as a process, which ends with the test."""
        process = self.start()
        try:
            yield process
        finally:
            process.kill()
            process.communicate()


@pytest.fixture
def place(bus: Bus, tmp_path: Path) -> Place:
    """A node that the bus lets in."""
    return Place(bus, tmp_path)


@asynccontextmanager
async def answering(hub: SiteHub, bus: Bus) -> AsyncIterator[None]:
    """The hub on the bus."""
    link = HubLink(bus.hub)

    async def handler(site: str, node: str, verb: str, packed: bytes) -> bytes:
        assert (site, node) == ("oslo", "n1")
        try:
            return await hub.ask_packed(Verb(verb), packed)
        except (HubAway, HubRefused) as error:
            raise Refused(str(error)) from error

    await link.serve(handler)
    try:
        yield
    finally:
        await link.close()


async def ended(process: subprocess.Popen[str]) -> int:
    """The exit code of a process that ends."""
    await until(lambda: process.poll() is not None, "the process has ended")
    return process.returncode


async def test_a_node_does_its_work_and_ends_well_when_told_to(bus: Bus, place: Place) -> None:
    hub = SiteHub(heartbeat=0.2)
    (place.root / "sub").mkdir()
    (place.root / "sub" / "file").write_bytes(b"x")
    task, walk = hub.add("noop", [b"sub/file"]), hub.add_walk("recursive")
    async with answering(hub, bus):
        with place.running() as process:
            await until(lambda: {task.task, walk.task} <= set(hub.ended), "both tasks have ended")
            process.send_signal(signal.SIGIO)
            beats = len(hub.of(wire.Beat))
            await until(lambda: len(hub.of(wire.Beat)) > beats + 2, "it goes on beating")
            process.terminate()
            assert await ended(process) == 0
    assert hub.of(wire.Hello)[0].roots == {"data": str(place.root)}
    assert hub.of(wire.Hello)[0].steps == []
    for key in ("site.key", "box.key", "outbox.db"):
        assert stat.S_IMODE((place.home / key).stat().st_mode) == 0o600
    batches = [wire.unpack(group.batch, wire.Batch) for found in hub.found for group in found.groups]
    assert b"sub/file" in [path for batch in batches for path in batch.paths]


async def test_a_node_outlives_its_bus(bus: Bus, place: Place) -> None:
    hub = SiteHub(heartbeat=0.2)
    async with answering(hub, bus):
        with place.running() as process:
            await until(lambda: bool(hub.of(wire.Beat)), "the node is heard")
            bus.kill()
            task = hub.add("noop")
            bus.start()
            await until(lambda: task.task in hub.ended, "the task has ended")
            assert process.poll() is None


async def test_a_node_that_was_killed_tells_in_its_next_life_what_it_had_done(bus: Bus, place: Place) -> None:
    hub = SiteHub(heartbeat=0.2)
    task = hub.add("noop")
    hub.faults.unheard["report"] = 1_000_000
    async with answering(hub, bus):
        with place.running() as process:
            await until(lambda: hub.faults.unheard["report"] < 1_000_000, "a report was sent in vain")
            os.kill(process.pid, signal.SIGKILL)
            await ended(process)
        assert not hub.ended
        hub.faults.unheard["report"] = 0
        with place.running():
            await until(lambda: task.task in hub.ended, "the task's end is known")
            await until(
                lambda: len({said.incarnation for said in hub.of(wire.Hello)}) == 2, "its next life's hello"
            )
    assert not hub.stale


async def test_no_two_processes_share_a_home(bus: Bus, place: Place) -> None:
    hub = SiteHub(heartbeat=0.2)
    async with answering(hub, bus):
        with place.running():
            await until(lambda: bool(hub.of(wire.Hello)), "the node is heard")
            second = await asyncio.to_thread(lambda: place.start().communicate(timeout=60))
    assert "expected to be alone in it, found another worker that runs there" in second[1]


async def test_a_root_that_is_not_there_is_named(bus: Bus, place: Place) -> None:
    place.root.rmdir()
    said = await asyncio.to_thread(lambda: place.start().communicate(timeout=60))
    assert f"root 'data': cannot open the directory {place.root}: No such file or directory" in said[1]
