"""The feed of live events: one reader of the database for all who listen at this hub."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

import structlog
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from towpath.domain.events import Event, EventFilter
from towpath.store import events
from towpath.store.database import Database
from towpath.store.engines import Away

log = structlog.get_logger()

BACKLOG: Final = 256
"""Events that may wait for a listener when more come; one that is slower is let go, and goes on where it was when it
comes back."""
MOST_LISTENERS: Final = 5_000
LOOK_EVERY: Final = 1.0
"""Seconds until events are looked for of which this hub has had no hint: those that another hub has numbered."""
CHUNK: Final = 500
READERS: Final = 2
"""Listeners for whom the database is asked at the same time: those who catch up, and those who are asked anew."""


class Full(Exception):
    """More listen at this hub than it can serve."""


class Listener:
    """Somebody who listens: what waits for them is bounded. For one event loop.

    `rights` is the number of changes of anybody's rights that there had been when they were last let in; -1: unknown.
    """

    __slots__ = ("_count", "_waiting", "_woken", "gone", "rights", "wanted")

    def __init__(self, wanted: EventFilter) -> None:
        self.wanted = wanted
        self.rights = -1
        self.gone = False
        self._waiting: list[bytes] = []
        self._count = 0
        self._woken: asyncio.Future[None] | None = None

    def give(self, frames: bytes, count: int) -> bool:
        """Have so many events wait for them, in one piece; False where too many do already.

        Who has heard all so far is given whatever comes at once: it is as many as one reading of the database brings.
        """
        if self._waiting and self._count + count > BACKLOG:
            return False
        self._waiting.append(frames)
        self._count += count
        self._wake()
        return True

    def let_go(self) -> None:
        """They are told nothing more, what waits for them included."""
        self.gone = True
        self._waiting.clear()
        self._wake()

    async def take(self, until: float) -> bytes:
        """All that waits for them, in one piece; b"" where nothing does by then, or they were let go."""
        if not self._waiting and not self.gone:
            loop = asyncio.get_running_loop()
            self._woken = loop.create_future()
            timer = loop.call_at(until, self._wake)
            try:
                await self._woken
            finally:
                timer.cancel()
                self._woken = None
        found = self._waiting[0] if len(self._waiting) == 1 else b"".join(self._waiting)
        self._waiting.clear()
        self._count = 0
        return found

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


class Feed:
    """What is told of, to all who listen; for one event loop. It reads only while somebody listens.

    `framed` gives the bytes that an event is sent as: made once, however many listen, and put together once for all who
    want the same.
    """

    def __init__(self, database: Database, framed: Callable[[Event], bytes]) -> None:
        self._database = database
        self._framed = framed
        self._views: dict[EventFilter, set[Listener]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._poked = asyncio.Event()
        self._last = 0
        self._rights = 0
        self._closed = False
        self.asking = asyncio.Semaphore(READERS)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return sum(map(len, self._views.values()))

    @property
    def rights(self) -> int:
        """How often anybody's rights may have changed, as it was when the last events were read."""
        return self._rights

    def close(self) -> None:
        """Let everybody go, and take nobody in any more."""
        self._closed = True
        self._let_all_go()

    async def join(self, wanted: EventFilter) -> tuple[Listener, int]:
        """Take a listener in, to be told all behind the number that comes with it; raises `Full`."""
        if self.listeners >= MOST_LISTENERS:
            raise Full(f"expected at most {MOST_LISTENERS} listeners at one hub, found as many")
        last, rights = await self._database.read(_now)
        listener = Listener(wanted)
        if self._closed:
            listener.let_go()
            return listener, last
        if self._reader is None:
            self._last, self._rights = last, rights
            self._reader = asyncio.create_task(self._read(), name="feed of events")
        self._views.setdefault(wanted, set()).add(listener)
        return listener, self._last

    def leave(self, listener: Listener) -> None:
        """They listen no longer."""
        members = self._views.get(listener.wanted, set())
        members.discard(listener)
        if not members:
            self._views.pop(listener.wanted, None)

    async def kept(self, listener: Listener, behind: int, until: int) -> AsyncIterator[Sequence[Event]]:
        """The events that are kept for a listener behind one, up to another; some at a time.

        Whoever is told of them looks at `rights` before each: they are as the same reading has found them.
        """
        while behind < until:
            read = partial(_found, wanted=listener.wanted, behind=behind, until=until)
            async with self.asking:
                found, rights = await self._database.read(read)
            self._rights = max(self._rights, rights)
            if found:
                yield found
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
            while self._views:
                await self._look()
        finally:
            self._database.on_news.remove(hear)
            self._reader = None
            # Where this ends by a bug, whoever listens must not wait for ever: they come back, and are told the rest.
            self._let_all_go()

    def _let_all_go(self) -> None:
        for members in self._views.values():
            for listener in members:
                listener.let_go()
        self._views.clear()

    async def _look(self) -> None:
        """Wait for a hint, or a while, and tell what is new."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._poked.wait()
        self._poked.clear()
        found: Sequence[Event] | None = None
        while found is None or len(found) == CHUNK:
            try:
                found, rights = await self._database.read(partial(_found, wanted=ALL, behind=self._last))
            except (Away, SQLAlchemyError) as error:
                log.warning("live events wait for the database", error=str(error))
                return
            # First this: nobody is sent what came with or after a change of rights before they were asked anew.
            self._rights = max(self._rights, rights)
            if found:
                self._tell(found)
            # Those who are told get their turn before there is more for them.
            await asyncio.sleep(0)

    def _tell(self, found: Sequence[Event]) -> None:
        self._last = found[-1].number
        made: dict[int, bytes] = {}
        for wanted, members in list(self._views.items()):
            frames: list[bytes] = []
            for event in found:
                if wanted.matches(event):
                    if event.number not in made:
                        made[event.number] = self._framed(event)
                    frames.append(made[event.number])
            if frames:
                chunk = b"".join(frames)
                for slow in [one for one in members if not one.give(chunk, len(frames))]:
                    slow.let_go()
                    self.leave(slow)


ALL: Final = EventFilter()


def _now(conn: Connection) -> tuple[int, int]:
    return events.cursor(conn, events.LAST), events.cursor(conn, events.RIGHTS)


def _found(
    conn: Connection, wanted: EventFilter, behind: int, until: int | None = None
) -> tuple[Sequence[Event], int]:
    """Events, and the number of changes of rights, as one snapshot has them."""
    found = events.list_events(conn, wanted, CHUNK, behind, until)
    return found, events.cursor(conn, events.RIGHTS)
