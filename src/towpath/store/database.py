"""The hub's database: transactions for writers, and snapshots for readers."""

import asyncio
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine

from towpath.store import throughput
from towpath.store.engines import SNAPSHOT, Tries, Uncertain, is_lost, is_to_write, open_engine, told
from towpath.store.glances import Glances
from towpath.store.prepared import Preparing
from towpath.store.throughput import Moved

T = TypeVar("T")
log = structlog.get_logger()

GROUP = 64

Counted = Mapping[tuple[str, ...], int]
"""What a transaction has done, for those who measure: `task`, `path`, … with its labels, and how often."""

UNCERTAIN = "the database was lost while this was written: look whether it was, before you ask for it again"

WRITERS = 8
"""Transactions that are written at the same time, where the back end can."""


@dataclass(slots=True)
class Tx:
    """A write transaction: its connection, the time it counts as now, and the sites to wake once it is committed."""

    conn: Connection
    now: int
    """Microseconds since 1970, UTC."""
    wakes: set[str] = field(default_factory=set)
    news: bool = False
    """Events were written, or given their numbers: those who tell of them are to hear so once it is committed."""
    due: bool = False
    """There is something that the hub does unasked: the one that conducts is to hear so once it is committed."""
    counted: Counter[tuple[str, ...]] = field(default_factory=Counter)
    """What is to be measured once it is committed."""
    moved: Moved = field(default_factory=Counter)
    """What jobs got done in it: written as its last act, so that each row is locked for no longer than a commit."""


@dataclass(slots=True)
class Call:
    """A writer that waits for its transaction, and who is told its result or its error."""

    work: Callable[[Tx], Any]
    done: Callable[[Any, BaseException | None], None]


class Database:
    """The one way to the tables. `clock` gives microseconds since 1970; `on_wake` hears of sites with new work, if only
    that the conductor has some, and all in `on_news` that there are events, each from a writer's thread."""

    def __init__(
        self, url: str, clock: Callable[[], int], opened: Callable[[str], Engine] = open_engine
    ) -> None:
        self.engine = opened(url)
        self._reader = self.engine.execution_options(**SNAPSHOT.get(self.engine.dialect.name, {}))
        self._clock = clock
        self._one_writer = self.engine.dialect.name == "sqlite"
        self._glances = Glances(self.engine)
        self._calls: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.on_wake: Callable[[set[str]], None] = lambda sites: None
        self.on_news: list[Callable[[], None]] = []
        self.on_counted: Callable[[Counted], None] = lambda counted: None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent snapshot to read from."""
        with self._lent(self._reader) as connection, connection.begin():
            yield connection

    def _lent(self, engine: Engine) -> AbstractContextManager[Connection]:
        return _living(engine)

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        """A write transaction, committed at the end, rolled back by an exception."""
        with self._transaction() as tx:
            yield tx
        self._wake(tx)

    @contextmanager
    def _transaction(self) -> Iterator[Tx]:
        with self._lent(self.engine) as connection, is_to_write(connection).begin():
            tx = Tx(connection, self._clock())
            yield tx
            throughput.add(connection, tx.now, tx.moved)

    def _wake(self, tx: Tx) -> None:
        try:
            if tx.wakes or tx.due:
                self.on_wake(tx.wakes)
            for hear in list(self.on_news) if tx.news else ():
                hear()
            if tx.counted:
                self.on_counted(tx.counted)
        except Exception:
            # A boundary: what was written is committed, and a hint that is lost costs a node seconds, nothing else.
            log.exception("a hint was lost", sites=sorted(tx.wakes))

    def start(self) -> None:
        """Start the threads that run `write` calls: one that takes many to a transaction, or many that take one each.

        SQLite has one writer at a time, and pays for each commit. PostgreSQL has many; a transaction of its own for
        each call holds no lock for the sake of another, and can be run again by itself.
        """
        names = [f"database-writer-{number}" for number in range(1 if self._one_writer else WRITERS)]
        self._threads = [threading.Thread(target=self._run, name=name, daemon=True) for name in names]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the calls that were made, and close."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        self._glances.close()
        self.engine.dispose()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reader in a thread; again where the connection broke. Raises `Away` where there is no database."""

        def reading() -> T:
            with self.reading() as connection:
                return work(connection)

        return await asyncio.to_thread(_again, reading)

    async def glance(self, work: Callable[[Connection], T]) -> T:
        """Run a reader of a row or two, found by a unique index in one statement; raises as `read`.

        Where the database is a file of this machine that is done at once: it takes less than the way to a thread
        and back, and nobody who writes is waited for.
        """
        return self._glances.look(work) if self._one_writer else await self.read(work)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a writer in a writer's thread; returns once it is committed. One that raises changes nothing.

        Where others were in the way of its transaction, or the connection broke before the commit, it is run again
        from its start, so it must do nothing but write. Raises `Away` where the database does not answer.
        """
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
        while len(group) < GROUP and self._one_writer:
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
        """Run the calls in one transaction, each of several in a savepoint of its own, and tell each how it ended.

        Or in one each, where the back end has many writers.
        """
        if not self._one_writer:
            for call in group:
                self._run_alone(call)
            return
        if len(group) == 1:
            self._run_single(group[0])
            return
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
        before, tx.counted = tx.counted, Counter()
        moved, tx.moved = tx.moved, Counter()
        try:
            with tx.conn.begin_nested():
                result = call.work(tx)
            before.update(tx.counted)
            moved.update(tx.moved)
            return call, result, None
        except Exception as error:
            # A boundary: one caller's error is that caller's alone; the savepoint has undone its writes.
            return call, None, error
        finally:
            tx.counted, tx.moved = before, moved

    def _run_single(self, call: Call) -> None:
        """Run a call that came alone: it needs no savepoint, since it is undone with its transaction."""
        try:
            with self._transaction() as tx:
                result = call.work(tx)
        except BaseException as error:
            # A boundary: the caller's error, or that of the commit, is the caller's.
            call.done(None, error)
            return
        call.done(result, None)
        self._wake(tx)

    def _run_alone(self, call: Call) -> None:
        """Run a call in a transaction of its own, and tell its result once that is committed."""
        try:
            tx, result = _again(partial(self._once, call.work))
        except BaseException as error:
            # A boundary: one caller's error is that caller's alone.
            call.done(None, error)
            return
        call.done(result, None)
        self._wake(tx)

    def _once(self, work: Callable[[Tx], T]) -> tuple[Tx, T]:
        with self.engine.connect() as connection:
            transaction = connection.begin()
            tx = Tx(connection, self._clock())
            result = work(tx)
            throughput.add(connection, tx.now, tx.moved)
            try:
                transaction.commit()
            except sa.exc.DBAPIError as error:
                if is_lost(error):
                    raise Uncertain(UNCERTAIN) from error
                raise
        return tx, result


def _living(engine: Engine) -> Connection:
    """A connection of the pool; a new one where its server has gone since it was used last."""
    if engine.dialect.name == "sqlite":
        return Preparing(engine)
    connection = engine.connect()
    try:
        engine.dialect.do_ping(connection.connection.dbapi_connection)  # type: ignore[arg-type]
    except engine.dialect.loaded_dbapi.Error:
        connection.invalidate()
    return connection


def _again(work: Callable[[], T]) -> T:
    """Do something in one transaction; again where others were in its way, or its connection broke."""
    tries = Tries()
    while True:
        try:
            return work()
        except Exception as error:
            pause = tries.pause(error)
            if pause is None:
                raise told(error) from error
            time.sleep(pause)
