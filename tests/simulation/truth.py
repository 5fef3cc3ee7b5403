"""The hub's database in memory: what is committed survives every death, and a death may come just before or after."""

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection, Engine
from tests.simulation.processes import Process

from towpath.store import schema
from towpath.store.database import GROUP, Call, Database, Tx
from towpath.store.engines import open_engine
from towpath.store.prepared import Preparing

T = TypeVar("T")

EPOCH = 1_700_000_000.0
"""The moment at which every history begins, in seconds since 1970."""

UNTIL_COMMIT = 0.002
"""Seconds after which calls that have come are run together."""


class Fate(Enum):
    """What becomes of the hub at a commit."""

    LIVE = "lives"
    BEFORE = "dies before the commit"
    AFTER = "dies after the commit, before anybody is answered"


class PowerCut(Exception):
    """The hub dies within a transaction."""


@cache
def engine() -> Engine:
    """The one engine of this process: what it has compiled serves every history."""
    return open_engine("sqlite://")


@cache
def connection() -> Connection:
    """Its one connection, which is never given back."""
    return Preparing(engine())


@cache
def raw() -> sqlite3.Connection:
    """The same, for those who only look."""
    return cast(sqlite3.Connection, connection().connection.driver_connection)


@cache
def blank(furnish: Callable[[Tx], None]) -> bytes:
    """A database in the newest form, furnished."""
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "hub.db"
        schema.upgrade(f"sqlite:///{file}")
        with sqlite3.connect(file) as made:
            # A database in memory has no write-ahead log.
            made.execute("PRAGMA journal_mode = DELETE")
            raw().deserialize(made.serialize())
        made.close()
    with Database("", lambda: int(EPOCH * 1e6), lambda url: engine()).writing() as tx:
        furnish(tx)
    return raw().serialize()


@dataclass
class Truth:
    """One history's database, through all lives of its hubs."""

    furnish: Callable[[Tx], None]
    commits: int = 0
    watch: Callable[[int], None] = lambda calls: None
    """Called after each commit."""
    fates: list[tuple[int, Fate]] = field(default_factory=list)
    """At which commits to come the hub dies: after so many more."""
    jump: float = 0.0
    """How far the hub's wall clock is from the truth, in seconds."""

    def __post_init__(self) -> None:
        image = blank(self.furnish)
        raw().deserialize(image)

    def fate(self) -> Fate:
        """What becomes of the hub at this commit."""
        self.commits += 1
        due = [fate for at, fate in self.fates if at <= self.commits]
        self.fates = [(at, fate) for at, fate in self.fates if at > self.commits]
        return due[0] if due else Fate.LIVE


class Desktop(Database):
    """The `Database` of one life of a hub: the same transactions, run by its loop instead of a thread."""

    def __init__(self, truth: Truth, process: Process) -> None:
        clockwork = process.clockwork
        super().__init__("", lambda: int((EPOCH + clockwork.now + truth.jump) * 1e6), lambda url: engine())
        self._truth, self._process = truth, process
        self._waiting: list[Call] = []
        self._fate = Fate.LIVE

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a writer with those that come about the same time; returns once it is committed."""
        loop = self._process.loop
        future: Any = loop.create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self._waiting.append(Call(work, done))
        if len(self._waiting) == 1:
            loop.call_later(UNTIL_COMMIT, self._run_waiting)
        return cast(T, await future)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reader."""
        with self.reading() as connection:
            return work(connection)

    def _run_waiting(self) -> None:
        if not self._process.alive:
            return
        group, self._waiting = self._waiting[:GROUP], self._waiting[GROUP:]
        if self._waiting:
            self._process.loop.call_soon(self._run_waiting)
        truth = self._truth
        self._fate = truth.fate()
        if self._fate is not Fate.LIVE:
            group = [Call(call.work, lambda result, error: None) for call in group]
        self.run_group(group)
        self._process.clockwork.note(f"commit {truth.commits} of {len(group)}, the hub {self._fate.value}")
        truth.watch(len(group))
        if self._fate is not Fate.LIVE:
            self._process.doom()

    def _lent(self, engine: Engine) -> AbstractContextManager[Connection]:
        return nullcontext(connection())

    @contextmanager
    def _transaction(self) -> Iterator[Tx]:
        with suppress(PowerCut), super()._transaction() as tx:
            yield tx
            if self._fate is Fate.BEFORE:
                raise PowerCut
