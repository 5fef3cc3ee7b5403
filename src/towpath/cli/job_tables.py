"""How jobs, their steps, tasks and paths look to people."""

from dataclasses import replace

import msgspec
from rich.table import Table
from rich.text import Text

from towpath.cli.output import Column, Rows, console, moment, size, styled
from towpath.cli.shapes import Steps
from towpath.client.shapes import JobFacts, Path, Step, Task, Totals


def _remarks(job: JobFacts) -> list[str]:
    return ["dry run"] * job.dry_run + ["nothing to do"] * job.noop


JOBS = Rows(
    JobFacts,
    (
        Column("id", 6, lambda job: str(job.id), right=True),
        Column("state", 9, lambda job: job.state),
        Column("workflow", 14, lambda job: job.workflow),
        Column("site", 10, lambda job: job.site),
        Column("done", 9, lambda job: str(job.totals.done), right=True),
        Column("of", 9, lambda job: str(job.totals.discovered), right=True),
        Column("failed", 7, lambda job: str(job.totals.failed), right=True),
        Column("bytes", 9, lambda job: size(job.bytes_done), right=True),
        Column("started (UTC)", 19, lambda job: moment(job.started_at or job.created_at)),
        Column("", 0, lambda job: job.waiting or ", ".join(_remarks(job))),
    ),
    "no jobs",
)

TASKS = Rows(
    Task,
    (
        Column("id", 7, lambda task: str(task.id), right=True),
        Column("state", 9, lambda task: task.state),
        Column("step", 14, lambda task: task.step),
        Column("site", 10, lambda task: task.site),
        Column("node", 10, lambda task: task.node or ""),
        Column("paths", 6, lambda task: str(task.paths), right=True),
        Column("done", 6, lambda task: str(task.processed), right=True),
        Column("failed", 6, lambda task: str(task.failed), right=True),
        Column("attempts", 8, lambda task: str(task.attempts), right=True),
        Column("", 0, lambda task: task.error or task.waiting or ""),
    ),
    "no tasks",
)

TRACED = replace(TASKS, columns=(Column("trace", 32, lambda task: task.trace_id or "-"), *TASKS.columns))
"""The same with the trace of each."""

PATHS = Rows(
    Path,
    (
        Column("outcome", 9, lambda path: path.outcome),
        Column("step", 12, lambda path: path.step),
        Column("path", 40, lambda path: path.path),
        Column("reason", 0, lambda path: path.reason or ("already" if path.already else "")),
    ),
    "no paths",
)


def print_job(document: bytes, steps: bytes) -> None:
    """Print all about a job."""
    job = msgspec.json.decode(document, type=JobFacts)
    out = console()
    out.print(
        Text.assemble(
            f"job {job.id}  ", styled(job.state), f"  {job.workflow} (version {job.workflow_version})"
        )
    )
    for head, text in _facts(job):
        out.print(f"  {head:<9} {text}", soft_wrap=True)
    table = _steps(msgspec.json.decode(steps, type=Steps).results)
    out.print(table, width=None if out.is_terminal else WIDE, soft_wrap=True)


def _facts(job: JobFacts) -> list[tuple[str, str]]:
    facts = [
        ("site", f"{job.site}, queue {job.queue}"),
        ("paths", _paths(job.totals)),
        ("turn", turn_of(job) if job.priority or job.max_tasks else ""),
        ("bytes", f"{size(job.bytes_done)} done, {size(job.bytes_found)} found"),
        ("created", f"{moment(job.created_at)} UTC by {job.owner}"),
        ("started", moment(job.started_at)),
        ("ended", moment(job.ended_at)),
        ("fields", ", ".join(f"{name}={value}" for name, value in job.fields.items())),
        ("wish", _wish(job)),
        ("retry of", f"job {job.retry_of}" if job.retry_of else ""),
        ("waiting", job.waiting or ""),
        ("note", "it found nothing to do" if job.noop else ""),
        ("dry run", "nothing is changed: the counts are what its steps would do" if job.dry_run else ""),
    ]
    return [(head, text) for head, text in facts if text]


def turn_of(job: JobFacts) -> str:
    """What a job was given for its turn."""
    most = "any number of tasks" if job.max_tasks is None else f"at most {job.max_tasks} tasks"
    return f"priority {job.priority}, {most} at once"


def _paths(totals: Totals) -> str:
    words = ("done", "failed", "skipped", "aborted", "not_run", "unknown")
    counts = [f"{getattr(totals, word)} {word.replace('_', ' ')}" for word in words if getattr(totals, word)]
    return f"{totals.discovered} found" + (f": {', '.join(counts)}" if counts else "")


def _wish(job: JobFacts) -> str:
    if job.wish_by is None:
        return ""
    until = f", until {moment(job.resume_at)} UTC" if job.resume_at else ""
    since = f" since {moment(job.wish_at)} UTC" if job.wish_at else ""
    return f"{job.wanted}, by {job.wish_by}{since}{until}" + (f": {job.wish_why}" if job.wish_why else "")


WIDE = 200
"""Columns for a table that no terminal cuts."""

COUNTS = ("reached", "processed", "failed", "skipped", "aborted", "not_run", "unknown")


def _steps(steps: list[Step]) -> Table:
    """The steps, with those counts only that are not nought everywhere."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    counts = [count for count in COUNTS if any(getattr(step, count) for step in steps)]
    for head in ("", "step", "site", "tasks"):
        table.add_column(head, no_wrap=True)
    for head in (*counts, "bytes"):
        table.add_column(head.replace("_", " "), justify="right", no_wrap=True)
    for step in steps:
        table.add_row(
            "" if step.position < 0 else f"  {step.rule}.{step.position}",
            step.step,
            step.site,
            _states(step),
            *(str(getattr(step, count)) for count in counts),
            size(step.bytes),
        )
    return table


def _states(step: Step) -> Text:
    parts: list[Text | str] = []
    for state, count in step.tasks.items():
        if count:
            parts += [", " if parts else "", f"{count} ", styled(state)]
    return Text.assemble(*parts)
