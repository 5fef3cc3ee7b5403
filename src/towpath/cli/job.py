"""`towpath job`: how jobs stand, and what people wish of them."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer

from towpath.cli.errors import Exit
from towpath.cli.hubs import open_hub, segment
from towpath.cli.job_tables import JOBS, PATHS, TASKS, TRACED, print_job, turn_of
from towpath.cli.output import Format, Json, Jsonl, Limit, moment, print_document, print_list
from towpath.cli.progress import summary
from towpath.cli.report import Kind, write_report
from towpath.cli.run import Wait, wait_and_tell
from towpath.cli.shapes import Wishes
from towpath.cli.until import Until
from towpath.cli.wishing import Now, Reason, pause_asked
from towpath.client.shapes import JobFacts
from towpath.domain.errors import Mistake

app = typer.Typer(help="Show jobs, and pause, resume, cancel or retry them.", no_args_is_help=True)

AGES = {"d": 24 * 3600, "h": 3600, "m": 60, "s": 1}
"""Seconds of each unit in which an age may be given."""

Id = Annotated[int, typer.Argument(metavar="ID", min=1, help="The id that `towpath run` printed.")]
Outcome = Annotated[
    str | None,
    typer.Option(
        "--outcome",
        help="processed, failed, skipped, aborted, unknown, not_run or pending.",
        metavar="OUTCOME",
    ),
]
StepName = Annotated[str | None, typer.Option("--step", metavar="NAME", help="Only the tasks of that step.")]


def given(filters: Mapping[str, str | None]) -> dict[str, str]:
    """The filters that were given."""
    return {name: value for name, value in filters.items() if value}


@app.command("list")
def list_jobs(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    state: Annotated[str | None, typer.Option("--state", metavar="STATE")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="NAME")] = None,
    queue: Annotated[str | None, typer.Option("--queue", metavar="NAME")] = None,
    space: Annotated[str | None, typer.Option("--space", metavar="NAME")] = None,
    owner: Annotated[str | None, typer.Option("--owner", metavar="USER", help="Who started it.")] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="DAY", help="Submitted on that UTC day or later: 2026-11-24."),
    ] = None,
    through: Annotated[
        str | None, typer.Option("--through", metavar="DAY", help="Submitted on that UTC day or earlier.")
    ] = None,
    hide_noop: Annotated[
        bool, typer.Option("--hide-noop", help="Leave out jobs that found nothing.")
    ] = False,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List jobs, the newest first."""
    wanted = Format(as_json, as_lines, limit)
    asked = {"state": state and state.upper(), "site": site, "workflow": workflow}
    more = {"queue": queue, "space": space, "owner": owner, "created_from": since, "created_to": through}
    query = given({**asked, **more, "hide_noop": "1" if hide_noop else None})
    with open_hub() as hub:
        print_list(hub.lines("/api/jobs/", query), JOBS, wanted)


@app.command()
def show(job_id: Id, as_json: Json = False) -> None:
    """Show how a job stands: its state, its paths, its steps."""
    with open_hub() as hub:
        document = hub.get(f"/api/jobs/{job_id}/")
        if as_json:
            print_document(document)
        else:
            print_job(document, hub.get(f"/api/jobs/{job_id}/steps/"))


@app.command()
def tasks(
    job_id: Id,
    state: Annotated[str | None, typer.Option("--state", metavar="STATE")] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="The trace of each, where traces are told of.")
    ] = False,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List the tasks of a job."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        rows = hub.lines(f"/api/jobs/{job_id}/tasks/", given({"state": state and state.upper()}))
        print_list(rows, TRACED if trace else TASKS, wanted)


@app.command()
def paths(
    job_id: Id,
    outcome: Outcome = None,
    step: StepName = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what became of each path of a job, in each task that it reached."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(
            hub.lines(f"/api/jobs/{job_id}/paths/", given({"outcome": outcome, "step": step})), PATHS, wanted
        )


@app.command()
def report(
    job_id: Id,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="job-ID.FORMAT by default; - for stdout."),
    ] = None,
    kind: Annotated[Kind, typer.Option("--format")] = Kind.JSONL,
    outcome: Outcome = None,
    step: StepName = None,
) -> None:
    """Write every path of a job with its outcome and reason into a file."""
    with open_hub() as hub:
        wanted = given({"format": kind, "outcome": outcome, "step": step})
        write_report(hub.download(f"/api/jobs/{job_id}/report/", wanted), output or f"job-{job_id}.{kind}")


@app.command()
def wait(job_id: Id, as_json: Json = False) -> int:
    """Watch a job until it is over or paused; exit 0 SUCCESS, 3 FAILURE, 4 CANCELLED, 5 PAUSED."""
    with open_hub() as hub:
        return wait_and_tell(hub, job_id, as_json)


@app.command()
def pause(
    job_id: Id,
    now: Now = False,
    reason: Reason = "",
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Start no more tasks of a job; those that run still finish."""
    _wish(job_id, "pause", pause_asked(now, reason, until), as_json)


@app.command()
def resume(job_id: Id, reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused job go on."""
    _wish(job_id, "resume", {"reason": reason}, as_json)


@app.command()
def cancel(job_id: Id, reason: Reason = "", as_json: Json = False) -> None:
    """Cancel a job: nothing more of it starts, and what runs stops at its next path."""
    _wish(job_id, "cancel", {"reason": reason}, as_json)


@app.command(context_settings={"ignore_unknown_options": True})
def priority(
    job_id: Id,
    value: Annotated[int, typer.Argument(metavar="N", help="-1000 to 1000; the higher goes first.")],
    as_json: Json = False,
) -> None:
    """Let a job go before those of a lower priority from now on."""
    _change(job_id, {"priority": value}, as_json)


@app.command("max-tasks")
def max_tasks(
    job_id: Id,
    most: Annotated[str, typer.Argument(metavar="N", help="Tasks at once; `-` = any number.")],
    as_json: Json = False,
) -> None:
    """Let a job run at most N of its tasks at once from now on; its discovery is not counted."""
    if most != "-" and not (most.isascii() and most.isdigit()):
        raise Mistake(f"N: expected a number, or - for any number, found '{most}'")
    _change(job_id, {"max_tasks": None if most == "-" else int(most)}, as_json)


@app.command()
def wishes(job_id: Id, as_json: Json = False) -> None:
    """Show what was wished of a job: each pause, resume and cancel, by whom, when and why."""
    with open_hub() as hub:
        document = hub.get(f"/api/jobs/{job_id}/wishes/")
    if as_json:
        print_document(document)
        return
    for wish in msgspec.json.decode(document, type=Wishes).results:
        until = f" until {moment(wish.resume_at)} UTC" if wish.resume_at else ""
        print(
            f"{moment(wish.at)} UTC  {wish.wanted}{until}, by {wish.by}{f': {wish.why}' if wish.why else ''}"
        )


@app.command()
def retry(
    job_id: Id,
    failed: Annotated[bool, typer.Option("--failed", help="The paths that failed (the default).")] = False,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Also those that were not run, or whose outcome is unknown.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All paths, from the first step on.")] = False,
    wait_for_it: Wait = False,
    as_json: Json = False,
) -> int:
    """Run paths of a job again as a new job, each from the step where it failed; print the new job's id."""
    chosen = [
        name for name, on in (("failed", failed), ("unfinished", unfinished), ("all", everything)) if on
    ]
    if len(chosen) > 1:
        raise Mistake(f"expected one of --failed, --unfinished and --all, found --{' and --'.join(chosen)}")
    with open_hub() as hub:
        job = hub.jobs.get(job_id).retry(unfinished=unfinished, everything=everything)
        if not as_json:
            print(job.id, flush=True)
        if wait_for_it:
            return wait_and_tell(hub, job.id, as_json)
    if as_json:
        print_document(job.document)
    return Exit.OK


@app.command()
def prune(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Since they ended: 30d, 12h, 90m or 0s.")
    ],
    as_json: Json = False,
) -> None:
    """Forget jobs that ended long ago, each together with its retries, once all of these are as old."""
    with open_hub() as hub:
        forgotten = hub.jobs.prune(seconds_of(older_than))
    if as_json:
        print_document(msgspec.json.encode({"jobs": forgotten}))
    else:
        print(f"{forgotten} jobs forgotten")


def seconds_of(age: str) -> int:
    """An age such as 30d, 12h, 90m or 0s in seconds; raises `Mistake`."""
    number, unit = age[:-1], age[-1:]
    if unit not in AGES or not (number.isascii() and number.isdigit()):
        raise Mistake(f"--older-than: expected an age such as 30d, 12h, 90m or 0s, found '{age}'")
    return int(number) * AGES[unit]


def _change(job_id: int, body: object, as_json: bool) -> None:
    with open_hub() as hub:
        document = hub.patch(f"/api/jobs/{segment(job_id)}/", body)
    if as_json:
        print_document(document)
    else:
        job = msgspec.json.decode(document, type=JobFacts)
        print(f"{summary(job)}, {turn_of(job)}")


def _wish(job_id: int, verb: str, body: object, as_json: bool) -> None:
    with open_hub() as hub:
        document = hub.post(f"/api/jobs/{segment(job_id)}/{verb}/", body)
    if as_json:
        print_document(document)
    else:
        print(summary(msgspec.json.decode(document, type=JobFacts)))
