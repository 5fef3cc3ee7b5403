"""Events on their way to those who are told: the hub that conducts numbers them, and writes them to the bus's log."""

from functools import partial

import msgspec
import structlog
from sqlalchemy.engine import Connection

from towpath.domain.events import Event, EventFilter
from towpath.engine import events
from towpath.hub.conductor import Conductor
from towpath.hub.hints import Hint
from towpath.hub.link import Link
from towpath.store import events as rows
from towpath.store.database import Database

log = structlog.get_logger()

LOGGED_AT_ONCE = 200


class Telling:
    """The rounds that events take, where this hub conducts."""

    def __init__(self, database: Database, conductor: Conductor, link: Link) -> None:
        self._database = database
        self._conductor = conductor
        self._link = link
        self._new, self._numbered = Hint(), Hint()
        self._is_logged = True

    def nudge(self) -> None:
        """There are events: look at once."""
        self._new.give()

    async def number(self) -> None:
        """Number what is new; whoever listens hears of it by the commit."""
        await self._conductor.in_office()
        await self._new.rest()
        while not await self._conductor.do(events.number):
            pass
        self._numbered.give()

    async def write_log(self) -> None:
        """Write what was numbered to the log of the bus; where that is away, again later."""
        await self._conductor.in_office()
        await self._numbered.rest()
        while batch := await self._database.read(_behind_log):
            for event in batch:
                if not await self._link.log_event(event.kind, packed(event), str(event.number)):
                    self._note(logged=False)
                    return
            self._note(logged=True)
            await self._conductor.do(partial(events.logged, number=batch[-1].number))

    def _note(self, *, logged: bool) -> None:
        if logged is not self._is_logged:
            self._is_logged = logged
            if logged:
                log.info("the bus keeps the log of events again")
            else:
                log.warning("the bus keeps no log of events now; they wait in the database")


def packed(event: Event) -> bytes:
    """An event as the log of the bus has it: JSON, its time in microseconds since 1970."""
    return msgspec.json.encode(
        {
            "number": event.number,
            "kind": event.kind,
            "at": event.at,
            "job": event.job,
            "site": event.site,
            "node": event.node,
            "workflow": event.workflow,
            "details": dict(event.details),
        }
    )


def _behind_log(conn: Connection) -> list[Event]:
    return rows.list_events(conn, EventFilter(), LOGGED_AT_ONCE, rows.cursor(conn, rows.LOG))
