"""How each back end is opened, and which of its errors say that a transaction may be run again."""

import secrets
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

SNAPSHOT: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
}
"""What makes a transaction see one moment, where it does not by itself."""

IDLE_SECONDS = 15
"""How long PostgreSQL lets a transaction stand that says nothing: that of a hub which was stopped in its midst holds
locks that all the others need."""

_ALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How soon a server that has vanished is missed."""

_SESSION = (
    f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'",
    "SET tcp_keepalives_idle = 10",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
)

CONFLICTS = {"40001": 8, "40P01": 8, "23505": 3}
"""How often a transaction is tried that others were in the way of, and that was rolled back: no serial order, a
deadlock, or a key that another one took since it was looked for. Run again, it sees what they wrote."""

STATEMENTS = 1_000
"""Statements that the driver of SQLite keeps compiled for each connection: a hub has some hundreds."""

_WRITES = "towpath_writes"
_AT_ONCE = "towpath_at_once"
_LOST_PAUSES = (0.05, 0.2, 0.5, 1.0)
_random = secrets.SystemRandom()


class Away(RuntimeError):
    """The database does not answer."""


class Uncertain(Away):
    """The database was lost during a commit: whether it was written is not known."""


def full_url(url: str) -> sa.URL:
    """The URL as people write it (`postgresql://…`), with the driver that is used."""
    parsed = sa.make_url(url)
    is_plain = parsed.drivername in ("postgresql", "postgres")
    return parsed.set(drivername="postgresql+psycopg") if is_plain else parsed


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///file` or `postgresql://…`, set up so that commits survive a power cut."""
    return _open_sqlite(url) if url.startswith("sqlite") else _open_postgresql(url)


def _open_sqlite(url: str) -> Engine:
    engine = sa.create_engine(
        url, connect_args={"timeout": 30, "check_same_thread": False, "cached_statements": STATEMENTS}
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: ours begin with BEGIN IMMEDIATE or BEGIN.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA cache_size=-65536")

    # In place of a listener for `begin`: an engine that has one looks for listeners at each statement.
    engine.dialect.do_begin = _begin_sqlite  # type: ignore[method-assign, assignment]
    # In place of statements of SQLAlchemy's, which it compiles for each savepoint.
    engine.dialect.do_savepoint = _saying("SAVEPOINT")  # type: ignore[method-assign, assignment]
    engine.dialect.do_release_savepoint = _saying("RELEASE SAVEPOINT")  # type: ignore[method-assign, assignment]
    engine.dialect.do_rollback_to_savepoint = _saying("ROLLBACK TO SAVEPOINT")  # type: ignore[method-assign, assignment]
    return engine


def _begin_sqlite(connection: Any) -> None:
    """Begin a transaction: one that takes the place of the one writer at once, where that was said of it."""
    if connection.info.get(_AT_ONCE):
        return
    writes = connection.info.pop(_WRITES, False)
    connection.dbapi_connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def _saying(words: str) -> Callable[[Connection, str], None]:
    """Say that of a savepoint."""

    def say(connection: Connection, name: str) -> None:
        driver: Any = connection.connection.dbapi_connection
        driver.execute(f"{words} {name}")

    return say


def is_to_write(connection: Connection) -> Connection:
    """The connection; its next transaction, which is to begin now, writes."""
    connection.info[_WRITES] = True
    return connection


def for_single_statements(connection: Connection) -> Connection:
    """The connection; from now on each of its statements stands alone, and sees what is committed when it is run."""
    connection.info[_AT_ONCE] = True
    return connection


def _open_postgresql(url: str) -> Engine:
    full = full_url(url)
    # What the URL says itself goes before.
    engine = sa.create_engine(
        full, connect_args={k: v for k, v in _ALIVE.items() if k not in full.query}, max_overflow=20
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        for setting in _SESSION:
            connection.execute(setting)
        connection.commit()

    return engine


def sqlstate(error: BaseException) -> str:
    """The five characters by which PostgreSQL names an error; empty where it named none."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) or ""


def is_lost(error: BaseException) -> bool:
    """Whether the connection to PostgreSQL was lost, or none could be made."""
    if not isinstance(error, sa.exc.DBAPIError) or not hasattr(error.orig, "sqlstate"):
        return False
    state = sqlstate(error)
    unreachable = isinstance(error, sa.exc.OperationalError) and not state
    return error.connection_invalidated or unreachable or state.startswith(("08", "57P"))


class Tries:
    """How often one transaction was tried: many may be in its way, but not for ever."""

    def __init__(self) -> None:
        self._conflicts = self._losses = 0

    def pause(self, error: BaseException) -> float | None:
        """Seconds until it may be run again, from its start; None where that is no use, or was tried too often.

        Nothing of it may have been committed.
        """
        if is_lost(error):
            self._losses += 1
            return _LOST_PAUSES[self._losses - 1] if self._losses <= len(_LOST_PAUSES) else None
        self._conflicts += 1
        longest = 0.01 * 2**self._conflicts
        often = CONFLICTS.get(sqlstate(error), 0)
        return _random.uniform(0, longest) if self._conflicts < often else None


def told(error: Exception) -> Exception:
    """The error for those who asked: whether the database is away, in one sentence, or the error itself."""
    if is_lost(error):
        return Away(f"the database does not answer: {' '.join(str(error.args[0]).split())[:300]}")
    return error
