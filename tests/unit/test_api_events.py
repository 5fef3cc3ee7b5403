"""Live events: each listener hears what happens once and in order, from the number on that they name."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import httpx
import pytest
from tests.fixtures_api import Api, api, laid
from tests.fixtures_hub import until

from towpath.api import events as events_route
from towpath.api import feed
from towpath.domain.events import Event, EventFilter
from towpath.engine import events as telling
from towpath.store import events
from towpath.store.database import Tx

__all__ = ["api", "laid"]

DAY = 24 * 3600 * 1_000_000


def happen(api: Api, *kinds: str, job: int | None = None, site: str = "") -> None:
    """Events are written, and numbered as the hub that conducts does it."""

    def write(tx: Tx) -> None:
        events.record(tx, [Event(0, kind, tx.now, job, site) for kind in kinds])

    for work in (write, telling.number):
        with api.database.writing() as tx:
            work(tx)


@dataclass
class Heard:
    """What a listener is sent."""

    lines: Iterator[str]

    def next(self) -> dict[str, str]:
        """The next event: its fields."""
        fields: dict[str, str] = {}
        for line in self.lines:
            if not line and "event" in fields:
                return fields
            name, _, value = line.partition(": ")
            if name and not line.startswith(":"):
                fields[name] = value
        raise EOFError

    def kinds(self, count: int) -> list[tuple[int, str]]:
        """The numbers and kinds of the next few."""
        found = [self.next() for _ in range(count)]
        return [(int(one["id"]), one["event"]) for one in found]


@contextmanager
def listening(api: Api, query: str = "", last: int | None = None) -> Iterator[Heard]:
    """Somebody who listens, and has been taken in."""
    headers = {} if last is None else {"Last-Event-ID": str(last)}
    with api.http.stream("GET", f"/api/events/stream/{query}", headers=headers) as answer:
        assert answer.status_code == HTTPStatus.OK, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        yield Heard(lines)


def newest(api: Api) -> int:
    """The number of the last event."""
    with api.database.writing() as tx:
        telling.number(tx)
        return events.cursor(tx.conn, events.LAST)


def test_who_listens_hears_what_happens_now_in_order(api: Api) -> None:
    first = newest(api)
    with listening(api) as heard:
        job = api.start("noop", ["/mnt/oslo/a"])
        api.run()
        newest(api)
        assert heard.kinds(3) == [
            (first + 1, "job.pending"),
            (first + 2, "job.started"),
            (first + 3, "job.ended"),
        ]
        happen(api, "node.lost", site="oslo")
        told = heard.next()
    assert json.loads(told["data"]) | {"at": ""} == {
        "number": first + 4,
        "kind": "node.lost",
        "at": "",
        "job": None,
        "site": "oslo",
        "node": "",
        "workflow": "",
        "details": {},
    }
    [end] = api.http.get(f"/api/events/?kind=job.ended&job={job}").json()["results"]
    assert end["details"]["report"] == f"/api/jobs/{job}/report/"
    assert api.http.get(end["details"]["report"]).text.count("\n") == 1


def test_who_comes_back_hears_all_behind_the_number_that_they_name(api: Api) -> None:
    first = newest(api)
    happen(api, *["job.ended"] * 700, job=1)
    with listening(api, last=first + 10) as heard:
        happen(api, "job.started", job=2)
        found = heard.kinds(691)
    assert [number for number, _ in found] == list(range(first + 11, first + 702))
    assert found[-1][1] == "job.started"
    with listening(api, f"?after={first + 701}") as heard:
        happen(api, "job.paused")
        assert heard.kinds(1) == [(first + 702, "job.paused")]


def test_who_was_away_for_too_long_is_told_that_something_is_missing(api: Api) -> None:
    first = newest(api)
    happen(api, *["job.ended"] * 3, job=1)
    with api.database.writing() as tx:
        telling.forget(tx, -DAY)
    happen(api, "job.started")
    with listening(api, last=first + 1) as heard:
        gap = heard.next()
        assert gap["event"] == "gap"
        assert json.loads(gap["data"]) == {"after": first + 1, "oldest": first + 4, "newest": first + 4}
        assert heard.kinds(1) == [(first + 4, "job.started")]
    with listening(api, last=first + 3) as heard:
        assert heard.kinds(1) == [(first + 4, "job.started")], "nothing is missing"
    with listening(api, last=first + 4000) as heard:
        assert heard.next()["event"] == "gap", "the database was put back from an old copy"


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("?kind=job.*", [1, 2]),
        ("?job=7", [2]),
        ("?site=bergen", [3]),
        ("?kind=job.ended,node.lost&job=7", [2]),
    ],
)
def test_a_listener_and_a_list_are_narrowed_alike(api: Api, query: str, numbers: list[int]) -> None:
    first = newest(api)
    with listening(api, query) as heard:
        happen(api, "job.started", job=6)
        happen(api, "job.ended", job=7)
        happen(api, "node.lost", site="bergen")
        assert [number - first for number, _ in heard.kinds(len(numbers))] == numbers
    listed = api.http.get(f"/api/events/{query}").json()
    assert [row["number"] - first for row in listed["results"] if row["number"] > first] == numbers


def test_the_list_goes_on_behind_a_number(api: Api) -> None:
    first = newest(api)
    happen(api, *["job.ended"] * 5, job=1)
    page = api.http.get(f"/api/events/?cursor={first}&page_size=2").json()
    assert [row["number"] for row in page["results"]] == [first + 1, first + 2]
    after = api.http.get(page["next"]).json()
    assert [row["number"] for row in after["results"]] == [first + 3, first + 4]
    assert page["count"] == first + 5
    lines = api.http.get("/api/events/", params={"format": "jsonl"}).text.splitlines()
    assert len(lines) == first + 5


@pytest.mark.parametrize("query", ["?kind=job.end", "?after=x", "?after=-1", "?after=99999999999999999999"])
def test_what_cannot_be_meant_is_told(api: Api, query: str) -> None:
    assert api.http.get(f"/api/events/stream/{query}").status_code == HTTPStatus.BAD_REQUEST


async def taken(listener: feed.Listener) -> bytes:
    """What waits for a listener now."""
    return await listener.take(asyncio.get_running_loop().time())


def test_what_waits_for_a_slow_listener_is_bounded() -> None:
    slow = feed.Listener(EventFilter())
    given = [slow.give(b"id: %d\n" % number, 1) for number in range(feed.BACKLOG + 1)]
    assert given == [True] * feed.BACKLOG + [False]
    slow.let_go()
    slow.let_go()
    assert slow.gone
    assert asyncio.run(taken(slow)) == b""


def test_who_has_heard_all_takes_whatever_one_reading_brings_in_one_piece() -> None:
    listener = feed.Listener(EventFilter())
    assert listener.give(b"many", 2 * feed.BACKLOG)
    assert not listener.give(b"one more", 1)
    assert asyncio.run(taken(listener)) == b"many"
    assert listener.give(b"a", 1)
    assert listener.give(b"b", feed.BACKLOG - 1)
    assert asyncio.run(taken(listener)) == b"ab"
    assert asyncio.run(taken(listener)) == b""


def test_a_burst_of_more_events_than_may_wait_cuts_nobody_off(api: Api) -> None:
    first = newest(api)
    with listening(api) as heard:
        happen(api, *["job.started"] * 600, job=1)
        with api.database.writing() as tx:
            telling.number(tx)
        assert [number for number, _ in heard.kinds(600)] == list(range(first + 1, first + 601))


def test_a_revoked_key_hears_no_more(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_route, "BEAT", 0.1)
    with listening(api) as heard:
        [mine] = api.http.get("/api/auth/clientkeys/").json()["results"]
        assert ": still here" in next(line for line in heard.lines if line.startswith(":"))
        api.http.delete(f"/api/auth/clientkeys/{mine['id']}/")
        with pytest.raises(EOFError):
            heard.next()


def test_many_listeners_each_hear_all(api: Api) -> None:
    """Two hundred here, twenty to a thread; bench/listeners.py has a thousand."""
    found: list[list[int]] = []
    ready = threading.Barrier(11)
    first = newest(api)

    def listen() -> None:
        with ExitStack() as stack:
            many = [stack.enter_context(listening(api)) for _ in range(20)]
            ready.wait(60)
            found.extend([number for number, _ in heard.kinds(30)] for heard in many)

    limits = httpx.Limits(max_connections=None)
    with httpx.Client(
        base_url=api.url,
        headers=dict(api.http.headers),
        timeout=60,
        trust_env=False,
        verify=False,
        limits=limits,
    ) as http:
        api.http = http
        threads = [threading.Thread(target=listen) for _ in range(10)]
        for thread in threads:
            thread.start()
        ready.wait(60)
        for _ in range(10):
            happen(api, "job.pending", "job.started", "job.ended", job=3)
        for thread in threads:
            thread.join(60)
    assert found == [list(range(first + 1, first + 31))] * 200


def test_when_the_hub_ends_nobody_keeps_it(api: Api) -> None:
    with listening(api) as heard:
        api.context.feed.close()
        with pytest.raises(EOFError):
            heard.next()
    until(lambda: api.context.feed.listeners == 0, "nobody listens")
    with listening(api) as heard, pytest.raises(EOFError):
        heard.next()
