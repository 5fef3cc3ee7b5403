"""What a hub does unasked costs what is to be done, not what is stored: no such statement looks at all rows of a table
that grows with the jobs of the past."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from tests.hub_desk import LEASE_BEATS, Hub, Node

from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import alerts, audit, events, pruning, upkeep
from towpath.store.database import Database

GROWS = frozenset(
    [
        "jobs",
        "tasks",
        "chains",
        "tallies",
        "path_tallies",
        "notes",
        "batches",
        "lanes",
        "walks",
        "job_inputs",
        "wishes",
        "idempotency",
        "events",
        "deliveries",
        "audit",
        "quarantine",
    ]
)
"""Tables with rows of jobs that are over, or of what was done long ago."""

Said = dict[str, Any]
"""Statements, each with the parameters of its first run."""


@contextmanager
def heard(database: Database) -> Iterator[Said]:
    """What is said to the database meanwhile."""
    said: Said = {}

    def hear(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        said.setdefault(statement, parameters[0] if many else parameters)

    sa.event.listen(database.engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        sa.event.remove(database.engine, "before_cursor_execute", hear)


def scans(database: Database, said: Said) -> list[tuple[str, str]]:
    """Of each statement that looks at all rows of a table that grows: how it does so, and the statement.

    To look through an index that holds but some of the rows is what such an index is for.
    """
    found = []
    with database.reading() as conn:
        some = set(
            conn.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '% WHERE %'").scalars()
        )
        for statement, parameters in said.items():
            if statement.split(maxsplit=1)[0] not in ("SELECT", "UPDATE", "DELETE", "WITH"):
                continue
            for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters):
                step = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", row.detail)
                if step and _table(step[1], statement) in GROWS and step[2] not in some:
                    found.append((row.detail, statement))
    return found


def _table(name: str, statement: str) -> str:
    """The table that a name in a plan stands for."""
    alias = re.search(rf'\b(\w+) AS "?{name}\b', statement)
    return alias[1] if alias else name


def unasked(hub: Hub) -> None:
    """All that the hub that conducts does by itself."""
    hub.upkeep()
    hub.tell(alerts.look)
    hub.tell(alerts.watch)
    hub.tell(partial(upkeep.take_back, beats=LEASE_BEATS))
    hub.tell(upkeep.forget)
    hub.tell(audit.forget)
    hub.tell(alerts.forget)
    hub.tell(partial(events.forget, keep=0))
    hub.tell(partial(pruning.hide, ended_before=hub.clock.at, behind=pruning.BEGINNING, limit=1))
    while not hub.tell(partial(pruning.take_away, limit=2)):
        pass


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_done_unasked_looks_at_no_table_as_a_whole(hub: Hub, oslo: Node) -> None:
    for code in (Code.PROCESSED, Code.FAILED):
        hub.given("two", 5, per_task=2)
        oslo.work(code)
    for wanted in (Wanted.PAUSE, Wanted.CANCEL):
        job = hub.given("two", 5, per_task=2)
        oslo.claim()
        hub.wish(job, wanted)
    with heard(hub.database) as said:
        for _ in range(3 * LEASE_BEATS):
            unasked(hub)
    assert {"jobs", "tasks", "tallies", "audit"} <= {word for one in said for word in re.findall(r"\w+", one)}
    assert scans(hub.database, said) == []
