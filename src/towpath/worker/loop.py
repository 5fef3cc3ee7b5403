"""A node at work: it sends what an earlier life left, says hello, claims, runs, beats, reports, and drains."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

import structlog
from msgspec import structs

from towpath import wire
from towpath.worker.backoff import Persistent
from towpath.worker.beating import Beating, Disks
from towpath.worker.begun import Begun, Unnoted
from towpath.worker.claiming import Claiming
from towpath.worker.clock import Clock
from towpath.worker.company import Company
from towpath.worker.fence import Condition, Fence, Hold
from towpath.worker.held import Held, Run
from towpath.worker.lanes import Lanes
from towpath.worker.link import Link, Verb
from towpath.worker.outbox import Outbox, Parcel
from towpath.worker.pool import Hands
from towpath.worker.posting import Disk, Kept, Posting, Said
from towpath.worker.questions import Answering
from towpath.worker.reporting import Reporting
from towpath.worker.runs import Means, carry_out, given_back, step_through
from towpath.worker.traced import traced
from towpath.worker.walks import walk

CLAIM_PATIENCE = 2.0
"""Seconds that a node which leaves waits for an answer to its last claim; a grant it never hears of costs nothing."""

PATIENCE = 60.0
"""Seconds that tasks which were handed back get for the paths in their hands."""

FLUSH = 10.0
"""Seconds that a node which leaves waits for the hub to commit its outbox; what is left is sent by its next life."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Machine:
    """What a node takes from the machine it runs on: all of it can be a simulation's."""

    clock: Clock
    random: Random
    outbox: Outbox
    disk: Executor
    """Where the outbox is read and written: one thread."""
    hands: Callable[[str, int], Hands]
    """Makes, for a name, that many hands."""
    condition: Callable[[], Condition] = threading.Condition
    """Makes what the hands wait at."""
    begun: Begun = field(default_factory=Unnoted)
    """Where the runs are noted that have begun."""
    disks: Callable[[], Disks] = dict
    """How full the roots' file systems are, where there is news of that."""


class Worker:
    """One life of a node: one incarnation, from its start to its drained end. Made and used on one event loop."""

    def __init__(self, link: Link, machine: Machine, means: Means, hello: wire.Hello, grace: float) -> None:
        clock, random = machine.clock, machine.random
        self._clock, self._outbox, self._means = clock, machine.outbox, means
        self._hello, self._grace = structs.replace(hello, begun=machine.begun.before, life=0), grace
        self._fence, self._held = Fence(clock.now, machine.condition()), Held()
        self._begun = machine.begun
        self._company = Company(self._fence, machine.begun)
        self._lanes = Lanes(hello.queues, machine.hands, clock.now)
        self._disk = Disk(machine.outbox, machine.disk, clock)
        self._posting = Posting(self._disk, self._fence, self._kept)
        self._beating = Beating(link, clock, self._held, self._fence, hello.incarnation)
        self._beating.asks(means.unfinished.jobs)
        self._beating.tells(machine.disks)
        self._persistent = Persistent(link, clock, random, self._beating.soon)
        self._claiming = Claiming(self._persistent, clock, random, self._lanes, hello.incarnation)
        self._answering = Answering(self._persistent, machine.hands("questions", 2), means.respond)
        self._reporting = Reporting(self._persistent, clock, random, self._disk)
        self._changed = asyncio.Event()
        """A run ended, a claim was answered, a report was committed, or it is time to leave."""
        self._told_to_drain = asyncio.Event()
        self._leaving = False
        self._wishes = wire.NodeWishes()
        """What people wish of this node, as the hub said last."""
        link.on_wake(self._hinted)

    def drain(self) -> None:
        """Claim nothing more, give back what has not begun, let the rest end, tell it, and end."""
        self._told_to_drain.set()

    def leave(self) -> None:
        """End at once: what runs is lost, and the hub hears of it from the node's next life."""
        self._leaving = True
        self._told_to_drain.set()
        self._changed.set()

    async def run(self) -> bool:
        """Work until told to drain; True where all that ran then ended, False where something was left behind.

        What the hub could not be told in time is safe in the outbox, and so is nothing left behind.
        """
        if not await self._unless_told(self._begin()):
            return not self._leaving
        loops: tuple[Coroutine[Any, Any, None], ...] = (
            self._posting.run(),
            self._reporting.run(self._applied),
            self._beating.run(self._judged, self._say_hello),
            self._claiming.run(self._accept, self._may_claim),
            self._answering.run(),
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(loop) for loop in loops]
            await self._told_to_drain.wait()
            await self._drained()
            for task in tasks:
                task.cancel()
        # It ends because it was told to: what it leaves behind is to blame for nothing.
        self._begun.forget()
        return not self._leaving and not self._held.open()

    # Beginning ------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """What an earlier life left goes first: its runs are ended before the hub takes them for lost."""
        await self._reporting.send_all(lambda parcel, applied: None)
        await self._say_hello()
        self._begun.forget()

    async def _say_hello(self) -> None:
        sent_at = self._clock.now()
        while (welcome := await self._persistent.ask(Verb.HELLO, self._hello, wire.Welcome)).life:
            self._hello = structs.replace(self._hello, life=welcome.life)
        self._beating.heartbeat = welcome.heartbeat
        self._fence.lease(welcome.heartbeat * welcome.lease_beats)
        self._wished(welcome.wishes)
        log.info(
            "the hub knows this node",
            heartbeat=welcome.heartbeat,
            after=round(self._clock.now() - sent_at, 3),
        )

    async def _unless_told(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do that, unless the node is told to drain before it is done; whether it was done."""
        doing = asyncio.ensure_future(work)
        told = asyncio.ensure_future(self._told_to_drain.wait())
        await asyncio.wait((doing, told), return_when=asyncio.FIRST_COMPLETED)
        for one in (doing, told):
            one.cancel()
        with suppress(asyncio.CancelledError):
            await doing
            return True
        return False

    # Working --------------------------------------------------------------------------------------------------

    def _hinted(self) -> None:
        """The hub has news for this site: work, or a wish that concerns what runs here, or that it is there again."""
        self._persistent.hint()
        self._claiming.hint()
        self._beating.hint()

    def _accept(self, answer: wire.Grants, sent_at: float) -> None:
        """Hold what was granted, all of it before anything else happens on the loop, so that no beat misses one."""
        self._answering.hear(answer.questions)
        now = self._clock.now()
        fresh = [Run(grant, Hold(self._fence, sent_at), now) for grant in answer.grants]
        fresh = [run for run in fresh if self._held.add(run)]
        self._held.answered_claim = answer.number
        for run in fresh:
            slots = self._lanes.get(run.lane)
            if slots is None or self._drains:
                self._give_back(run)
            else:
                slots.take(run, self._work)
        if fresh and not self._fence.check(sent_at):
            # The answer was long on its way: whether these are still ours, only a heartbeat tells.
            self._beating.soon.set()
        self._changed.set()

    def _work(self, run: Run) -> None:
        """A task's thread: all that it may raise has become an event."""
        if run.is_walk:
            stages = partial(walk, run, self._means, self._posting.put_out)
        else:
            stages = partial(step_through, run, self._means)
        carried_out = partial(carry_out, run, partial(self._in_company, run, stages))
        self._posting.say(Said(run, traced(run, self._means.traces, carried_out), ends=True))

    def _in_company(self, run: Run, stages: Callable[[], bytes]) -> bytes:
        """Run the stages beside what else runs, or alone where it must."""
        if not self._company.enter(run):
            return given_back(run.grant)
        try:
            return stages()
        finally:
            self._company.leave(run)

    def _kept(self, kept: Sequence[Kept]) -> None:
        """The outbox has what runs said."""
        for (run, _, ends), number in kept:
            if ends:
                self._held.end(run, number)
                if slots := self._lanes.get(run.lane):
                    slots.released(run)
        self._reporting.look()
        self._claiming.look()
        self._changed.set()

    def _applied(self, parcel: Parcel, applied: wire.Applied) -> None:
        """The hub has committed a report."""
        if parcel.incarnation == self._hello.incarnation:
            self._held.acknowledge(applied.up_to)
        for refusal in applied.refusals:
            run = self._held.find(refusal.run)
            if run is not None and not run.ended:
                log.info("the hub refused what a run said", task=run.grant.task, reason=refusal.reason)
                run.hold.lose()
        with self._fence.changed:
            self._fence.changed.notify_all()
        self._claiming.look()
        self._changed.set()

    def _judged(self, verdicts: wire.Verdicts) -> None:
        """The hub has looked at what this node holds, and says what people wish of it."""
        self._wished(verdicts.wishes)
        self._means.unfinished.over(verdicts.over)
        self._answering.hear(verdicts.questions)
        for run in self._open(verdicts.drop):
            self._drop(run)
        for run in self._open(verdicts.hand_back):
            self._stop(run)
        waiting = [run for run in self._held.open() if run.waits]
        for lane, slots in self._lanes.items():
            for run in slots.overdue(run for run in waiting if run.lane == lane):
                self._give_back(run)

    def _open(self, run_ids: Iterable[bytes]) -> list[Run]:
        found = (self._held.find(run_id) for run_id in run_ids)
        return [run for run in found if run is not None and not run.ended]

    def _drop(self, run: Run) -> None:
        """Say nothing more of a run."""
        if run.begin():
            self._posting.say(Said(run, None, ends=True))
        else:
            run.hold.lose()

    def _stop(self, run: Run) -> None:
        """Hand a run back: at once where it has not begun, else at its next path."""
        if not self._give_back(run):
            run.hold.hand_back()

    def _give_back(self, run: Run) -> bool:
        """Give back a run that has not begun; False where it has."""
        if not run.begin():
            return False
        self._posting.say(Said(run, given_back(run.grant), ends=True))
        return True

    # Wishes ---------------------------------------------------------------------------------------------------

    @property
    def _drains(self) -> bool:
        """It takes nothing more: it was told to end, or people wish it to hold nothing."""
        return self._wishes.drain or self._told_to_drain.is_set()

    def _may_claim(self) -> bool:
        return not self._drains and self._posting.has_room()

    def _wished(self, wishes: wire.NodeWishes) -> None:
        """Do as people wish of this node: the same call whether the wish is new or old."""
        if wishes != self._wishes:
            log.info("people wish of this node", drain=wishes.drain, slots=wishes.slots)
            self._lanes.set(wishes.slots)
            self._claiming.hint()
        self._wishes = wishes
        if self._beating.draining != self._drains:
            self._beating.draining = self._drains
            self._beating.soon.set()
        for run in self._held.open():
            slots = self._lanes.get(run.lane)
            if run.waits and (self._drains or slots is None or not slots.size):
                self._give_back(run)

    # Draining -------------------------------------------------------------------------------------------------

    async def _drained(self) -> None:
        """End what is held: walks at once, for they go on elsewhere at no cost; the rest gets its time."""
        log.info("draining", runs=len(self._held.open()))
        self._claiming.end()
        self._beating.draining = True
        self._beating.soon.set()
        for run in self._held.open():
            if run.waits or run.is_walk:
                self._stop(run)
        await self._until(lambda: not self._claiming.asking, CLAIM_PATIENCE)
        await self._until(lambda: not self._held.open(), self._grace)
        for run in self._held.open():
            self._stop(run)
        await self._until(lambda: not self._held.open(), PATIENCE)
        for run in self._held.open():
            log.warning("a task is left behind; the hub will grant it again", task=run.grant.task)
            run.hold.lose()
        await self._until(lambda: self._outbox.waiting == 0, FLUSH)
        log.info("leaving", waiting=self._outbox.waiting)

    async def _until(self, ready: Callable[[], bool], seconds: float) -> None:
        deadline = self._clock.now() + seconds
        while not ready() and not self._leaving and (left := deadline - self._clock.now()) > 0:
            self._changed.clear()
            await self._clock.wait(left, self._changed)
