"""Jobs: start them, look at them, wait for them, and wish something of them."""

import base64
import os
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

import msgspec

from towpath.client.plans import Ask, Feed, Plan, lines, pieces
from towpath.client.shapes import JobFacts, Path, Step, Task, Totals, Wish
from towpath.client.twofold import AsyncDriver, Awaiting, Blocking, Driver, Part, many, once
from towpath.client.verbs import NDJSON, all_of, content, given, mapped, posting, raw_rows, read
from towpath.client.waiting import USUAL, Away, Patience, Progress, Waiting, waited

P = ParamSpec("P")
B = TypeVar("B", bound=Blocking)
A = TypeVar("A", bound=Awaiting)
AsPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
AS_THE_WORKFLOW_SAYS: Final = "workflow"


class a_job(Generic[P]):  # noqa: N801  it is written as a decorator, as `once` and `many` are
    """A call whose result is a job, of the kind of its client."""

    def __init__(self, plan: Callable[Concatenate[Any, P], Plan[bytes]]) -> None:
        self._plan = plan
        self.__doc__ = plan.__doc__

    @overload
    def __get__(self, part: Blocking, owner: object) -> "Callable[P, Job]": ...
    @overload
    def __get__(self, part: Awaiting, owner: object) -> "Callable[P, Coroutine[Any, Any, AsyncJob]]": ...
    @overload
    def __get__(self, part: None, owner: object) -> "a_job[P]": ...

    def __get__(self, part: Any, owner: object) -> Any:
        """The call of that part of a client."""
        if part is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            made = Job if isinstance(part, Blocking) else AsyncJob
            return part._driver.run(_made(self._plan(part, *args, **kwargs), made, part._driver))

        call.__doc__ = self._plan.__doc__
        return call


class the_jobs(Generic[P]):  # noqa: N801
    """A call whose results are jobs, one by one."""

    def __init__(self, feed: Callable[Concatenate[Any, P], Feed[msgspec.Raw]]) -> None:
        self._feed = feed
        self.__doc__ = feed.__doc__

    @overload
    def __get__(self, part: Blocking, owner: object) -> "Callable[P, Iterator[Job]]": ...
    @overload
    def __get__(self, part: Awaiting, owner: object) -> "Callable[P, AsyncIterator[AsyncJob]]": ...
    @overload
    def __get__(self, part: None, owner: object) -> "the_jobs[P]": ...

    def __get__(self, part: Any, owner: object) -> Any:
        """The call of that part of a client."""
        if part is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            made = Job if isinstance(part, Blocking) else AsyncJob
            feed = mapped(self._feed(part, *args, **kwargs), lambda row: made(part._driver, bytes(row)))
            return part._driver.rows(feed)

        call.__doc__ = self._feed.__doc__
        return call


class itself(Generic[P]):  # noqa: N801
    """A call of a job after which it is the same job, as it stands then."""

    def __init__(self, plan: Callable[Concatenate[Any, P], Plan[bytes]]) -> None:
        self._plan = plan
        self.__doc__ = plan.__doc__

    @overload
    def __get__(self, part: B, owner: object) -> Callable[P, B]: ...
    @overload
    def __get__(self, part: A, owner: object) -> Callable[P, Coroutine[Any, Any, A]]: ...
    @overload
    def __get__(self, part: None, owner: object) -> "itself[P]": ...

    def __get__(self, part: Any, owner: object) -> Any:
        """The call of that job."""
        if part is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return part._driver.run(part._renewed(self._plan(part, *args, **kwargs)))

        call.__doc__ = self._plan.__doc__
        return call


def _made(plan: Plan[bytes], kind: Any, driver: Any) -> Plan[Any]:
    document = yield from plan
    return kind(driver, document)


class OfJob(Part):
    """What can be asked of one job; `facts` is how it stood when it was last heard of."""

    document: bytes
    """The same as the API told it, in JSON."""
    facts: JobFacts

    @property
    def id(self) -> int:
        """By what it is known."""
        return self.facts.id

    @property
    def state(self) -> str:
        """PENDING, STARTED, PAUSING, PAUSED, DEQUEUING, SUCCESS, FAILURE or CANCELLED."""
        return self.facts.state

    @property
    def totals(self) -> Totals:
        """What became of its paths."""
        return self.facts.totals

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.facts.is_over

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind} {self.id} {self.facts.workflow} at {self.facts.site}: {self.state}>"

    def _set(self, document: bytes) -> None:
        self.document = document
        self.facts = msgspec.json.decode(document, type=JobFacts)

    def _renewed(self, plan: Plan[bytes]) -> Plan[Any]:
        self._set((yield from plan))
        return self

    @property
    def _at(self) -> str:
        return f"/api/jobs/{self.id}/"

    @itself
    def refresh(self) -> Plan[bytes]:
        """Look at it anew."""
        return content(Ask("GET", self._at), self._retries)

    @itself
    def wait(
        self,
        progress: Progress | None = None,
        *,
        timeout: float | None = None,
        through_pauses: bool = False,
        away: Away | None = None,
        patience: Patience = USUAL,
    ) -> Plan[bytes]:
        """Wait until it is over or paused; `progress` is called with its facts at each look.

        Raises `WaitedTooLong` after `timeout` seconds; `Unreachable` once the hub was away for as long as `patience`
        says, of which `away` is told before.
        """
        how = Waiting(progress, away, timeout, through_pauses, patience)
        return waited(self.id, how, self._retries)

    @itself
    def pause(self, reason: str = "", *, now: bool = False, until: datetime | None = None) -> Plan[bytes]:
        """Start no more of its tasks; with `now` those that run stop at their next path. `until` is aware."""
        resume_at = None if until is None else until.isoformat()
        body = {"now": now, "reason": reason, "resume_at": resume_at}
        return content(posting(f"{self._at}pause/", body), self._retries)

    @itself
    def resume(self, reason: str = "") -> Plan[bytes]:
        """Let it go on."""
        return content(posting(f"{self._at}resume/", {"reason": reason}), self._retries)

    @itself
    def cancel(self, reason: str = "") -> Plan[bytes]:
        """Start nothing more of it; what runs stops at its next path."""
        return content(posting(f"{self._at}cancel/", {"reason": reason}), self._retries)

    @itself
    def set_priority(self, priority: int) -> Plan[bytes]:
        """The higher goes first, from now on."""
        return content(Ask("PATCH", self._at, body={"priority": priority}), self._retries)

    @itself
    def set_max_tasks(self, most: int | None) -> Plan[bytes]:
        """So many of its tasks run at once from now on; None: any number."""
        return content(Ask("PATCH", self._at, body={"max_tasks": most}), self._retries)

    @a_job
    def retry(
        self, *, failed: bool = False, unfinished: bool = False, everything: bool = False
    ) -> Plan[bytes]:
        """Its paths again, as a new job: those that failed (by itself too), those unfinished too, or all."""
        if failed + unfinished + everything > 1:
            raise ValueError("expected one of failed, unfinished and everything, found several")
        which = "all" if everything else "unfinished" if unfinished else "failed"
        return content(posting(f"{self._at}retry/", {"which": which}), self._retries)

    @once
    def steps(self) -> Plan[list[Step]]:
        """Its steps with their counts, discovery first."""
        return all_of(f"{self._at}steps/", {}, self._retries, Step)

    @once
    def wishes(self) -> Plan[list[Wish]]:
        """What was wished of it, the oldest first."""
        return all_of(f"{self._at}wishes/", {}, self._retries, Wish)

    @many
    def tasks(self, state: str | None = None) -> Feed[Task]:
        """Its tasks, streamed."""
        return self._streamed("tasks/", given(state=state), Task)

    @many
    def paths(self, outcome: str | None = None, step: str | None = None) -> Feed[Path]:
        """What became of each path in each task, streamed: nothing of it is held, at any number."""
        return self._streamed("paths/", given(outcome=outcome, step=step), Path)

    @many
    def report(
        self, kind: str = "jsonl", *, outcome: str | None = None, step: str | None = None
    ) -> Feed[bytes]:
        """The same as the bytes of a file: `jsonl`, `csv` or `parquet`."""
        query = given(format=kind, outcome=outcome, step=step)
        return pieces(Ask("GET", f"{self._at}report/", query, streamed=True), self._retries)

    def _streamed(self, what: str, query: Mapping[str, str], kind: type[Any]) -> Feed[Any]:
        ask = Ask("GET", self._at + what, query, headers={"Accept": NDJSON}, streamed=True)
        return mapped(lines(ask, self._retries), msgspec.json.Decoder(kind).decode)


class Job(OfJob, Blocking):
    """A job, of a client whose calls return when they are answered."""

    def __init__(self, driver: Driver, document: bytes) -> None:
        super().__init__(driver)
        self._set(document)


class AsyncJob(OfJob, Awaiting):
    """A job, of a client whose calls are awaited."""

    def __init__(self, driver: AsyncDriver, document: bytes) -> None:
        super().__init__(driver)
        self._set(document)


class OfJobs(Part):
    """What can be asked of all jobs."""

    @a_job
    def run(  # noqa: PLR0913  each is a member of a submission
        self,
        workflow: str,
        site: str,
        paths: Sequence[AsPath],
        *,
        queue: str = "default",
        fields: Mapping[str, bool | int | str] | None = None,
        discovery: str | None = AS_THE_WORKFLOW_SAYS,
        priority: int = 0,
        max_tasks: int | None = None,
        stop_on_error_rate: float | str | None = None,
        dry_run: bool = False,
        key: str | None = None,
    ) -> Plan[bytes]:
        """Start a job over absolute paths of a site. It is started once, however often the connection breaks.

        `discovery` None takes the paths as they are. `key` is its Idempotency-Key, made where it is left out: who
        gives one gets the same job for a day, across processes too.
        """
        order = {
            "workflow": workflow,
            "site": site,
            "queue": queue,
            "paths": [spelled(path) for path in paths],
            "discovery": discovery,
            "fields": dict(fields or {}),
            "priority": priority,
            "max_tasks": max_tasks,
            "stop_on_error_rate": stop_on_error_rate,
            "dry_run": dry_run,
        }
        headers = {"Idempotency-Key": key or uuid.uuid4().hex}
        return content(Ask("POST", "/api/file/workflow/", body=order, headers=headers), self._retries)

    @a_job
    def get(self, job_id: int) -> Plan[bytes]:
        """The job of that id."""
        return content(Ask("GET", f"/api/jobs/{job_id}/"), self._retries)

    @a_job
    def wait(
        self,
        job_id: int,
        progress: Progress | None = None,
        away: Away | None = None,
        patience: Patience = USUAL,
    ) -> Plan[bytes]:
        """As `Job.wait`, of a job that was not looked at yet; the hub may be away from the first look on."""
        return waited(job_id, Waiting(progress, away, patience=patience), self._retries)

    @the_jobs
    def list(  # noqa: PLR0913  each is a filter
        self,
        *,
        state: str | None = None,
        workflow: str | None = None,
        site: str | None = None,
        space: str | None = None,
        queue: str | None = None,
        owner: str | None = None,
        since: date | None = None,
        through: date | None = None,
        hide_noop: bool = False,
        page_size: int = 100,
    ) -> Feed[msgspec.Raw]:
        """Jobs, the newest first, page after page by cursors; `since` and `through` are UTC days."""
        days = given(created_from=since, created_to=through)
        query = given(
            state=state,
            workflow=workflow,
            site=site,
            space=space,
            queue=queue,
            owner=owner,
            hide_noop=hide_noop,
        )
        return raw_rows("/api/jobs/", {**query, **days, "page_size": str(page_size)}, self._retries)

    @once
    def prune(self, older_than: float) -> Plan[int]:
        """Forget jobs that ended so many seconds ago, each with its retries; how many these were."""
        return _pruned(posting("/api/jobs/prune/", {"older_than": round(older_than)}), self)


class Jobs(OfJobs, Blocking):
    """`client.jobs`."""


class AsyncJobs(OfJobs, Awaiting):
    """`client.jobs` of a client whose calls are awaited."""


class _Pruned(msgspec.Struct):
    jobs: int


def _pruned(ask: Ask, part: Part) -> Plan[int]:
    found = yield from read(ask, part._retries, _Pruned)
    return found.jobs


def spelled(path: AsPath) -> str | dict[str, str]:
    """A path as the API takes it: exact where it is no UTF-8."""
    exact = os.fsencode(path)
    try:
        return exact.decode()
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(exact).decode()}
