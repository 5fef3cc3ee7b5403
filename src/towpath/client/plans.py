"""What a call asks of the hub, step by step, as generators that touch no network: both clients carry them out."""

import random
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Final, Generic, TypeAlias, TypeVar

from towpath.client.errors import Unreachable, error_of

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

NOTHING: Final = object()
"""No body at all, where `None` would be one."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to send."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = NOTHING
    """A document, or text of a file."""
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = True
    """Whether sending it twice does no more than sending it once."""
    seconds: float | None = None
    """How long an answer, and each piece of it, is waited for; None = as the client was told."""
    streamed: bool = False
    """The body of the answer is asked for piece by piece."""


@dataclass(frozen=True, slots=True)
class Nap:
    """Wait for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class More:
    """Ask for the next piece of the answer that is streamed: bytes, none at its end."""


@dataclass(frozen=True, slots=True)
class Row(Generic[R_co]):
    """One of the things that an iterator gives."""

    row: R_co


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hub answered; `content` is empty where it is streamed."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str

    @property
    def is_good(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 400

    @property
    def retry_after(self) -> float | None:
        """After how many seconds to come again; None where nothing was said."""
        return seconds_of(self.headers.get("retry-after", ""))


@dataclass(frozen=True, slots=True)
class Broken:
    """No answer, or no more of it, came."""

    text: str
    sent: bool
    """Whether the hub may have heard what was asked."""


Step: TypeAlias = Ask | Nap | More
Reply: TypeAlias = Answer | Broken | bytes | None
Plan: TypeAlias = Generator[Step, Reply, T]
"""What is to be done for one result."""
Feed: TypeAlias = Generator[Step | Row[T], Reply, None]
"""What is to be done for many, as they come."""

GONE: Final = frozenset({502, 503, 504})
ASKED_A_SITE: Final = b"urn:towpath:site-silent"
"""Of a hub that has waited for a node itself: it would take as long again."""


@dataclass(frozen=True, slots=True)
class Retries:
    """When a call is sent again by itself.

    Only what may pass is tried again: a connection that could not be made or broke, 429, 502, 503, 504; and where the
    hub may have heard the call before, only a call that does no more when it is sent twice.
    """

    attempts: int = 5
    """How often it is sent at most; 1 = never again."""
    first: float = 0.5
    """Seconds until the second attempt; each later pause is twice as long, and any of them up to half as long again."""
    longest: float = 20.0
    """Seconds that a pause takes at most. What the hub says by `Retry-After` holds, up to `most_told`."""
    most_told: float = 120.0
    """Where the hub says to come again later than that, the call fails at once, and says when."""
    connect: bool = True
    """Whether a hub that takes no connection is tried again."""
    random: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic

    def pause(self, ask: Ask, reply: Reply, attempt: int) -> float | None:
        """Seconds until the next attempt; None where there is to be none."""
        if attempt >= self.attempts or not self._may(ask, reply):
            return None
        told = reply.retry_after if isinstance(reply, Answer) else None
        if told is not None:
            return told if told <= self.most_told else None
        return min(self.longest, self.first * 2.0 ** (attempt - 1)) * (1 + self.random() / 2)

    def _may(self, ask: Ask, reply: Reply) -> bool:
        if isinstance(reply, Broken):
            return ask.repeatable if reply.sent else self.connect
        if not isinstance(reply, Answer):
            return False
        if reply.status == 429:
            return True
        return reply.status in GONE and ask.repeatable and ASKED_A_SITE not in reply.content


def seconds_of(text: str) -> float | None:
    """What `Retry-After` says, in seconds or as a date; None where it says nothing that can be read."""
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def answered(ask: Ask, retries: Retries) -> Plan[Answer]:
    """The hub's answer to a request, which did what it should; raises what `error_of` gives, or `Unreachable`."""
    for attempt in count(1):
        reply = yield ask
        seconds = retries.pause(ask, reply, attempt)
        if seconds is None:
            return good(reply)
        yield Nap(seconds)
    raise AssertionError("the last attempt returns or raises")


def good(reply: Reply) -> Answer:
    """The answer, where it is one of success; raises."""
    if isinstance(reply, Broken):
        raise Unreachable(reply.text)
    assert isinstance(reply, Answer)
    if not reply.is_good:
        raise error_of(reply.status, reply.content, reply.url, reply.retry_after)
    return reply


def pieces(ask: Ask, retries: Retries) -> Feed[bytes]:
    """The body of an answer as it comes; raises `Unreachable` where it breaks off."""
    yield from answered(ask, retries)
    while True:
        piece = yield More()
        if isinstance(piece, Broken):
            raise Unreachable(piece.text)
        if not piece:
            return
        assert isinstance(piece, bytes)
        yield Row(piece)


def lines(ask: Ask, retries: Retries) -> Feed[bytes]:
    """The lines of an answer, without their ends; raises `Unreachable` where it breaks off, within a line too."""
    yield from answered(ask, retries)
    rest = b""
    while True:
        piece = yield More()
        if isinstance(piece, Broken):
            raise Unreachable(piece.text)
        if not piece:
            break
        assert isinstance(piece, bytes)
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield Row(line)
    if rest:
        # The hub ends each row with a newline: half a row means that it went away.
        raise Unreachable(f"the list broke off after {len(rest)} bytes of a row")
