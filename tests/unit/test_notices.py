"""Notices of alerts through Apprise: a real receiver, real threads, and lives of a hub that end at any moment."""

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import write_certificate
from tests.fixtures_store import database_url, kept_engine
from tests.hub_desk import Numbers
from tests.receiver import receiving
from tests.site_node import in_a_loop

from towpath.domain.alerts import Severity
from towpath.domain.errors import Mistake
from towpath.engine import alerts, destinations
from towpath.engine.alerts import HubFacts
from towpath.engine.destinations import NoticeView, Says, Wanted
from towpath.engine.webhooks import Answer, State
from towpath.hub import apprise_urls
from towpath.hub.apprise_urls import address
from towpath.hub.conductor import Candidate, Conductor
from towpath.hub.notices import Notices, Noticing, Send
from towpath.hub.oneself import examine
from towpath.store.database import Database, Tx
from towpath.worker.disks import DiskWatch, look

__all__ = ["database_url"]

KEY = b"h" * 32
SECOND = 1_000_000
HUB_URL = "https://hub.example.org"


@dataclass
class Hub:
    """A hub that conducts, and whose life may end at any moment."""

    database: Database
    clock: Numbers
    send: Send = apprise_urls.send
    office: Conductor = field(init=False)
    noticing: Noticing = field(init=False)

    async def begin(self) -> None:
        """A life begins."""
        self.office = Conductor(self.database, Candidate("hub", 5.0, lambda: 0.0), lambda: None)
        await self.office.look()
        self.noticing = Noticing(self.database, self.office, Notices(KEY, HUB_URL, self.send))

    def do(self, work: Callable[[Tx], Any]) -> Any:
        """Something in a transaction."""
        with self.database.writing() as tx:
            return work(tx)

    def add(self, port: int) -> None:
        """A destination at a receiver of this machine."""
        place = address(f"json://user:passw0rd@127.0.0.1:{port}/hook")
        wanted = Wanted((), Severity.INFO)
        self.do(lambda tx: destinations.add_destination(tx, "ops", place, wanted, "ana", KEY))

    def fill(self, free: int) -> None:
        """A hub's disk is filled so far, and it is looked at."""
        self.do(lambda tx: alerts.note_hub(tx, "hub-1", HubFacts(free, 1000)))
        self.do(alerts.look)

    def told(self) -> list[NoticeView]:
        """The notices, the oldest first."""
        with self.database.reading() as conn:
            return destinations.list_notices(conn, "ops", 100)[::-1]

    async def deliver_until(self, holds: Callable[[], bool]) -> None:
        """Send what is due until that holds."""
        async with asyncio.timeout(60):
            while not holds():
                self.noticing.nudge()
                await self.noticing.deliver()
                await asyncio.sleep(0.005)


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    """A hub on a database of each back end."""
    clock = Numbers()
    database = Database(database_url, clock, kept_engine)
    database.start()
    yield Hub(database, clock)
    database.stop()


def free_port() -> int:
    """A port at which nobody listens now."""
    with receiving() as (port, _):
        return port


@in_a_loop
async def test_a_destination_that_was_down_hears_of_beginning_and_end_through_a_restart_of_the_hub(
    hub: Hub, caplog: pytest.LogCaptureFixture
) -> None:
    await hub.begin()
    port = free_port()
    hub.add(port)
    hub.fill(10)
    with caplog.at_level(logging.WARNING):
        await hub.deliver_until(lambda: bool(hub.told()) and hub.told()[0].attempts == 1)
    assert hub.told()[0].error
    assert "passw0rd" not in hub.told()[0].error + caplog.text
    await hub.noticing.close()
    await hub.begin()
    hub.fill(900)
    hub.clock.at += 60 * SECOND
    hub.do(alerts.look)
    with receiving(port) as (_, got):
        await hub.deliver_until(lambda: all(one.state is State.DELIVERED for one in hub.told()))
    await hub.noticing.close()
    said = [json.loads(body) for _, body in got.got]
    assert [one["type"] for one in said] == ["warning", "success"]
    assert said[0]["title"] == "Towpath: warning: disk.high, hub/hub-1"
    assert "99 % used" in said[0]["message"]
    assert f"{HUB_URL}/api/alerts/1/" in said[0]["message"]
    assert said[1]["title"] == "Towpath: cleared: disk.high, hub/hub-1"
    assert [(one.says, one.attempts) for one in hub.told()] == [(Says.RAISED, 2), (Says.CLEARED, 1)]


@in_a_loop
async def test_a_service_that_hangs_holds_up_neither_the_loop_nor_a_second_try_of_the_same(hub: Hub) -> None:
    began, go_on = threading.Event(), threading.Event()
    tries: list[str] = []

    def send(url: str, title: str, body: str, kind: str) -> Answer:
        tries.append(title)
        began.set()
        go_on.wait(60)
        return Answer(200)

    hub.send = send
    await hub.begin()
    hub.add(1)
    hub.do(lambda tx: destinations.send_test(tx, "ops"))
    await hub.deliver_until(began.is_set)
    for _ in range(3):
        hub.noticing.nudge()
        await hub.noticing.deliver()
    assert tries == ["Towpath: a test"]
    go_on.set()
    await hub.deliver_until(lambda: hub.told()[0].state is State.DELIVERED)
    assert tries == ["Towpath: a test"]
    await hub.noticing.close()


def test_what_apprise_cannot_use_is_refused_and_what_it_can_is_shown_without_its_secrets() -> None:
    assert (
        address("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops").shown
        == "slack://T...2/A...D/T...Q/%23ops/"
    )
    assert (
        address("jsons://user:passw0rd@example.org/a/secret?x=1").shown == "jsons://user:****@example.org/…"
    )
    for url in (
        "nonsense://x",
        "slack://",
        "syslog://",
        "",
        "json://a\nb",
        "http://example.org/",
        "json://" + "a" * 3000,
    ):
        with pytest.raises(Mistake, match="url: expected an Apprise URL"):
            address(url)


def test_a_hub_sees_its_disk_and_the_end_of_its_certificate(tmp_path: Path) -> None:
    cert, _key = write_certificate(tmp_path, "localhost")
    seen = examine(tmp_path, cert)
    assert seen.disk_total is not None
    assert seen.disk_free is not None
    assert 0 <= seen.disk_free <= seen.disk_total
    assert seen.certificate_ends_at is not None
    assert examine(tmp_path / "gone", tmp_path / "none") == HubFacts()


def test_a_node_sees_its_roots_and_tells_each_look_once(tmp_path: Path) -> None:
    seen = look(str(tmp_path))
    assert seen is not None
    assert 0 <= seen[0] <= seen[1]
    assert look(str(tmp_path / "gone")) is None
    watch = DiskWatch({"data": str(tmp_path), "gone": str(tmp_path / "gone")})
    never = threading.Event()
    while not (news := watch()):
        never.wait(0.01)
    assert list(news) == ["data"]
    assert watch() == {}
