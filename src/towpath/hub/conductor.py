"""Whether this hub conducts: of several on one database, one does what is to be done unasked."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog

from towpath.store import conductor
from towpath.store.conductor import Deposed, Office
from towpath.store.database import Database, Tx

T = TypeVar("T")
log = structlog.get_logger()

SILENT_BEATS = 3
"""Heartbeats without a sign after which a conductor's office is taken."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A hub that would conduct."""

    name: str
    """The same after a restart, and no other hub's: an office in its own name is its own."""
    heartbeat: float
    """Seconds between heartbeats."""
    monotonic: Callable[[], float]
    """Seconds since some fixed moment. No two hubs' clocks are ever compared."""


class Conductor:
    """This hub's side of the office. Call `look` once a heartbeat; whatever is done in office goes through `do`."""

    def __init__(self, database: Database, candidate: Candidate, installed: Callable[[], None]) -> None:
        self._database = database
        self._own = candidate
        self._installed = installed
        self._epoch: int | None = None
        self._in_office = asyncio.Event()
        self._seen: Office | None = None
        self._stirred_at = 0.0

    @property
    def conducts(self) -> bool:
        """Whether it has the office, as far as it knows."""
        return self._epoch is not None

    async def in_office(self) -> None:
        """Return once it has the office."""
        await self._in_office.wait()

    async def do(self, work: Callable[[Tx], T]) -> T:
        """Write as the conductor; raises `Deposed`, and changes nothing, where another hub is that."""
        epoch = self._epoch
        if epoch is None:
            raise Deposed("expected to conduct, found that this hub does not")
        try:
            return await self._database.write(partial(_checked, epoch, work))
        except Deposed:
            self._step_down(epoch)
            raise

    async def look(self) -> None:
        """Show that it lives, where it conducts; else take the office from one that is gone."""
        epoch = self._epoch
        if epoch is None:
            await self._apply()
        elif not await self._database.write(partial(conductor.beat, epoch=epoch)):
            self._step_down(epoch)

    async def leave(self) -> None:
        """Lay the office down, so that another hub need not wait."""
        epoch = self._epoch
        if epoch is not None:
            self._step_down(epoch)
            await self._database.write(partial(conductor.leave, epoch=epoch))

    async def _apply(self) -> None:
        seen = await self._database.read(conductor.look)
        now = self._own.monotonic()
        if seen != self._seen:
            self._seen, self._stirred_at = seen, now
        is_gone = now - self._stirred_at >= SILENT_BEATS * self._own.heartbeat
        if not is_gone and seen.holder not in ("", self._own.name):
            return
        epoch = await self._database.write(partial(conductor.take, seen=seen, name=self._own.name))
        if epoch is not None:
            log.info("this hub conducts", epoch=epoch, before=seen.holder or None)
            self._epoch = epoch
            self._installed()
            self._in_office.set()

    def _step_down(self, epoch: int) -> None:
        if self._epoch == epoch:
            log.info("this hub conducts no longer", epoch=epoch)
            self._epoch = self._seen = None
            self._in_office.clear()


def _checked(epoch: int, work: Callable[[Tx], T], tx: Tx) -> T:
    conductor.check(tx, epoch)
    return work(tx)
