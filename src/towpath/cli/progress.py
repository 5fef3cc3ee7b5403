"""What people see while a command waits for a job: a live bar on a terminal, a line for each change elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import msgspec
from rich.console import Console

from towpath.cli.errors import EXIT_OF, Unreachable
from towpath.cli.output import STYLES, size
from towpath.cli.shapes import Job
from towpath.domain.states import JobState

if TYPE_CHECKING:
    from rich.progress import Progress

    from towpath.cli.client import Hub

POLL_SECONDS = 0.25
PATIENCE_SECONDS = 120.0
"""How long a hub may be away before waiting for it is given up."""


class Watcher(Protocol):
    """Shows how a job stands."""

    def show(self, job: Job) -> None:
        """The job stands like this now."""

    def miss(self, error: Unreachable) -> None:
        """The hub does not answer at the moment."""


def summary(job: Job) -> str:
    """How a job stands, on one line."""
    totals = job.totals
    parts = [f"{totals.done}/{totals.discovered} paths", size(job.bytes_done)]
    parts += [
        f"{count} {word}"
        for word, count in (
            ("failed", totals.failed),
            ("skipped", totals.skipped),
            ("aborted", totals.aborted),
            ("not run", totals.not_run),
            ("unknown", totals.unknown),
        )
        if count
    ]
    return f"job {job.id}: {job.state}, {', '.join(parts)}"


class Lines:
    """A line on standard error for each change of state."""

    def __init__(self) -> None:
        self._said = ""

    def show(self, job: Job) -> None:
        """Say it where the state is new."""
        if job.state != self._said:
            self._said = job.state
            print(summary(job), file=sys.stderr, flush=True)

    def miss(self, error: Unreachable) -> None:
        """Say it once."""
        if self._said != "away":
            self._said = "away"
            print(f"{error}; waiting for it", file=sys.stderr, flush=True)


class Bar:
    """A live progress bar on standard error."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, state="", counts="", rate="")
        self._before: tuple[float, int, int] | None = None
        self._rate = ""

    def show(self, job: Job) -> None:
        """Move the bar."""
        style = STYLES.get(job.state, "")
        totals = job.totals
        failed = f"  [red]{totals.failed} failed[/]" if totals.failed else ""
        self._progress.update(
            self._task,
            description=f"job {job.id} {job.workflow}",
            total=totals.discovered or None,
            completed=totals.ended,
            state=f"[{style}]{job.state}[/]" if style else job.state,
            counts=f"{totals.ended}/{totals.discovered} paths  {size(job.bytes_done)}{failed}",
            rate=self._rate_of(job),
        )

    def miss(self, error: Unreachable) -> None:
        """Show that the hub is away."""
        self._progress.update(self._task, state="[yellow]hub away[/]", rate="")

    def _rate_of(self, job: Job) -> str:
        """Over the last second or more: shorter spans jump too much to read."""
        now = time.monotonic()
        if self._before is None:
            self._before = (now, job.totals.ended, job.bytes_done)
        then, paths, moved = self._before
        if now - then >= 1:
            span = now - then
            self._rate = (
                f"{(job.totals.ended - paths) / span:.0f}/s  {size((job.bytes_done - moved) / span)}/s"
            )
            self._before = (now, job.totals.ended, job.bytes_done)
        return self._rate


@contextmanager
def watching(quiet: bool = False) -> Iterator[Watcher]:
    """A bar on a terminal, lines elsewhere."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield Lines()
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[state]}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as progress:
        yield Bar(progress)


def wait(hub: "Hub", job_id: int, watcher: Watcher) -> bytes:
    """Wait until a job is over or paused, and give it as it stands then; a hub that is away for a while is no error."""
    heard_at = time.monotonic()
    while True:
        try:
            document = hub.get(f"/api/jobs/{job_id}/")
        except Unreachable as error:
            if time.monotonic() - heard_at > PATIENCE_SECONDS:
                raise
            watcher.miss(error)
        else:
            heard_at = time.monotonic()
            job = msgspec.json.decode(document, type=Job)
            watcher.show(job)
            if JobState(job.state) in EXIT_OF:
                return document
        time.sleep(POLL_SECONDS)
