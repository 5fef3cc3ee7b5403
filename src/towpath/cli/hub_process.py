"""The hub's process: its rooms, wired together."""

import asyncio
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI

from towpath.api.app import create_app
from towpath.bus.connection import HubLink
from towpath.bus.keys import load_or_make_seed
from towpath.bus.settings import BusSettings
from towpath.cli.alone import alone
from towpath.cli.keyfile import load_hub_key
from towpath.config import HubSettings
from towpath.hub.desk import Desk
from towpath.store import schema
from towpath.store.database import Database


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


async def serve_hub(settings: HubSettings, sockets: list[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT, then end in good order."""
    with alone(settings):
        hub_key = load_hub_key(settings.key_file, settings.given_key)
        schema.upgrade(settings.database_url)
        database = Database(settings.database_url, now)
        database.start()
        try:
            async with open_desk(database, settings, hub_key) as link:
                await _serve_api(
                    create_app(database, settings, hub_key, link.is_reachable, now), settings, sockets
                )
        finally:
            database.stop()


@asynccontextmanager
async def open_desk(database: Database, settings: HubSettings, hub_key: bytes) -> AsyncIterator[HubLink]:
    """The desk that answers nodes, on its link to the bus."""
    link = HubLink(BusSettings.parse(settings.bus_url, load_or_make_seed(settings.seed_file)))
    desk = Desk(database, link, settings, hub_key)
    await desk.start()
    try:
        yield link
    finally:
        await desk.stop()


async def _serve_api(app: FastAPI, settings: HubSettings, sockets: list[socket.socket]) -> None:
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=round(settings.drain_seconds),
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve(sockets)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: they would end the process before the other rooms have closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the hub."""
        yield

    def stop(self) -> None:
        """Finish the requests under way, and stop."""
        self.should_exit = True
