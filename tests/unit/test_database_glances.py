"""Glances at the database: a row or two, at once, as they were committed last."""

from collections.abc import Iterator
from functools import partial

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from tests.fixtures_store import database_url
from tests.hub_desk import Numbers
from tests.site_node import in_a_loop

from towpath.store.database import Database, Tx
from towpath.store.tables import sites

__all__ = ["database_url"]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database that is written to."""
    made = Database(database_url, Numbers())
    made.start()
    yield made
    made.stop()


def add(tx: Tx, name: str) -> None:
    tx.conn.execute(sa.insert(sites).values(name=name, roots={}, steps=[], created_at=1))


def count(conn: Connection) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(sites)).scalar_one()


def fail(conn: Connection) -> None:
    conn.execute(sa.select(sites.c.name)).first()
    raise LookupError("nothing there")


@in_a_loop
async def test_each_glance_sees_what_was_committed_before_it(database: Database) -> None:
    seen = [await database.glance(count)]
    for name in ("oslo", "rome"):
        await database.write(partial(add, name=name))
        seen.append(await database.glance(count))
    assert seen == [0, 1, 2]


@in_a_loop
async def test_a_glance_sees_nothing_that_is_not_committed(database: Database) -> None:
    with database.writing() as tx:
        add(tx, "oslo")
        assert await database.glance(count) == 0
    assert await database.glance(count) == 1


@in_a_loop
async def test_a_glance_that_failed_spoils_none_after_it(database: Database) -> None:
    await database.write(lambda tx: add(tx, "oslo"))
    with pytest.raises(LookupError):
        await database.glance(fail)
    assert await database.glance(count) == 1
