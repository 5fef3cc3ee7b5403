"""Pytest fixtures: a real NATS server with a few nodes, and bare clients that may try what they like."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from towpath.bus.keys import make_seed, public_key
from towpath.bus.server import NatsChild
from towpath.bus.server_config import NodeKey
from towpath.bus.settings import BusSettings

PATIENCE = 30.0


@dataclass
class Bus:
    """A server, the seed of its hub, and those of the nodes that it lets in."""

    directory: Path
    hub_seed: str = field(default_factory=make_seed)
    seeds: dict[tuple[str, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.child = NatsChild(self.directory, public_key(self.hub_seed))

    @property
    def hub(self) -> BusSettings:
        """How the hub joins."""
        return BusSettings((self.child.url,), self.hub_seed)

    def node(self, site: str, node: str) -> BusSettings:
        """How a node joins, whether or not it is let in."""
        return BusSettings((self.child.url,), self._seed((site, node)))

    def let_in(self, *nodes: tuple[str, str]) -> None:
        """Let exactly these nodes in from now on; the server has taken it up on return."""
        taken_up = self._reloads()
        self.child.reload([NodeKey(*names, public_key(self._seed(names))) for names in nodes])
        end = time.monotonic() + PATIENCE
        while self._reloads() == taken_up:
            assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain until the server had reloaded"
            time.sleep(0.01)

    def _reloads(self) -> int:
        return (self.directory / "nats.log").read_text().count("Reloaded server configuration")

    def _seed(self, names: tuple[str, str]) -> str:
        return self.seeds.setdefault(names, make_seed())

    def start(self) -> None:
        """Start the server, or start it anew."""
        self.child.start()
        self.child.wait_ready(PATIENCE)

    def kill(self) -> None:
        """End the server without a warning."""
        process_id = self.child.pid
        assert process_id is not None
        os.kill(process_id, signal.SIGKILL)
        self.child.stop()


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """A running server of one's own that lets nobody in but the hub."""
    own = Bus(tmp_path / "nats")
    own.start()
    try:
        yield own
    finally:
        own.child.stop(grace=1)
        shutil.rmtree(tmp_path, ignore_errors=True)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until that holds; fails the test, naming `what`, where it does not come about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain until {what}"
        await asyncio.sleep(0.01)


@dataclass
class Bare:
    """A plain NATS client, bound by nothing but the server, with all that it heard and all that it was refused."""

    client: Client
    heard: list[Msg] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    losses: int = 0

    async def listen(self, subject: str) -> None:
        """Subscribe; the server knows it on return, and what comes is in `heard`."""

        async def hear(message: Msg) -> None:
            self.heard.append(message)

        await self.client.subscribe(subject, cb=hear)
        await self.round_trip()

    async def say(self, subject: str, payload: bytes = b"", reply: str = "") -> None:
        """Publish; the server has dealt with it on return."""
        await self.client.publish(subject, payload, reply=reply)
        await self.round_trip()

    async def round_trip(self) -> None:
        """Wait until the server has dealt with all that was said so far."""
        # The client's ping overtakes what still waits to be written; on the second one nothing waits any more.
        await self.client.flush()
        await self.client.flush()

    @property
    def subjects(self) -> list[str]:
        """The subjects of all that it heard."""
        return [message.subject for message in self.heard]


@asynccontextmanager
async def bare(settings: BusSettings, inbox: str = "_HUB") -> AsyncIterator[Bare]:
    """A plain client with these keys; raises the client's error where the server does not let it in."""
    client = Client()
    own = Bare(client)

    async def on_error(error: Exception) -> None:
        own.refused.append(str(error))

    async def on_loss() -> None:
        own.losses += 1

    try:
        await client.connect(
            servers=list(settings.urls),
            nkeys_seed_str=settings.seed,
            error_cb=on_error,
            disconnected_cb=on_loss,
            inbox_prefix=inbox,
            allow_reconnect=False,
            connect_timeout=10,
        )
        yield own
    finally:
        await client.close()
