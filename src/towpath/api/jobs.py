"""Jobs: their list, how each stands, and what people may wish of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Asking, Caller, Hub
from towpath.api.forms import Day, MaxTasks, Number, Priority
from towpath.api.pages import AS_LINES, LARGEST_PAGE, Asked, Listing, Page, numbers_of, page_of, stream_of
from towpath.api.routers import Router
from towpath.api.times import EPOCH, at, maybe_at
from towpath.api.waiting import WaitingFor
from towpath.api.wishes import PauseAsked, WishAsked, WishesMade, WishMade
from towpath.domain.errors import NotFound
from towpath.domain.states import JobState, TaskState, Wanted
from towpath.domain.values import LARGEST
from towpath.domain.wishes import Wish
from towpath.engine import control, turns
from towpath.engine.retry import Retry
from towpath.engine.retry import retry as retry_job
from towpath.store import views
from towpath.store.database import Tx
from towpath.store.views import JobFilter, JobView, StepView, WishView

router = Router(prefix="/api/jobs", tags=["jobs"])


class Totals(BaseModel):
    """Distinct paths of a job: once it is over, discovered is the sum of the others."""

    discovered: int
    done: int
    failed: int
    skipped: int
    aborted: int
    not_run: int
    unknown: int


class Job(BaseModel):
    """A job: one run of a workflow."""

    id: int = Field(examples=[12])
    workflow: str = Field(examples=["migrate"])
    workflow_version: int = Field(examples=[1])
    site: str = Field(examples=["oslo"])
    space: str | None = Field(
        description="The deepest space that all its paths lie in; null: none.", examples=["genomes"]
    )
    queue: str = Field(examples=["default"])
    owner: str = Field(description="The user who started it.", examples=["local"])
    priority: int = Field(description="The higher goes first.", examples=[0])
    max_tasks: int | None = Field(
        description="How many of its tasks may run at once, discovery apart; null: any number."
    )
    state: JobState = Field(examples=["STARTED"])
    wanted: Wanted = Field(description="What people asked of it.", examples=["run"])
    wish_by: str | None
    wish_why: str | None
    wish_at: datetime | None
    resume_at: datetime | None = Field(
        description="When it is resumed by itself, where it is paused until a time."
    )
    fields: Mapping[str, object]
    discovery: str | None = Field(examples=["recursive"])
    retry_of: int | None
    noop: bool = Field(description="It ended and found nothing to do.")
    dry_run: bool = Field(description="Its steps only say what they would do.")
    totals: Totals
    unmatched: int = Field(description="Entries found that no rule of the workflow took.")
    bytes_found: int
    bytes_done: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    waiting: str | None = Field(description="Why nothing moves, in one sentence.")
    waiting_for: WaitingFor | None = Field(description="The same, for programs.")

    @classmethod
    def of(cls, job: JobView) -> "Job":
        """The job as the API shows it."""
        return cls(
            id=job.id,
            workflow=job.workflow,
            workflow_version=job.workflow_version,
            site=job.site,
            space=job.space or None,
            queue=job.queue,
            owner=job.owner,
            priority=job.priority,
            max_tasks=job.max_tasks,
            state=JobState(job.state),
            wanted=Wanted(job.wanted),
            wish_by=job.wish_by,
            wish_why=job.wish_why,
            wish_at=maybe_at(job.wish_at),
            resume_at=maybe_at(job.resume_at),
            fields=job.fields,
            discovery=job.discovery,
            retry_of=job.retry_of,
            noop=job.noop,
            dry_run=job.dry_run,
            totals=Totals.model_validate(job.totals),
            unmatched=job.unmatched,
            bytes_found=job.bytes_found,
            bytes_done=job.bytes_done,
            created_at=at(job.created_at),
            started_at=maybe_at(job.started_at),
            ended_at=maybe_at(job.ended_at),
            waiting=job.waiting,
            waiting_for=WaitingFor.of(job.why),
        )


class Step(BaseModel):
    """One step of one rule of a job: its tasks by state, and what became of the paths that reached it."""

    model_config = ConfigDict(from_attributes=True)

    rule: int
    position: int = Field(description="Place in the chain; -1 is discovery.")
    step: str = Field(examples=["migrate"])
    site: str = Field(examples=["oslo"])
    tasks: dict[TaskState, int]
    reached: int
    processed: int
    failed: int
    skipped: int
    aborted: int
    unknown: int
    not_run: int
    bytes: int


class Steps(BaseModel):
    """All steps of a job."""

    count: int
    results: list[Step]


class TurnAsked(BaseModel):
    """What to change of a job's turn; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    priority: Priority | None = Field(default=None, description="The higher goes first.")
    max_tasks: MaxTasks | None = Field(
        default=None, description="Tasks that may run at once; null: any number."
    )


class RetryAsked(BaseModel):
    """Which paths to try again."""

    model_config = ConfigDict(extra="forbid")

    which: Retry = Retry.FAILED


class Stats(BaseModel):
    """How many of the jobs of a list there are of each value, from kept counters."""

    state: dict[JobState, int]
    workflow: dict[str, int]
    site: dict[str, int]
    queue: dict[str, int]
    owner: dict[str, int]
    space: dict[str, int] = Field(description='By space; `""` counts those in none.')
    created: dict[date, int] = Field(description="By the UTC day of their submission.")

    @classmethod
    def of(cls, facets: Mapping[str, Mapping[Any, int]]) -> "Stats":
        """The facets as the API shows them."""
        days = {date.fromordinal(EPOCH.toordinal() + day): number for day, number in facets["day"].items()}
        rest = {name: dict(values) for name, values in facets.items() if name != "day"}
        return cls.model_validate({**rest, "created": days})


class Jobs(Page[Job]):
    """Some jobs of a list, and where the others are."""

    stats: Stats | None = Field(default=None, description="Of the whole list; with `stats=true` alone.")


def job_of(conn: Connection, job_id: int) -> JobView:
    """The job of that id; raises `NotFound`."""
    job = views.find_job(conn, job_id)
    if job is None:
        raise NotFound(f"no job {job_id}")
    return job


def job_after(tx: Tx, job_id: int) -> Job:
    """The job as it stands within a transaction that has just changed it."""
    return Job.of(job_of(tx.conn, job_id))


def _listing(wanted: JobFilter) -> Listing[JobView, Job]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[JobView]:
        numbers = numbers_of(cursor, 1)
        return views.list_jobs(conn, wanted, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda job: str(job.id), Job.of)


class JobsAsked(BaseModel):
    """Which jobs to list."""

    # What else stands in the query is for the page, and for the routes that share it.
    id: list[Annotated[int, Field(ge=0, le=LARGEST)]] = Field(
        default=[], max_length=LARGEST_PAGE, description="These alone; repeatable."
    )
    state: JobState | None = None
    site: str | None = None
    space: str | None = Field(default=None, description="The deepest one that all its paths lie in.")
    queue: str | None = None
    workflow: str | None = None
    owner: str | None = Field(default=None, description="The user who started it.")
    created_from: Day | None = Field(default=None, description="Submitted on that UTC day or later.")
    created_to: Day | None = Field(default=None, description="Submitted on that UTC day or earlier.")
    hide_noop: bool = Field(default=False, description="Leave out jobs that found nothing to do.")
    stats: bool = Field(default=False, description="Say how many there are of each state, site, workflow, …")

    def filter(self) -> JobFilter:
        """The same as the store takes it."""
        return JobFilter(
            state=self.state,
            site=self.site,
            workflow=self.workflow,
            hide_noop=self.hide_noop,
            queue=self.queue,
            space=self.space,
            owner=self.owner,
            first_day=_day(self.created_from),
            last_day=_day(self.created_to),
            ids=tuple(self.id),
        )


def _day(moment: date | None) -> int | None:
    return None if moment is None else moment.toordinal() - EPOCH.toordinal()


@router.get("/", response_model=Jobs, responses=AS_LINES, summary="List jobs, the newest first")
async def list_jobs(
    request: Request, hub: Hub, asking: Asking, paging: Asked, asked: Annotated[JobsAsked, Query()]
) -> Jobs | Response:
    """Jobs by state, site, space, queue, workflow, owner and day, or by their ids."""
    wanted = asked.filter()
    if asking.reach is not None:
        wanted = replace(wanted, places=tuple(sorted(asking.reach)))
    listing = _listing(wanted)
    if paging.lines:
        return await stream_of(hub.database, listing, paging)

    def read(conn: Connection) -> Jobs:
        jobs = listing.read(conn, paging.cursor, paging.limit, paging.skip)
        page = page_of(request, paging, listing, jobs, views.count_jobs(conn, wanted))
        stats = Stats.of(views.job_facets(conn, wanted)) if asked.stats else None
        return Jobs(**dict(page), stats=stats)

    return await hub.read(read)


@router.get("/{job_id:int}/", summary="Show a job")
async def show_job(job_id: Number, hub: Hub) -> Job:
    """How a job stands."""
    return Job.of(await hub.read(lambda conn: job_of(conn, job_id)))


@router.patch("/{job_id:int}/", summary="Change a job's priority and cap")
async def change_turn(job_id: Number, body: TurnAsked, hub: Hub) -> Job:
    """Holds for whatever is granted from now on; what runs goes on."""

    def write(tx: Tx) -> Job:
        if body.priority is not None:
            turns.set_priority(tx, job_id, body.priority)
        if "max_tasks" in body.model_fields_set:
            turns.set_max_tasks(tx, job_id, body.max_tasks)
        return job_after(tx, job_id)

    return await hub.write(write)


@router.get("/{job_id:int}/steps/", summary="Show a job's steps with their counts")
async def list_steps(job_id: Number, hub: Hub) -> Steps:
    """Discovery first, then by rule and place in the chain."""

    def read(conn: Connection) -> list[StepView]:
        job_of(conn, job_id)
        return views.list_steps(conn, job_id)

    steps = [Step.model_validate(step) for step in await hub.read(read)]
    return Steps(count=len(steps), results=steps)


async def _wish(hub: Hub, job_id: int, asked: Wish) -> Job:
    def write(tx: Tx) -> Job:
        control.wish(tx, job_id, asked)
        return job_after(tx, job_id)

    return await hub.write(write)


@router.post("/{job_id:int}/pause/", summary="Pause a job")
async def pause(job_id: Number, hub: Hub, caller: Caller, body: PauseAsked | None = None) -> Job:
    """No more tasks start; the job is PAUSING until the running ones have ended, then PAUSED."""
    return await _wish(hub, job_id, (body or PauseAsked()).wish(caller))


@router.post("/{job_id:int}/resume/", summary="Resume a job")
async def resume(job_id: Number, hub: Hub, caller: Caller, body: WishAsked | None = None) -> Job:
    """The job goes on where it was paused."""
    return await _wish(hub, job_id, (body or WishAsked()).wish(Wanted.RUN, caller))


@router.post("/{job_id:int}/cancel/", summary="Cancel a job")
async def cancel(job_id: Number, hub: Hub, caller: Caller, body: WishAsked | None = None) -> Job:
    """Running tasks stop at their next path; the job is DEQUEUING until nothing is left, then CANCELLED.

    What a node does not give back within a lease is taken from it.
    """
    return await _wish(hub, job_id, (body or WishAsked()).wish(Wanted.CANCEL, caller))


@router.get("/{job_id:int}/wishes/", summary="Show what was wished of a job")
async def list_wishes(job_id: Number, hub: Hub) -> WishesMade:
    """Each pause, resume and cancel, the oldest first: by whom, when and why."""

    def read(conn: Connection) -> list[WishView]:
        job_of(conn, job_id)
        return views.list_wishes(conn, job_id)

    made = [
        WishMade(wanted=Wanted(w.wanted), by=w.by, why=w.why, at=at(w.at), resume_at=maybe_at(w.resume_at))
        for w in await hub.database.read(read)
    ]
    return WishesMade(count=len(made), results=made)


@router.post("/{job_id:int}/retry/", status_code=201, summary="Retry a job's paths as a new job")
async def retry(job_id: Number, hub: Hub, asking: Asking, body: RetryAsked | None = None) -> Job:
    """Each path starts again at the step where it failed."""
    which = (body or RetryAsked()).which
    confined = asking.reach is not None
    began = hub.now()
    job = await hub.write(
        lambda tx: job_after(tx, retry_job(tx, job_id, which, asking.user, confined=confined))
    )
    hub.trace(job.id, job.workflow, began)
    return job
