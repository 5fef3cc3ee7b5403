"""The hub's database: transactions for writers, one at a time and grouped, and snapshots for readers."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

T = TypeVar("T")
log = structlog.get_logger()

GROUP = 64

SNAPSHOT: dict[str, dict[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
}
"""What makes a transaction see one moment, where it does not by itself."""


@dataclass(slots=True)
class Tx:
    """A write transaction: its connection, the time it counts as now, and the sites to wake once it is committed."""

    conn: Connection
    now: int
    """Microseconds since 1970, UTC."""
    wakes: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Call:
    """A writer that waits for its transaction, and who is told its result or its error."""

    work: Callable[[Tx], Any]
    done: Callable[[Any, BaseException | None], None]


def full_url(url: str) -> sa.URL:
    """The URL as people write it (`postgresql://…`), with the driver that is used."""
    parsed = sa.make_url(url)
    is_plain = parsed.drivername in ("postgresql", "postgres")
    return parsed.set(drivername="postgresql+psycopg") if is_plain else parsed


def open_engine(url: str) -> Engine:
    """An engine for `sqlite:///file` or `postgresql+psycopg://…`, set up so that commits survive a power cut."""
    if not url.startswith("sqlite"):
        return sa.create_engine(full_url(url), pool_pre_ping=True)
    engine = sa.create_engine(url, connect_args={"timeout": 30, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver must not open transactions by itself: ours begin with BEGIN IMMEDIATE or BEGIN.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("PRAGMA cache_size=-65536")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("towpath_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


class Database:
    """The one way to the tables. `clock` gives microseconds since 1970; `on_wake` hears of sites with new work."""

    def __init__(
        self, url: str, clock: Callable[[], int], opened: Callable[[str], Engine] = open_engine
    ) -> None:
        self.engine = opened(url)
        self._reader = self.engine.execution_options(**SNAPSHOT.get(self.engine.dialect.name, {}))
        self._writer = self.engine.execution_options(towpath_writes=True)
        self._clock = clock
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.on_wake: Callable[[set[str]], None] = lambda sites: None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent snapshot to read from."""
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        """A write transaction, committed at the end, rolled back by an exception."""
        with self._transaction() as tx:
            yield tx
        self._wake(tx)

    @contextmanager
    def _transaction(self) -> Iterator[Tx]:
        with self._writer.connect() as connection, connection.begin():
            yield Tx(connection, self._clock())

    def _wake(self, tx: Tx) -> None:
        if not tx.wakes:
            return
        try:
            self.on_wake(tx.wakes)
        except Exception:
            # A boundary: what was written is committed, and a hint that is lost costs a node seconds, nothing else.
            log.exception("a hint to sites was lost", sites=sorted(tx.wakes))

    def start(self) -> None:
        """Start the thread that runs `write` calls, many to a transaction."""
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the calls that were made, and close."""
        if self._thread:
            self._calls.put(None)
            self._thread.join()
            self._thread = None
        self.engine.dispose()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reader in a thread."""

        def reading() -> T:
            with self.reading() as connection:
                return work(connection)

        return await asyncio.to_thread(reading)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a writer in the writer's thread; returns once it is committed. One that raises changes nothing."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        def done(result: Any, error: BaseException | None) -> None:
            # A loop that has closed, maybe just now, waits for no result.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        self._calls.put(Call(work, done))
        return await future

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            self.run_group(group)

    def _next_group(self) -> list[Call] | None:
        first = self._calls.get()
        if first is None:
            return None
        group = [first]
        while len(group) < GROUP:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                break
            if call is None:
                self._calls.put(None)
                break
            group.append(call)
        return group

    def run_group(self, group: list[Call]) -> None:
        """Run the calls in one transaction, each in a savepoint of its own, and tell each its result at the commit."""
        results: list[tuple[Call, Any, BaseException | None]] = []
        try:
            with self._transaction() as tx:
                results.extend(self._run_call(tx, call) for call in group)
        except BaseException as error:
            # The commit itself failed: nothing of the group happened, and every caller must hear so.
            for call in group:
                call.done(None, error)
            return
        for call, result, failed in results:
            call.done(result, failed)
        self._wake(tx)

    @staticmethod
    def _run_call(tx: Tx, call: Call) -> tuple[Call, Any, BaseException | None]:
        try:
            with tx.conn.begin_nested():
                return call, call.work(tx), None
        except Exception as error:
            # A boundary: one caller's error is that caller's alone; the savepoint has undone its writes.
            return call, None, error
