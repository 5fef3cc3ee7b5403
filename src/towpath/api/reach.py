"""Where a call acts: what groups allow in spaces is held against the space of the thing that is called for."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import sqlalchemy as sa
from fastapi import Request
from sqlalchemy.engine import Connection

from towpath.api.forms import id_of
from towpath.domain.rights import Asker, Place, Right, check_reach
from towpath.engine import groups
from towpath.store.tables import jobs, tasks

Find = Callable[[Connection, Mapping[str, object]], Place | None]
"""From the parameters in a URL to the space, with its site, in which the thing lies that they name."""


def _of_job(conn: Connection, given: Mapping[str, object]) -> Place | None:
    query = sa.select(jobs.c.site, jobs.c.space).where(jobs.c.id == id_of(given["job_id"]))
    row = conn.execute(query.where(sa.not_(jobs.c.pruned))).first()
    return (row.site, row.space) if row and row.space else None


def _of_task(conn: Connection, given: Mapping[str, object]) -> Place | None:
    query = sa.select(tasks.c.job_id).where(tasks.c.id == id_of(given["task_id"]))
    job = conn.execute(query).scalar()
    return None if job is None else _of_job(conn, {"job_id": str(job)})


def _of_space(_conn: Connection, given: Mapping[str, object]) -> Place | None:
    return str(given["site"]), str(given["name"])


OF_JOB = "show_job list_steps list_wishes list_paths list_tasks download_report pause resume cancel retry"

THINGS: Mapping[str, Find] = {
    **dict.fromkeys(OF_JOB.split(), _of_job),
    "show_task": _of_task,
    **dict.fromkeys(("show_space", "show_usage", "measure_space"), _of_space),
}
"""Operations on one thing, for which a right in its space is enough."""

NARROWED = frozenset(
    {
        "list_jobs",
        "list_spaces",
        "list_usage",
        "list_files",
        "list_history",
        "list_events",
        "stream_events",
        "show_throughput",
        "submit",
        "which_rule",
    }
)
"""Operations that look themselves at where the caller may see or do anything."""

COMMON = frozenset(["list_workflows", "show_workflow", "show_schema", "list_errors"])
"""What whoever has that right in any space needs to know."""


def may_reach(action: str) -> bool:
    """Whether a right in some space can be enough for an operation."""
    return action in THINGS or action in NARROWED or action in COMMON


def with_reach(conn: Connection, request: Request, asker: Asker, needed: Right) -> Asker | None:
    """The caller of an operation that they may not call everywhere, and where they may; None: nowhere.

    Raises `Forbidden` where the thing that is called for lies elsewhere.
    """
    action = request.scope["route"].name
    found = groups.reach(conn, asker.user, needed) if needed in asker.scopes else frozenset()
    if not found or not may_reach(action):
        return None
    narrowed = replace(asker, reach=found)
    if action in THINGS:
        check_reach(narrowed, action, THINGS[action](conn, request.path_params))
    return narrowed
