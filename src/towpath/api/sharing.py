"""Readings that are shared by all who ask the same before one has begun."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from sqlalchemy.engine import Connection

from towpath.store.database import Database

T = TypeVar("T")


class Sharing:
    """For one event loop. The more wait for the database, the more of them one reading serves: a thousand browsers that
    show the same page cost little more than one. Nobody is told of a moment before they asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._due: dict[Hashable, asyncio.Future[Any]] = {}
        """Readings that have not begun, by what is asked."""

    async def read(self, asked: Hashable, work: Callable[[Connection], T]) -> T:
        """What a reader finds, as `Database.read`; what is found may be given to others, and is not to be changed.

        Two who ask the same `asked` must have readers that find the same.
        """
        reading = self._due.get(asked)
        if reading is None:

            def begun(conn: Connection) -> T:
                # From the first statement on, what is read may be older than what the next one asks for.
                self._due.pop(asked, None)
                return work(conn)

            reading = self._due[asked] = asyncio.ensure_future(self._database.read(begun))
            reading.add_done_callback(lambda ended: self._end(asked, ended))
        # Who hangs up takes nothing from the others.
        return cast(T, await asyncio.shield(reading))

    def _end(self, asked: Hashable, ended: "asyncio.Future[Any]") -> None:
        if self._due.get(asked) is ended:
            del self._due[asked]
        if not ended.cancelled():
            # Looked at, whether or not anybody still waits for it.
            ended.exception()
