"""`towpath alert destination` and `towpath alert test`: who is told of alerts, and whether it reaches them."""

import sys
import time
from typing import Annotated

import msgspec
import typer

from towpath.cli.alert_shapes import Destination, Notice, NoticeSent
from towpath.cli.errors import Exit
from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list, rows_of, say

app = typer.Typer(help="Say who is told of alerts.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="site.offline, …; repeatable; all where left out."),
]
Least = Annotated[
    str | None,
    typer.Option("--severity", metavar="SEVERITY", help="The least that is told: info, warning, critical."),
]

TRIED_WITHIN = 90.0
"""Seconds for which a test is waited for."""

DESTINATIONS = Rows(
    Destination,
    (
        Column("name", 16, lambda one: one.name),
        Column("from", 8, lambda one: one.least_severity),
        Column("kinds", 24, lambda one: ", ".join(one.kinds) or "all"),
        Column("state", 8, lambda one: "disabled" if one.disabled else ""),
        Column("url", 0, lambda one: one.shown),
    ),
    "nobody is told of alerts; add who is with: towpath alert destination add NAME URL",
)
NOTICES = Rows(
    Notice,
    (
        Column("id", 8, lambda one: str(one.id), right=True),
        Column("alert", 8, lambda one: str(one.alert or ""), right=True),
        Column("says", 7, lambda one: one.says),
        Column("state", 9, lambda one: one.state),
        Column("tries", 5, lambda one: str(one.attempts), right=True),
        Column("tried (UTC)", 19, lambda one: moment(one.tried_at)),
        Column("error", 0, lambda one: one.error),
    ),
    "nothing was sent yet",
)


@app.command()
def add(
    name: Name,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="Apprise's: mailtos://…, slack://…; - reads it from standard input."
        ),
    ],
    kind: Kinds = None,
    severity: Least = None,
) -> None:
    """Have alerts told somewhere from now on."""
    secret = sys.stdin.readline().strip() if url == "-" else url
    body = {"name": name, "url": secret, "kinds": kind or []} | (
        {"least_severity": severity} if severity else {}
    )
    with open_hub() as hub:
        made = msgspec.json.decode(hub.post("/api/alerts/destinations/", body), type=Destination)
    say(f"alerts are told at {made.shown}; try it with: towpath alert test {name}")


@app.command("list")
def list_destinations(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List who is told."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/alerts/destinations/")), DESTINATIONS, wanted)


@app.command("set")
def change(
    name: Name,
    kind: Kinds = None,
    severity: Least = None,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Send nothing there for now, or go on.")
    ] = None,
) -> None:
    """Change of what a destination is told; what is left out stays."""
    said = {"kinds": kind or None, "least_severity": severity, "disabled": disabled}
    with open_hub() as hub:
        hub.patch(
            f"/api/alerts/destinations/{segment(name)}/",
            {member: value for member, value in said.items() if value is not None},
        )


@app.command()
def remove(name: Name) -> None:
    """Tell nothing there any more."""
    with open_hub() as hub:
        hub.delete(f"/api/alerts/destinations/{segment(name)}/")


@app.command()
def notices(name: Name, as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List what a destination was told, the newest first."""
    with open_hub() as hub:
        path = f"/api/alerts/destinations/{segment(name)}/notices/"
        print_list(hub.lines(path, {}), NOTICES, Format(as_json, as_lines, limit))


def test(name: Annotated[str, typer.Argument(metavar="DESTINATION")]) -> int:
    """Send a destination a test, and say what became of it."""
    with open_hub() as hub:
        path = f"/api/alerts/destinations/{segment(name)}/"
        sent = msgspec.json.decode(hub.post(f"{path}test/", {}), type=NoticeSent)
        end = time.monotonic() + TRIED_WITHIN
        while time.monotonic() < end:
            # The row just behind the cursor is the test itself.
            found = hub.get(f"{path}notices/", {"cursor": str(sent.notice + 1), "page_size": "1"})
            [one] = [msgspec.json.decode(row, type=Notice) for row in rows_of(found)]
            if one.state != "waiting":
                print(one.state + (f": {one.error}" if one.error else ""))
                return Exit.OK if one.state == "delivered" else Exit.MISTAKE
            time.sleep(0.2)
    say(f"the test waits yet; see: towpath alert destination notices {name}")
    return Exit.MISTAKE
