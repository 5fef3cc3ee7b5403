"""The history of a path: every task that had it, newest first, with what became of it there."""

from datetime import datetime
from functools import partial
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from towpath.api.context import Asking, Hub
from towpath.api.files import exact_path, placed
from towpath.api.forms import Moment
from towpath.api.pages import LARGEST_PAGE, numbers_of
from towpath.api.paths import OutcomeShown
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at, microseconds
from towpath.domain.paths import ErrorClass, Outcome, as_base64, printable
from towpath.domain.values import LARGEST
from towpath.store.history import Found, Search, Sought, Touch
from towpath.store.paths import PENDING

router = Router(prefix="/api/sites", tags=["paths"])


class Touched(BaseModel):
    """What one task did with the path."""

    job: int
    workflow: str = Field(examples=["migrate"])
    task: int
    step: str = Field(examples=["migrate"])
    position: int = Field(description="The step's place in its chain; -1 is the discovery.")
    node: str | None = Field(description="The node that had the task last.", examples=["n1"])
    outcome: OutcomeShown
    already: bool = Field(description="Processed, since the wished state held before.")
    error_class: ErrorClass | None
    reason: str | None = Field(examples=["open: Permission denied"])
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, touch: Touch) -> "Touched":
        """The same as the API shows it."""
        return cls(
            job=touch.job,
            workflow=touch.workflow,
            task=touch.task,
            step=touch.step,
            position=touch.position,
            node=touch.node,
            outcome="pending" if touch.outcome == PENDING else Outcome(touch.outcome),
            already=touch.already,
            error_class=ErrorClass(touch.error_class) if touch.error_class else None,
            reason=touch.reason,
            created_at=at(touch.created_at),
            started_at=maybe_at(touch.started_at),
            ended_at=maybe_at(touch.ended_at),
        )


class History(BaseModel):
    """Some of what befell a path, newest first."""

    site: str
    path: str = Field(
        description="Absolute; other bytes than UTF-8, and control characters, are written as \\xNN.",
        examples=["/mnt/oslo/survey/a.dat"],
    )
    path_b64: str = Field(description="The same, exactly, in base64.")
    next: str | None = Field(
        description="The `cursor` with which the search goes on; there may be one though `results` has few rows, or"
        " none: a call looks only so far back. null: all that is kept was searched."
    )
    searched_back_to: datetime | None = Field(
        description="When the last job that was looked at was submitted; null: there was none."
    )
    results: list[Touched]


@router.get("/{site}/history/", summary="Show the history of a path")
async def list_history(  # noqa: PLR0913, PLR0917  each is a parameter of the query
    site: str,
    hub: Hub,
    asking: Asking,
    path: Annotated[str, Query(description="Absolute, beneath a root of the site.")] = "",
    path_b64: Annotated[str, Query(description="The same, exactly, in base64, in place of `path`.")] = "",
    job: Annotated[int | None, Query(ge=0, le=LARGEST, description="Only what that job did.")] = None,
    since: Annotated[Moment | None, Query(description="Only of jobs submitted then or later.")] = None,
    until: Annotated[Moment | None, Query(description="Only of jobs submitted before.")] = None,
    cursor: Annotated[str | None, Query(description="A page's `next`.")] = None,
    page_size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = LARGEST_PAGE,
) -> History:
    """Each task of a job that is kept which had the path, at that site, as one of its own, with what became of it.

    Found in the outcomes as they are stored. A directory's has not that of what lies in it.
    """
    exact = exact_path(path, path_b64)
    given, clean, _ = await hub.database.read(
        partial(placed, site=site, exact=exact, asking=asking, action="list_history")
    )
    sought = Sought(
        site,
        given.root,
        given.path,
        job,
        None if since is None else microseconds(since),
        None if until is None else microseconds(until),
    )
    found = await hub.database.read(lambda conn: _search(conn, sought, cursor, page_size))
    return History(
        site=site,
        path=printable(clean),
        path_b64=as_base64(clean),
        next=None if found.behind is None else f"{found.behind[0]}.{found.behind[1]}",
        searched_back_to=maybe_at(found.reached),
        results=[Touched.of(touch) for touch in found.touches],
    )


def _search(conn: Connection, sought: Sought, cursor: str | None, limit: int) -> Found:
    numbers = numbers_of(cursor, 2)
    return Search(conn, sought).run((numbers[0], numbers[1]) if numbers else None, limit)
