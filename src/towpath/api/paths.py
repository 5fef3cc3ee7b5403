"""The paths of a job: what became of each in each task that it reached."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal

from fastapi import Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Hub
from towpath.api.forms import Number
from towpath.api.jobs import job_of
from towpath.api.pages import AS_LINES, Asked, Listing, Page, numbers_of, page_of, stream_of
from towpath.api.routers import Router
from towpath.domain.paths import ErrorClass, Outcome, as_base64, printable
from towpath.domain.values import LARGEST
from towpath.engine import site_views
from towpath.store import views
from towpath.store.paths import PENDING, PathView, iterate_paths

router = Router(prefix="/api/jobs", tags=["paths"])

Directories = Mapping[tuple[str, str], bytes]
"""The directory of each root of each site."""

BEGINNING = (0, -1)
"""A cursor before the first path of the first task."""

OutcomeShown = Outcome | Literal["pending"]
"""An outcome, or `pending` while the path's task is open."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which paths were asked for: None takes all."""

    outcome: str | None
    step: str | None
    task: int | None = None


class Path(BaseModel):
    """What became of one path in one task."""

    task: int
    rule: int
    position: int
    step: str = Field(examples=["migrate"])
    site: str = Field(examples=["oslo"])
    root: str = Field(examples=["data"])
    path: str = Field(
        description="Absolute; other bytes than UTF-8, and control characters, are written as \\xNN.",
        examples=["/mnt/oslo/survey/a.dat"],
    )
    path_b64: str = Field(description="The same, exactly, in base64.")
    outcome: OutcomeShown
    already: bool = Field(description="Processed, since the wished state held before.")
    error_class: ErrorClass | None
    reason: str | None = Field(examples=["open: Permission denied"])


def _directories(conn: Connection) -> Directories:
    return {place: os.fsencode(directory) for place, directory in site_views.list_roots(conn).items()}


def absolute(directories: Directories, site: str, root: str, path: bytes) -> bytes:
    """The path as people at the site see it; `root:/path` where the site no longer says where that root is."""
    directory = directories.get((site, root))
    if directory is None:
        return os.fsencode(f"{root}:/") + path
    return directory.rstrip(b"/") + b"/" + path if path else directory


def _shown(directories: Directories) -> Callable[[PathView], Path]:
    def row(view: PathView) -> Path:
        path = absolute(directories, view.site, view.root, view.path)
        return Path(
            task=view.task,
            rule=view.rule,
            position=view.position,
            step=view.step,
            site=view.site,
            root=view.root,
            path=printable(path),
            path_b64=as_base64(path),
            outcome="pending" if view.outcome == PENDING else Outcome(view.outcome),
            already=view.already,
            error_class=ErrorClass(view.error_class) if view.error_class else None,
            reason=view.reason,
        )

    return row


def listing_of(job_id: int, wanted: Filter, directories: Directories) -> Listing[PathView, Path]:
    """The paths of a job in the order of its tasks."""

    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[PathView]:
        numbers = numbers_of(cursor, 2)
        after = (numbers[0], numbers[1]) if numbers else BEGINNING
        return list(
            islice(
                iterate_paths(conn, job_id, wanted.outcome, wanted.step, after, wanted.task),
                skip,
                skip + limit,
            )
        )

    return Listing(read, lambda view: f"{view.task}.{view.index}", _shown(directories))


def find_listing(conn: Connection, job_id: int, wanted: Filter) -> Listing[PathView, Path]:
    """The same of a job that there is; raises `NotFound`."""
    job_of(conn, job_id)
    return listing_of(job_id, wanted, _directories(conn))


def _count(conn: Connection, job_id: int, wanted: Filter) -> int:
    """From the counts kept with each step, or with the task: nothing is counted."""
    if wanted.task is not None:
        return _count_in(conn, job_id, wanted)
    total = 0
    for view in views.list_steps(conn, job_id):
        if wanted.step in (None, view.step):
            ended = {o.value: int(getattr(view, o.value)) for o in Outcome}
            shown = {**ended, PENDING: view.reached - sum(ended.values())}
            total += view.reached if wanted.outcome is None else shown[wanted.outcome]
    return total


def _count_in(conn: Connection, job_id: int, wanted: Filter) -> int:
    task = views.find_task(conn, wanted.task or 0)
    if task is None or task.job != job_id or wanted.step not in (None, task.step):
        return 0
    ended = {o.value: int(getattr(task, o.value)) for o in Outcome}
    shown = {**ended, PENDING: task.paths - sum(ended.values())}
    return task.paths if wanted.outcome is None else shown[wanted.outcome]


@router.get(
    "/{job_id:int}/paths/",
    response_model=Page[Path],
    responses=AS_LINES,
    summary="List a job's paths with their outcomes",
)
async def list_paths(
    job_id: Number,
    request: Request,
    hub: Hub,
    paging: Asked,
    outcome: OutcomeShown | None = None,
    step: Annotated[str | None, Query(description="Only the tasks of that step.")] = None,
    task: Annotated[int | None, Query(ge=0, le=LARGEST, description="Only that task.")] = None,
) -> Page[Path] | Response:
    """One row for each path in each task that it reached; `format=jsonl` streams them all."""
    wanted = Filter(None if outcome is None else str(outcome), step, task)
    listing = await hub.database.read(lambda conn: find_listing(conn, job_id, wanted))
    if paging.lines:
        return await stream_of(hub.database, listing, paging)

    def read(conn: Connection) -> Page[Path]:
        paths = listing.read(conn, paging.cursor, paging.limit, paging.skip)
        return page_of(request, paging, listing, paths, _count(conn, job_id, wanted))

    return await hub.database.read(read)
