"""Webhooks: real receivers, on a clock that the test moves; each event arrives, in order within its job."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from tests.fixtures_store import database_url, kept_engine
from tests.hub_desk import Numbers
from tests.receiver import Receiver, receiving
from tests.site_node import in_a_loop

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.events import Event, EventFilter
from towpath.domain.webhooks import LONGEST_WAIT, MOST_WEBHOOKS, PATIENCE, check_url, headers_of, wait
from towpath.engine import events as telling
from towpath.engine import webhooks
from towpath.engine.webhooks import DeliveryView, State
from towpath.hub.apprise_urls import send
from towpath.hub.conductor import Candidate, Conductor
from towpath.hub.posting import Postage, Posting, body_of, post
from towpath.store import events
from towpath.store.database import Database, Tx

__all__ = ["database_url"]

KEY = b"h" * 32
SECOND = 1_000_000
HUB_URL = "https://hub.example.org"


@dataclass
class Hub:
    """A hub that conducts, and whose life may end at any moment."""

    database: Database
    clock: Numbers
    lives: int = 0
    office: Conductor = field(init=False)
    posting: Posting = field(init=False)

    async def begin(self) -> None:
        """A life begins."""
        self.lives += 1
        self.office = Conductor(self.database, Candidate("hub", 5.0, lambda: 0.0), lambda: None)
        await self.office.look()
        self.posting = Posting(self.database, self.office, Postage(KEY, HUB_URL, post, send))

    def add(self, port: int, *kinds: str, workflow: str | None = None) -> tuple[int, bytes]:
        """A webhook to a receiver on this machine."""
        url = f"http://127.0.0.1:{port}/hook"
        with self.database.writing() as tx:
            return webhooks.add_webhook(tx, url, kinds, workflow, "ana", KEY)

    def happen(self, *happened: Event) -> None:
        """Events are written and numbered."""
        for work in (lambda tx: events.record(tx, happened), telling.number):
            with self.database.writing() as tx:
                work(tx)

    def do(self, work: Callable[[Tx], Any]) -> Any:
        """Something in a transaction."""
        with self.database.writing() as tx:
            return work(tx)

    def deliveries(self, webhook: int) -> list[DeliveryView]:
        """Those of a webhook, the oldest first."""
        with self.database.reading() as conn:
            return webhooks.list_deliveries(conn, webhook, None, 1000)[::-1]

    def has_tried(self, webhook: int, tries: int) -> bool:
        """Whether so many tries were made of a webhook's deliveries."""
        return sum(one.attempts for one in self.deliveries(webhook)) == tries

    async def deliver_until(self, holds: Callable[[], bool]) -> None:
        """Send what is due until that holds."""
        async with asyncio.timeout(60):
            while not holds():
                self.posting.nudge()
                await self.posting.deliver()
                await asyncio.sleep(0.005)


@pytest.fixture
def hub(database_url: str) -> Iterator[Hub]:
    """A hub on a database of each back end."""
    clock = Numbers()
    database = Database(database_url, clock, kept_engine)
    database.start()
    yield Hub(database, clock)
    database.stop()


def of_job(job: int, *kinds: str) -> list[Event]:
    """Events of a job."""
    return [
        Event(0, kind, 0, job, "oslo", "", "migrate", {"report": f"/api/jobs/{job}/report/"})
        for kind in kinds
    ]


def messages(kind: type[Receiver]) -> list[dict[str, Any]]:
    """What a receiver got."""
    return [json.loads(body) for _, body in kind.got]


def verify(secret: bytes, headers: dict[str, str], body: bytes) -> None:
    """As the receiver's side of Standard Webhooks does it."""
    lower = {name.lower(): value for name, value in headers.items()}
    signed = f"{lower['webhook-id']}.{lower['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
    assert lower["webhook-signature"].split(",") == ["v1", expected]


def free_port() -> int:
    """A port at which nobody listens now."""
    with receiving() as (port, _):
        return port


@in_a_loop
async def test_an_event_is_sent_signed_with_the_link_to_the_report(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        number, secret = hub.add(port, "job.ended")
        hub.happen(*of_job(12, "job.started", "job.ended"))
        await hub.deliver_until(lambda: hub.deliveries(number)[0].state is State.DELIVERED)
    [(headers, body)] = got.got
    verify(secret, headers, body)
    said = json.loads(body)
    assert said["type"] == "job.ended"
    assert said["timestamp"].endswith("Z")
    assert said["data"]["details"]["report"] == f"{HUB_URL}/api/jobs/12/report/"
    assert (said["data"]["job"], said["data"]["number"]) == (12, 2)
    assert {name.lower(): value for name, value in headers.items()}["webhook-id"] == "event-2"
    await hub.posting.close()


@in_a_loop
async def test_a_receiver_that_is_down_for_a_minute_and_a_hub_that_restarts_lose_nothing(hub: Hub) -> None:
    await hub.begin()
    port = free_port()
    number, secret = hub.add(port)
    kinds = ("job.pending", "job.started", "job.ended")
    for job in (1, 2, 3):
        hub.happen(*of_job(job, *kinds))
    for tries in (3, 6, 9, 12):
        await hub.deliver_until(partial(hub.has_tried, number, tries))
        hub.clock.at += 60 * SECOND
    waiting = hub.deliveries(number)
    assert {one.state for one in waiting} == {State.WAITING}
    assert "ConnectError" in waiting[0].error
    assert [one.attempts > 0 for one in waiting] == [True, False, False] * 3, "the others stand behind"
    await hub.posting.close()
    await hub.begin()
    hub.clock.at += 120 * SECOND
    with receiving(port) as (_, got):
        hub.happen(*of_job(4, *kinds))
        await hub.deliver_until(lambda: all(one.state is State.DELIVERED for one in hub.deliveries(number)))
    await hub.posting.close()
    told = messages(got)
    assert len(told) == 12
    for job in (1, 2, 3, 4):
        assert [one["type"] for one in told if one["data"]["job"] == job] == list(kinds)
    for headers, body in got.got:
        verify(secret, headers, body)


@in_a_loop
async def test_what_lands_while_what_is_due_is_looked_for_is_not_sent_twice(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        number, _ = hub.add(port)
        hub.happen(*of_job(1, "job.ended"))
        may_land, look = asyncio.Event(), hub.office.do

        async def landing(url: str, body: bytes, headers: Any) -> Any:
            await may_land.wait()
            return await post(url, body, headers)

        async def looked(work: Callable[[Tx], Any]) -> Any:
            found = await look(work)
            if found and not got.got:
                may_land.set()
                while hub.deliveries(number)[0].state is not State.DELIVERED or hub.posting._flying:
                    await asyncio.sleep(0.005)
            return found

        hub.posting = Posting(hub.database, hub.office, Postage(KEY, HUB_URL, landing, send))
        hub.posting.nudge()
        await hub.posting.deliver()
        hub.office.do = looked  # type: ignore[method-assign]
        hub.posting.nudge()
        await hub.posting.deliver()
        hub.happen(*of_job(2, "job.ended"))
        await hub.deliver_until(lambda: hub.deliveries(number)[1].state is State.DELIVERED)
    await hub.posting.close()
    assert [one["data"]["job"] for one in messages(got)] == [1, 2]


@in_a_loop
async def test_what_was_under_way_when_the_hub_died_is_sent_again_under_the_same_id(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        number, _ = hub.add(port)
        hub.happen(*of_job(1, "job.ended"))

        async def taken_but_not_noted(url: str, body: bytes, headers: Any) -> Any:
            await post(url, body, headers)
            await asyncio.Event().wait()

        hub.posting = Posting(hub.database, hub.office, Postage(KEY, HUB_URL, taken_but_not_noted, send))
        await hub.deliver_until(lambda: len(got.got) == 1)
        await hub.posting.close()
        await hub.begin()
        await hub.deliver_until(lambda: hub.deliveries(number)[0].state is State.DELIVERED)
    await hub.posting.close()
    first, second = ({k.lower(): v for k, v in headers.items()}["webhook-id"] for headers, _ in got.got)
    assert first == second == "event-1"


@in_a_loop
async def test_a_receiver_that_refuses_is_tried_for_three_days_and_then_the_next_event_goes(hub: Hub) -> None:
    await hub.begin()
    with receiving(status=500) as (port, got):
        number, _ = hub.add(port)
        hub.happen(*of_job(1, "job.started"))
        await hub.deliver_until(lambda: hub.deliveries(number)[0].attempts == 1)
        assert hub.deliveries(number)[0].status == 500
        hub.clock.at += PATIENCE - LONGEST_WAIT
        hub.happen(*of_job(1, "job.ended"))
        hub.clock.at += LONGEST_WAIT
        await hub.deliver_until(lambda: hub.deliveries(number)[0].state is State.GIVEN_UP)
        await hub.deliver_until(lambda: hub.deliveries(number)[1].attempts == 1)
        got.status = 204
        hub.clock.at += LONGEST_WAIT
        await hub.deliver_until(lambda: hub.deliveries(number)[1].state is State.DELIVERED)
    await hub.posting.close()
    assert messages(got)[-1]["type"] == "job.ended"


@in_a_loop
async def test_a_round_that_is_told_to_end_just_as_something_is_to_be_sent_ends(hub: Hub) -> None:
    await hub.begin()
    round_of_it = asyncio.create_task(hub.posting.deliver())
    while not hub.posting._hint._given._waiters:
        await asyncio.sleep(0)
    hub.posting.nudge()
    round_of_it.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_of_it


@in_a_loop
async def test_a_receiver_that_has_gone_is_sent_nothing_more(hub: Hub) -> None:
    await hub.begin()
    with receiving(status=410) as (port, got):
        number, _ = hub.add(port)
        hub.happen(*of_job(1, "job.started", "job.ended"))
        await hub.deliver_until(lambda: hub.deliveries(number)[0].state is State.GIVEN_UP)
        await hub.posting.deliver()
        assert len(got.got) == 1
        got.status = 204
        hub.do(lambda tx: webhooks.set_disabled(tx, number, disabled=False))
        await hub.deliver_until(lambda: hub.deliveries(number)[1].state is State.DELIVERED)
    await hub.posting.close()


@in_a_loop
async def test_a_webhook_is_sent_what_it_wants_and_all_of_it_again_where_that_is_asked(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        hub.happen(*of_job(1, "job.ended"))
        number, _ = hub.add(port, "job.*", workflow="migrate")
        hub.happen(*of_job(2, "job.ended"), Event(0, "node.lost", 0, None, "oslo", "n1"))
        hub.happen(Event(0, "job.ended", 0, 3, "oslo", "", "recall"))
        await hub.deliver_until(lambda: [d.state for d in hub.deliveries(number)] == [State.DELIVERED])
        assert hub.do(lambda tx: webhooks.replay(tx, number, 1)) == 2
        await hub.deliver_until(lambda: len(got.got) == 3)
        assert hub.do(lambda tx: webhooks.replay(tx, number, 99)) == 0
    await hub.posting.close()
    assert messages(got)[0]["data"]["job"] == 2
    assert sorted(one["data"]["job"] for one in messages(got)[1:]) == [1, 2]


@in_a_loop
async def test_a_test_is_sent_once_to_a_disabled_webhook_too(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        number, _ = hub.add(port)
        hub.do(lambda tx: webhooks.set_disabled(tx, number, disabled=True))
        hub.happen(*of_job(1, "job.ended"))
        hub.do(lambda tx: webhooks.send_test(tx, number))
        await hub.deliver_until(lambda: hub.deliveries(number)[-1].state is State.DELIVERED)
    hub.do(lambda tx: webhooks.send_test(tx, number))
    await hub.deliver_until(lambda: hub.deliveries(number)[-1].state is State.GIVEN_UP)
    await hub.posting.close()
    assert [one["type"] for one in messages(got)] == ["webhook.test"]
    assert [one.state for one in hub.deliveries(number)] == [State.WAITING, State.DELIVERED, State.GIVEN_UP]


@in_a_loop
async def test_a_webhook_whose_secret_cannot_be_read_holds_up_no_other(hub: Hub) -> None:
    await hub.begin()
    with receiving() as (port, got):
        hub.do(lambda tx: webhooks.add_webhook(tx, f"http://127.0.0.1:{port}/", [], None, "ana", b"x" * 32))
        number, _ = hub.add(port)
        hub.happen(*of_job(1, "job.ended"))
        await hub.deliver_until(lambda: hub.deliveries(number)[0].state is State.DELIVERED)
    await hub.posting.close()
    assert len(got.got) == 1


def test_the_secret_is_encrypted_where_it_is_kept(hub: Hub) -> None:
    number, secret = hub.add(1)
    row = hub.do(lambda tx: tx.conn.exec_driver_sql("SELECT secret FROM webhooks").scalar_one())
    assert secret not in bytes(row)
    hub.do(lambda tx: webhooks.remove_webhook(tx, number))
    with pytest.raises(NotFound):
        hub.do(lambda tx: webhooks.set_disabled(tx, number, disabled=True))


def test_an_event_that_a_webhook_waits_for_is_not_forgotten(hub: Hub) -> None:
    number, _ = hub.add(1, "job.ended")
    hub.happen(*of_job(1, "job.started", "job.ended"))
    hub.clock.at += 100 * SECOND
    hub.do(lambda tx: telling.forget(tx, SECOND))
    assert [e.kind for e in hub.do(lambda tx: events.list_events(tx.conn, EventFilter(), 9))] == ["job.ended"]
    [waiting] = hub.deliveries(number)
    hub.do(lambda tx: webhooks.tried(tx, waiting.id, webhooks.Answer(200), 0.0))
    hub.do(lambda tx: telling.forget(tx, SECOND))
    assert hub.do(lambda tx: events.list_events(tx.conn, EventFilter(), 9)) == []
    assert hub.deliveries(number) == []


def test_there_is_an_end_to_webhooks(hub: Hub) -> None:
    for _ in range(MOST_WEBHOOKS):
        hub.add(1)
    with pytest.raises(Conflict):
        hub.add(1)


@pytest.mark.parametrize(
    "url",
    ["ftp://a/", "file:///etc/passwd", "http://", "//a/", "http://u:p@a/", "http://a/#x", "http://a:x/", "http://ä/",
     "http://a/\n", "http://a/" + "x" * 2000, ""],
)  # fmt: skip
def test_a_webhook_leads_nowhere_but_to_a_web_server(url: str) -> None:
    with pytest.raises(Mistake, match="url: expected"):
        check_url(url)


def test_the_signature_is_that_of_the_standards_own_example() -> None:
    """The example of the reference implementations of Standard Webhooks."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = headers_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert hashlib.sha256(b"").digest_size == 32


def test_tries_lie_further_and_further_apart_up_to_an_hour() -> None:
    plain = [wait(attempts, 0.5) for attempts in range(1, 30)]
    assert plain[:4] == [5 * SECOND, 10 * SECOND, 20 * SECOND, 40 * SECOND]
    assert plain[-1] == LONGEST_WAIT
    assert wait(1, 0.0) == 4 * SECOND
    assert wait(1, 0.999) < 6 * SECOND


def test_a_message_says_when_it_happened() -> None:
    said = json.loads(body_of(Event(7, "node.lost", 1_700_000_000_000_000, None, "oslo", "n1"), HUB_URL))
    assert said["timestamp"] == "2023-11-14T22:13:20Z"
    assert said["data"]["node"] == "n1"
