"""A node with a hub of its own, in this process, and steps and discoveries to try it with."""

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar, ParamSpec

from nacl.public import PrivateKey
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub

from towpath import wire
from towpath.discovery.protocol import Discovery, Piece, Start
from towpath.domain.catalogue import NOOP, StepSpec
from towpath.domain.paths import Code, Kind, PathOutcome
from towpath.steps.protocol import Context, Item, Site, Step
from towpath.storage.opening import open_storage
from towpath.storage.roots import Root, Roots
from towpath.worker.begun import BegunFile
from towpath.worker.clock import Clock
from towpath.worker.crew import Crew
from towpath.worker.link import Link
from towpath.worker.loop import Machine, Worker
from towpath.worker.outbox import Bounds, Outbox
from towpath.worker.pool import Pool
from towpath.worker.runs import Means
from towpath.worker.serve import hub_asker
from towpath.worker.targets import Targets

PATIENCE = 30.0
MOST_WAITING = 64
"""More threads than any test has that wait at a step."""
BOX_KEY = bytes(range(32))
P = ParamSpec("P")


def in_a_loop(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Run an async test to its end on a loop of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def whole() -> None:
            await test(*args, **kwargs)

        asyncio.run(whole())

    return run


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait until that holds; fails the test, naming `what`, where it does not come about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain until {what}"
        await asyncio.sleep(0.001)


async def held_back(turns: int = 50) -> None:
    """Give loop and threads the chance to do what they must not do."""
    for _ in range(turns):
        await asyncio.sleep(0.001)


# Steps --------------------------------------------------------------------------------------------------------


class Plain:
    """Processes each path, through `each`."""

    spec: ClassVar[StepSpec] = NOOP

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """One outcome a path."""
        return context.each(lambda item: PathOutcome(item.index, Code.PROCESSED), context.items)


class Stepwise:
    """Processes one path after the other, each only once the test has let it pass; notes where it has come."""

    spec: ClassVar[StepSpec] = StepSpec("stepwise", "waits for the test")

    def __init__(self) -> None:
        self.begun: list[bytes] = []
        self.confirmed: list[bytes] = []
        self.stopped: list[str] = []
        self._may_pass = threading.Semaphore(0)
        self._over = False

    def pass_on(self, paths: int = 1) -> None:
        """Let that many paths through."""
        self._may_pass.release(paths)

    def end(self) -> None:
        """Let go of whoever still waits: the test is over, and they would wake and complain in the midst of others."""
        self._over = True
        self._may_pass.release(MOST_WAITING)

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Wait at each path, then confirm, then give its outcome."""
        for item in context.items:
            if not context.proceed():
                self.stopped.append("handed back")
                return
            self.begun.append(item.path)
            assert self._may_pass.acquire(timeout=PATIENCE), "the test let no path pass"
            if self._over:
                return
            try:
                context.confirm()
            except Exception as error:
                self.stopped.append(type(error).__name__)
                raise
            self.confirmed.append(item.path)
            context.progress(size=item.size)
            yield PathOutcome(item.index, Code.PROCESSED, bytes=item.size)


QUICK = [b"quick", b"quick"]
"""What `made_to_look_ahead` has a step begin."""


async def made_to_look_ahead(hub: SiteHub, step: Stepwise) -> None:
    """Have a node with one slot run tasks that take no time, until it knows so.

    It knows how long the first took once its slot goes on to the second, which may be after the hub heard of its end.
    """
    quick = {hub.add("stepwise", [path]).task for path in QUICK}
    step.pass_on(len(QUICK))
    hub.wake()
    await until(lambda: quick <= hub.ended.keys(), "tasks that take no time have ended")


@dataclass
class Giving:
    """Does with a context whatever the test says."""

    do: Callable[[Context], Iterator[PathOutcome]]
    spec: ClassVar[StepSpec] = StepSpec("giving", "does what the test says")

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """What the test says."""
        return self.do(context)


def processed(item: Item) -> PathOutcome:
    """An outcome without anything done."""
    return PathOutcome(item.index, Code.PROCESSED)


# Discoveries --------------------------------------------------------------------------------------------------


class Counting:
    """Finds files named by numbers, up to `last`, one piece each; its cursor is the number just passed."""

    name: ClassVar[str] = "counting"

    def __init__(self, last: int) -> None:
        self.last = last
        self.begun_at: list[bytes] = []
        self.passed: list[bytes] = []
        self.closed = False
        self.gate: threading.Semaphore | None = None

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """The numbers behind the cursor."""
        self.begun_at.append(cursor)
        try:
            for number in range(int(cursor or b"0") + 1, self.last + 1):
                if self.gate is not None:
                    assert self.gate.acquire(timeout=PATIENCE), "the test let no piece pass"
                path = b"%06d" % number
                self.passed.append(path)
                yield Piece(0, path, [path], bytes([Kind.FILE]), [1])
        finally:
            self.closed = True

    def cursor(self, start: int, path: bytes) -> bytes:
        """The number itself."""
        return path


# The node -----------------------------------------------------------------------------------------------------


@dataclass
class Node:
    """A node of the site `oslo` whose root `data` is a directory of the test's; make several for several lives."""

    home: Path
    hub: SiteHub = field(default_factory=SiteHub)
    clock: Clock = field(default_factory=HandClock)
    steps: Mapping[str, Step] = field(default_factory=lambda: {"noop": Plain()})
    discoveries: Mapping[str, Discovery] = field(default_factory=dict)
    slots: int = 2
    grace: float = 30.0
    incarnation: bytes = b"1" * 16
    bounds: Bounds = field(default_factory=Bounds)

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[Worker]:
        """The node at work; it leaves at once at the end, if the test has not made it leave."""
        self.outbox = outbox = Outbox(self.home / "outbox.db", self.incarnation, self.bounds)
        root = Root("data", bytes(self.home))
        with ThreadPoolExecutor(1) as disk:
            self.worker = worker = self._worker(self.hub, outbox, Roots([root]), disk)
            self.life = life = asyncio.ensure_future(worker.run())
            try:
                yield worker
            finally:
                worker.leave()
                await life
                for step in self.steps.values():
                    if isinstance(step, Stepwise):
                        step.end()
        root.close()
        outbox.close()

    def _worker(self, link: Link, outbox: Outbox, roots: Roots, disk: ThreadPoolExecutor) -> Worker:
        now = self.clock.now
        ask = hub_asker(link, asyncio.get_running_loop())
        targets = Targets(
            ask, BOX_KEY, lambda url, given, _: open_storage(url, given, [bytes(self.home)]), now
        )
        site, crew = Site("oslo", b"k" * 32, unguarded=False), Crew(Pool("path", 4), 4)
        means = Means(site, roots, self.steps, self.discoveries, targets, crew, now)
        hello = wire.Hello(
            version=wire.VERSION,
            incarnation=self.incarnation,
            roots={"data": str(self.home)},
            queues={"default": {"worker": self.slots, "discovery": 1}},
            steps=[],
            box_key=bytes(PrivateKey(BOX_KEY).public_key),
        )
        begun = BegunFile(self.home / "begun")
        machine = Machine(self.clock, Random(7), outbox, disk, Pool, begun=begun)
        return Worker(link, machine, means, hello, self.grace)
