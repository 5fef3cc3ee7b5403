"""What people see while a command waits for a job: a live bar on a terminal, a line for each change elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from towpath.cli.output import STYLES, size
from towpath.client.errors import Unreachable
from towpath.client.shapes import JobFacts
from towpath.client.waiting import USUAL, Patience

if TYPE_CHECKING:
    from rich.progress import Progress

    from towpath.client import Client

POLL_SECONDS = 0.25


WAITS_SECONDS = 2.0
"""How long a job waits for the same reason until that is said."""


class Watcher(Protocol):
    """Shows how a job stands."""

    def show(self, job: JobFacts) -> None:
        """The job stands like this now."""

    def miss(self, error: Unreachable) -> None:
        """The hub does not answer at the moment."""


def summary(job: JobFacts) -> str:
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


class News:
    """What is worth a line of its own: a reason to wait that lasts, and a hub that is away; each once."""

    def __init__(self) -> None:
        self._waits: tuple[str, float] = ("", 0.0)
        self._told = ""
        self._away = False

    def of(self, job: JobFacts) -> str:
        """Why the job waits, where that has lasted and was not told; else ''."""
        self._away = False
        reason, now = job.waiting_for.reason if job.waiting_for else "", time.monotonic()
        if reason != self._waits[0]:
            self._waits = (reason, now)
        if reason == self._told or now - self._waits[1] < WAITS_SECONDS:
            return ""
        self._told = reason
        return f"job {job.id} waits: {job.waiting}" if reason else ""

    def of_the_hub(self, error: Unreachable) -> str:
        """That the hub is away, where that was not told; else ''."""
        told, self._away = self._away, True
        return "" if told else f"{error}; still trying"


class Lines:
    """A line on standard error for each change of state, and for what is worth one."""

    def __init__(self) -> None:
        self._said = ""
        self._news = News()

    def show(self, job: JobFacts) -> None:
        """Say it where the state is new, or where a reason to wait has lasted."""
        if job.state != self._said:
            self._said = job.state
            self._say(summary(job))
        self._say(self._news.of(job))

    def miss(self, error: Unreachable) -> None:
        """Say it once."""
        self._said = "away"
        self._say(self._news.of_the_hub(error))

    def _say(self, text: str) -> None:
        if text:
            print(text, file=sys.stderr, flush=True)


class Bar:
    """A live progress bar on standard error."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, state="", counts="", rate="")
        self._news = News()
        self._before: tuple[float, int, int] | None = None
        self._rate = ""

    def show(self, job: JobFacts) -> None:
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
        self._say(self._news.of(job))

    def miss(self, error: Unreachable) -> None:
        """Show that the hub is away."""
        self._progress.update(self._task, state="[yellow]hub away[/]", rate="")
        self._say(self._news.of_the_hub(error))

    def _say(self, text: str) -> None:
        """A line above the bar."""
        if text:
            self._progress.console.print(text, markup=False, soft_wrap=True)

    def _rate_of(self, job: JobFacts) -> str:
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
    with bar_on(console) as progress:
        yield Bar(progress)


def bar_on(console: Console) -> "Progress":
    """A bar's place on a terminal."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        TextColumn("{task.fields[state]}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, refresh_per_second=4)


def wait(hub: "Client", job_id: int, watcher: Watcher, patience: Patience = USUAL) -> bytes:
    """Wait until a job is over or paused, and give it as it stands then; a hub that is away for a while is no error."""
    try:
        return hub.jobs.wait(job_id, watcher.show, watcher.miss, patience).document
    except Unreachable as error:
        go_on = f"job {job_id} may go on; watch it with: towpath job wait {job_id}"
        raise Unreachable(f"{error}; {go_on}") from None
