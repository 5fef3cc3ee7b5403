"""The two ends of the bus: a node that asks, and the hub that answers."""

import asyncio
import itertools
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import structlog
from nats import errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from towpath.bus import event_log
from towpath.bus.line import Ear, Line, LinePlan
from towpath.bus.settings import BusSettings
from towpath.bus.subjects import (
    HUB_INBOX,
    HUBS,
    NUDGE,
    REQUESTS,
    Request,
    inbox,
    parse_request,
    reply_allowed,
    request_subject,
    wake_subject,
)
from towpath.wire import Malformed, Trouble, pack, unpack

TROUBLE_HEADER = "Towpath-Trouble"
IN_FLIGHT = 64
"""Requests that the hub works on at the same time."""

WAITING_PER_NODE = 32
"""Requests of one node that may wait or be worked on: one that floods the hub gets no more than its share."""

BEGAN = b"began"
"""What a wake hint says of a hub that has begun to answer: what an earlier one was asked may never be answered."""

LOG_SECONDS = 5.0
"""How long JetStream may take to keep an event."""

LONGEST_REASON = 4000
"""Characters of a refusal that are sent."""

Handler = Callable[[str, str, str, bytes], Awaitable[bytes]]
"""(site, node, verb, packed request) → packed answer; raises `Refused` where there is none to give."""

_log = structlog.stdlib.get_logger(__name__)


class BusAway(Exception):
    """There was no answer: the hub or the bus is away, or slow. Whether the request was heard is unknown."""


class Refused(Exception):
    """The hub will not answer this request; the text says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unanswered(Exception):
    """The hub can give no answer now; whoever asks hears none, and asks again."""


class NodeLink:
    """A node's end of the bus, for one event loop: asks the hub, hears wake hints, connects again for ever."""

    def __init__(self, settings: BusSettings, site: str, node: str) -> None:
        self._site, self._node = site, node
        self._replies = f"{inbox(site, node)}.{secrets.token_hex(8)}"
        self._tokens = itertools.count()
        self._waiting: dict[str, asyncio.Future[Msg | None]] = {}
        self._wake: Callable[[], None] = _nothing
        ears = (Ear(f"{self._replies}.*", self._hear_reply), Ear(wake_subject(site), self._hear_wake))
        plan = LinePlan(f"node {site}/{node}", inbox(site, node), ears, self._came, self._went)
        self._line = Line(settings, plan)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to the bus; the hub may be away all the same."""
        return self._line.client is not None

    async def open(self) -> None:
        """Begin to connect; returns at once, whether or not the bus is there."""
        self._line.open()

    async def close(self) -> None:
        """Leave the bus for good; requests under way raise `BusAway`."""
        await self._line.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def on_wake(self, callback: Callable[[], None]) -> None:
        """Call that when there may be work: on a hint of the hub, and whenever the bus is back.

        A hint may be lost or come for nothing.
        """
        self._wake = callback

    async def request(self, verb: str, payload: bytes, timeout: float) -> bytes:  # noqa: ASYNC109  part of its promise
        """The hub's packed answer to a packed request.

        Waits up to `timeout` seconds, for the bus to be there as for the answer. Raises `BusAway` where none came:
        after that time, or at once where the connection broke or no hub listens (so wait a little before you ask
        again); `Refused` where the hub said no; `Malformed` for a request too big for the bus.
        """
        subject = request_subject(self._site, self._node, verb)
        if self._line.is_closed:
            raise BusAway(f"{subject}: this link was closed")
        token = str(next(self._tokens))
        answer: asyncio.Future[Msg | None] = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        try:
            async with asyncio.timeout(timeout):
                client = await self._line.connected()
                await client.publish(subject, payload, reply=f"{self._replies}.{token}")
                return _read_answer(subject, await answer)
        except TimeoutError:
            fault = f" ({self._line.fault})" if self._line.fault else ""
            raise BusAway(f"{subject}: no answer within {timeout:g} s{fault}") from None
        except errors.MaxPayloadError:
            raise Malformed(
                f"{subject}: {len(payload)} bytes are more than the bus takes in a message"
            ) from None
        except (errors.Error, OSError) as error:
            raise BusAway(f"{subject}: {error}") from error
        finally:
            del self._waiting[token]

    async def _hear_reply(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)

    async def _hear_wake(self, message: Msg) -> None:
        if message.data == BEGAN:
            self._went()
        self._wake()

    def _came(self) -> None:
        # Hints that were given meanwhile are lost.
        self._wake()

    def _went(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)


class HubLink:
    """The hub's end of the bus, for one event loop: answers nodes, gives wake hints, connects again for ever."""

    def __init__(self, settings: BusSettings, in_flight: int = IN_FLIGHT) -> None:
        self._in_flight = in_flight
        self._requests: asyncio.Queue[tuple[Request, Msg]] = asyncio.Queue()
        self._of_node: Counter[tuple[str, str]] = Counter()
        self._answerers: list[asyncio.Task[None]] = []
        self._ignored = 0
        self._logs: Client | None = None
        self._self = f"{HUB_INBOX}.{secrets.token_hex(8)}"
        self._tokens = itertools.count()
        self._echoes: dict[str, asyncio.Future[None]] = {}
        self._nudged: Callable[[], None] = _nothing
        self._up: Callable[[], None] = _nothing
        ears = (
            Ear(REQUESTS, self._hear_request, HUBS),
            Ear(f"{self._self}.*", self._hear_echo),
            Ear(NUDGE, self._hear_nudge),
        )
        self._line = Line(settings, LinePlan("hub", HUB_INBOX, ears, self._came, _nothing))

    async def serve(self, handler: Handler) -> None:
        """Begin to connect and to answer requests through `handler`; returns at once, whether or not the bus is there.

        The handler is awaited for up to `in_flight` requests at a time, first come, first served.
        """
        answerers = range(self._in_flight - len(self._answerers))
        self._answerers += [asyncio.create_task(self._answer_for_ever(handler)) for _ in answerers]
        self._line.open()

    async def close(self) -> None:
        """Leave the bus for good; requests under way are dropped without an answer."""
        for answerer in self._answerers:
            answerer.cancel()
        await asyncio.gather(*self._answerers, return_exceptions=True)
        await self._line.close()

    def _came(self) -> None:
        self._up()

    def on_up(self, callback: Callable[[], None]) -> None:
        """Call that whenever nodes can be heard that could not be before: at the start, and once the bus is back."""
        self._up = callback

    def on_nudge(self, callback: Callable[[], None]) -> None:
        """Call that when a hub hints that the one which conducts has something to do; the hint may be lost."""
        self._nudged = callback

    async def nudge(self) -> None:
        """Hint to all hubs that the one which conducts has something to do; lost where the bus is away."""
        await self._say(NUDGE, b"")

    async def wake(self, site: str, *, began: bool = False) -> None:
        """Hint to the nodes of a site that there may be work; the hint is lost where the bus is away.

        `began`: this hub has begun to answer, so that what another was asked is asked again at once.
        """
        await self._say(wake_subject(site), BEGAN if began else b"")

    async def log_event(self, kind: str, payload: bytes, number: str) -> bool:
        """Append an event to JetStream's log of them; its number keeps it from standing there twice.

        False where the bus is away, or keeps no log: the event is to be sent again later.
        """
        client = self._line.client
        if client is None:
            return False
        log = client.jetstream(timeout=LOG_SECONDS)
        try:
            if self._logs is not client:
                await event_log.ensure(log)
                self._logs = client
            await event_log.append(log, kind, payload, number)
        except (errors.Error, OSError):
            return False
        return True

    async def is_reachable(self, timeout: float = 2.0) -> bool:  # noqa: ASYNC109  part of its promise
        """Whether the hub could hear a node now: a message to itself comes back from the server within `timeout` s."""
        token = str(next(self._tokens))
        echo: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._echoes[token] = echo
        try:
            async with asyncio.timeout(timeout):
                client = await self._line.connected()
                await client.publish(f"{self._self}.{token}", b"")
                await echo
        except (errors.Error, OSError):
            return False
        else:
            return True
        finally:
            del self._echoes[token]

    async def _hear_echo(self, message: Msg) -> None:
        echo = self._echoes.get(message.subject.rpartition(".")[2])
        if echo is not None and not echo.done():
            echo.set_result(None)

    async def _hear_nudge(self, message: Msg) -> None:
        self._nudged()

    async def _hear_request(self, message: Msg) -> None:
        request = parse_request(message.subject)
        if request is None or not reply_allowed(message.subject, message.reply):
            self._ignore(message)
            return
        node = (request.site, request.node)
        if self._of_node[node] >= WAITING_PER_NODE:
            await self._refuse(
                message, f"expected at most {WAITING_PER_NODE} requests of a node at a time, found more"
            )
            return
        self._of_node[node] += 1
        self._requests.put_nowait((request, message))

    def _ignore(self, message: Msg) -> None:
        self._ignored += 1
        # At 1, 2, 4, 8 …: whoever sends such requests shall not fill the disk with our log.
        if self._ignored & (self._ignored - 1) == 0:
            _log.warning(
                "bus: request ignored: its reply subject is not in its sender's inbox",
                subject=message.subject,
                reply=message.reply,
                so_far=self._ignored,
            )

    async def _answer_for_ever(self, handler: Handler) -> None:
        while True:
            request, message = await self._requests.get()
            try:
                await self._answer(handler, request, message)
            finally:
                self._forget((request.site, request.node))

    def _forget(self, node: tuple[str, str]) -> None:
        self._of_node[node] -= 1
        if not self._of_node[node]:
            del self._of_node[node]

    async def _answer(self, handler: Handler, request: Request, message: Msg) -> None:
        try:
            answer = await handler(request.site, request.node, request.verb, message.data)
            await self._say(message.reply, answer)
        except Refused as refusal:
            await self._refuse(message, refusal.reason)
        except Unanswered:
            return
        except Exception:
            # A boundary: one request that the hub fails on must not end its answers to all the others.
            _log.exception("bus: request failed", subject=message.subject)
            await self._refuse(message, f"the hub failed on '{request.verb}'; its log says why")

    async def _refuse(self, message: Msg, reason: str) -> None:
        await self._say(message.reply, pack(Trouble(reason[:LONGEST_REASON])), {TROUBLE_HEADER: "1"})

    async def _say(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> bool:
        """Send that if the bus is there; whether it is. Nobody waits for what is lost: who misses it asks again."""
        client = self._line.client
        if client is None:
            return False
        try:
            await client.publish(subject, payload, headers=headers)
        except errors.MaxPayloadError:
            raise
        except (errors.Error, OSError):
            return False
        return True


def _read_answer(subject: str, message: Msg | None) -> bytes:
    if message is None:
        raise BusAway(f"{subject}: the connection broke, or a hub began anew, before the answer came")
    if not message.headers:
        return message.data
    if TROUBLE_HEADER in message.headers:
        raise Refused(unpack(message.data, Trouble).reason)
    if message.headers.get("Status") == "503":
        raise BusAway(f"{subject}: no hub listens on the bus")
    return message.data


def _nothing() -> None:
    """Nobody is to be told."""
