"""The hub's rounds: what upkeep finds due is done, piece by piece, so that nobody else waits for long."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Self

import structlog
from sqlalchemy.engine import Connection

from towpath.domain.nodes import SILENT_AFTER
from towpath.engine import (
    alerts,
    audit,
    events,
    live_settings,
    nodes,
    parking,
    pruning,
    sweeps,
    upkeep,
    usage,
)
from towpath.hub.conductor import Candidate, Conductor
from towpath.hub.hints import LOOK_EVERY, Hint
from towpath.hub.leases import Leases
from towpath.hub.link import Link
from towpath.hub.notices import Notices, Noticing
from towpath.hub.posting import Postage, Posting
from towpath.hub.telling import Telling
from towpath.hub.watching import Watched, Watching
from towpath.store.conductor import Deposed
from towpath.store.database import Database, Tx
from towpath.store.engines import Away
from towpath.store.pruning import Place

log = structlog.get_logger()

REPAIR_EVERY = 60.0
OFTEN = 1.0
"""Seconds between two looks at what goes on, or waits until its time comes."""
SCHEDULE_EVERY = 30.0
FORGET_EVERY = 3600.0
KEPT = ("keep_days", "keep_events_days")
AGAIN = 1.0
"""Seconds until a round that failed is tried again."""


@dataclass(frozen=True, slots=True)
class Keep:
    """For how many microseconds things are kept; 0 = for ever."""

    jobs: int
    """Jobs, from their end on."""
    events: int

    @classmethod
    def of_days(cls, jobs: float, events: float) -> Self:
        """The same in days."""
        return cls(int(jobs * upkeep.DAY), int(events * upkeep.DAY))


class Rounds:
    """Runs upkeep, where this hub conducts: at once when nudged, and lease by lease, heartbeat by heartbeat."""

    def __init__(
        self,
        database: Database,
        link: Link,
        candidate: Candidate,
        lease_beats: int,
        keep: Keep,
        postage: Postage,
        watched: Watched,
    ) -> None:
        self._database = database
        self._is_reachable = link.is_reachable
        self._leases = Leases(lease_beats)
        self._keep = keep
        self._heartbeat = candidate.heartbeat
        self._monotonic = candidate.monotonic
        self._conductor = Conductor(database, candidate, self._begin)
        self._telling = Telling(database, self._conductor, link)
        self._posting = Posting(database, self._conductor, postage)
        notices = Notices(postage.hub_key, postage.shown_url, postage.send)
        self._noticing = Noticing(database, self._conductor, notices)
        self._watching = Watching(database, self._conductor, watched)
        self._nudged, self._parked, self._hidden = Hint(), Hint(), Hint()
        self._sweeps, self._spaces = Hint(), Hint()
        self._watched_at = self._spaces_due_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def conducts(self) -> bool:
        """Whether this hub does the upkeep."""
        return self._conductor.conducts

    def start(self) -> None:
        """Begin the rounds."""
        rounds = (
            self._hold_office,
            self._sweep,
            self._unpark,
            self._watch,
            self._mend,
            self._forget,
            self._prune,
            self._look_after_objects,
            self._look_into_spaces,
            self._telling.number,
            self._telling.write_log,
            self._posting.deliver,
            self._noticing.deliver,
            self._watching.look,
            self._watching.watch_jobs,
            self._watching.note_self,
        )
        self._tasks = [asyncio.create_task(self._for_ever(one), name=one.__name__) for one in rounds]

    async def stop(self) -> None:
        """End the rounds."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._posting.close()
        await self._noticing.close()
        with suppress(Away):
            await self._conductor.leave()

    def nudge(self) -> None:
        """Something was asked of a job: look at once."""
        for one in (self._nudged, self._parked, self._hidden, self._sweeps, self._spaces):
            one.give()
        self.nudge_telling()

    def nudge_telling(self) -> None:
        """There are events: have them told at once."""
        self._telling.nudge()
        self._posting.nudge()
        self._noticing.nudge()

    def _begin(self) -> None:
        """This hub has become the conductor: it looks at everything, and every lease has its full length."""
        self._leases.renew()
        self._watching.begin()
        self._watched_at = self._monotonic()
        self.nudge()

    async def _for_ever(self, one_round: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await one_round()
            except Deposed:
                continue
            except Away as error:
                log.warning("upkeep waits for the database", round=one_round.__name__, error=str(error))
                await asyncio.sleep(AGAIN)
            except Exception:
                # A boundary: a round that fails is tried again, since how things stand says what is due.
                log.exception("a round of upkeep failed", round=one_round.__name__)
                await asyncio.sleep(AGAIN)

    async def _hold_office(self) -> None:
        await self._conductor.look()
        await asyncio.sleep(self._heartbeat)

    async def _sweep(self) -> None:
        """Resume what is due, empty the queues of cancelled jobs, and run the hub's own discoveries."""
        await self._conductor.in_office()
        await self._nudged.rest(most=max(OFTEN, self._heartbeat))
        do = self._conductor.do
        while (due := await do(upkeep.look)).more:
            pass
        for job_id in due.cancelled:
            while not await do(partial(upkeep.dequeue, job_id=job_id)):
                pass
        for task_id in due.discoveries:
            while not await do(partial(upkeep.discover, task_id=task_id)):
                pass

    async def _look_after_objects(self) -> None:
        """Take each sweep of a target as far as it can go."""
        await self._conductor.in_office()
        under_way = await self._database.read(sweeps.list_open)
        for sweep in under_way:
            while await self._conductor.do(partial(sweeps.advance, sweep_id=sweep)):
                pass
        await self._rest(self._sweeps, is_busy=bool(under_way))

    async def _look_into_spaces(self) -> None:
        """Take over what was counted in spaces, and have it counted again where the time has come."""
        await self._conductor.in_office()
        now = self._monotonic()
        is_counting = await self._database.read(usage.is_counting)
        if now >= self._spaces_due_at or is_counting:
            await self._conductor.do(usage.look)
            self._spaces_due_at = now + SCHEDULE_EVERY
        await self._rest(self._spaces, is_busy=is_counting)

    async def _unpark(self) -> None:
        """Let go on what was put off until now."""
        await self._conductor.in_office()
        is_parked = await self._database.read(parking.is_any_parked)
        while is_parked and not await self._conductor.do(parking.unpark):
            pass
        await self._rest(self._parked, is_busy=is_parked)

    async def _watch(self) -> None:
        """One heartbeat's time: nodes that were silent while the hub could hear have missed one."""
        await self._conductor.in_office()
        await asyncio.sleep(self._heartbeat)
        reachable = await self._is_reachable()
        given, is_cancelling = await self._database.read(_watched)
        before, self._watched_at = self._watched_at, self._monotonic()
        if self._watched_at - before >= 2 * self._heartbeat + 1:
            self._leases.renew()
        for node_id in self._leases.period(given, could_hear=reachable):
            released = await self._conductor.do(partial(nodes.silence, node_id=node_id))
            log.warning("a node fell silent", node=node_id, beats=self._leases.beats, released=len(released))
        for node_id in self._leases.quiet(SILENT_AFTER):
            await self._conductor.do(partial(nodes.mark_silent, node_id=node_id, beats=given[node_id]))
        take_back = partial(upkeep.take_back, beats=self._leases.beats)
        if is_cancelling and (taken := await self._conductor.do(take_back)):
            log.warning("tasks of cancelled jobs were taken from nodes that kept them", tasks=taken)

    async def _mend(self) -> None:
        await self._conductor.in_office()
        last: int | None = 0
        while last is not None:
            last = await self._conductor.do(partial(upkeep.repair, after=last))
        await asyncio.sleep(REPAIR_EVERY)

    async def _forget(self) -> None:
        await self._conductor.in_office()
        await self._conductor.do(upkeep.forget)
        while not await self._conductor.do(audit.forget):
            pass
        while not await self._conductor.do(alerts.forget):
            pass
        keep = await self._kept()
        while keep.events and not await self._conductor.do(partial(events.forget, keep=keep.events)):
            pass
        behind: Place | None = pruning.BEGINNING if keep.jobs else None
        while behind is not None:
            hide_old = partial(_hide_old, keep=keep.jobs, behind=behind)
            behind = (await self._conductor.do(hide_old)).behind
        await asyncio.sleep(FORGET_EVERY)

    async def _kept(self) -> Keep:
        """For how long things are kept: as somebody has set it, else as this hub was started."""
        found = await self._database.read(live_settings.chosen)
        days = {name: int(float(one.value) * upkeep.DAY) for name, one in found.items() if name in KEPT}
        return Keep(days.get("keep_days", self._keep.jobs), days.get("keep_events_days", self._keep.events))

    async def _prune(self) -> None:
        """Take away some rows of jobs that nobody is shown any more, then give others twice as long as that took."""
        await self._conductor.in_office()
        began = self._monotonic()
        if await self._conductor.do(pruning.take_away):
            await self._rest(self._hidden)
        else:
            await asyncio.sleep(2 * (self._monotonic() - began))

    async def _rest(self, hint: Hint, *, is_busy: bool = False) -> None:
        """Between two looks: a moment where something goes on, else until a hint comes, which may be soon."""
        moment = min(OFTEN, self._heartbeat)
        await hint.rest(moment, moment if is_busy else LOOK_EVERY)


def _watched(conn: Connection) -> tuple[dict[int, int], bool]:
    """The nodes whose heartbeats are awaited, and whether any job is being cancelled."""
    return nodes.watched(conn), upkeep.is_cancelling(conn)


def _hide_old(tx: Tx, keep: int, behind: Place) -> pruning.Hidden:
    return pruning.hide(tx, tx.now - keep, behind)
