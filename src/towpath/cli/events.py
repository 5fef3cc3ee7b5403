"""`towpath events`: what has happened, and what happens now."""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import typer

from towpath.cli.errors import Unreachable
from towpath.cli.hubs import open_hub
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list
from towpath.cli.shapes import Event

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
    asked = {
        "kind": ",".join(kind or ()),
        "job": str(job or ""),
        "site": site or "",
        "workflow": workflow or "",
    }
    query = {name: value for name, value in asked.items() if value}
    with open_hub() as hub:
        if follow:
            number = {} if after is None else {"after": str(after)}
            for line in _messages(hub.download("/api/events/stream/", query | number)):
                print(line, flush=True)
            raise Unreachable("the hub ended the stream; go on with --after and the last number")
        position = {} if after is None else {"cursor": str(after)}
        print_list(hub.lines("/api/events/", query | position), EVENTS, wanted)


def _messages(chunks: Iterator[bytes]) -> Iterator[str]:
    """The JSON of each event of a stream."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            if line.startswith(b"data: "):
                yield msgspec.json.format(line.removeprefix(b"data: "), indent=-1).decode()
