"""`towpath run`: start a job, and wait for it where asked."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from towpath.cli.errors import EXIT_OF, Exit
from towpath.cli.hubs import open_hub
from towpath.cli.job_tables import print_job
from towpath.cli.output import Json, print_document, say
from towpath.cli.progress import wait, watching
from towpath.client.shapes import JobFacts
from towpath.domain.errors import Mistake
from towpath.domain.states import JobState

if TYPE_CHECKING:
    from towpath.client import Client

Wait = Annotated[bool, typer.Option("--wait", help="Wait; exit 0 SUCCESS, 3 FAILURE, 4 CANCELLED, 5 PAUSED.")]

Priority = Annotated[
    int, typer.Option("--priority", metavar="N", help="Jobs of a higher one go first; -1000 to 1000.")
]
MaxTasks = Annotated[
    int | None,
    typer.Option("--max-tasks", metavar="N", min=1, help="At most so many of its tasks run at once."),
]


def run(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="See `towpath workflow list`.")],
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Beneath a root of the site.")],
    site: Annotated[str, typer.Option("--site", metavar="SITE", help="Where the paths are.")],
    queue: Annotated[str, typer.Option("--queue", metavar="QUEUE")] = "default",
    field: Annotated[
        list[str] | None, typer.Option("--field", metavar="NAME=VALUE", help="A runtime field; repeatable.")
    ] = None,
    priority: Priority = 0,
    max_tasks: MaxTasks = None,
    stop_on_error_rate: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE", help="Pause the job once so many of its newest paths failed: 0.5 or 50%."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Say what each step would do with how many paths; nothing is changed."
        ),
    ] = False,
    wait_for_it: Wait = False,
    as_json: Json = False,
) -> int:
    """Run a workflow over paths of a site as a job; print the job's id."""
    with open_hub() as hub:
        job = hub.jobs.run(
            workflow,
            site,
            [absolute(path) for path in paths],
            queue=queue,
            fields=fields_of(field or []),
            priority=priority,
            max_tasks=max_tasks,
            stop_on_error_rate=stop_on_error_rate,
            dry_run=dry_run,
        )
        if not as_json:
            print(job.id, flush=True)
        if dry_run:
            return foretell(hub, job.id, as_json)
        if wait_for_it:
            return wait_and_tell(hub, job.id, as_json)
    if as_json:
        print_document(job.document)
    return Exit.OK


def wait_and_tell(hub: "Client", job_id: int, as_json: bool) -> int:
    """Wait for a job, print it where JSON is wanted, and give the exit status that says how it ended."""
    document = _waited_for(hub, job_id)
    if document is None:
        return Exit.INTERRUPTED
    if as_json:
        print_document(document)
    job = msgspec.json.decode(document, type=JobFacts)
    if job.state == JobState.PAUSED:
        say(f"job {job_id} is paused; go on with: towpath job resume {job_id}")
    elif job.totals.failed:
        say(f"see why paths failed with: towpath job paths {job_id} --outcome failed")
    return EXIT_OF[JobState(job.state)]


def _waited_for(hub: "Client", job_id: int) -> bytes | None:
    """The job once it is over, or paused; None where whoever waits has had enough."""
    try:
        with watching() as watcher:
            return wait(hub, job_id, watcher)
    except KeyboardInterrupt:
        say(f"job {job_id} goes on; watch it with: towpath job wait {job_id}")
        return None


def foretell(hub: "Client", job_id: int, as_json: bool) -> int:
    """Wait for a dry run, and print what each step would do."""
    document = _waited_for(hub, job_id)
    if document is None:
        return Exit.INTERRUPTED
    steps = hub.get(f"/api/jobs/{job_id}/steps/")
    if as_json:
        print_document(json.dumps({**json.loads(document), "steps": json.loads(steps)["results"]}).encode())
    else:
        print_job(document, steps)
        say(f"nothing was changed; which paths, and why: towpath job paths {job_id}")
    return EXIT_OF[JobState(msgspec.json.decode(document, type=JobFacts).state)]


def absolute(path: str) -> str:
    """Relative to the directory where the caller stands, as the caller calls it."""
    if not path:
        raise Mistake("PATH: expected a path, found ''")
    return os.path.normpath(Path(_here(), path)) if not path.startswith("/") else os.path.normpath(path)


def _here() -> str:
    """The current directory: `$PWD` where it is right, since it keeps the symbolic links that people came by."""
    named = os.environ.get("PWD", "")
    try:
        if named.startswith("/") and os.path.samefile(named, "."):
            return named
    except OSError:
        pass
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise Mistake("the current directory is gone; give absolute paths") from None


def fields_of(given: Iterable[str]) -> dict[str, str]:
    """The fields in `NAME=VALUE` arguments."""
    fields: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Mistake(f"--field: expected NAME=VALUE, found '{text}'")
        if name in fields:
            raise Mistake(f"--field {name}: expected once, found twice")
        fields[name] = value
    return fields
