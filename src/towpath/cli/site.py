"""`towpath site`: the sites, their nodes and their health."""

from typing import Annotated

import msgspec
import typer

from towpath.cli import join_tokens
from towpath.cli.hubs import open_hub, segment
from towpath.cli.node import slots_of
from towpath.cli.output import (
    Column,
    Format,
    Json,
    Jsonl,
    Limit,
    Rows,
    console,
    moment,
    print_document,
    print_list,
    rows_of,
    styled,
)
from towpath.cli.queues import queues
from towpath.cli.rebuild import rebuild
from towpath.cli.run import Wait, run
from towpath.cli.until import Until
from towpath.cli.wishing import Now, Reason, pause_asked, wish_of_all
from towpath.client.shapes import Node, Site
from towpath.domain.errors import Mistake

app = typer.Typer(
    help="List sites, pause or resume them, and set where they send data by default.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Queue = Annotated[str, typer.Option("--queue", metavar="QUEUE", help="Only this queue of the site.")]

SITES = Rows(
    Site,
    (
        Column("name", 16, lambda site: site.name),
        Column("health", 8, lambda site: site.health),
        Column("nodes", 5, lambda site: str(len(site.nodes)), right=True),
        Column("target", 14, lambda site: site.default_target or "-"),
        Column("roots", 0, lambda site: ", ".join(f"{root}={place}" for root, place in site.roots.items())),
    ),
    "no sites; add one with: towpath up --site NAME=DIR",
)


@app.command("list")
def list_sites(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List sites."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/sites/")), SITES, wanted)


@app.command()
def add(name: Name, as_json: Json = False) -> None:
    """Add a site, whose nodes join with tokens: `towpath site token`."""
    with open_hub() as hub:
        document = hub.post("/api/sites/", {"name": name})
    print_document(document) if as_json else _print_site(document)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a site and its nodes."""
    with open_hub() as hub:
        document = hub.get(f"/api/sites/{segment(name)}/")
    print_document(document) if as_json else _print_site(document)


@app.command("set")
def set_site(
    name: Name,
    target: Annotated[
        str | None, typer.Option("--default-target", metavar="TARGET", help="Where data goes by default.")
    ] = None,
    no_target: Annotated[bool, typer.Option("--no-default-target", help="Each workflow names one.")] = False,
    as_json: Json = False,
) -> None:
    """Change a site."""
    if (target is None) == (not no_target):
        raise Mistake("expected either --default-target TARGET or --no-default-target")
    with open_hub() as hub:
        document = hub.patch(f"/api/sites/{segment(name)}/", {"default_target": target})
    print_document(document) if as_json else _print_site(document)


@app.command()
def drain(name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Give all nodes of a site nothing more; what they run ends."""
    _ask(name, "drain", {"reason": reason}, as_json)


@app.command()
def undrain(name: Name, as_json: Json = False) -> None:
    """Let all nodes of a site work again."""
    _ask(name, "undrain", {}, as_json)


@app.command()
def pause(
    name: Name,
    queue: Queue = "",
    now: Now = False,
    reason: Reason = "",
    until: Until = None,
    as_json: Json = False,
) -> None:
    """Start nothing more at a site, or on one queue of it, whatever job it is of."""
    _ask(name, "pause", pause_asked(now, reason, until) | {"queue": queue}, as_json)


@app.command()
def resume(name: Name, queue: Queue = "", reason: Reason = "", as_json: Json = False) -> None:
    """Let a paused site or queue go on."""
    _ask(name, "resume", {"queue": queue, "reason": reason}, as_json)


@app.command()
def cancel(name: Name, queue: Queue = "", reason: Reason = "", as_json: Json = False) -> None:
    """Cancel every job that was started at a site, or on one queue of it, and is not over."""
    wish_of_all(f"/api/sites/{segment(name)}/cancel/", {"queue": queue, "reason": reason}, as_json)


@app.command()
def adopt(
    name: Name,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Beneath a root of the site.")],
    moved: Annotated[bool, typer.Option("--moved", help="Also what stands elsewhere than recorded.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Take the mark off whole files that differ from their record.")
    ] = False,
    wait_for_it: Wait = False,
    as_json: Json = False,
) -> int:
    """Bind files anew whose marks the site does not trust: restored, copied, or made under a key that is lost."""
    fields = [f"moved={moved}".lower(), f"forget={forget}".lower()]
    return run("adopt", paths, name, field=fields, wait_for_it=wait_for_it, as_json=as_json)


app.command("queues")(queues)
app.command("rebuild")(rebuild)
app.command("token")(join_tokens.token)
app.command("tokens")(join_tokens.tokens)
app.command("revoke")(join_tokens.revoke)


def _ask(name: str, verb: str, body: object, as_json: bool) -> None:
    with open_hub() as hub:
        document = hub.post(f"/api/sites/{segment(name)}/{verb}/", body)
    print_document(document) if as_json else _print_site(document)


def _print_site(document: bytes) -> None:
    site = msgspec.json.decode(document, type=Site)
    out = console()
    out.print("site", site.name, styled(site.health))
    for root, place in site.roots.items():
        out.print(f"  root {root}: {place}", soft_wrap=True)
    out.print(f"  default target: {site.default_target or 'none'}")
    if site.unguarded:
        out.print(
            "  unguarded: stubs keep unprivileged readers out, but root (so a backup) reads zeros",
            soft_wrap=True,
        )
    for hold in site.paused:
        until = f" until {moment(hold.resume_at)} UTC" if hold.resume_at else ""
        what = f"queue {hold.queue} paused" if hold.queue else "paused"
        why = f": {hold.why}" if hold.why else ""
        out.print(f"  {what} by {hold.by} since {moment(hold.at)} UTC{until}{why}", soft_wrap=True)
    if site.alerts:
        said = ", ".join(f"{number} {severity}" for severity, number in site.alerts.items())
        out.print(f"  alerts: {said}; see: towpath alert list --site {site.name}", soft_wrap=True)
    for node in site.nodes:
        out.print("  node", node.name, styled(node.state), _about(node), soft_wrap=True)


def _about(node: Node) -> str:
    heard = f"heard {moment(node.heard_at)} UTC" if node.heard_at else "never heard"
    return "; ".join(filter(None, [heard, slots_of(node)]))
