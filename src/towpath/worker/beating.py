"""The heartbeat of a node: what it holds goes to the hub, and the hub's verdicts come back."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from towpath import wire
from towpath.worker.clock import Clock
from towpath.worker.fence import Fence
from towpath.worker.held import Held, Run
from towpath.worker.link import HubAway, HubRefused, Link, Verb

log = structlog.get_logger()


APART = 0.25
"""Seconds between two heartbeats at least where only a hint asks for one, or one got no answer."""

TRIES = 3
"""So often a heartbeat is sent while no answer comes: a hub that hangs takes what it is sent from another's hands."""


Disks = dict[str, tuple[int, int]]
"""Root → bytes that ordinary users may still fill, and bytes in all."""


class Beating:
    """Beats every `heartbeat` seconds, from one beginning to the next, and at once after `soon` is set; says hello
    again to a hub that forgot us."""

    def __init__(self, link: Link, clock: Clock, held: Held, fence: Fence, incarnation: bytes) -> None:
        self._link, self._clock, self._held, self._fence = link, clock, held, fence
        self._incarnation = incarnation
        self.heartbeat = 1.0
        self.draining = False
        self.soon = asyncio.Event()
        self._hinted = False
        self._jobs: Callable[[], list[int]] = list
        self._disks: Callable[[], Disks] = dict
        self._never = asyncio.Event()

    def hint(self) -> None:
        """Something was asked at the hub: where it concerns a run of this node, the next beat's answer says so."""
        if self._held.open() and not self.soon.is_set():
            self._hinted = True
            self.soon.set()

    def asks(self, jobs: Callable[[], list[int]]) -> None:
        """Ask with each beat whether these jobs are over."""
        self._jobs = jobs

    def tells(self, disks: Callable[[], Disks]) -> None:
        """Tell with a beat how full the roots' file systems are, where there is news of that."""
        self._disks = disks

    async def run(
        self, judged: Callable[[wire.Verdicts], None], hello: Callable[[], Awaitable[None]]
    ) -> None:
        """Beat for ever; `judged` is told each verdict, `hello` makes us known again."""
        while True:
            self.soon.clear()
            began_at = self._clock.now()
            verdicts = await self._beat()
            if verdicts is not None and not verdicts.known:
                await hello()
            elif verdicts is not None:
                judged(verdicts)
            beaten_at = self._clock.now()
            left = self.heartbeat - (beaten_at - began_at)
            if verdicts is None:
                left = max(APART, left)
            if left > 0:
                await self._clock.wait(left, self.soon)
            if self._hinted and (early := APART - (self._clock.now() - beaten_at)) > 0:
                await self._clock.wait(early, self._never)
            self._hinted = False

    async def _beat(self) -> wire.Verdicts | None:
        listed = self._held.all()
        beat = wire.Beat(
            self._incarnation,
            self._held.answered_claim,
            [r.id for r in listed],
            _progress(listed),
            self.draining,
            self._jobs(),
            self._disks(),
        )
        try:
            verdicts, sent_at = await self._answered(beat)
        except (HubAway, HubRefused) as error:
            log.warning("a heartbeat got no answer", reason=str(error), runs=len(listed))
            return None
        if verdicts.known:
            self._vouch(listed, set(verdicts.drop), sent_at)
        return verdicts

    async def _answered(self, beat: wire.Beat) -> tuple[wire.Verdicts, float]:
        """The first answer that comes within a heartbeat's time, and when its question was sent."""
        asked: dict[asyncio.Task[wire.Verdicts], float] = {}
        try:
            for left in range(TRIES, 0, -1):
                wait = self.heartbeat * left / TRIES
                question = asyncio.create_task(self._link.ask(Verb.BEAT, beat, wire.Verdicts, wait))
                asked[question] = self._clock.now()
                apart = self.heartbeat / TRIES if left > 1 else None
                done, _ = await asyncio.wait(asked, timeout=apart, return_when=asyncio.FIRST_COMPLETED)
                for answered in sorted(done, key=lambda one: one.exception() is not None):
                    return answered.result(), asked[answered]
            raise HubAway(f"no answer within {self.heartbeat:g} s")
        finally:
            for question in asked:
                question.cancel()

    def _vouch(self, listed: Sequence[Run], dropped: set[bytes], sent_at: float) -> None:
        """Each run that was listed and not dropped was still ours when the question was sent."""
        with self._fence.changed:
            for run in listed:
                if run.id not in dropped:
                    run.hold.heard(sent_at)
            self._fence.changed.notify_all()


def _progress(listed: Sequence[Run]) -> list[wire.Progress]:
    """How far those have come that are running and have something to show."""
    return [
        wire.Progress(run.id, run.paths, run.bytes)
        for run in listed
        if not run.ended and run.begun_at is not None and (run.paths or run.bytes)
    ]
