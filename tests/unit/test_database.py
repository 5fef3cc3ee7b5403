"""The database: writers one at a time and grouped, each for itself; readers see one moment."""

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import Connection
from tests.fixtures_store import database_url
from tests.hub_desk import Numbers
from tests.site_node import in_a_loop

from towpath.store import schema
from towpath.store.database import GROUP, Database, Tx
from towpath.store.laying import FORM
from towpath.store.migrating import migrate
from towpath.store.tables import idempotency, ids, job_counts, job_inputs, metadata, sites

__all__ = ["database_url"]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A database whose writer has not been started."""
    made = Database(database_url, Numbers())
    yield made
    made.stop()


def add(name: str) -> sa.Insert:
    """A row that can be there once."""
    return sa.insert(sites).values(name=name, roots={}, steps=[], created_at=1)


def names(conn: Connection) -> list[str]:
    """The rows that are there."""
    return list(conn.scalars(sa.select(sites.c.name).order_by(sites.c.name)))


def kept(database: Database) -> list[str]:
    """The rows that are committed."""
    with database.reading() as conn:
        return names(conn)


@pytest.fixture
def grouping(fresh_file: Path, tmp_path: Path) -> Iterator[Database]:
    """A database that takes many calls to a transaction; its writer has not been started."""
    shutil.copy(fresh_file, tmp_path / "hub.db")
    made = Database(f"sqlite:///{tmp_path / 'hub.db'}", Numbers())
    yield made
    made.stop()


@asynccontextmanager
async def one_group(
    database: Database, *works: Callable[[Tx], object]
) -> AsyncIterator[Sequence[asyncio.Future[object]]]:
    """Calls that wait for the writer before it starts, so that they make one group."""
    calls = [asyncio.ensure_future(database.write(work)) for work in works]
    await asyncio.sleep(0)
    database.start()
    yield calls
    await asyncio.gather(*calls, return_exceptions=True)


def fail_in_the_midst(database: Database) -> None:
    """A transaction that does not come to its end."""
    with database.writing() as tx:
        tx.conn.execute(add("b"))
        raise RuntimeError("in the midst")


def adding(*added: str) -> Callable[[Tx], str]:
    """A writer that adds these rows."""

    def work(tx: Tx) -> str:
        for name in added:
            tx.conn.execute(add(name))
        return "done"

    return work


# Writing ------------------------------------------------------------------------------------------------------


def test_what_was_written_is_there_and_what_was_not_finished_is_not(database: Database) -> None:
    with database.writing() as tx:
        tx.conn.execute(add("a"))
    with pytest.raises(RuntimeError, match="in the midst"):
        fail_in_the_midst(database)
    assert kept(database) == ["a"]


def test_a_transaction_has_one_time(database_url: str) -> None:
    database = Database(database_url, iter(range(5, 99)).__next__)
    with database.writing() as first, database.reading():
        assert (first.now, first.now) == (5, 5)
    with database.writing() as second:
        assert second.now == 6
    database.stop()


@in_a_loop
async def test_a_writer_that_raises_changes_nothing_while_its_neighbours_commit(grouping: Database) -> None:
    transactions: set[int] = set()

    def works(tx: Tx) -> str:
        transactions.add(id(tx))
        tx.conn.execute(add("good"))
        return "done"

    def fails(tx: Tx) -> None:
        transactions.add(id(tx))
        tx.conn.execute(add("bad"))
        raise ValueError("a mistake")

    def comes_after(tx: Tx) -> list[str]:
        transactions.add(id(tx))
        tx.conn.execute(add("late"))
        return names(tx.conn)

    async with one_group(grouping, works, fails, comes_after) as (first, second, third):
        assert await first == "done"
        with pytest.raises(ValueError, match="a mistake"):
            await second
        assert await third == ["good", "late"]
    assert len(transactions) == 1, "they shared a transaction"
    assert kept(grouping) == ["good", "late"]


@in_a_loop
async def test_a_statement_that_fails_is_undone_alone(database: Database) -> None:
    async with one_group(database, adding("a"), adding("b", "b"), adding("c")) as (_, second, _third):
        with pytest.raises(sa.exc.IntegrityError):
            await second
    assert kept(database) == ["a", "c"]


def dangling(tx: Tx) -> str:
    """The commit itself fails: a reference to a row that is not there is looked at only then."""
    for statement in DANGLING[tx.conn.dialect.name]:
        tx.conn.exec_driver_sql(statement)
    return "done"


@in_a_loop
async def test_nobody_is_told_of_success_before_the_commit(database: Database) -> None:
    database.start()
    with pytest.raises(sa.exc.IntegrityError, match=r"(?i)foreign key"):
        await database.write(dangling)
    assert await database.write(adding("b")) == "done"
    assert kept(database) == ["b"]


@in_a_loop
async def test_who_shares_a_commit_that_fails_hears_so_too(grouping: Database) -> None:
    async with one_group(grouping, adding("a"), dangling) as calls:
        for call in calls:
            with pytest.raises(sa.exc.IntegrityError, match="FOREIGN KEY"):
                await call
    assert kept(grouping) == []
    assert await grouping.write(adding("b")) == "done"


DANGLING = {
    "sqlite": (
        "PRAGMA defer_foreign_keys=ON",
        "INSERT INTO wishes (job_id, wanted, by, why, at) VALUES (77, 'run', 'ana', '', 1)",
    ),
    "postgresql": (
        "CREATE TEMP TABLE known (n int PRIMARY KEY) ON COMMIT DROP",
        "CREATE TEMP TABLE named (n int REFERENCES known DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP",
        "INSERT INTO named VALUES (77)",
    ),
}


@in_a_loop
async def test_a_result_comes_once_others_can_see_it(database: Database) -> None:
    database.start()
    for number in range(20):
        await database.write(adding(f"s{number}"))
        assert f"s{number}" in kept(database)


@in_a_loop
async def test_many_writers_at_once_lose_nothing(database: Database) -> None:
    database.start()

    def one_more(tx: Tx) -> int:
        more = sa.update(ids).where(ids.c.name == "turns").values(last=ids.c.last + 1)
        return int(tx.conn.execute(more.returning(ids.c.last)).scalar_one())

    counted = await asyncio.gather(*(database.write(one_more) for _ in range(5 * GROUP + 7)))
    assert sorted(counted) == list(range(min(counted), min(counted) + 5 * GROUP + 7))


def _note(order: list[int], number: int, tx: Tx) -> None:
    order.append(number)


@in_a_loop
async def test_writers_run_in_the_order_in_which_they_came(grouping: Database) -> None:
    order: list[int] = []
    works = [partial(_note, order, number) for number in range(2 * GROUP)]
    async with one_group(grouping, *works):
        pass
    assert order == list(range(2 * GROUP))


@in_a_loop
async def test_a_caller_that_gave_up_waiting_stops_nobody(database: Database) -> None:
    async with one_group(database, adding("a"), adding()) as calls:
        calls[0].cancel()
        assert await calls[1] == "done"
    await asyncio.to_thread(database.stop)
    assert kept(database) == ["a"]


@in_a_loop
async def test_stopping_finishes_the_calls_that_were_made(database: Database) -> None:
    database.start()
    calls = [asyncio.ensure_future(database.write(adding(f"s{n}"))) for n in range(10)]
    await asyncio.sleep(0)
    await asyncio.to_thread(database.stop)
    assert await asyncio.gather(*calls) == ["done"] * 10
    assert len(kept(database)) == 10


# Hints --------------------------------------------------------------------------------------------------------


def test_sites_are_woken_once_what_there_is_to_do_is_committed(database: Database) -> None:
    woken: list[tuple[set[str], list[str]]] = []
    database.on_wake = lambda found: woken.append((found, kept(database)))
    with database.writing() as tx:
        tx.conn.execute(add("a"))
        tx.wakes.add("a")
        assert woken == []
    assert woken == [({"a"}, ["a"])]
    with database.writing():
        pass
    assert len(woken) == 1, "nobody is woken for nothing"


def test_the_hub_that_conducts_hears_of_what_it_is_to_do_unasked_though_no_site_does(
    database: Database,
) -> None:
    woken: list[set[str]] = []
    database.on_wake = woken.append
    with database.writing() as tx:
        tx.due = True
        assert woken == []
    assert woken == [set()]


@in_a_loop
async def test_a_hint_that_cannot_be_given_takes_nothing_back(database: Database) -> None:
    def fail(found: set[str]) -> None:
        raise RuntimeError("nobody listens")

    database.on_wake = fail
    database.start()

    def work(tx: Tx) -> str:
        tx.conn.execute(add("a"))
        tx.wakes.add("a")
        return "done"

    assert await database.write(work) == "done"
    assert await database.write(lambda tx: names(tx.conn)) == ["a"]


# Reading ------------------------------------------------------------------------------------------------------


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(database: Database) -> None:
    with database.reading() as conn:
        assert names(conn) == []
        with database.writing() as tx:
            tx.conn.execute(add("a"))
        assert names(conn) == []
    assert kept(database) == ["a"]


@in_a_loop
async def test_a_reader_waits_for_no_writer(database: Database) -> None:
    database.start()
    begun, done = threading.Event(), threading.Event()

    def long(tx: Tx) -> bool:
        tx.conn.execute(add("a"))
        begun.set()
        return done.wait(30)

    writing = asyncio.ensure_future(database.write(long))
    await asyncio.to_thread(begun.wait, 30)
    assert await database.read(names) == []
    done.set()
    assert await writing
    assert await database.read(names) == ["a"]


def test_a_commit_survives_a_power_cut(fresh_file: Path) -> None:
    database = Database(f"sqlite:///{fresh_file}", Numbers())
    with database.reading() as conn:
        found = {name: conn.exec_driver_sql(f"PRAGMA {name}").scalar() for name in PRAGMAS}
    assert found == PRAGMAS
    database.stop()


PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


# The schema ---------------------------------------------------------------------------------------------------


def test_a_database_in_the_newest_form_is_left_as_it_is(database: Database, database_url: str) -> None:
    with database.writing() as tx:
        tx.conn.execute(add("a"))
    schema.upgrade(database_url)
    assert kept(database) == ["a"]


def shape(conn: Connection) -> dict[str, object]:
    """The columns of each table and the text of each index."""
    if conn.dialect.name == "postgresql":
        columns = "SELECT table_name, column_name, data_type, column_default, is_nullable"
        found = conn.exec_driver_sql(
            f"{columns} FROM information_schema.columns WHERE table_schema = current_schema()"
        )
        indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
        return {f"{row[0]}.{row[1]}": _plain(row[2:]) for row in found} | {
            row[0]: _plain([row[1]]) for row in conn.exec_driver_sql(indexes)
        }
    kept: dict[str, object] = {
        name: [tuple(row) for row in conn.exec_driver_sql(f"PRAGMA table_info({name})")]
        for name in metadata.tables
    }
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    return kept | dict(tuple(row) for row in conn.exec_driver_sql(indexes))


def _plain(row: Sequence[object]) -> list[str]:
    """Without the name of the schema."""
    return [str(value).replace("anew.", "").replace("public.", "") for value in row]


def rows(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    every = (*metadata.sorted_tables, FORM)
    return {table.name: sorted(tuple(row) for row in conn.execute(sa.select(table))) for table in every}


def test_the_migrations_make_what_a_new_database_is_laid_with(database: Database) -> None:
    """Also where Alembic does not look: the values that a column has by itself, and the conditions of an index."""
    with _made_anew(database) as made:
        schema.bring(made)
        laid, held = shape(made), rows(made)
    with _made_anew(database) as made:
        migrate(made, "head")
        context = MigrationContext.configure(made, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert shape(made) == laid
        assert rows(made) == held
        assert schema.form_of(made) == schema.newest()


@contextmanager
def _made_anew(database: Database) -> Iterator[Connection]:
    """A place for the tables as they are said to be, which is gone at the end."""
    if database.engine.dialect.name == "sqlite":
        anew = sa.create_engine("sqlite://")
        with anew.connect() as connection:
            yield connection
        anew.dispose()
    else:
        with database.engine.connect() as connection:
            connection.exec_driver_sql("CREATE SCHEMA anew")
            connection.exec_driver_sql("SET LOCAL search_path = anew")
            yield connection
            connection.rollback()


FIRST_JOB: dict[str, object] = {
    "workflow_version": 1, "queue": "default", "fields": "{}", "plan": "{}", "wanted": "run", "open_stage": -2,
    "created_at": 1,
}  # fmt: skip
"""What each job of the first form of the tables has."""


def insert(conn: Connection, table: str, row: Mapping[str, object]) -> None:
    """A row, in whatever form the table has."""
    names = ", ".join(row)
    conn.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES (:{names.replace(', ', ', :')})"), row)


def test_the_keys_of_submissions_of_the_first_form_are_their_owners(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    schema.upgrade(url, "0001")
    given = {"site": "oslo", "state": "PENDING", "workflow": "noop", "inputs": b""} | FIRST_JOB
    first = sa.create_engine(url)
    with first.begin() as conn:
        for job, owner in enumerate(("ana", "bea"), 1):
            insert(conn, "jobs", given | {"owner": owner})
            insert(conn, "idempotency", {"key": f"k{job}", "digest": b"d", "job_id": job, "created_at": job})
    first.dispose()
    schema.upgrade(url)
    database = Database(url, Numbers())
    with database.reading() as conn:
        kept = conn.execute(sa.select(idempotency).order_by(idempotency.c.job_id)).all()
        assert kept == [("ana", "k1", b"d", 1, 1), ("bea", "k2", b"d", 2, 2)]
    database.stop()


def test_jobs_of_the_first_form_keep_their_inputs_and_are_counted(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    schema.upgrade(url, "0001")
    given = {"site": "oslo", "state": "SUCCESS", "owner": "ana"} | FIRST_JOB
    first = sa.create_engine(url)
    with first.begin() as conn:
        for workflow, discovered in (("noop", 0), ("noop", 3), ("noop", 4)):
            row = given | {"workflow": workflow, "discovered": discovered, "inputs": b"%d" % discovered}
            insert(conn, "jobs", row)
    first.dispose()
    schema.upgrade(url)
    database = Database(url, Numbers())
    with database.reading() as conn:
        assert conn.execute(sa.select(job_inputs)).all() == [(1, b"0"), (2, b"3"), (3, b"4")]
        counted = conn.execute(sa.select(job_counts).order_by(job_counts.c.noop)).all()
        rest = ("default", "ana", 0, "")
        assert [tuple(row) for row in counted] == [
            ("noop", "oslo", "SUCCESS", False, *rest, 2),
            ("noop", "oslo", "SUCCESS", True, *rest, 1),
        ]
    database.stop()


def test_a_database_may_lie_in_a_directory_of_any_name(tmp_path: Path) -> None:
    odd = tmp_path / "50% of it"
    odd.mkdir()
    schema.upgrade(f"sqlite:///{odd / 'hub.db'}")
    assert (odd / "hub.db").exists()
