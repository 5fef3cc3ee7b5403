"""PostgreSQL under the database: many writers at once, transactions that are run again, and a server that goes away."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import sqlalchemy as sa
from tests.fixtures_postgres import Databases, Postgres, postgres_server
from tests.hub_desk import Numbers
from tests.site_node import in_a_loop

from towpath.store import schema
from towpath.store.database import WRITERS, Database, Tx
from towpath.store.engines import Away, Uncertain
from towpath.store.tables import sites
from towpath.store.tasks import next_ids

DEADLINE = 30.0


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """A database with its writers."""
    with databases.lend() as url:
        made = Database(url, Numbers())
        made.start()
        yield made
        made.stop()


@pytest.fixture
def mortal() -> Iterator[Postgres]:
    """A server of one's own, that may be stopped; it has a database `hub`."""
    with postgres_server() as server:
        with server.connect() as admin:
            admin.execute("CREATE DATABASE hub")
        schema.upgrade(server.url("hub"))
        yield server


def put(tx: Tx, name: str) -> None:
    """Add a row that can be there once."""
    tx.conn.execute(sa.insert(sites).values(name=name, roots={}, steps=[], created_at=1))


def mark(tx: Tx, name: str) -> None:
    """Change a row, which locks it."""
    tx.conn.execute(sa.update(sites).where(sites.c.name == name).values(unguarded=True))


def names(database: Database) -> list[str]:
    """The rows that are committed."""
    with database.reading() as conn:
        return list(conn.scalars(sa.select(sites.c.name).order_by(sites.c.name)))


@in_a_loop
async def test_writers_write_at_the_same_time(database: Database) -> None:
    together = threading.Barrier(WRITERS)

    def work(tx: Tx) -> bool:
        tx.conn.execute(sa.select(1))
        together.wait(DEADLINE)
        return True

    assert all(await asyncio.gather(*(database.write(work) for _ in range(WRITERS))))


@in_a_loop
async def test_two_that_wait_for_each_other_are_both_written_in_the_end(database: Database) -> None:
    for name in ("a", "b"):
        await database.write(partial(put, name=name))
    together = threading.Barrier(2)
    tried: list[str] = []

    def crossing(first: str, second: str) -> Callable[[Tx], str]:
        def work(tx: Tx) -> str:
            mark(tx, first)
            tried.append(first)
            if len(tried) <= 2:
                together.wait(DEADLINE)
            mark(tx, second)
            return first

        return work

    done = await asyncio.gather(database.write(crossing("a", "b")), database.write(crossing("b", "a")))
    assert list(done) == ["a", "b"]
    # The one that is run again may be first at its row once more, before the other has woken up.
    assert len(tried) >= 3, "one of them was run again"


@in_a_loop
async def test_who_finds_its_key_taken_meanwhile_looks_again(database: Database) -> None:
    together = threading.Barrier(2)
    first_looks: list[int] = []

    def add_unless_there(tx: Tx) -> str:
        there = tx.conn.execute(sa.select(sites.c.name).where(sites.c.name == "a")).first()
        first_looks.append(1)
        if len(first_looks) <= 2:
            together.wait(DEADLINE)
        if there is None:
            put(tx, "a")
        return "there" if there else "added"

    done = await asyncio.gather(database.write(add_unless_there), database.write(add_unless_there))
    assert sorted(done) == ["added", "there"]
    assert names(database) == ["a"]


@in_a_loop
async def test_numbers_are_given_out_once_and_nobody_waits_for_a_commit_that_took_some(
    database: Database,
) -> None:
    with database.writing() as slow:
        held = next_ids(slow.conn, "tasks", 10)
        taken = await asyncio.gather(
            *(database.write(lambda tx: next_ids(tx.conn, "tasks", 7)) for _ in range(100))
        )
    numbers = [first + place for first in taken for place in range(7)] + list(range(held, held + 10))
    assert len(numbers) == len(set(numbers)) == 710


@in_a_loop
async def test_a_connection_that_is_cut_before_the_commit_costs_nothing(database: Database) -> None:
    cut: list[int] = []

    def work(tx: Tx) -> str:
        put(tx, "a")
        if not cut:
            cut.append(tx.conn.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
            with database.engine.connect() as other:
                other.execute(sa.text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": cut[0]})
        mark(tx, "a")
        return "done"

    assert await database.write(work) == "done"
    assert cut
    assert names(database) == ["a"]


@in_a_loop
async def test_who_was_cut_off_in_the_commit_hears_that_nobody_knows(database: Database) -> None:
    def work(tx: Tx) -> None:
        put(tx, "a")
        own = tx.conn.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        with database.engine.connect() as other:
            other.execute(sa.text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": own})

    with pytest.raises(Uncertain, match="look whether it was"):
        await database.write(work)


@in_a_loop
async def test_a_server_that_comes_back_is_used_again_and_one_that_does_not_is_told_of(
    mortal: Postgres,
) -> None:
    database = Database(mortal.url("hub"), Numbers())
    database.start()
    await database.write(lambda tx: put(tx, "a"))
    mortal.kill()
    with pytest.raises(Away, match="the database does not answer"):
        await database.write(lambda tx: put(tx, "b"))
    with pytest.raises(Away, match="the database does not answer"):
        await database.read(lambda conn: conn.execute(sa.select(1)).scalar_one())
    waiting = [asyncio.ensure_future(database.write(lambda tx: put(tx, "c")))]
    mortal.start()
    await asyncio.gather(*waiting)
    found = await database.read(lambda conn: list(conn.scalars(sa.select(sites.c.name))))
    assert sorted(found) == ["a", "c"]
    database.stop()


def test_a_connection_that_lay_idle_while_its_server_restarted_is_made_anew(mortal: Postgres) -> None:
    database = Database(mortal.url("hub"), Numbers())
    assert names(database) == []
    mortal.stop()
    mortal.start()
    with database.writing() as tx:
        put(tx, "a")
    mortal.stop()
    mortal.start()
    assert names(database) == ["a"]
    database.stop()
