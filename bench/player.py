"""A node that only plays: it finds paths that are not there, and says of every task that it is done."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from towpath import wire
from towpath.bus.connection import BusAway, NodeLink
from towpath.bus.keys import load_or_make_seed, public_key
from towpath.bus.settings import BusSettings
from towpath.domain.paths import Code, Kind
from towpath.engine import registry
from towpath.store.database import Database

T = TypeVar("T")
NAME = "player"
BEAT = 1.0
PER_BATCH = 1000


def admit(database: Database, site: str, seed: Path) -> None:
    """Let the player join the bus; the hub must be down."""
    key = public_key(load_or_make_seed(seed))
    with database.writing() as tx:
        registry.add_site(tx, site)
        registry.register_node(tx, site, NAME, key)


class Player:
    """Asks as a worker does, one claim and one report at a time."""

    def __init__(self, bus_url: str, site: str, seed: Path, directory: Path, batches: int) -> None:
        settings = BusSettings.parse(bus_url, load_or_make_seed(seed))
        self._link = NodeLink(settings, site, NAME)
        self._life = secrets.token_bytes(16)
        self._directory, self._batches = directory, batches
        self._claims = self._told = 0
        self._runs: dict[bytes, None] = {}
        self.waits: list[float] = []
        """Seconds that each claim took to be answered."""

    async def play(self, over: Callable[[], Awaitable[bool]]) -> None:
        """Say hello, and work until there is nothing to do and it is `over`."""
        async with self._link:
            roots, queues = {"data": str(self._directory)}, {"default": {"worker": 64, "discovery": 1}}
            hello = wire.Hello(wire.VERSION, self._life, roots, queues, [], bytes(32), True)
            await self._ask("hello", hello, wire.Welcome)
            beating = asyncio.create_task(self._beat())
            try:
                while not (await self._work() == 0 and await over()):
                    pass
            finally:
                beating.cancel()
                with suppress(asyncio.CancelledError):
                    await beating

    async def _work(self) -> int:
        self._claims += 1
        wants = [wire.Want("default", "discovery", 1), wire.Want("default", "worker", 64)]
        began = time.perf_counter()
        answer = await self._ask("claim", wire.Claim(self._life, self._claims, wants), wire.Grants)
        self.waits.append(time.perf_counter() - began)
        self._runs.update(dict.fromkeys(grant.run for grant in answer.grants))
        for grant in answer.grants:
            if grant.walk is not None:
                await self._walk(grant)
        await self._report([_done(grant) for grant in answer.grants if grant.walk is None])
        for grant in answer.grants:
            self._runs.pop(grant.run, None)
        return len(answer.grants)

    async def _walk(self, grant: wire.Grant) -> None:
        """Find what was asked for, and between two findings do a few of the tasks that come of them."""
        cursor = b""
        for number in range(self._batches):
            behind = b"%d" % (number + 1)
            await self._report([wire.Found(grant.task, grant.run, cursor, behind, [_group(number)])])
            cursor = behind
            if number % 64 == 63:
                await self._work()
        await self._report([wire.WalkEnded(grant.task, grant.run, cursor)])

    async def _report(self, events: list[wire.Event]) -> None:
        if events:
            report = wire.Report(self._life, self._told + 1, [wire.pack(event) for event in events])
            self._told += len(events)
            await self._ask("report", report, wire.Applied)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT)
            await self._ask("beat", wire.Beat(self._life, self._claims, list(self._runs)), wire.Verdicts)

    async def _ask(self, verb: str, question: object, answer: type[T]) -> T:
        packed = wire.pack(question, wire.MAX_MESSAGE)
        while True:
            with suppress(BusAway):
                return wire.unpack(await self._link.request(verb, packed, 30), answer)
            await asyncio.sleep(0.2)


def _group(number: int) -> wire.Group:
    """A thousand files of a directory."""
    paths = [b"survey/run%06d/file_%04d.dat" % (number, i) for i in range(PER_BATCH)]
    batch = wire.Batch("data", paths, bytes([Kind.FILE]) * PER_BATCH, [4096] * PER_BATCH, ["created"])
    return wire.Group(0, wire.pack(batch), PER_BATCH, 4096 * PER_BATCH)


def _done(grant: wire.Grant) -> wire.Event:
    count = len(wire.unpack(grant.batch, wire.Batch).paths)
    return wire.Ended(grant.task, grant.run, wire.compress(bytes([Code.PROCESSED]) * count), [])
