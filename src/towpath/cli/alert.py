"""`towpath alert`: what people are told of unasked, from where on, and of what nobody is told for a while."""

from typing import Annotated

import msgspec
import typer

from towpath.cli import alert_destination
from towpath.cli.alert_shapes import Alert, AlertRule, Mute
from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import (
    Column,
    Format,
    Json,
    Jsonl,
    Limit,
    Rows,
    moment,
    print_document,
    print_list,
    rows_of,
    say,
)
from towpath.cli.until import asked_until
from towpath.domain.errors import Mistake

app = typer.Typer(help="List and mute alerts, set their rules, and say who is told.", no_args_is_help=True)


def _state(alert: Alert) -> str:
    if alert.cleared_at:
        return "cleared"
    return "muted" if alert.muted else "open"


ALERTS = Rows(
    Alert,
    (
        Column("id", 6, lambda one: str(one.id), right=True),
        Column("raised (UTC)", 19, lambda one: moment(one.raised_at)),
        Column("state", 7, _state),
        Column("severity", 8, lambda one: one.severity),
        Column("kind", 18, lambda one: one.kind),
        Column("thing", 16, lambda one: one.thing),
        Column("sentence", 0, lambda one: one.sentence),
    ),
    "no alerts",
)
RULES = Rows(
    AlertRule,
    (
        Column("kind", 18, lambda one: one.kind),
        Column("state", 8, lambda one: "" if one.enabled else "disabled"),
        Column("severity", 8, lambda one: one.severity),
        Column("threshold", 15, lambda one: f"{one.threshold:g} {one.unit}", right=True),
        Column("meaning", 0, lambda one: one.says),
    ),
    "no rules",
)
MUTES = Rows(
    Mute,
    (
        Column("id", 6, lambda one: str(one.id), right=True),
        Column("kind", 18, lambda one: one.kind or "any"),
        Column("thing", 16, lambda one: one.thing or "any"),
        Column("until (UTC)", 19, lambda one: moment(one.until) if one.until else "taken back"),
        Column("by", 12, lambda one: one.by),
        Column("why", 0, lambda one: one.why),
    ),
    "no mutes",
)


@app.command("list")
def list_alerts(
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="open, cleared or all.")] = "open",
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="site.offline, …")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only those of a site.")] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List alerts, the newest first: those that stand, unless told otherwise."""
    query = {"state": state} | ({"kind": kind} if kind else {}) | ({"site": site} if site else {})
    with open_hub() as hub:
        print_list(hub.lines("/api/alerts/", query), ALERTS, Format(as_json, as_lines, limit))


@app.command()
def show(alert: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """Show an alert as JSON."""
    with open_hub() as hub:
        print_document(hub.get(f"/api/alerts/{alert}/"))


@app.command()
def rules(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List the rules: what is told, from where on, and how gravely."""
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/alerts/rules/")), RULES, Format(as_json, as_lines, limit))


@app.command("set")
def set_rule(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="As `towpath alert rules` lists them.")],
    threshold: Annotated[
        float | None, typer.Option("--threshold", metavar="NUMBER", help="In the unit of the rule.")
    ] = None,
    severity: Annotated[
        str | None, typer.Option("--severity", metavar="SEVERITY", help="info, warning or critical.")
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Whether it is told at all.")
    ] = None,
) -> None:
    """Change the rule of a kind of alert; what is left out stays."""
    said = {"threshold": threshold, "severity": severity, "enabled": enabled}
    change = {name: value for name, value in said.items() if value is not None}
    if not change:
        raise Mistake("expected --threshold, --severity, --enable or --disable, found none")
    with open_hub() as hub:
        hub.patch(f"/api/alerts/rules/{segment(kind)}/", change)


@app.command()
def mute(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="A kind of alert, or `any`.")],
    why: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the others.")],
    thing: Annotated[
        str | None, typer.Argument(metavar="THING", help="site/NAME, node/SITE/NAME, …; any where left out.")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="14:00, +2h, 2026-11-24T14:00; till it is taken back where left out.",
        ),
    ] = None,
) -> None:
    """Tell nobody of some alerts for a while; they are raised and cleared all the same. Prints the mute's id."""
    body = {"kind": None if kind == "any" else kind, "thing": thing, "why": why, "until": asked_until(until)}
    with open_hub() as hub:
        made = msgspec.json.decode(hub.post("/api/alerts/mutes/", body), type=Mute)
    print(made.id)
    say("take it back with: towpath alert unmute " + str(made.id))


@app.command()
def mutes(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List the mutes that hold."""
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/alerts/mutes/")), MUTES, Format(as_json, as_lines, limit))


@app.command()
def unmute(mute: Annotated[int, typer.Argument(metavar="ID", help="Of the mute.")]) -> None:
    """Tell of these alerts again, also of those that stand."""
    with open_hub() as hub:
        hub.delete(f"/api/alerts/mutes/{mute}/")


app.add_typer(alert_destination.app, name="destination")
app.command("test")(alert_destination.test)
