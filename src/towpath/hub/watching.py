"""The rounds of alerts: each hub notes how it is itself, and the one that conducts looks at all that is noted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from towpath.engine import alerts
from towpath.engine.alerts import HubFacts
from towpath.hub.conductor import Conductor
from towpath.store.database import Database

log = structlog.get_logger()

LOOK_EVERY: Final = 10.0
WATCH_EVERY: Final = 60.0
NOTE_EVERY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The hub that watches: its `name`, and how it looks at itself, which may block; None = it does not."""

    name: str
    examine: Callable[[], HubFacts] | None


class Watching:
    """What alerts are made of is noted, and made into alerts."""

    def __init__(self, database: Database, conductor: Conductor, watched: Watched) -> None:
        self._database = database
        self._conductor = conductor
        self._watched = watched
        self._is_new = True

    def begin(self) -> None:
        """This hub has become the conductor: nobody may have looked for a while."""
        self._is_new = True

    async def look(self) -> None:
        """Raise and clear alerts. The first look waits: who had no hub gets the time to be heard."""
        await self._conductor.in_office()
        await asyncio.sleep(LOOK_EVERY)
        await self._conductor.do(alerts.look)

    async def watch_jobs(self) -> None:
        """Note how far running jobs have come."""
        await self._conductor.in_office()
        if self._is_new:
            self._is_new = False
            await self._conductor.do(alerts.watch_anew)
        last: int | None = 0
        while last is not None:
            last = await self._conductor.do(partial(alerts.watch, behind=last))
        await asyncio.sleep(WATCH_EVERY)

    async def note_self(self) -> None:
        """Note how this hub is, whichever conducts."""
        if self._watched.examine is not None:
            facts = await asyncio.to_thread(self._watched.examine)
            await self._database.write(partial(alerts.note_hub, name=self._watched.name, facts=facts))
        await asyncio.sleep(NOTE_EVERY)
