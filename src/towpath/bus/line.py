"""One connection to NATS that is made anew, for ever, whenever it is lost."""

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from nats import errors
from nats.aio.client import PING_PROTO, Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from towpath.bus.settings import BusSettings

SHORTEST_WAIT, LONGEST_WAIT = 0.05, 2.0
"""Seconds between attempts to connect: they double from the one to the other."""

CONNECT_SECONDS = 5
PING_SECONDS = 10
MISSED_PINGS = 2
BUFFER = 8 * 1024 * 1024
"""Bytes that may wait to be sent before a sender has to wait."""

_MUTE = (ConnectionResetError, BrokenPipeError, errors.UnexpectedEOF, errors.NoServersError)
"""Errors that say no more than that a connection broke, or could not be made."""

_TICK = 1.0
_DISCARD_SECONDS = 2.0
_random = secrets.SystemRandom()
_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ear:
    """A subject that is listened to for as long as the line lasts, over all its connections."""

    subject: str
    hear: Callable[[Msg], Awaitable[None]]
    group: str = ""
    """Of all that listen in a group, one hears a message."""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """What a line is called in the server's eyes, what it listens to, and who is told when it comes and goes."""

    name: str
    inbox: str
    ears: tuple[Ear, ...]
    came: Callable[[], None]
    went: Callable[[], None]


class SignInClient(Client):
    """A client that has said all it has to say when the server answers, and that knows a lost connection on any loop.

    The library signs in, and then sends a ping. A server that lets nobody in says why and closes; where the ping
    comes in after that, the system resets the connection and throws away what the server said. So the ping goes along
    with the sign-in, in one piece, and the library's own is left out.

    The library takes an OSError for a lost connection. uvloop raises RuntimeError at a write to one.
    """

    def _connect_command(self) -> bytes:
        transport = self._transport
        assert transport is not None
        # Left behind by an attempt before this one: they would take a later ping away, and know another connection.
        for name in ("write", "writelines"):
            vars(transport).pop(name, None)
        write = _write_or_lost(transport.write)

        def write_but_no_ping(payload: bytes) -> None:
            if payload == PING_PROTO:
                transport.write = write  # type: ignore[assignment, method-assign]
            else:
                write(payload)

        transport.write = write_but_no_ping  # type: ignore[method-assign]
        transport.writelines = _write_or_lost(transport.writelines)  # type: ignore[assignment, method-assign]
        return super()._connect_command() + PING_PROTO


def _write_or_lost(write: Callable[[Any], object]) -> Callable[[Any], None]:
    """The same, but ConnectionResetError where the loop says that its transport is closed."""

    def written(payload: Any) -> None:
        try:
            write(payload)
        except RuntimeError as error:
            raise ConnectionResetError(str(error)) from error

    return written


class EncryptedClient(SignInClient):
    """A client that does not sign in on a line that can be read.

    The library goes on in the clear with a server that does not ask for TLS: whoever stands between could say so, and
    have what the client signs for himself.
    """

    def _connect_command(self) -> bytes:
        writer = getattr(self._transport, "_io_writer", None)
        if writer is None or writer.get_extra_info("ssl_object") is None:
            raise errors.SecureConnRequiredError
        return super()._connect_command()


class Line:
    """A connection to NATS that lasts until it is closed.

    The client library's own reconnection is not used: it gives up for good on some errors (a key that is refused
    for a moment while the server reloads is one), says nothing to those who wait for an answer, and lets all nodes
    come back in step. So a client lives for one connection only, and the keeper here makes the next.
    """

    def __init__(self, settings: BusSettings, plan: LinePlan) -> None:
        self._settings = settings
        self._plan = plan
        self._urls = settings.urls
        self._tls = settings.tls()
        self._client: Client | None = None
        self._up = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False
        self._fault: Exception | None = None
        self._told = ""

    @property
    def client(self) -> Client | None:
        """The connection as it is now; None while there is none."""
        return self._client if self._client is not None and self._client.is_connected else None

    @property
    def is_closed(self) -> bool:
        """`close` was called."""
        return self._closed

    @property
    def fault(self) -> str:
        """The last error heard from the server or on the way to it, for people; empty before the first."""
        return str(self._fault or "")

    def open(self) -> None:
        """Begin to connect; returns at once. Nothing happens the second time."""
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep(), name=f"bus {self._plan.name}")

    async def connected(self) -> Client:
        """The connection, as soon as there is one."""
        while self._client is None:
            await self._up.wait()
        return self._client

    async def close(self) -> None:
        """End the connection for good."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})

    async def _keep(self) -> None:
        wait = SHORTEST_WAIT
        while not self._closed:
            try:
                lived = await self._live()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    raise
                # Nobody has asked for an end: a task of the library that was cancelled has cancelled what we wait for.
                lived = 0.0
            except Exception:
                # A boundary: without its keeper a line would stay cut off, and nobody would be told.
                _log.exception("bus: the keeper of a line failed", link=self._plan.name)
                lived = 0.0
            wait = SHORTEST_WAIT if lived > LONGEST_WAIT else min(2 * wait, LONGEST_WAIT)
            await asyncio.sleep(wait * _random.uniform(0.5, 1.0))

    async def _live(self) -> float:
        """One connection, from the first attempt to its loss; the seconds that it lasted, 0 where none came about."""
        client, lost = SignInClient() if self._tls is None else EncryptedClient(), asyncio.Event()
        subscriptions: list[Subscription] = []
        clock = asyncio.get_running_loop().time
        came_at = None
        try:
            await self._connect(client, lost)
            subscriptions += [
                await client.subscribe(ear.subject, ear.group, cb=ear.hear) for ear in self._plan.ears
            ]
            came_at = clock()
            self._came(client)
            await _until_lost(client, lost)
        except Exception as error:
            # A boundary: a line lives for ever, so whatever the library or the network throws is a lost connection.
            self._note(error)
        finally:
            self._went(client)
            await _discard(client, subscriptions)
        return 0.0 if came_at is None else clock() - came_at

    async def _connect(self, client: Client, lost: asyncio.Event) -> None:
        async def disconnected() -> None:
            lost.set()
            if not client.is_closed:
                # The library would now connect again by itself; the keeper cancels it here when it discards it.
                await asyncio.Event().wait()

        async def closed() -> None:
            lost.set()

        await client.connect(
            servers=list(self._urls),
            name=self._plan.name,
            inbox_prefix=self._plan.inbox,
            nkeys_seed_str=self._settings.seed,
            error_cb=self._hear_error,
            disconnected_cb=disconnected,
            closed_cb=closed,
            connect_timeout=CONNECT_SECONDS,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            ping_interval=PING_SECONDS,
            max_outstanding_pings=MISSED_PINGS,
            pending_size=BUFFER,
            tls=self._tls,
            tls_hostname=self._settings.name or None,
            # Whoever stands between could tell a client that waits for a greeting that none of this is needed.
            tls_handshake_first=bool(self._settings.name),
        )

    async def _hear_error(self, error: Exception) -> None:
        self._blame(error)
        if isinstance(error, errors.SlowConsumerError) or "permissions violation" in str(error).lower():
            _log.warning("bus: a message was refused", link=self._plan.name, error=str(error))

    def _came(self, client: Client) -> None:
        # A cluster names its other servers, which will do as well if this one goes for good.
        self._urls = tuple(dict.fromkeys((*self._settings.urls, *(url.geturl() for url in client.servers))))
        self._client = client
        self._told = ""
        self._fault = None
        self._up.set()
        _log.info("bus: connected", link=self._plan.name)
        self._plan.came()

    def _went(self, client: Client) -> None:
        if self._client is not client:
            return
        self._client = None
        self._up.clear()
        self._plan.went()
        if not self._closed:
            _log.warning("bus: connection lost", link=self._plan.name, error=self.fault)

    def _blame(self, error: Exception) -> None:
        """Take an error for the reason why there is no connection, unless a better one is known.

        A server that lets nobody in says why and cuts off at once, so that its words may be lost: on the next attempt
        nothing but the cut is seen, and must not cover what was said before.
        """
        if self._fault is None or self._client is not None or not isinstance(error, _MUTE):
            self._fault = error

    def _note(self, error: Exception) -> None:
        self._blame(error)
        if self.fault != self._told:
            self._told = self.fault
            _log.warning(
                "bus: cannot connect", link=self._plan.name, urls=self._settings.urls, error=self.fault
            )


async def _until_lost(client: Client, lost: asyncio.Event) -> None:
    while client.is_connected and not lost.is_set():
        with contextlib.suppress(TimeoutError):
            # The library may lose a connection and call nobody, so now and then we look.
            async with asyncio.timeout(_TICK):
                await lost.wait()


async def _discard(client: Client, subscriptions: list[Subscription]) -> None:
    """Leave nothing of a client behind: no task, no socket."""
    # First, since closing stops half-way where a last write fails, and would leave their tasks.
    for end in (*(subscription.unsubscribe for subscription in subscriptions), client.close):
        with contextlib.suppress(OSError, errors.Error):
            # Closing waits until the last bytes are sent, which to a peer that has vanished can take many minutes.
            async with asyncio.timeout(_DISCARD_SECONDS):
                await end()
