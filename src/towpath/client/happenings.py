"""What has happened, and what happens now: each event once, in order, across connections that break."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from towpath.client.errors import EventsLost, Unreachable
from towpath.client.plans import Ask, Broken, Feed, More, Nap, Retries, Row, answered
from towpath.client.shapes import Event
from towpath.client.twofold import Awaiting, Blocking, Part, many
from towpath.client.verbs import given, rows

SILENCE: Final = 45.0
"""Seconds without a word, where the hub says one each 15 s, until the connection is taken for broken."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream of server-sent events."""

    id: str
    kind: str
    text: str


@dataclass(slots=True)
class Frames:
    """Cuts a stream of server-sent events into its messages."""

    _rest: bytes = b""
    _told: dict[str, str] = field(default_factory=dict)

    def add(self, piece: bytes) -> Iterator[Frame]:
        """The messages that are whole by now; one with a number and no text only says where the stream is."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        for line in whole:
            name, _, value = line.decode().partition(":")
            if line and name:
                self._told[name] = value.removeprefix(" ")
            elif not line and self._told:
                told, self._told = self._told, {}
                yield Frame(told.get("id", ""), told.get("event", ""), told.get("data", ""))


class _Gap(msgspec.Struct, frozen=True):
    after: int
    oldest: int
    newest: int


class OfEvents(Part):
    """What can be asked of events."""

    @many
    def list(
        self,
        kinds: Sequence[str] = (),
        *,
        job: int | None = None,
        site: str | None = None,
        workflow: str | None = None,
        after: int | None = None,
    ) -> Feed[Event]:
        """Events that are kept, the oldest first, page after page; with `after`, those behind that number."""
        query = _wanted(kinds, job, site, workflow)
        position = given(cursor=after)
        return rows("/api/events/", {**query, **position, "page_size": "100"}, self._retries, Event)

    @many
    def follow(
        self,
        kinds: Sequence[str] = (),
        *,
        job: int | None = None,
        site: str | None = None,
        workflow: str | None = None,
        after: int | None = None,
    ) -> Feed[Event]:
        """What happens from now on, or behind that number; it goes on where it was when the connection breaks.

        `kinds` may hold patterns: `job.*`. Raises `EventsLost` where some of what was asked for is kept no more;
        `Unreachable` once the hub stays away for as many attempts as the client makes.
        """
        return followed(_wanted(kinds, job, site, workflow), after, self._retries)


class Events(OfEvents, Blocking):
    """`client.events`."""


class AsyncEvents(OfEvents, Awaiting):
    """`client.events` of a client whose calls are awaited."""


def _wanted(
    kinds: Sequence[str], job: int | None, site: str | None, workflow: str | None
) -> Mapping[str, str]:
    return given(kind=",".join(kinds), job=job, site=site, workflow=workflow)


def followed(query: Mapping[str, str], after: int | None, retries: Retries) -> Feed[Event]:
    """The events behind a number, or from now on, over as many connections as it takes."""
    number = "" if after is None else str(after)
    while True:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": number} if number else {})}
        ask = Ask("GET", "/api/events/stream/", query, headers=headers, seconds=SILENCE, streamed=True)
        yield from answered(ask, retries)
        frames = Frames()
        while True:
            piece = yield More()
            if isinstance(piece, Broken) or not piece:
                break
            assert isinstance(piece, bytes)
            for frame in frames.add(piece):
                number = frame.id or number
                if frame.kind == "gap":
                    gap = msgspec.json.decode(frame.text, type=_Gap)
                    raise EventsLost(gap.after, gap.oldest, gap.newest)
                if frame.text:
                    yield Row(msgspec.json.decode(frame.text, type=Event))
        if not number:
            # Nothing was heard yet that would say where to go on.
            raise Unreachable("the hub ended the stream before it said where in it")
        yield Nap(retries.first * (1 + retries.random() / 2))
