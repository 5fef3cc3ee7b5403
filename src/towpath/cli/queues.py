"""`towpath site queues`: what waits and runs on each queue of the sites."""

from typing import Annotated

import typer

from towpath.cli.hubs import open_hub
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list, rows_of
from towpath.client.measured import Queue
from towpath.client.verbs import given

QUEUES = Rows(
    Queue,
    (
        Column("site", 16, lambda row: row.site),
        Column("queue", 16, lambda row: row.queue),
        Column("waiting", 9, lambda row: str(row.waiting), right=True),
        Column("since (UTC)", 19, lambda row: moment(row.oldest_at) or "-"),
        Column("running", 9, lambda row: str(row.running), right=True),
        Column("slots", 6, lambda row: str(row.slots), right=True),
        Column("paused", 6, lambda row: "yes" if row.paused else ""),
    ),
    "nothing waits, and nothing runs",
)


def queues(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only those of a site.")] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List the queues on which something waits or runs, and since when: those on which most waits first."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/queues/", given(site=name))), QUEUES, wanted)
