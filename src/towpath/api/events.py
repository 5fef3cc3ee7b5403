"""What has happened: `GET /api/events/` for what is kept, `GET /api/events/stream/` for what happens now."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response, StreamingResponse

from towpath.api.context import Asking, Call, Hub, asker_of
from towpath.api.door import let_in
from towpath.api.feed import Feed, Listener
from towpath.api.forms import MOST_EXACT
from towpath.api.pages import AS_LINES, Asked, Listing, Page, numbers_of, reader_of, stream_of
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.errors import Mistake
from towpath.domain.events import Event as Happened
from towpath.domain.events import EventFilter, kinds_of, place_of
from towpath.domain.rights import Asker
from towpath.store import events

router = Router(prefix="/api/events", tags=["events"])

MOST_COUNTED: Final = 10_000
BEAT: Final = 15.0
"""Seconds without an event after which a listener is sent a comment."""
ASK_AGAIN: Final = 60.0
"""Seconds after which a listener is asked anew whether they may listen, though nobody's rights have changed: keys and
sessions have their end."""
RETRY: Final = 2_000
"""Milliseconds after which a client that was cut off comes back."""
EVENT_STREAM: Final = "text/event-stream"


class Event(BaseModel):
    """Something that has happened."""

    number: int = Field(description="Its place among all events: 1, 2, 3 … as they were committed.")
    kind: str = Field(examples=["job.ended"])
    at: datetime
    job: int | None = Field(examples=[12])
    site: str = Field(examples=["oslo"])
    node: str = Field(examples=[""])
    workflow: str = Field(description="That of its job.", examples=["migrate"])
    details: dict[str, Any] = Field(
        examples=[{"state": "SUCCESS", "before": "STARTED", "report": "/api/jobs/12/report/"}]
    )

    @classmethod
    def of(cls, event: Happened) -> "Event":
        """The event as the API shows it."""
        return cls(
            number=event.number,
            kind=event.kind,
            at=at(event.at),
            job=event.job,
            site=event.site,
            node=event.node,
            workflow=event.workflow,
            details=dict(event.details),
        )


def places_of(asker: Asker) -> frozenset[str] | None:
    """The spaces whose events somebody may see, as events bear them; None: they may see all, of jobs or not."""
    return None if asker.reach is None else frozenset(place_of(*place) for place in asker.reach)


async def _wanted(
    asking: Asking,
    kind: Annotated[
        list[str] | None, Query(description="`job.ended`, `job.*`; may be repeated, or have commas between.")
    ] = None,
    job: Annotated[int | None, Query(ge=1, le=MOST_EXACT)] = None,
    site: str | None = None,
    workflow: str | None = None,
) -> EventFilter:
    patterns = [name.strip() for text in kind or () for name in text.split(",") if name.strip()]
    return EventFilter(kinds_of(patterns), job, site, workflow, places_of(asking))


Wanted = Annotated[EventFilter, Depends(_wanted)]


def _listing(wanted: EventFilter) -> Listing[Happened, Event]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[Happened]:
        numbers = numbers_of(cursor, 1)
        return events.list_events(conn, wanted, limit, numbers[0] if numbers else 0, skip=skip)

    return Listing(read, lambda event: str(event.number), Event.of)


@router.get("/", response_model=Page[Event], responses=AS_LINES, summary="List what has happened, in order")
async def list_events(request: Request, hub: Hub, paging: Asked, wanted: Wanted) -> Page[Event] | Response:
    """The events that are kept, the oldest first; `cursor=N` gives those behind number N. Who may see some spaces only
    is told of the jobs that work in these.

    Of more than 10,000 events `count` says 10,000.
    """
    listing = _listing(wanted)
    if paging.lines:
        return await stream_of(hub.database, listing, paging)

    def count(conn: Connection) -> int:
        return events.count_events(conn, wanted, MOST_COUNTED)

    return await hub.read(reader_of(request, paging, listing, count))


@router.get(
    "/stream/",
    response_class=StreamingResponse,
    responses={200: {"content": {EVENT_STREAM: {"schema": {"type": "string"}}}}},
    summary="Listen to what happens",
)
async def stream_events(
    request: Request,
    hub: Hub,
    wanted: Wanted,
    last_event_id: Annotated[
        str | None, Header(description="The number of the last event that was heard: all behind it follow.")
    ] = None,
    after: Annotated[str | None, Query(description="The same, for who can send no header.")] = None,
) -> StreamingResponse:
    """Server-sent events: each has its number as `id`, its kind as `event`, and what the list shows as `data`.

    Who may see some spaces only hears of the jobs that work in these. Without a number it begins now. Whoever is too
    slow is cut off, and goes on where they were by `Last-Event-ID`; so is who may see more or less than before.
    An event `gap` says that some of what was asked for is not kept any more.
    """
    behind = _number(last_event_id if last_event_id is not None else after)
    listener, joined = await hub.context.feed.join(wanted)
    told = _told(request, hub, listener, behind, joined)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told, media_type=EVENT_STREAM, headers=headers)


def _number(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    number = numbers_of(text.strip(), 1)
    if number is None or number[0] > MOST_EXACT:
        raise Mistake(f"Last-Event-ID: expected the number of an event, found '{text}'")
    return number[0]


async def _told(
    request: Request, hub: Call, listener: Listener, behind: int | None, joined: int
) -> AsyncIterator[bytes]:
    """All that a listener is sent: what was missed, then what happens, with a comment where nothing does."""
    feed, door = hub.context.feed, _Door(request, hub.context.feed, listener)
    try:
        # A number without an event: whoever is cut off before the first one knows where to go on.
        yield b"retry: %d\n" % RETRY + (b"id: %d\n\n" % joined if behind is None else b"\n")
        await door.pass_again()
        if behind is not None:
            if gap := await hub.database.read(partial(_gap, behind=behind, joined=joined)):
                yield gap
            async for missed in feed.kept(listener, behind, joined):
                await door.look()
                yield b"".join(map(frame, missed))
        while not listener.gone:
            told = await listener.take(asyncio.get_running_loop().time() + BEAT)
            await door.look()
            if not listener.gone:
                yield told or b": still here\n\n"
    except (Mistake, _OtherView):
        # They may not listen any more, or may see other things now; the answer has begun, so that its end is all that
        # can be told. Whoever still may comes back, and is told the rest of what they may see.
        return
    finally:
        feed.leave(listener)


class _OtherView(Exception):
    """A listener may listen, and see other things than those that they were let in for."""


class _Door:
    """Has a listener asked anew whether they may listen, once anybody's rights have changed, and now and then."""

    def __init__(self, request: Request, feed: Feed, listener: Listener) -> None:
        self._request, self._feed, self._listener = request, feed, listener
        self._asked_at = 0.0

    async def look(self) -> None:
        """Ask where it is time to. What is sent next was read no later than `feed.rights`."""
        loop = asyncio.get_running_loop()
        while self._listener.rights < self._feed.rights or loop.time() >= self._asked_at + ASK_AGAIN:
            await self.pass_again()

    async def pass_again(self) -> None:
        """Raises what the door raises for somebody who may not do that any more, and `_OtherView`."""
        rights = self._feed.rights
        async with self._feed.asking:
            await let_in(self._request)
        if places_of(asker_of(self._request)) != self._listener.wanted.places:
            raise _OtherView
        self._listener.rights = rights
        self._asked_at = asyncio.get_running_loop().time()


def _gap(conn: Connection, behind: int, joined: int) -> bytes:
    """What is told to somebody who has missed what is not kept, or was told of what this database never knew."""
    oldest = events.oldest(conn)
    if oldest - 1 <= behind <= joined:
        return b""
    return b'event: gap\ndata: {"after":%d,"oldest":%d,"newest":%d}\n\n' % (behind, oldest, joined)


def frame(event: Happened) -> bytes:
    """An event as the stream has it."""
    data = Event.of(event).model_dump_json()
    return f"id: {event.number}\nevent: {event.kind}\ndata: {data}\n\n".encode()
