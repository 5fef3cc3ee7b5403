"""What the commands have in common that pause, resume and cancel."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub
from towpath.cli.output import print_document
from towpath.cli.shapes import Wished
from towpath.cli.until import asked_until

Now = Annotated[
    bool,
    typer.Option("--now", help="Running tasks stop at their next path, or at the next part of a large file."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown with what waits for it.")]


def pause_asked(now: bool, reason: str, until: str | None) -> dict[str, object]:
    """A pause, as the API takes it."""
    return {"now": now, "reason": reason, "resume_at": asked_until(until)}


def wish_of_all(path: str, body: object, as_json: bool) -> None:
    """Ask something of many jobs, and say of how many it was asked."""
    with open_hub() as hub:
        document = hub.post(path, body)
    if as_json:
        print_document(document)
        return
    count = msgspec.json.decode(document, type=Wished).jobs
    print(f"{count} {'job' if count == 1 else 'jobs'}")
