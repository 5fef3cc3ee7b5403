"""How long to wait before asking a hub again that is away: longer each time, never twice the same."""

import asyncio
from random import Random

import structlog

from towpath import wire
from towpath.worker.clock import Clock
from towpath.worker.link import Answer, HubAway, HubRefused, Link, Verb

FIRST, LONGEST = 0.2, 5.0
"""Seconds before the second question, and at most."""

ANSWER_WITHIN = 10.0
"""Seconds after which a question counts as lost. Too short does no harm: the same question gets the same answer."""

log = structlog.get_logger()


class Backoff:
    """The waits between the attempts of one question."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._next = FIRST

    def seconds(self) -> float:
        """How long to wait this time: between half and all of a span that doubles up to `LONGEST`."""
        span, self._next = self._next, min(self._next * 2, LONGEST)
        return span * self._random.uniform(0.5, 1.0)


class Persistent:
    """Asks until the hub has answered, with the same question each time.

    `refused` is set when the hub refused one: perhaps it does not know this incarnation, which a beat tells.
    """

    def __init__(self, link: Link, clock: Clock, random: Random, refused: asyncio.Event) -> None:
        self._link, self._clock, self._random = link, clock, random
        self._never, self._hinted = asyncio.Event(), asyncio.Event()
        self._refused = refused

    def hint(self) -> None:
        """There is a hub again, or news from one: whoever waits to ask again asks at once."""
        self._hinted.set()
        self._hinted = asyncio.Event()

    async def ask(self, verb: Verb, question: wire.Message, answer: type[Answer]) -> Answer:
        """The answer, however long it takes; ends otherwise only by being cancelled."""
        backoff, said = Backoff(self._random), ""
        while True:
            try:
                return await self._link.ask(verb, question, answer, ANSWER_WITHIN)
            except (HubAway, HubRefused) as error:
                is_away = isinstance(error, HubAway)
                if not is_away:
                    self._refused.set()
                if str(error) != said:
                    said = str(error)
                    log.warning("no answer from the hub; asking again", verb=verb.value, reason=said)
            # A hub that refuses is there, and would refuse again however often it gives hints.
            hint = self._hinted if is_away else self._never
            await self._clock.wait(backoff.seconds(), hint)
            if hint.is_set():
                backoff = Backoff(self._random)
