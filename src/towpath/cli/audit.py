"""`towpath audit`: what people did."""

from typing import Annotated

import typer

from towpath.cli.hubs import open_hub
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list
from towpath.cli.people_shapes import Deed
from towpath.cli.until import asked_moment

DEEDS = Rows(
    Deed,
    (
        Column("at (UTC)", 19, lambda deed: moment(deed.at)),
        Column("by", 16, lambda deed: deed.by),
        Column("via", 7, lambda deed: deed.via),
        Column("from", 15, lambda deed: deed.address),
        Column("action", 18, lambda deed: deed.action),
        Column("on", 28, lambda deed: deed.thing.removeprefix("/api/")),
        Column("asked", 0, lambda deed: deed.asked),
    ),
    "nothing was done yet that matches",
)


def audit(
    by: Annotated[str | None, typer.Option("--by", metavar="USER")] = None,
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="pause, add_target, …")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="TEXT", help="A part of the URL: jobs/12.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="2026-11-24, or T14:00.")
    ] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what was done and by whom, the newest first; --jsonl is the export."""
    wanted = Format(as_json, as_lines, limit)
    asked = {"by": by, "action": action, "thing": on, "since": asked_moment("--since", since)}
    with open_hub() as hub:
        print_list(hub.lines("/api/audit/", {k: v for k, v in asked.items() if v}), DEEDS, wanted)
