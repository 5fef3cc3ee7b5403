"""Glances at a database that is a file of this machine: a statement each, on a connection that is kept for them."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine

from towpath.store.engines import for_single_statements
from towpath.store.prepared import Preparing

T = TypeVar("T")


class Glances:
    """For one thread: the event loop's, which gives up the interpreter at each word with the database, and has to wait
    for it again while a writer is at work. So no transaction is begun or ended for the sake of one row."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: Connection | None = None

    def look(self, work: Callable[[Connection], T]) -> T:
        """Run a reader of one statement."""
        if self._kept is None:
            self._kept = for_single_statements(Preparing(self._engine))
        try:
            with self._kept.begin():
                return work(self._kept)
        except BaseException:
            # Whatever it was: the next glance is given a connection that is known to be well.
            self.close()
            raise

    def close(self) -> None:
        """Give the connection up; another glance opens another."""
        if self._kept is not None:
            self._kept.invalidate()
            self._kept.close()
        self._kept = None
