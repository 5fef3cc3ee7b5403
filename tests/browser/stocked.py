"""A hub's database with as many rows of everything as are wanted, in seconds: past the hub, by its own tables."""

from collections.abc import Callable, Mapping
from typing import Final

import sqlalchemy as sa
from bench.stock import copies_of, numbers

from towpath.domain.installed import WORKFLOWS
from towpath.domain.workflow import to_document
from towpath.store.database import Tx
from towpath.store.tables import (
    api_keys,
    audit,
    grants,
    groups,
    ids,
    jobs,
    members,
    notes,
    sites,
    spaces,
    targets,
    users,
    workflows,
)

DEFINITION: Final = to_document(next(one for one in WORKFLOWS if one.name == "checksum"))
Rows = Callable[[int, int], Mapping[str, object]]
"""From a number and the time, microseconds since 1970, to a row."""


def _named(number: int) -> str:
    return f"stock-{number:05}"


LISTS: Final[Mapping[sa.Table, Rows]] = {
    users: lambda i, now: {"name": _named(i), "role": "viewer", "created_at": now},
    groups: lambda i, now: {"name": _named(i), "created_at": now},
    members: lambda i, now: {"user": _named(i), "group": _named(i)},
    grants: lambda i, now: {"group": _named(i), "space": _named(i), "right": "view"},
    spaces: lambda i, now: {
        "name": _named(i), "site": "oslo", "path": f"/nowhere/{_named(i)}", "created_at": now,
    },
    targets: lambda i, now: {
        "name": _named(i), "tag": b"%08d" % i, "url": f"file:///nowhere/{_named(i)}", "created_at": now,
    },
    workflows: lambda i, now: {
        "name": _named(i), "version": 1, "definition": {**DEFINITION, "name": _named(i)}, "current": True,
        "created_at": now,
    },
    api_keys: lambda i, now: {
        "name": "ana", "digest": b"%032d" % i, "created_at": now, "label": _named(i), "start": "tow_stock",
    },
    audit: lambda i, now: {
        "at": now, "by": "ana", "via": "session", "address": "192.0.2.7", "action": "pause_job",
        "thing": f"/api/jobs/{i}/", "asked": '{"reason": "stock"}',
    },
    sites: lambda i, now: {
        "name": _named(i), "roots": {"root": "/nowhere"}, "steps": [], "created_at": now, "trusted": False,
    },
}  # fmt: skip


def put(tx: Tx, table: sa.Table, first: int, last: int) -> None:
    """Write the rows of a table from one number to below another."""
    row = LISTS[table]
    tx.conn.execute(sa.insert(table), [dict(row(number, tx.now)) for number in range(first, last)])


def more_jobs(tx: Tx, job: int, count: int) -> None:
    """So many jobs more, each as this one, which is over and has one task."""
    copies_of(tx.conn, job, count, 1)


def long_job(tx: Tx, job: int, count: int) -> int:
    """One job more with so many tasks of one path that failed, each as the task of this one; its id."""
    copies_of(tx.conn, job, 1, count)
    [template] = tx.conn.execute(sa.select(notes).where(notes.c.job_id == job))
    made = int(tx.conn.execute(sa.select(sa.func.max(jobs.c.id))).scalar_one())
    number = numbers(count)
    last = tx.conn.scalar(sa.select(ids.c.last).where(ids.c.name == "tasks"))
    values = {"task_id": number.c.i + (int(last or 0) - count + 1), "job_id": sa.literal(made)}
    row = sa.select(*(values.get(c.name, sa.literal(template._mapping[c.name], c.type)) for c in notes.c))
    tx.conn.execute(sa.insert(notes).from_select([c.name for c in notes.c], row.select_from(number)))
    return made
