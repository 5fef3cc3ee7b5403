"""The hub's process: its rooms, wired together."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from fastapi import FastAPI

from towpath.api.app import create_app
from towpath.api.heads import BoundedHeads
from towpath.api.settings import keep_taking_up
from towpath.bus.connection import HubLink
from towpath.bus.keys import load_or_make_seed
from towpath.bus.settings import BusSettings
from towpath.cli.alone import alone
from towpath.cli.certificate import Certificate
from towpath.cli.keyfile import load_hub_key
from towpath.cli.loading import stay
from towpath.config import Front, HubSettings
from towpath.descriptors import raise_descriptors
from towpath.domain.errors import Mistake
from towpath.domain.traces import Telling
from towpath.hub.desk import Desk, Machine
from towpath.store import schema
from towpath.store.database import Database

RENEW_SECONDS = 1.0
"""Seconds between two looks at the certificate's files."""

TURN_SECONDS = 0.0005
"""How long one thread may keep the interpreter while another wants it. Whoever serves many connections gives it up at
each send and receive, and has to wait for its turn again while a writer is at work: ten times this by default, at each
of a thousand listeners."""

log = structlog.get_logger()


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


async def serve_hub(
    settings: HubSettings, sockets: list[socket.socket], traces: Telling | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then end in good order; `traces` is told of the ways of jobs."""
    raise_descriptors()
    sys.setswitchinterval(TURN_SECONDS)
    certificate = _certificate(settings.front)
    with alone(settings):
        hub_key = load_hub_key(settings.key_file, settings.given_key)
        schema.upgrade(settings.database_url)
        database = Database(settings.database_url, now)
        database.start()
        try:
            async with open_desk(database, settings, hub_key, traces) as link:
                app = create_app(database, settings, hub_key, link.is_reachable, now, traces)
                stay()
                await _serve_api(app, settings, sockets, certificate)
        finally:
            database.stop()


@asynccontextmanager
async def open_desk(
    database: Database, settings: HubSettings, hub_key: bytes, traces: Telling | None = None
) -> AsyncIterator[HubLink]:
    """The desk that answers nodes, on its link to the bus."""
    seed = load_or_make_seed(settings.seed_file)
    link = HubLink(BusSettings.parse(settings.bus_url, seed, settings.bus_ca, settings.bus_name))
    desk = Desk(database, link, settings, hub_key, Machine(traces=traces))
    await desk.start()
    try:
        yield link
    finally:
        await desk.stop()


def _certificate(front: Front) -> Certificate | None:
    if front.cert is None or front.key is None:
        return None
    return Certificate(front.cert, front.key)


async def _serve_api(
    app: FastAPI, settings: HubSettings, sockets: list[socket.socket], certificate: Certificate | None
) -> None:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        # The API's own edge believes what listed proxies say; the server would believe any program of this machine.
        proxy_headers=False,
        # Both give the interpreter up half as often as what Python brings, and wait for it half as often.
        http=BoundedHeads,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=round(settings.drain_seconds),
        ssl_context_factory=None if certificate is None else lambda _config, _make: certificate.context,
    )
    server = _Server(config)
    loop = asyncio.get_running_loop()

    def stop() -> None:
        # Whoever listens to events would keep the hub from ending.
        context = app.state.context
        context.feed.close()
        server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    renewing = [loop.create_task(keep_taking_up(app.state.context))]
    if certificate is not None:
        renewing.append(loop.create_task(_renew_for_ever(certificate)))
    try:
        await server.serve(sockets)
    finally:
        for task in renewing:
            task.cancel()


async def _renew_for_ever(certificate: Certificate) -> None:
    """Take the certificate up soon after it was renewed."""
    told = ""
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        try:
            if certificate.renew():
                log.info("the certificate was taken up anew")
            told = ""
        except Mistake as error:
            # Said once: the files may be half-way through a renewal, or stay wrong for days.
            if str(error) != told:
                log.warning("the certificate stays as it was", error=str(error))
            told = str(error)


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: they would end the process before the other rooms have closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the hub."""
        yield

    def stop(self) -> None:
        """Finish the requests under way, and stop."""
        self.should_exit = True
