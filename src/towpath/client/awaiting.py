"""The client whose calls are awaited."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

import httpx

from towpath.client.connection import Connection, told
from towpath.client.definitions import AsyncWorkflows
from towpath.client.happenings import AsyncEvents
from towpath.client.jobs import AsyncJobs
from towpath.client.overall import Overall
from towpath.client.places import AsyncNodes, AsyncSites
from towpath.client.plans import Ask, Feed, More, Nap, Plan, Reply, Retries, Row
from towpath.client.sending import Way
from towpath.client.storages import AsyncTargets
from towpath.client.twofold import Awaiting

T = TypeVar("T")


class AsyncSender:
    """Carries plans out over HTTP, and lets others go on meanwhile."""

    def __init__(self, way: Way, retries: Retries) -> None:
        self.retries = retries
        self._way = way
        self._http = httpx.AsyncClient(trust_env=way.trust_env, verify=way.verify)

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def run(self, plan: Plan[T]) -> T:
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
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Ask):
                reply = await self._asked(step)

    async def rows(self, feed: Feed[T]) -> AsyncIterator[T]:
        """What comes of a feed, one by one; what is streamed is closed once nobody wants more."""
        reply: Reply = None
        stream: AsyncIterator[bytes] = _none()
        async with AsyncExitStack() as opened:
            while True:
                try:
                    step = feed.send(reply)
                except StopIteration:
                    return
                reply = None
                if isinstance(step, Row):
                    yield step.row
                elif isinstance(step, Nap):
                    await asyncio.sleep(step.seconds)
                elif isinstance(step, More):
                    reply = await self._piece(stream)
                elif step.streamed:
                    await opened.aclose()
                    reply, stream = await self._opened(step, opened)
                else:
                    reply = await self._asked(step)

    async def _asked(self, ask: Ask) -> Reply:
        try:
            response = await self._http.send(self._way.request(ask))
        except httpx.TransportError as error:
            return self._way.broken(error)
        return self._way.answer(response, response.content)

    async def _opened(self, ask: Ask, opened: AsyncExitStack) -> tuple[Reply, AsyncIterator[bytes]]:
        try:
            response = await self._http.send(self._way.request(ask), stream=True)
            opened.push_async_callback(response.aclose)
            content = await response.aread() if response.is_error else b""
        except httpx.TransportError as error:
            return self._way.broken(error), _none()
        stream = _none() if response.is_error else response.aiter_bytes()
        return self._way.answer(response, content), stream

    async def _piece(self, stream: AsyncIterator[bytes]) -> Reply:
        try:
            return await anext(stream, b"")
        except httpx.TransportError as error:
            return self._way.broken(error)


async def _none() -> AsyncIterator[bytes]:
    """Nothing."""
    for piece in list[bytes]():
        yield piece


class AsyncClient(Overall, Awaiting):
    """A hub, as `Client` is; its calls are awaited, and what comes one by one is for `async for`.

    Use it as a context of `async with`, or await `close`.
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
        self._sender = AsyncSender(way, retries or Retries())
        super().__init__(self._sender)
        self.url = way.url
        self.jobs = AsyncJobs(self._sender)
        self.sites = AsyncSites(self._sender)
        self.nodes = AsyncNodes(self._sender)
        self.workflows = AsyncWorkflows(self._sender)
        self.targets = AsyncTargets(self._sender)
        self.events = AsyncEvents(self._sender)

    async def close(self) -> None:
        """Close its connections."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
