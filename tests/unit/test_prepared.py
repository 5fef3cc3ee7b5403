"""A statement that is run again on SQLite gives what it gave the first time."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from towpath.store.engines import open_engine
from towpath.store.prepared import Preparing, Written

TIMES = 4
tables = sa.MetaData()
boats = sa.Table(
    "boats",
    tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String, unique=True),
    sa.Column("afloat", sa.Boolean),
    sa.Column("load", sa.JSON),
    sa.Column("mark", sa.LargeBinary),
    sa.Column("berths", sa.Integer, default=2),
)
BY_NAME = sa.select(boats).where(boats.c.name == sa.bindparam("called"))
AMONG = sa.select(boats.c.id).where(boats.c.id.in_(sa.bindparam("ids", expanding=True))).order_by(boats.c.id)
RENAME = sa.update(boats).where(boats.c.id == sa.bindparam("row_id")).values(name=sa.bindparam("called"))
SINK = sa.update(boats).where(boats.c.afloat == sa.bindparam("was")).values(afloat=sa.false())


@pytest.fixture
def engine() -> Iterator[Engine]:
    engine = open_engine("sqlite://")
    yield engine
    engine.dispose()


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with Preparing(engine) as connection, connection.begin():
        tables.create_all(connection)
        rows = [
            {"id": 1, "name": "ida", "afloat": True, "load": {"coal": 3}, "mark": b"\0a", "berths": 1},
            {"id": 2, "name": "oda", "afloat": False, "load": [1, 2], "mark": None, "berths": 2},
            {"id": 3, "name": "una", "afloat": True, "load": None, "mark": b"", "berths": 3},
        ]
        connection.execute(sa.insert(boats), rows)
        yield connection


def again(conn: Connection, statement: Any, given: Any = None) -> list[Any]:
    """The rows of each of some runs."""
    return [conn.execute(statement, given).all() for _ in range(TIMES)]


def test_rows_are_the_same_each_time(conn: Connection) -> None:
    first, *others = again(conn, BY_NAME, {"called": "ida"})
    assert others == [first] * (TIMES - 1)
    for _ in range(TIMES):
        row = conn.execute(BY_NAME, {"called": "ida"}).one()
        assert (row.afloat, row.load, row.mark, row._mapping[boats.c.berths]) == (
            True,
            {"coal": 3},
            b"\0a",
            1,
        )
        assert conn.execute(BY_NAME, {"called": "nobody"}).first() is None


def test_a_list_may_have_any_length_each_time(conn: Connection) -> None:
    for _ in range(TIMES):
        assert list(conn.scalars(AMONG, {"ids": [3, 1]})) == [1, 3]
        assert list(conn.scalars(AMONG, {"ids": []})) == []
        assert list(conn.scalars(AMONG, {"ids": {2}})) == [2]
        assert conn.scalar(AMONG, {"ids": (3, 2, 9)}) == 2
        assert list(conn.scalars(AMONG, {"ids": {2: "", 1: ""}.keys()})) == [1, 2]


def test_what_stands_in_a_statement_is_its_own(conn: Connection) -> None:
    one, two = (sa.select(boats.c.name).where(boats.c.id == n).limit(n) for n in (1, 2))
    some, all_three = (sa.select(boats.c.id).where(boats.c.id.in_(ids)) for ids in ([1, 3], [1, 2, 3]))
    for _ in range(TIMES):
        assert [conn.scalar(one), conn.scalar(two)] == ["ida", "oda"]
        assert [len(conn.execute(some).all()), len(conn.execute(all_three).all())] == [2, 3]


def test_a_statement_made_of_one_that_is_kept_is_another(conn: Connection) -> None:
    again(conn, AMONG, {"ids": [1, 2]})
    assert again(conn, AMONG.where(boats.c.afloat), {"ids": [1, 2]}) == [[(1,)]] * TIMES


def test_it_is_known_how_many_rows_were_written(conn: Connection) -> None:
    for _ in range(TIMES):
        assert conn.execute(RENAME, {"row_id": 1, "called": "ada"}).rowcount == 1
        assert conn.execute(RENAME, {"row_id": 7, "called": "eda"}).rowcount == 0
        many = [{"row_id": 1, "called": "ada"}, {"row_id": 2, "called": "oda"}]
        assert conn.execute(RENAME, many).rowcount == 2
        assert conn.execute(RENAME, many[:1]).rowcount == 1
    assert isinstance(conn.execute(RENAME, many), Written)
    assert conn.scalars(sa.select(boats.c.name).order_by(boats.c.id)).all() == ["ada", "oda", "una"]


def test_what_is_written_is_written_before_its_rows_are_read(conn: Connection) -> None:
    sinking = SINK.returning(boats.c.id)
    for _ in range(TIMES):
        conn.execute(sa.update(boats).values(afloat=True))
        first = conn.execute(sinking, {"was": True}).first()
        assert first is not None
        assert conn.scalar(sa.select(sa.func.count()).where(boats.c.afloat)) == 0


def test_many_rows_that_are_written_together_may_be_asked_for(conn: Connection) -> None:
    added = sa.insert(boats).returning(boats.c.id, boats.c.name, sort_by_parameter_order=True)
    for turn in range(TIMES):
        for names in ([f"a{turn}", f"b{turn}", f"c{turn}"], [f"d{turn}"]):
            rows = conn.execute(added, [{"name": name, "berths": 1} for name in names]).all()
            assert [row.name for row in rows] == names
            assert sorted(conn.scalars(AMONG, {"ids": [row.id for row in rows]})) == [row.id for row in rows]


def test_defaults_of_columns_are_written(conn: Connection) -> None:
    adding = sa.insert(boats)
    for number in range(100, 100 * TIMES, 100):
        conn.execute(adding, [{"id": number, "name": str(number)}])
        made = conn.execute(adding, {"name": f"{number} too"})
        assert made.inserted_primary_key is not None
    assert set(conn.scalars(sa.select(boats.c.berths).where(boats.c.id >= 100))) == {2}


def test_an_error_is_told_as_sqlalchemy_tells_it(conn: Connection) -> None:
    right, wrong = ({"row_id": 1, "called": name} for name in ("ada", "oda"))
    for _ in range(TIMES):
        conn.execute(RENAME, right)
        with pytest.raises(sa.exc.IntegrityError, match="UNIQUE"):
            conn.execute(RENAME, wrong)
        conn.execute(RENAME, [right, right])
        with pytest.raises(sa.exc.IntegrityError, match="UNIQUE"):
            conn.execute(RENAME, [right, wrong])
        with pytest.raises(sa.exc.StatementError, match="called"):
            conn.execute(RENAME, {"row_id": 1})


def test_a_savepoint_undoes_what_came_after_it(conn: Connection) -> None:
    for _ in range(TIMES):
        undone = conn.begin_nested()
        conn.execute(RENAME, {"row_id": 1, "called": "eva"})
        undone.rollback()
        with conn.begin_nested():
            conn.execute(RENAME, {"row_id": 2, "called": "eda"})
    assert conn.scalars(sa.select(boats.c.name).order_by(boats.c.id)).all() == ["ida", "eda", "una"]


def test_who_listens_hears_of_each_run(engine: Engine, conn: Connection) -> None:
    again(conn, BY_NAME, {"called": "ida"})
    heard: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda conn, cursor, text, *rest: heard.append(text))
    again(conn, BY_NAME, {"called": "ida"})
    assert len(heard) == TIMES


def test_nothing_is_run_where_no_transaction_is_open(engine: Engine) -> None:
    one = sa.select(sa.literal(1))
    with Preparing(engine) as connection:
        for _ in range(TIMES):
            assert connection.scalar(one) == 1
            assert connection.in_transaction()
            connection.rollback()
