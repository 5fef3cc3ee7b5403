"""The durable outbox of a node: what it has to tell the hub, kept until the hub's commit is acknowledged.

An SQLite file in WAL mode. An event that was appended survives the death of the process at any instruction. Only a
power cut may take the newest ones (`synchronous=NORMAL` syncs at checkpoints alone): then the tasks they speak of are
lost with the node, and run again, which every step allows; syncing each append would buy nothing but time spent.
"""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from towpath import wire

ENVELOPE = 1024
"""What a report needs beside its events: its incarnation and numbers, and a few bytes for each event."""

LARGEST_EVENT = wire.MAX_MESSAGE - ENVELOPE
"""The most bytes that one packed event may have, so that a report can carry it."""

_PER_EVENT = 5
"""What msgpack puts before each event of a report."""

_NUMBERS = 2**40
"""An event's key is its life's ordinal times this, plus its number: one integer that keeps the order of sending."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS lives (ordinal INTEGER PRIMARY KEY AUTOINCREMENT, incarnation BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS events (key INTEGER PRIMARY KEY, body BLOB NOT NULL);
"""
"""What `opened` must have made."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may wait in an outbox before walks and claims wait too."""

    events: int = 10_000
    bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Parcel:
    """Events of one incarnation, numbered from `first` on without a gap: what one report carries."""

    incarnation: bytes
    first: int
    events: list[bytes]

    @property
    def last(self) -> int:
        """The number of the last event."""
        return self.first + len(self.events) - 1


class Outbox:
    """Events in the order in which they happened; those of earlier incarnations come first.

    `waiting` and `waiting_bytes` may be read from any thread; every method is called by one thread at a time.
    """

    def __init__(
        self,
        path: Path,
        incarnation: bytes,
        bounds: Bounds | None = None,
        opened: Callable[[Path], sqlite3.Connection] | None = None,
    ) -> None:
        self.incarnation = incarnation
        self._bounds = bounds or Bounds()
        self._db = (opened or open_file)(path)
        self._db.execute(
            "DELETE FROM lives WHERE ordinal NOT IN (SELECT DISTINCT key / ? FROM events)", (_NUMBERS,)
        )
        cursor = self._db.execute("INSERT INTO lives (incarnation) VALUES (?)", (incarnation,))
        self._life = cursor.lastrowid or 0
        self._lives: dict[int, bytes] = dict(self._db.execute("SELECT ordinal, incarnation FROM lives"))
        self._next = 1
        count, size = self._db.execute(
            "SELECT count(*), coalesce(sum(length(body)), 0) FROM events"
        ).fetchone()
        self.waiting: int = count
        self.waiting_bytes: int = size

    def append(self, events: Sequence[bytes]) -> int:
        """Keep events, all or none; returns the number of the first, the others follow it without a gap."""
        first = self._next
        base = self._life * _NUMBERS
        with _transaction(self._db):
            rows = [(base + number, body) for number, body in enumerate(events, first)]
            self._db.executemany("INSERT INTO events (key, body) VALUES (?, ?)", rows)
        self._next += len(events)
        self.waiting += len(events)
        self.waiting_bytes += sum(map(len, events))
        return first

    def parcel(self, limit: int = LARGEST_EVENT) -> Parcel | None:
        """The next events of the oldest incarnation, of at most `limit` bytes, but one at least; None if empty."""
        life, first, size = 0, 0, 0
        events: list[bytes] = []
        for key, body in self._db.execute("SELECT key, body FROM events ORDER BY key"):
            of_life, number = divmod(key, _NUMBERS)
            size += len(body) + _PER_EVENT
            if not events:
                life, first = of_life, number
            elif of_life != life or size > limit:
                break
            events.append(body)
        return Parcel(self._lives[life], first, events) if events else None

    def forget(self, incarnation: bytes, up_to: int) -> None:
        """Drop an incarnation's events up to and with that number: the hub has committed them."""
        life = next((ordinal for ordinal, name in self._lives.items() if name == incarnation), None)
        if life is None:
            return
        span = (life * _NUMBERS, life * _NUMBERS + min(up_to, _NUMBERS - 1))
        where = "FROM events WHERE key BETWEEN ? AND ?"
        with _transaction(self._db):
            query = f"SELECT count(*), coalesce(sum(length(body)), 0) {where}"
            count, size = self._db.execute(query, span).fetchone()
            self._db.execute(f"DELETE {where}", span)
        self.waiting -= count
        self.waiting_bytes -= size

    def room(self, beside: int = 0) -> bool:
        """Whether more may be put in, given that many events on their way here."""
        return self.waiting + beside < self._bounds.events and self.waiting_bytes < self._bounds.bytes

    def close(self) -> None:
        """Close the file; what waits in it is sent by the next incarnation."""
        self._db.close()


class Unwritable(Exception):
    """The outbox could not be written, for want of space or the like: nothing was kept, and it may be tried again."""


class _transaction:  # noqa: N801 (used as a statement)
    """All of it or nothing; raises `Unwritable` where the file cannot be written now."""

    __slots__ = ("_db",)

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise Unwritable(str(error)) from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
            except sqlite3.OperationalError as refused:
                error = refused
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        if isinstance(error, sqlite3.OperationalError):
            raise Unwritable(str(error)) from error


def open_file(path: Path) -> sqlite3.Connection:
    """The file, made where there is none; one that is damaged is put aside and begun anew.

    The hub counts what a damaged outbox held as lost with the node's earlier life: those tasks run again.
    """
    try:
        return _connected(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        aside = _put_aside(path)
        log.error(
            "the outbox is damaged; it was put aside and begun anew", kept_as=str(aside), reason=str(error)
        )
        return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        db.executescript(SCHEMA)
    except sqlite3.Error:
        db.close()
        raise
    return db


def _put_aside(path: Path) -> Path:
    """Rename the file and what SQLite keeps beside it to names that are free."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
