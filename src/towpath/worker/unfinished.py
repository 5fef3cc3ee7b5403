"""Which large puts have begun and not ended, noted where they outlive the worker, until their jobs are over."""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import structlog

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import StorageError

MOST = 500
"""So many jobs are asked about in one heartbeat; the others come once those are over."""

GiveUp = Callable[[bytes, str], None]
"""(target's tag, key) → what was sent of that object is taken away; raises `StorageError`."""

log = structlog.get_logger()


class Unfinished(Protocol):
    """What puts have left at targets. Used by many threads at once."""

    def noted(self, job: int, tag: bytes, key: str) -> AbstractContextManager[None]:
        """`with` it a large object is put for a job; what ends by an error stays noted."""

    def jobs(self) -> list[int]:
        """The jobs for which something may be left."""

    def over(self, jobs: Collection[int]) -> None:
        """These jobs are over, and nobody goes on with what they have left: take it away, in the background."""


class Unnoted:
    """Notes nothing."""

    @contextmanager
    def noted(self, job: int, tag: bytes, key: str) -> Iterator[None]:
        """Nothing is noted."""
        yield

    def jobs(self) -> list[int]:
        """None."""
        return []

    def over(self, jobs: Collection[int]) -> None:
        """Nothing is left."""


class UnfinishedFile:
    """A small database beside the outbox.

    It holds no list of parts: the store alone knows what is there. It holds what the store cannot know: for which
    job an upload was begun, so that it is taken away when that job is over, and not before.
    """

    def __init__(self, path: Path, give_up: GiveUp) -> None:
        self._give_up = give_up
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS puts (tag BLOB, key TEXT, job INTEGER NOT NULL, PRIMARY KEY (tag, key))"
        )
        self._sweeping = False

    @contextmanager
    def noted(self, job: int, tag: bytes, key: str) -> Iterator[None]:
        """Note it durably; forget it where it ended well."""
        try:
            self._do("INSERT OR REPLACE INTO puts (tag, key, job) VALUES (?, ?, ?)", (tag, key, job))
        except sqlite3.Error as error:  # A home without room must not keep a file from its target.
            log.warning(
                "a large put could not be noted; what it may leave is swept up late", reason=str(error)
            )
        yield
        self._forget(tag, key)

    def jobs(self) -> list[int]:
        """The jobs of all notes, the oldest first."""
        return [job for (job,) in self._do("SELECT DISTINCT job FROM puts ORDER BY job LIMIT ?", (MOST,))]

    def over(self, jobs: Collection[int]) -> None:
        """One thread at a time does it; what could not be taken away is tried at the next heartbeat."""
        with self._lock:
            if self._sweeping or not jobs:
                return
            self._sweeping = True
        threading.Thread(target=self._sweep, args=(list(jobs),), name="sweep", daemon=True).start()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _sweep(self, jobs: list[int]) -> None:
        try:
            for job in jobs:
                for tag, key in self._do("SELECT tag, key FROM puts WHERE job = ?", (job,)):
                    self._take_away(tag, key)
        except sqlite3.Error as error:
            log.warning("the notes of large puts cannot be read", reason=str(error))
        finally:
            self._sweeping = False

    def _take_away(self, tag: bytes, key: str) -> None:
        try:
            self._give_up(tag, key)
        except StorageError as error:
            log.warning("what a put has left at its target stays for now", key=key, reason=error.reason)
            if error.error_class is not ErrorClass.PERMANENT:
                return
        self._forget(tag, key)

    def _forget(self, tag: bytes, key: str) -> None:
        self._do("DELETE FROM puts WHERE tag = ? AND key = ?", (tag, key))

    def _do(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()
