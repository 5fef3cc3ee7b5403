"""What lists and pages show: readers that return frozen rows, never whole tables, and never count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.engine import Connection


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of one rule of a job: its tasks by state, and what became of the paths that reached it."""

    rule: int
    position: int
    """Place in the chain; -1 is discovery."""
    step: str
    site: str
    tasks: Mapping[str, int]
    reached: int = 0
    processed: int = 0
    failed: int = 0
    skipped: int = 0
    aborted: int = 0
    unknown: int = 0
    not_run: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as people see it; times are microseconds since 1970, UTC."""

    id: int
    workflow: str
    workflow_version: int
    site: str
    queue: str
    owner: str
    state: str
    wanted: str
    wish_by: str | None
    wish_why: str | None
    wish_at: int | None
    fields: Mapping[str, object]
    discovery: str | None
    retry_of: int | None
    noop: bool
    totals: Mapping[str, int]
    """Distinct paths: discovered, done, failed, skipped, aborted, not_run, unknown."""
    unmatched: int
    bytes_found: int
    bytes_done: int
    created_at: int
    started_at: int | None
    ended_at: int | None
    waiting: str | None
    """Why nothing moves, in one sentence; None where something does or the job is over."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task as people see it."""

    id: int
    job: int
    rule: int
    position: int
    step: str
    site: str
    queue: str
    state: str
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
    created_at: int
    started_at: int | None
    ended_at: int | None
    error: str | None


@dataclass(frozen=True, slots=True)
class PathView:
    """What became of one path in one task."""

    task: int
    index: int
    """The path's place in the task's batch: (task, index) is a cursor of `iterate_paths`."""
    rule: int
    position: int
    step: str
    site: str
    root: str
    path: bytes
    """Relative to the root."""
    outcome: str
    """processed, failed, skipped, aborted, unknown, not_run; or pending while its task is open."""
    already: bool
    error_class: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs to list: None takes all."""

    state: str | None = None
    site: str | None = None
    workflow: str | None = None
    hide_noop: bool = False


def find_job(conn: Connection, job_id: int) -> JobView | None:
    """The job of that id."""
    raise NotImplementedError


def list_jobs(conn: Connection, wanted: JobFilter, limit: int, before: int | None) -> list[JobView]:
    """The newest jobs whose id is below `before`, newest first, at most `limit`."""
    raise NotImplementedError


def count_jobs(conn: Connection, wanted: JobFilter) -> int:
    """How many jobs there are."""
    raise NotImplementedError


def list_steps(conn: Connection, job_id: int) -> list[StepView]:
    """The steps of a job with their counts: discovery first, then by rule and position."""
    raise NotImplementedError


def list_tasks(
    conn: Connection, job_id: int, state: str | None, limit: int, after: int | None
) -> list[TaskView]:
    """The tasks of a job whose id is above `after`, in order of id, at most `limit`."""
    raise NotImplementedError


def find_task(conn: Connection, task_id: int) -> TaskView | None:
    """The task of that id."""
    raise NotImplementedError


def iterate_paths(
    conn: Connection, job_id: int, outcome: str | None, step: str | None, after: tuple[int, int]
) -> Iterator[PathView]:
    """Every path of every task of a job with its outcome, behind (task id, index), streamed in flat memory.

    `outcome` and `step` narrow it; `failed`, `skipped` and `aborted` are read from an index, not searched.
    """
    raise NotImplementedError
