"""The client whose calls return when they are answered."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self, TypeVar

import httpx

from towpath.client.connection import Connection, told
from towpath.client.definitions import Workflows
from towpath.client.happenings import Events
from towpath.client.jobs import Jobs
from towpath.client.overall import Overall
from towpath.client.places import Nodes, Sites
from towpath.client.plans import Ask, Feed, More, Nap, Plan, Reply, Retries, Row
from towpath.client.sending import Way
from towpath.client.storages import Targets
from towpath.client.twofold import Blocking

T = TypeVar("T")


class Sender:
    """Carries plans out over HTTP, one step after the other."""

    def __init__(self, way: Way, retries: Retries) -> None:
        self.retries = retries
        self._way = way
        self._http = httpx.Client(trust_env=way.trust_env, verify=way.verify)

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def run(self, plan: Plan[T]) -> T:
        """What comes of a plan."""
        reply: Reply = None
        while True:
            try:
                step = plan.send(reply)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = None
            if isinstance(step, Nap):
                time.sleep(step.seconds)
            elif isinstance(step, Ask):
                reply = self._asked(step)

    def rows(self, feed: Feed[T]) -> Iterator[T]:
        """What comes of a feed, one by one; what is streamed is closed once nobody wants more."""
        reply: Reply = None
        stream: Iterator[bytes] = iter(())
        with ExitStack() as opened:
            while True:
                try:
                    step = feed.send(reply)
                except StopIteration:
                    return
                reply = None
                if isinstance(step, Row):
                    yield step.row
                elif isinstance(step, Nap):
                    time.sleep(step.seconds)
                elif isinstance(step, More):
                    reply = self._piece(stream)
                elif step.streamed:
                    opened.close()
                    reply, stream = self._opened(step, opened)
                else:
                    reply = self._asked(step)

    def _asked(self, ask: Ask) -> Reply:
        try:
            response = self._http.send(self._way.request(ask))
        except httpx.TransportError as error:
            return self._way.broken(error)
        return self._way.answer(response, response.content)

    def _opened(self, ask: Ask, opened: ExitStack) -> tuple[Reply, Iterator[bytes]]:
        try:
            response = self._http.send(self._way.request(ask), stream=True)
            opened.callback(response.close)
            content = response.read() if response.is_error else b""
        except httpx.TransportError as error:
            return self._way.broken(error), iter(())
        stream = iter(()) if response.is_error else response.iter_bytes()
        return self._way.answer(response, content), stream

    def _piece(self, stream: Iterator[bytes]) -> Reply:
        try:
            return next(stream, b"")
        except httpx.TransportError as error:
            return self._way.broken(error)


class Client(Overall, Blocking):
    """A hub. Without arguments it is that of `TOWPATH_URL` and `TOWPATH_API_KEY`, or of this machine's `towpath up`.

    `ca` names a file of the authorities that are trusted; `seconds` is how long an answer is waited for. Use it as a
    context, or call `close`. It may be shared by threads.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        ca: str | None = None,
        seconds: float = 60.0,
        retries: Retries | None = None,
        connection: Connection | None = None,
    ) -> None:
        way = Way(connection or told(url, api_key, ca), seconds)
        self._sender = Sender(way, retries or Retries())
        super().__init__(self._sender)
        self.url = way.url
        self.jobs = Jobs(self._sender)
        self.sites = Sites(self._sender)
        self.nodes = Nodes(self._sender)
        self.workflows = Workflows(self._sender)
        self.targets = Targets(self._sender)
        self.events = Events(self._sender)

    def close(self) -> None:
        """Close its connections."""
        self._sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
