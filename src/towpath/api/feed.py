"""The feed of live events: one reader of the database for all who listen at this hub."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from towpath.domain.events import Event, EventFilter
from towpath.store import events
from towpath.store.database import Database
from towpath.store.engines import Away

log = structlog.get_logger()

BACKLOG: Final = 256
"""Events that may wait for a listener; one that is slower is let go, and goes on where it was when it comes back."""
MOST_LISTENERS: Final = 5_000
LOOK_EVERY: Final = 1.0
"""Seconds until events are looked for of which this hub has had no hint: those that another hub has numbered."""
CHUNK: Final = 500
READERS: Final = 4
"""Listeners that catch up with what is kept at the same time."""


class Full(Exception):
    """More listen at this hub than it can serve."""


class Listener:
    """Somebody who listens: what waits for them is bounded."""

    __slots__ = ("gone", "waiting", "wanted")

    def __init__(self, wanted: EventFilter) -> None:
        self.wanted = wanted
        self.waiting: asyncio.Queue[bytes | None] = asyncio.Queue(BACKLOG + 1)
        self.gone = False

    def give(self, frame: bytes) -> bool:
        """Have an event wait for them; False where too many do."""
        if self.waiting.qsize() >= BACKLOG:
            return False
        self.waiting.put_nowait(frame)
        return True

    def let_go(self) -> None:
        """They are told nothing more."""
        if not self.gone:
            self.gone = True
            self.waiting.put_nowait(None)


class Feed:
    """What is told of, to all who listen; for one event loop. It reads only while somebody listens.

    `framed` gives the bytes that an event is sent as: made once, however many listen.
    """

    def __init__(self, database: Database, framed: Callable[[Event], bytes]) -> None:
        self._database = database
        self._framed = framed
        self._listeners: set[Listener] = set()
        self._reader: asyncio.Task[None] | None = None
        self._poked = asyncio.Event()
        self._last = 0
        self._closed = False
        self._catching_up = asyncio.Semaphore(READERS)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def close(self) -> None:
        """Let everybody go, and take nobody in any more."""
        self._closed = True
        for listener in list(self._listeners):
            listener.let_go()

    async def join(self, wanted: EventFilter) -> tuple[Listener, int]:
        """Take a listener in, to be told all behind the number that comes with it; raises `Full`."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise Full(f"expected at most {MOST_LISTENERS} listeners at one hub, found as many")
        last = await self._database.read(partial(events.cursor, name=events.LAST))
        listener = Listener(wanted)
        if self._closed:
            listener.let_go()
            return listener, last
        if self._reader is None:
            self._last = last
            self._reader = asyncio.create_task(self._read(), name="feed of events")
        self._listeners.add(listener)
        return listener, self._last

    def leave(self, listener: Listener) -> None:
        """They listen no longer."""
        self._listeners.discard(listener)

    async def kept(self, wanted: EventFilter, behind: int, until: int) -> AsyncIterator[Event]:
        """The events that are kept behind one, up to another; few at a time."""
        while behind < until:
            async with self._catching_up:
                read = partial(events.list_events, wanted=wanted, limit=CHUNK, behind=behind, until=until)
                found = await self._database.read(read)
            for event in found:
                yield event
            if len(found) < CHUNK:
                return
            behind = found[-1].number

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()

        def hear() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._poked.set)

        self._database.on_news.append(hear)
        try:
            while self._listeners:
                await self._look()
        finally:
            self._database.on_news.remove(hear)
            self._reader = None
            # Where this ends by a bug, whoever listens must not wait for ever: they come back, and are told the rest.
            for listener in list(self._listeners):
                listener.let_go()

    async def _look(self) -> None:
        """Wait for a hint, or a while, and tell what is new."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._poked.wait(), LOOK_EVERY)
        self._poked.clear()
        found: list[Event] | None = None
        while found is None or len(found) == CHUNK:
            read = partial(events.list_events, wanted=EventFilter(), limit=CHUNK, behind=self._last)
            try:
                found = await self._database.read(read)
            except (Away, SQLAlchemyError) as error:
                log.warning("live events wait for the database", error=str(error))
                return
            for event in found:
                self._tell(event)
            # Those who are told get their turn before there is more for them.
            await asyncio.sleep(0)

    def _tell(self, event: Event) -> None:
        self._last = event.number
        frame = self._framed(event)
        for listener in [one for one in self._listeners if one.wanted.matches(event)]:
            if not listener.give(frame):
                self._listeners.discard(listener)
                listener.let_go()
