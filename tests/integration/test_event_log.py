"""The log of events that the bus keeps: each event once, in order, whatever dies; out of the reach of nodes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import ConsumerConfig
from tests.fixtures_nats import Bus, anyio_backend, bus
from tests.hub_desk import Numbers

from towpath.bus.connection import HubLink
from towpath.bus.event_log import STREAM
from towpath.bus.subjects import permissions
from towpath.domain.events import Event
from towpath.engine import events as telling
from towpath.hub.conductor import Candidate, Conductor
from towpath.hub.telling import Telling
from towpath.store import events
from towpath.store.database import Database, Tx

__all__ = ["anyio_backend", "bus"]

pytestmark = pytest.mark.anyio


async def nobody(site: str, node: str, verb: str, payload: bytes) -> bytes:
    """There are no nodes here."""
    return b""


@asynccontextmanager
async def linked(bus: Bus) -> AsyncIterator[HubLink]:
    """A hub's link that is up."""
    link = HubLink(bus.hub)
    await link.serve(nobody)
    try:
        while not await link.is_reachable():
            pass
        yield link
    finally:
        await link.close()


async def logged(link: HubLink) -> list[dict[str, Any]]:
    """All that stands in the log."""
    client = link._line.client
    assert client is not None
    log = client.jetstream()
    count = (await log.stream_info(STREAM)).state.messages
    reader = await log.subscribe("events.>", ordered_consumer=True, config=ConsumerConfig())
    found = [json.loads((await reader.next_msg(timeout=10)).data) for _ in range(count)]
    await reader.unsubscribe()
    return found


def happen(database: Database, *kinds: str) -> None:
    """Events are written and numbered."""

    def write(tx: Tx) -> None:
        events.record(tx, [Event(0, kind, tx.now, 7, "oslo") for kind in kinds])

    for work in (write, telling.number):
        with database.writing() as tx:
            work(tx)


async def test_each_event_stands_in_the_log_once_though_the_hub_and_the_server_die(
    bus: Bus, tmp_path: Path, fresh_file: Path
) -> None:
    (tmp_path / "hub.db").write_bytes(fresh_file.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'hub.db'}", Numbers())
    database.start()
    office = Conductor(database, Candidate("one", 5.0, lambda: 0.0), lambda: None)
    await office.look()

    def telling_by(link: HubLink) -> Telling:
        told = Telling(database, office, link)
        told.nudge()
        return told

    happen(database, "job.pending", "job.started")
    async with linked(bus) as link:
        told = telling_by(link)
        await told.number()
        await told.write_log()
        assert [one["kind"] for one in await logged(link)] == ["job.pending", "job.started"]
        # A hub that died after it had written an event, and before it had noted so, writes it again.
        assert await link.log_event("job.started", b"{}", "2")
        bus.kill()
        happen(database, "job.ended")
        await told.number()
        await told.write_log()
        with database.reading() as conn:
            assert events.cursor(conn, events.LOG) == 2, "it waits in the database"
    bus.start()
    async with linked(bus) as link:
        told = telling_by(link)
        await told.number()
        await told.write_log()
        found = await logged(link)
    assert [(one["number"], one["kind"], one["job"], one["site"]) for one in found] == [
        (1, "job.pending", 7, "oslo"),
        (2, "job.started", 7, "oslo"),
        (3, "job.ended", 7, "oslo"),
    ]
    database.stop()


def test_a_node_has_no_right_to_the_log() -> None:
    rights = permissions("oslo", "n1")
    assert not [one for one in (*rights.publish, *rights.subscribe) if one.startswith(("events", "$JS", ">"))]
