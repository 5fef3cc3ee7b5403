"""What waits in the outbox goes to the hub, in order, and is forgotten only when the hub has committed it."""

import asyncio
from collections.abc import Callable
from random import Random

import structlog

from towpath import wire
from towpath.worker.backoff import Backoff, Persistent
from towpath.worker.clock import Clock
from towpath.worker.link import Verb
from towpath.worker.outbox import Parcel
from towpath.worker.posting import Disk

log = structlog.get_logger()

Applied = Callable[[Parcel, wire.Applied], None]


class Reporting:
    """Sends the outbox, one report at a time."""

    def __init__(self, persistent: Persistent, clock: Clock, random: Random, disk: Disk) -> None:
        self._persistent, self._clock, self._random, self._disk = persistent, clock, random, disk
        self._bell = asyncio.Event()
        self._never = asyncio.Event()
        self._backoff = Backoff(random)

    def look(self) -> None:
        """The outbox has something new."""
        self._bell.set()

    async def run(self, applied: Applied) -> None:
        """Send what there is, for ever; `applied` is told of each commit after it was forgotten here."""
        while True:
            self._bell.clear()
            await self.send_all(applied)
            await self._bell.wait()

    async def send_all(self, applied: Applied) -> None:
        """Send until the outbox is empty."""
        while (parcel := await self._disk.run(self._disk.outbox.parcel)) is not None:
            await self._send(parcel, applied)

    async def _send(self, parcel: Parcel, applied: Applied) -> None:
        report = wire.Report(parcel.incarnation, parcel.first, parcel.events)
        answer = await self._persistent.ask(Verb.REPORT, report, wire.Applied)
        up_to = min(answer.up_to, parcel.last)
        if up_to < parcel.first:
            log.warning("the hub committed nothing of a report", first=parcel.first, up_to=answer.up_to)
            await self._clock.wait(self._backoff.seconds(), self._never)
            return
        self._backoff = Backoff(self._random)
        await self._disk.run(lambda: self._disk.outbox.forget(parcel.incarnation, up_to))
        applied(parcel, wire.Applied(up_to, answer.refusals))
