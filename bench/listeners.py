"""How quickly the API answers while a thousand listen to live events and ten thousand tasks run."""

import argparse
import asyncio
import json
import resource
import sys
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

from bench.figure import Line, p
from bench.ground import Ground, hub
from bench.memory import peak

MOST_P95 = 0.250
MOST_MEMORY = 300 * 1024 * 1024
ASKED = (
    "/api/jobs/",
    "/api/jobs/?state=STARTED",
    "/api/sites/",
    "/api/nodes/",
    "/api/events/?kind=job.ended",
)
PATIENCE = 60.0
CONNECTIONS = 100


@dataclass(frozen=True)
class ListenersFigure:
    """Seconds and bytes."""

    listeners: int
    rate: int
    """Requests a second."""
    tasks: int
    requests: int
    p50: float
    p95: float
    memory: int
    """The hub's at its highest."""
    told: int
    """Events that every listener was sent."""


@dataclass
class Listener:
    """Somebody who listens: the kinds of events of the job that they have heard."""

    reader: StreamReader
    heard: list[str] = field(default_factory=list)

    async def hear(self) -> None:
        """Hear until the second job is over: the first warms the hub up."""
        ended = 0
        while ended < 2:
            line = (await self.reader.readline()).decode()
            if not line:
                raise RuntimeError("a listener was cut off")
            if line.startswith("event: "):
                self.heard.append(line.removeprefix("event: ").strip())
                ended += self.heard[-1] == "job.ended"


async def connected(ground: Ground) -> tuple[StreamReader, StreamWriter]:
    """A bare connection to the API, so that a thousand cost this process little."""
    place = urlsplit(str(ground.api.base_url))
    return await asyncio.open_connection(place.hostname, place.port)


def head(ground: Ground, path: str) -> bytes:
    """A request for that."""
    return f"GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: {ground.api.headers['authorization']}\r\n\r\n".encode()


@asynccontextmanager
async def listening(ground: Ground) -> AsyncIterator[Listener]:
    """Somebody who listens, and has been taken in."""
    reader, writer = await connected(ground)
    writer.write(head(ground, "/api/events/stream/?kind=job.*"))
    async with asyncio.timeout(PATIENCE):
        await reader.readuntil(b"retry: ")
    try:
        yield Listener(reader)
    finally:
        writer.close()


@dataclass
class Caller:
    """Somebody who asks, over bare connections that are kept: a client with all comforts would take half a core."""

    ground: Ground
    free: list[tuple[StreamReader, StreamWriter]] = field(default_factory=list)
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    seconds: list[float] = field(default_factory=list)
    """Of each answer, the wait for a connection included."""

    async def ask(self, path: str) -> None:
        """Ask once, and read the whole answer."""
        began = time.perf_counter()
        async with self.turns:
            connection = self._kept() or await connected(self.ground)
            await self._ask(path, *connection)
            self.seconds.append(time.perf_counter() - began)
            self.free.append(connection)

    def _kept(self) -> tuple[StreamReader, StreamWriter] | None:
        """One that the hub has not hung up, as it does where nothing was asked for seconds."""
        while self.free:
            reader, writer = self.free.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return None

    async def _ask(self, path: str, reader: StreamReader, writer: StreamWriter) -> None:
        writer.write(head(self.ground, path))
        answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if " 200 " not in answer.partition("\r\n")[0]:
            raise RuntimeError(f"{path}: expected 200, found {answer}")
        length = next(line for line in answer.split("\r\n") if line.startswith("content-length:"))
        await reader.readexactly(int(length.partition(":")[2]))

    def close(self) -> None:
        """Hang up."""
        for _, writer in self.free:
            writer.close()


async def ask_on(ground: Ground, rate: int, until: asyncio.Event) -> list[float]:
    """Ask so many times a second, whether or not what was asked before has been answered; seconds of each answer."""
    caller = Caller(ground)
    try:
        async with asyncio.timeout(10 * PATIENCE), asyncio.TaskGroup() as group:
            began, count = time.perf_counter(), 0
            while not until.is_set():
                group.create_task(caller.ask(ASKED[count % len(ASKED)]))
                count += 1
                await asyncio.sleep(max(0.0, began + count / rate - time.perf_counter()))
    finally:
        caller.close()
    return caller.seconds


async def measure(
    ground: Ground, listeners: int, rate: int, tasks: int
) -> tuple[list[float], set[tuple[str, ...]]]:
    """Seconds of each answer while a job of so many tasks ran, and what the listeners heard."""
    async with AsyncExitStack() as stack:
        many = [await stack.enter_async_context(listening(ground)) for _ in range(listeners)]
        hearing = asyncio.gather(*(one.hear() for one in many))
        await asyncio.to_thread(run_job, ground, 1)
        over = asyncio.Event()
        asking = asyncio.create_task(ask_on(ground, rate, over))
        await asyncio.to_thread(run_job, ground, tasks)
        over.set()
        seconds = await asking
        async with asyncio.timeout(PATIENCE):
            await hearing
    return seconds, {tuple(one.heard) for one in many}


def run_job(ground: Ground, count: int) -> None:
    """A job of so many tasks of one path, to its end."""
    top = ground.sites["oslo"]
    body = {"workflow": "noop", "site": "oslo", "discovery": None, "paths_per_task": 1}
    job = ground.api.post(
        "/api/file/workflow/", json=body | {"paths": [f"{top}/{n:07d}" for n in range(count)]}
    )
    ground.finish(job.raise_for_status().json()["id"], apart=0.5)


def hub_pid(ground: Ground) -> int:
    """The hub's process."""
    rows = json.loads(ground.towpath("status", "--json"))
    return int(next(row["pid"] for row in rows if row["role"] == "hub"))


def run(listeners: int = 1_000, rate: int = 200, tasks: int = 10_000) -> ListenersFigure:
    """One run."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * listeners + 1_000), hard))
    with hub(["oslo"]) as ground:
        seconds, heard = asyncio.run(measure(ground, listeners, rate, tasks))
        if len(heard) != 1:
            raise RuntimeError(f"expected all listeners to hear the same, found {heard}")
        told = len(next(iter(heard)))
        highest = peak(hub_pid(ground))
    return ListenersFigure(
        listeners, rate, tasks, len(seconds), p(seconds, 50), p(seconds, 95), highest, told
    )


def lines(figure: ListenersFigure) -> list[Line]:
    """The figure for people."""
    what = f"{figure.rate} requests/s beside {figure.listeners:,} listeners and {figure.tasks:,} tasks"
    ours = f"{figure.p95 * 1000:.0f} ms (p50 {figure.p50 * 1000:.0f})"
    mebibytes, most = figure.memory / 2**20, MOST_MEMORY / 2**20
    return [
        Line(f"{what}: p95", ours, "", "", f"< {MOST_P95 * 1000:.0f} ms", figure.p95 < MOST_P95),
        Line("the hub's memory meanwhile", f"{mebibytes:.0f} MiB", "", "", f"< {most:.0f} MiB",
             figure.memory < MOST_MEMORY),
    ]  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--tasks", type=int, default=10_000)
    asked = parser.parse_args(argv)
    figure = run(asked.listeners, asked.rate, asked.tasks)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
