"""`towpath throughput`: what jobs got done in a time, by site."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub
from towpath.cli.output import (
    Column,
    Format,
    Json,
    Rows,
    moment,
    print_document,
    print_list,
    rows_of,
    say,
    size,
)
from towpath.cli.until import asked_moment
from towpath.client.measured import SiteThroughput, Throughput
from towpath.client.verbs import given

Moment = Annotated[str | None, typer.Option(metavar="TIME", help="2026-11-24T14:00; an hour ago, and now.")]


def throughput(
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="Only of jobs of a site.")
    ] = None,
    since: Moment = None,
    until: Moment = None,
    step: Annotated[
        int, typer.Option("--step", metavar="SECONDS", help="Of each point of --json: whole minutes.")
    ] = 60,
    as_json: Json = False,
) -> None:
    """Show what jobs got done by site, the last hour or in another time; it is kept for two days."""
    asked = {
        "site": site,
        "since": asked_moment("--since", since),
        "until": asked_moment("--until", until),
        "step": str(step),
    }
    with open_hub() as hub:
        document = hub.get("/api/throughput/", given(**asked))
    if as_json:
        print_document(document)
        return
    found = msgspec.json.decode(document, type=Throughput)
    seconds = (found.until - found.since).total_seconds()
    say(f"from {moment(found.since)} to {moment(found.until)} UTC")
    print_list(rows_of(document), _table(seconds), Format())


def _table(seconds: float) -> Rows[SiteThroughput]:
    return Rows(
        SiteThroughput,
        (
            Column("site", 16, lambda row: row.site or "all others"),
            Column("done", 12, lambda row: str(row.done), right=True),
            Column("failed", 9, lambda row: str(row.failed), right=True),
            Column("bytes", 9, lambda row: size(row.bytes), right=True),
            Column("a second", 10, lambda row: size(row.bytes / seconds), right=True),
        ),
        "nothing was done",
    )
