"""How a node asks for work: one numbered claim at a time, asked again unchanged until it is answered."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from random import Random

from towpath import wire
from towpath.worker.backoff import Persistent
from towpath.worker.clock import Clock
from towpath.worker.lanes import Lane
from towpath.worker.link import Verb
from towpath.worker.slots import Slots

ASK_AGAIN = (1.0, 2.0)
"""Seconds, at least and at most, after which a node asks again that was told nothing is due: hints may be lost."""

Accept = Callable[[wire.Grants, float], None]
"""Takes the answer to a claim, and when the claim was first sent."""


class Claiming:
    """Keeps the slots busy."""

    def __init__(
        self,
        persistent: Persistent,
        clock: Clock,
        random: Random,
        slots: Mapping[Lane, Slots],
        incarnation: bytes,
    ) -> None:
        self._persistent, self._clock, self._random = persistent, clock, random
        self._slots, self._incarnation = slots, incarnation
        self._bell = asyncio.Event()
        self._number = self._hints = 0
        self._over = False
        self.asking = False
        """A claim is under way."""

    def look(self) -> None:
        """Something changed that may make it worth asking: a slot is free, or the outbox has room."""
        self._bell.set()

    def hint(self) -> None:
        """There may be work, also where there was none the last time."""
        self._hints += 1
        for slots in self._slots.values():
            slots.hint()
        self._bell.set()

    def end(self) -> None:
        """Claim no more. A claim under way is still asked until it is answered: it may have been granted."""
        self._over = True
        self._bell.set()

    async def run(self, accept: Accept, may_ask: Callable[[], bool]) -> None:
        """Claim while it is worth it and `may_ask`; returns after `end`."""
        while not self._over:
            self._bell.clear()
            if may_ask() and any(slots.is_worth_asking() for slots in self._slots.values()):
                await self._claim(accept)
                continue
            await self._clock.wait(self._random.uniform(*ASK_AGAIN), self._bell)
            if not self._bell.is_set():
                self.hint()

    async def _claim(self, accept: Accept) -> None:
        wanted = {lane: slots.wanted() for lane, slots in self._slots.items()}
        wants = [
            wire.Want(queue, function, asked.all, asked.small)
            for (queue, function), asked in wanted.items()
            if asked.all
        ]
        self._number += 1
        claim = wire.Claim(self._incarnation, self._number, wants)
        sent_at, hints = self._clock.now(), self._hints
        self.asking = True
        answer = await self._persistent.ask(Verb.CLAIM, claim, wire.Grants)
        self.asking = False
        accept(answer, sent_at)
        got = Counter((grant.queue, grant.function) for grant in answer.grants)
        for lane, asked in wanted.items():
            self._slots[lane].answered(asked, got[lane], answer.more)
        if hints != self._hints:  # It may have overtaken the answer, and be of work that this does not know.
            self.hint()
