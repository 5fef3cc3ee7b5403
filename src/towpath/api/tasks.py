"""Tasks: those of a job, and each one."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from fastapi import Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Hub
from towpath.api.forms import Number
from towpath.api.jobs import job_of
from towpath.api.pages import AS_LINES, Asked, Listing, Page, numbers_of, page_of, stream_of
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at
from towpath.api.waiting import WaitingFor
from towpath.domain.errors import NotFound
from towpath.domain.states import TaskState
from towpath.domain.traces import Traces
from towpath.store import views
from towpath.store.views import TaskView

router = Router(prefix="/api", tags=["tasks"])


class Task(BaseModel):
    """A task: one step over one batch of paths, or a discovery."""

    id: int
    job: int
    rule: int
    position: int = Field(description="Place in the chain; -1 is discovery.")
    step: str = Field(examples=["migrate"])
    site: str = Field(examples=["oslo"])
    queue: str = Field(examples=["default"])
    state: TaskState
    node: str | None
    attempts: int
    paths: int
    processed: int
    failed: int
    skipped: int
    aborted: int
    unknown: int
    not_run: int
    bytes: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    error: str | None = Field(description="The uncaught error that ended it.")
    trace_id: str | None = Field(
        description="The trace of its job, 32 hexadecimal digits, where the hub tells a collector of traces.",
        examples=["4bf92f3577b34da6a3ce929d0e0e4736"],
    )
    waiting: str | None = Field(description="Why it does not run, in one sentence.")
    waiting_for: WaitingFor | None = Field(description="The same, for programs.")

    @classmethod
    def of(cls, task: TaskView, traces: Traces | None) -> "Task":
        """The task as the API shows it."""
        return cls(
            id=task.id,
            job=task.job,
            rule=task.rule,
            position=task.position,
            step=task.step,
            site=task.site,
            queue=task.queue,
            state=TaskState(task.state),
            node=task.node,
            attempts=task.attempts,
            paths=task.paths,
            processed=task.processed,
            failed=task.failed,
            skipped=task.skipped,
            aborted=task.aborted,
            unknown=task.unknown,
            not_run=task.not_run,
            bytes=task.bytes,
            created_at=at(task.created_at),
            started_at=maybe_at(task.started_at),
            ended_at=maybe_at(task.ended_at),
            error=task.error,
            trace_id=traces.trace_of(task.job).hex() if traces else None,
            waiting=task.waiting,
            waiting_for=WaitingFor.of(task.why),
        )


def _listing(job_id: int, state: TaskState | None, traces: Traces | None) -> Listing[TaskView, Task]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[TaskView]:
        numbers = numbers_of(cursor, 1)
        return views.list_tasks(conn, job_id, state, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda task: str(task.id), partial(Task.of, traces=traces))


def _count(conn: Connection, job_id: int, state: TaskState | None) -> int:
    """From the census: nothing is counted."""
    steps = views.list_steps(conn, job_id)
    return sum(tasks for step in steps for name, tasks in step.tasks.items() if state in (None, name))


@router.get(
    "/jobs/{job_id:int}/tasks/", response_model=Page[Task], responses=AS_LINES, summary="List a job's tasks"
)
async def list_tasks(
    job_id: Number, request: Request, hub: Hub, paging: Asked, state: TaskState | None = None
) -> Page[Task] | Response:
    """The tasks of a job in the order in which they were made."""
    listing = _listing(job_id, state, hub.context.traces)
    if paging.lines:
        await hub.database.read(lambda conn: job_of(conn, job_id))
        return await stream_of(hub.database, listing, paging)

    def read(conn: Connection) -> Page[Task]:
        job_of(conn, job_id)
        tasks = listing.read(conn, paging.cursor, paging.limit, paging.skip)
        return page_of(request, paging, listing, tasks, _count(conn, job_id, state))

    return await hub.database.read(read)


@router.get("/tasks/{task_id:int}/", summary="Show a task")
async def show_task(task_id: Number, hub: Hub) -> Task:
    """How a task stands."""
    task = await hub.database.read(lambda conn: views.find_task(conn, task_id))
    if task is None:
        raise NotFound(f"no task {task_id}")
    return Task.of(task, hub.context.traces)
