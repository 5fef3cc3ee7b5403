"""Of several hubs on one database one conducts: it is followed when it falls silent, and then changes nothing more."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from tests.fixtures_store import database_url
from tests.hub_desk import Numbers
from tests.site_node import in_a_loop

from towpath.hub.conductor import SILENT_BEATS, Candidate, Conductor
from towpath.store import conductor
from towpath.store.conductor import Deposed
from towpath.store.database import Database, Tx
from towpath.store.tables import sites

__all__ = ["database_url"]

HEARTBEAT = 5.0


@dataclass
class Hub:
    """A hub that would conduct, with a clock of its own."""

    name: str
    database: Database
    now: float = 0.0
    installed: int = 0
    office: Conductor = field(init=False)

    def __post_init__(self) -> None:
        self.office = Conductor(self.database, Candidate(self.name, HEARTBEAT, lambda: self.now), self._begin)

    def _begin(self) -> None:
        self.installed += 1

    async def pass_time(self, beats: int) -> None:
        """So many heartbeats go by; it looks at each."""
        for _ in range(beats):
            self.now += HEARTBEAT
            await self.office.look()


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database that several hubs share."""
    made = Database(database_url, Numbers())
    made.start()
    yield made
    made.stop()


def put(tx: Tx, name: str = "oslo") -> None:
    """Some write."""
    tx.conn.execute(sa.insert(sites).values(name=name, roots={}, steps=[], created_at=1))


def rows(database: Database) -> list[str]:
    """What was written."""
    with database.reading() as conn:
        return list(conn.scalars(sa.select(sites.c.name).order_by(sites.c.name)))


@in_a_loop
async def test_the_first_that_looks_conducts_and_the_others_do_not(database: Database) -> None:
    first, second = Hub("first", database), Hub("second", database)
    for hub in (first, second):
        await hub.office.look()
    assert (first.office.conducts, second.office.conducts) == (True, False)
    assert (first.installed, second.installed) == (1, 0)
    await first.office.do(put)
    with pytest.raises(Deposed):
        await second.office.do(lambda tx: put(tx, "bergen"))
    assert rows(database) == ["oslo"]


@in_a_loop
async def test_while_the_conductor_gives_a_sign_nobody_follows_it(database: Database) -> None:
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    for _ in range(4 * SILENT_BEATS):
        await first.pass_time(1)
        await second.pass_time(1)
    assert (first.office.conducts, second.office.conducts) == (True, False)


@in_a_loop
async def test_one_that_fell_silent_is_followed_in_time_and_can_do_nothing_more(database: Database) -> None:
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    await second.office.look()
    await second.pass_time(SILENT_BEATS - 1)
    assert not second.office.conducts
    await second.pass_time(1)
    assert second.office.conducts
    assert second.now <= 30, "fail-over within 30 s"
    assert first.office.conducts, "as far as it knows"
    with pytest.raises(Deposed):
        await first.office.do(put)
    assert rows(database) == []
    assert not first.office.conducts


@in_a_loop
async def test_one_that_comes_back_too_late_sees_so_at_its_next_heartbeat(database: Database) -> None:
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    await second.office.look()
    await second.pass_time(SILENT_BEATS)
    await first.pass_time(1)
    assert (first.office.conducts, second.office.conducts) == (False, True)


@in_a_loop
async def test_whoever_slept_itself_does_not_take_another_for_silent(database: Database) -> None:
    """Its own clock has gone on far, but what it saw last is old: the conductor has given signs meanwhile."""
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    await second.office.look()
    await first.pass_time(1)
    second.now += 3600
    await second.office.look()
    assert not second.office.conducts


@in_a_loop
async def test_of_two_that_would_follow_one_does(database: Database) -> None:
    first, *others = (Hub(name, database) for name in ("first", "second", "third"))
    await first.office.look()
    for hub in others:
        await hub.office.look()
    for hub in others:
        await hub.pass_time(SILENT_BEATS)
    assert sorted(hub.office.conducts for hub in others) == [False, True]


@in_a_loop
async def test_an_office_that_was_laid_down_is_taken_at_once(database: Database) -> None:
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    await first.office.leave()
    await second.office.look()
    assert (first.office.conducts, second.office.conducts) == (False, True)


@in_a_loop
async def test_a_hub_that_was_killed_and_starts_again_conducts_at_once(database: Database) -> None:
    before, again = Hub("first", database), Hub("first", database)
    await before.office.look()
    await again.office.look()
    assert again.office.conducts
    with pytest.raises(Deposed):
        await before.office.do(put)


@in_a_loop
async def test_nobody_takes_the_office_in_the_midst_of_what_is_done_in_it(database: Database) -> None:
    """What was begun in an epoch is committed before the next one begins, never after it."""
    first, second = Hub("first", database), Hub("second", database)
    await first.office.look()
    with database.reading() as conn:
        seen = conductor.look(conn)
    order: list[str] = []

    def follow() -> None:
        with database.writing() as tx:
            assert conductor.take(tx, seen, second.name) == seen.epoch + 1
            order.append("taken")

    with database.writing() as tx:
        conductor.check(tx, seen.epoch)
        following = threading.Thread(target=follow)
        following.start()
        put(tx)
        order.append("written")
    following.join()
    assert order == ["written", "taken"]
    assert rows(database) == ["oslo"]
