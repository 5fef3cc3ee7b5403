"""What the jobs of each site got done in each minute, counted in the transaction that records it."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.store.counters import adding
from towpath.store.jobs import Job
from towpath.store.tables import throughput

MINUTE: Final = 60_000_000
"""Microseconds."""
PARTS: Final = 8
"""Rows of a minute, site and space, where several write at the same time: so they wait less for others' commits."""
COUNTS: Final[Mapping[str, str]] = {"done": "done", "failed": "failed", "bytes": "bytes_done"}
"""What is counted, by the counter of jobs that it is added to: no path of a job counts twice, whatever its steps."""

Moved: TypeAlias = Counter[tuple[str, str, int, str]]
"""Site and space of a job, part, what → how much."""

Place: TypeAlias = tuple[str, str]
"""A site, and a space there."""


def note(moved: Moved, job: Job) -> None:
    """Remember what is about to be added to a job's counters."""
    for name, counter in COUNTS.items():
        if number := job.added.get(counter):
            moved[job.site, job.space, job.id % PARTS, name] += number


def add(conn: Connection, now: int, moved: Moved) -> None:
    """Add what a transaction has done to the minute of its time, in the same order for all who write."""
    if not moved:
        return
    alone = conn.dialect.name == "sqlite"
    rows: dict[tuple[str, str, int], dict[str, int]] = {}
    for (site, space, part, what), number in moved.items():
        cell = rows.setdefault((site, space, 0 if alone else part), dict.fromkeys(COUNTS, 0))
        cell[what] += number
    values = [
        {"minute": now // MINUTE, "site": site, "space": space, "part": part, **cell}
        for (site, space, part), cell in sorted(rows.items())
    ]
    conn.execute(adding(throughput, tuple(COUNTS), conn.dialect.name), values)


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which time, in which steps, and of which jobs; minutes are counted from 1970 on."""

    since: int
    """The first minute."""
    until: int
    """The first minute that is left out."""
    step: int
    """Minutes that are summed up."""
    sites: tuple[str, ...] | None = None
    """Only those of these sites; None: of all."""
    places: Collection[Place] | None = None
    """Only those that work in these spaces; None: in any, or in none."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was done in a step at a site: `step` is counted from the beginning of what was asked for."""

    site: str
    step: int
    done: int
    failed: int
    bytes: int


def sums(conn: Connection, asked: Asked) -> list[Row]:
    """What each site got done in all, the most bytes first; `step` is 0."""
    amounts = _amounts()
    query = sa.select(throughput.c.site, sa.literal(0).label("step"), *amounts).group_by(throughput.c.site)
    order = (amounts[2].desc(), amounts[0].desc(), throughput.c.site)
    return _rows(conn, query.where(*_wanted(asked)).order_by(*order))


def series(conn: Connection, asked: Asked, apart: Sequence[str]) -> list[Row]:
    """What was done in each step in which anything was, in order; sites that are not kept `apart` together, as ""."""
    # What is a label of the query, and not spelled twice, is one expression to PostgreSQL.
    site = sa.case((throughput.c.site.in_(apart), throughput.c.site), else_="").label("of_site")
    step = ((throughput.c.minute - asked.since) // asked.step).label("step")
    minutes = (
        sa.select(site, step, *(throughput.c[name] for name in COUNTS)).where(*_wanted(asked)).subquery()
    )
    amounts = [sa.func.sum(minutes.c[name]) for name in COUNTS]
    query = sa.select(minutes.c.of_site, minutes.c.step, *amounts).group_by(minutes.c.of_site, minutes.c.step)
    return _rows(conn, query.order_by(minutes.c.step, minutes.c.of_site))


def forget(conn: Connection, before: int) -> None:
    """Take away what was counted before a minute."""
    conn.execute(sa.delete(throughput).where(throughput.c.minute < before))


def _amounts() -> list[sa.ColumnElement[int]]:
    return [sa.func.sum(throughput.c[name]) for name in COUNTS]


def _wanted(asked: Asked) -> list[sa.ColumnElement[bool]]:
    t = throughput.c
    found: list[sa.ColumnElement[bool]] = [t.minute >= asked.since, t.minute < asked.until]
    if asked.sites is not None:
        found.append(t.site.in_(asked.sites))
    if asked.places is not None:
        found.append(sa.tuple_(t.site, t.space).in_(sorted(asked.places)))
    return found


def _rows(conn: Connection, query: sa.Select[Any]) -> list[Row]:
    return [
        Row(site, int(step), int(done), int(failed), int(moved))
        for site, step, done, failed, moved in conn.execute(query)
    ]
