"""The hub's rounds: what upkeep finds due is done, piece by piece, so that nobody else waits for long."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from towpath.engine import nodes, parking, upkeep
from towpath.hub.leases import Leases
from towpath.store.database import Database

log = structlog.get_logger()

REPAIR_EVERY = 60.0
UNPARK_EVERY = 1.0
FORGET_EVERY = 3600.0


class Rounds:
    """Runs upkeep: at once when nudged, and lease by lease, heartbeat by heartbeat."""

    def __init__(
        self,
        database: Database,
        is_reachable: Callable[[], Awaitable[bool]],
        leases: Leases,
        heartbeat: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._database = database
        self._is_reachable = is_reachable
        self._leases = leases
        self._heartbeat = heartbeat
        self._monotonic = monotonic
        self._nudged = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin the rounds."""
        self._nudged.set()
        rounds = (self._sweep, self._unpark, self._watch, self._mend, self._forget)
        self._tasks = [asyncio.create_task(self._for_ever(one), name=one.__name__) for one in rounds]

    async def stop(self) -> None:
        """End the rounds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def nudge(self) -> None:
        """Something was asked of a job: look at once."""
        self._nudged.set()

    async def _for_ever(self, one_round: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await one_round()
            except Exception:
                # A boundary: a round that fails is tried again, since how things stand says what is due.
                log.exception("a round of upkeep failed", round=one_round.__name__)
                await asyncio.sleep(1.0)

    async def _sweep(self) -> None:
        """Resume what is due, empty the queues of cancelled jobs, and run the hub's own discoveries."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._nudged.wait(), timeout=self._heartbeat)
        self._nudged.clear()
        while not await self._database.write(upkeep.resume_due):
            pass
        for job_id in await self._database.write(upkeep.cancelled_jobs):
            while not await self._database.write(partial(upkeep.dequeue, job_id=job_id)):
                pass
        for task_id in await self._database.write(upkeep.own_discoveries):
            while not await self._database.write(partial(upkeep.discover, task_id=task_id)):
                pass

    async def _unpark(self) -> None:
        """Let go on what was put off until now."""
        while not await self._database.write(parking.unpark):
            pass
        await asyncio.sleep(UNPARK_EVERY)

    async def _watch(self) -> None:
        """One heartbeat's time: nodes that were silent while the hub could hear have missed one."""
        began = self._monotonic()
        await asyncio.sleep(self._heartbeat)
        reachable = await self._is_reachable()
        on_time = self._monotonic() - began < 2 * self._heartbeat + 1
        holders = await self._database.read(nodes.watched)
        for node_id in self._leases.period(holders, could_hear=reachable and on_time):
            released = await self._database.write(partial(nodes.silence, node_id=node_id))
            log.warning("a node fell silent", node=node_id, beats=self._leases.beats, released=len(released))

    async def _mend(self) -> None:
        last: int | None = 0
        while last is not None:
            last = await self._database.write(partial(upkeep.repair, after=last))
        await asyncio.sleep(REPAIR_EVERY)

    async def _forget(self) -> None:
        await self._database.write(upkeep.forget)
        await asyncio.sleep(FORGET_EVERY)
