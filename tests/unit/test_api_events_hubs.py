"""Live events at two hubs on one PostgreSQL: whichever is asked, all is heard, in the same order."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.fixtures_api import hears, now, serving
from tests.fixtures_postgres import Databases
from tests.unit.test_api_events import Heard

from towpath.api.app import create_app
from towpath.config import HubSettings
from towpath.domain.events import Event
from towpath.engine import events as telling
from towpath.engine import registry
from towpath.store import events
from towpath.store.database import Database, Tx


@dataclass
class Pair:
    """Two hubs' databases, and a client of each."""

    databases: list[Database]
    clients: list[httpx.Client]

    def number(self) -> None:
        """What the one that conducts does."""
        with self.databases[0].writing() as tx:
            telling.number(tx)

    @contextmanager
    def listening(self, hub: int, last: int | None = None) -> Iterator[Heard]:
        """Somebody who listens at one of them."""
        headers = {} if last is None else {"Last-Event-ID": str(last)}
        with self.clients[hub].stream("GET", "/api/events/stream/", headers=headers) as answer:
            assert answer.is_success, answer.read()
            lines = answer.iter_lines()
            assert next(lines) == "retry: 2000"
            yield Heard(lines)


@pytest.fixture
def pair(databases: Databases, tmp_path: Path) -> Iterator[Pair]:
    """Two hubs that serve the API over one database."""
    with ExitStack() as stack:
        url = stack.enter_context(databases.lend())
        made = Pair([], [])
        for number in range(2):
            database = Database(url, now)
            database.start()
            stack.callback(database.stop)
            made.databases.append(database)
            if not number:
                with database.writing() as tx:
                    key = registry.make_api_key(tx, "ana")
            settings = HubSettings(tmp_path, url, "nats://127.0.0.1:1")
            at = stack.enter_context(serving(create_app(database, settings, b"h" * 32, hears, now)))
            client = httpx.Client(
                base_url=at,
                headers={"Authorization": f"Api-Key {key}"},
                timeout=30,
                trust_env=False,
                verify=False,
            )
            made.clients.append(stack.enter_context(client))
        yield made


def write(tx: Tx, job: int, *kinds: str) -> None:
    """Events of a job."""
    events.record(tx, [Event(0, kind, tx.now, job) for kind in kinds])


def test_what_was_begun_first_and_committed_last_is_heard_last_and_by_everybody(pair: Pair) -> None:
    first, second = pair.databases
    with pair.listening(0) as here, pair.listening(1) as there:
        with first.writing() as slow:
            write(slow, 1, "job.pending")
            with second.writing() as quick:
                write(quick, 2, "job.pending")
            pair.number()
            heard = [here.next(), there.next()]
            assert [json.loads(one["data"])["job"] for one in heard] == [2, 2], "the other is not committed"
        pair.number()
        late = [here.next(), there.next()]
    assert [(int(one["id"]), json.loads(one["data"])["job"]) for one in late] == [(2, 1), (2, 1)]


def test_who_was_at_one_hub_goes_on_at_the_other(pair: Pair) -> None:
    first, second = pair.databases
    with pair.listening(0) as here:
        for database, job in ((first, 1), (second, 2), (first, 3)):
            with database.writing() as tx:
                write(tx, job, "job.pending", "job.ended")
            pair.number()
        assert here.kinds(3)[-1] == (3, "job.pending")
    with pair.listening(1, last=3) as there:
        assert [number for number, _ in there.kinds(3)] == [4, 5, 6]
        with second.writing() as tx:
            write(tx, 4, "job.ended")
        pair.number()
        assert there.kinds(1) == [(7, "job.ended")]
