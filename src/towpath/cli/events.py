"""`towpath events`: what has happened, and what happens now."""

from itertools import islice
from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list
from towpath.client.shapes import Event
from towpath.client.verbs import given

EVENTS = Rows(
    Event,
    (
        Column("number", 8, lambda event: str(event.number), right=True),
        Column("at (UTC)", 19, lambda event: moment(event.at)),
        Column("kind", 14, lambda event: event.kind),
        Column("job", 8, lambda event: str(event.job or ""), right=True),
        Column("site", 16, lambda event: event.site),
        Column("node", 12, lambda event: event.node),
        Column("workflow", 16, lambda event: event.workflow),
        Column("state", 0, lambda event: str(event.details.get("state", ""))),
    ),
    "nothing has happened yet that matches",
)


def events(  # noqa: PLR0913, PLR0917  each is an option
    kind: Annotated[
        list[str] | None, typer.Option("--kind", metavar="KIND", help="job.ended, job.*, …; repeatable.")
    ] = None,
    job: Annotated[int | None, typer.Option("--job", metavar="ID")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", metavar="NAME")] = None,
    after: Annotated[
        int | None, typer.Option("--after", metavar="NUMBER", help="Only those behind this one.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay, and print what happens as JSON lines.")
    ] = False,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what has happened, in order; --follow prints what happens from now on, or from --after."""
    wanted = Format(as_json, as_lines, limit)
    if follow:
        with open_hub(patient=True) as hub:
            for event in islice(
                hub.events.follow(kind or (), job=job, site=site, workflow=workflow, after=after), limit
            ):
                print(msgspec.json.encode(event).decode(), flush=True)
        return
    query = given(kind=",".join(kind or ()), job=job, site=site, workflow=workflow, cursor=after)
    with open_hub() as hub:
        print_list(hub.lines("/api/events/", query), EVENTS, wanted)
