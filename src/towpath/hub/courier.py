"""A courier: it takes what is stored to those who are to have it, each until it is taken, where this hub conducts."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import structlog
from sqlalchemy.engine import Connection

from towpath.domain.errors import Mistake
from towpath.engine.webhooks import Answer
from towpath.hub.conductor import Conductor
from towpath.hub.hints import LOOK_EVERY, Hint
from towpath.store.conductor import Deposed
from towpath.store.database import Database, Tx
from towpath.store.engines import Away

log = structlog.get_logger()

AT_ONCE: Final = 4
"""Deliveries to one receiver that are under way at the same time: one that hangs holds up no other."""
AGAIN_EVERY: Final = 1.0
"""Seconds between two looks at what waits until its time comes."""


class Item(Protocol):
    """Something that is to be sent now."""

    @property
    def id(self) -> int:
        """Its number among all of its kind."""


D = TypeVar("D", bound=Item)
R = TypeVar("R", bound=Hashable)


class Trade(Protocol[R, D]):
    """What a courier carries: who receives it (`R`), what is due (`D`), how one is sent, and what is kept of that."""

    def waits(self, conn: Connection) -> bool:
        """Whether anything waits for anybody, maybe until later."""

    def receivers(self, conn: Connection) -> Sequence[R]:
        """Those for whom something may wait."""

    def due(self, tx: Tx, receiver: R, limit: int) -> list[D]:
        """What is to be tried now, at most so many; raises `Mistake` where a receiver cannot be served."""

    async def send(self, one: D) -> Answer:
        """Try once."""

    def tried(self, tx: Tx, number: int, answer: Answer, dice: float) -> None:
        """Keep what came of a try."""


class Courier(Generic[R, D]):
    """The round that deliveries take."""

    def __init__(self, database: Database, conductor: Conductor, trade: Trade[R, D]) -> None:
        self._database = database
        self._conductor = conductor
        self._trade = trade
        self._dice = random.Random()  # noqa: S311  it only spreads tries
        self._hint = Hint()
        self._something_waits = True
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._busy: Counter[R] = Counter()

    def nudge(self) -> None:
        """Something may have to be sent: look at once."""
        self._hint.give()

    async def close(self) -> None:
        """Give up what is under way: it is sent again by whoever conducts next."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def deliver(self) -> None:
        """Send what is due."""
        await self._conductor.in_office()
        await self._hint.rest(most=AGAIN_EVERY if self._something_waits else LOOK_EVERY)
        self._something_waits = await self._database.read(self._trade.waits)
        if not self._something_waits:
            return
        for receiver in await self._database.read(self._trade.receivers):
            room = AT_ONCE - self._busy[receiver]
            if room > 0:
                await self._send_some(receiver, room)

    async def _send_some(self, receiver: R, room: int) -> None:
        # Those under way are due too, and come first: they are asked for, and left out.
        take: Callable[[Tx], list[D]] = partial(self._trade.due, receiver=receiver, limit=2 * AT_ONCE)
        # One that lands while the answer is on its way is told as due, and is not any more.
        under_way = set(self._flying)
        try:
            found = await self._conductor.do(take)
        except Mistake as error:
            log.error("a receiver cannot be served", receiver=receiver, error=str(error))
            return
        for one in [due for due in found if due.id not in under_way][:room]:
            self._busy[receiver] += 1
            task = asyncio.create_task(self._send(one), name=f"delivery {one.id}")
            self._flying[one.id] = task
            task.add_done_callback(partial(self._landed, receiver, one))

    async def _send(self, one: D) -> None:
        answer = await self._trade.send(one)
        keep = partial(self._trade.tried, number=one.id, answer=answer, dice=self._dice.random())
        # Where another hub conducts by now, or the database is away, it is sent once more.
        with suppress(Deposed, Away):
            await self._conductor.do(keep)

    def _landed(self, receiver: R, one: D, task: asyncio.Task[None]) -> None:
        self._flying.pop(one.id, None)
        self._busy[receiver] -= 1
        self._hint.give()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(
                "a delivery failed within the hub; it is sent again", delivery=one.id, error=repr(error)
            )
