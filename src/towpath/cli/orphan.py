"""`towpath orphan`: objects at targets that no file refers to any more."""

import time
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from towpath.cli.errors import Exit
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
    say,
    size,
)
from towpath.cli.progress import POLL_SECONDS
from towpath.cli.run import Wait
from towpath.cli.shapes import Orphan, Sweep

if TYPE_CHECKING:
    from towpath.client import Client

app = typer.Typer(
    help="Find objects that no file refers to any more, and collect them after a grace time.",
    no_args_is_help=True,
)

Target = Annotated[str, typer.Argument(metavar="TARGET")]
OfTarget = Annotated[str | None, typer.Option("--target", metavar="TARGET", help="Only of this target.")]
SweepId = Annotated[int, typer.Argument(metavar="SWEEP", help="The number of a sweep.")]

ORPHANS = Rows(
    Orphan,
    (
        Column("id", 6, lambda orphan: str(orphan.id), right=True),
        Column("target", 10, lambda orphan: orphan.target),
        Column("size", 9, lambda orphan: size(orphan.size), right=True),
        Column("since (UTC)", 19, lambda orphan: moment(orphan.first_seen_at)),
        Column("due (UTC)", 19, lambda orphan: moment(orphan.due_at)),
        Column("recorded", 8, lambda orphan: "yes" if orphan.recorded else "no"),
        Column("was at", 0, lambda orphan: f"{orphan.site}:{orphan.root}/{orphan.path}"),
    ),
    "no orphans are known; look for some with: towpath orphan sweep TARGET",
)

SWEEPS = Rows(
    Sweep,
    (
        Column("id", 5, lambda sweep: str(sweep.id), right=True),
        Column("target", 10, lambda sweep: sweep.target),
        Column("begun (UTC)", 19, lambda sweep: moment(sweep.created_at)),
        Column("state", 8, lambda sweep: sweep.state),
        Column("objects", 9, lambda sweep: str(sweep.objects), right=True),
        Column("orphans", 9, lambda sweep: str(sweep.orphans), right=True),
        Column("due", 9, lambda sweep: str(sweep.due), right=True),
        Column("deleted", 9, lambda sweep: str(sweep.deleted), right=True),
        Column("why", 0, lambda sweep: sweep.why),
    ),
    "no target was swept yet",
)

NOT_DONE = Exit.FAILURE


@app.command("list")
def list_orphans(
    target: OfTarget = None,
    site: Annotated[str | None, typer.Option("--site", metavar="SITE", help="Only of this site.")] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List the orphans that sweeps have found."""
    asked = {"target": target, "site": site}
    with open_hub() as hub:
        query = {name: value for name, value in asked.items() if value is not None}
        print_list(hub.lines("/api/orphans/", query), ORPHANS, Format(as_json, as_lines, limit))


@app.command()
def show(
    number: Annotated[int, typer.Argument(metavar="ID", help="The number of an orphan.")],
    as_json: Json = False,
) -> None:
    """Show an orphan: its key, and how to bring it back."""
    with open_hub() as hub:
        document = hub.get(f"/api/orphans/{number}/")
    if as_json:
        print_document(document)
        return
    orphan = msgspec.json.decode(document, type=Orphan)
    print(f"orphan {orphan.id}: {size(orphan.size)} at target {orphan.target}")
    print(f"  key: {orphan.key}")
    print(f"  was at: {orphan.path}, beneath root {orphan.root} of site {orphan.site}")
    print(f"  nothing has referred to it since: {moment(orphan.first_seen_at)} UTC")
    print(f"  may be collected from: {moment(orphan.due_at)} UTC")
    if orphan.recorded:
        print(f"  bring it back with: towpath undelete --site {orphan.site} --target {orphan.target} PATH")


@app.command()
def sweep(target: Target, wait_for_it: Wait = False, as_json: Json = False) -> int:
    """Walk all sites for what refers to objects of a target, and list what nothing refers to; delete nothing."""
    return _start("", {"target": target}, wait_for_it, as_json)


@app.command()
def collect(
    target: Target,
    unrecorded: Annotated[
        bool, typer.Option("--unrecorded", help="Also objects that no record names: broken copies.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where it would stop and ask.")] = False,
    wait_for_it: Wait = False,
    as_json: Json = False,
) -> int:
    """Sweep a target, and delete what nothing has referred to for the grace time."""
    asked = {"target": target, "unrecorded": unrecorded, "force": force}
    return _start("collect/", asked, wait_for_it, as_json)


@app.command("sweeps")
def list_sweeps(
    target: OfTarget = None, as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None
) -> None:
    """List the sweeps of targets, the newest first: what they found, and what stands in their way."""
    with open_hub() as hub:
        query = {} if target is None else {"target": target}
        print_list(hub.lines("/api/sweeps/", query), SWEEPS, Format(as_json, as_lines, limit))


@app.command()
def stop(number: SweepId, as_json: Json = False) -> None:
    """Stop a sweep; what it has deleted is gone."""
    with open_hub() as hub:
        document = hub.post(f"/api/sweeps/{number}/stop/", {})
    print_document(document) if as_json else _tell(msgspec.json.decode(document, type=Sweep))


@app.command()
def grace(
    target: Target,
    days: Annotated[float, typer.Argument(metavar="DAYS", min=0, help="30 where nothing was said.")],
) -> None:
    """Set for how long an object of a target stays an orphan before it may be collected."""
    with open_hub() as hub:
        hub.put(f"/api/targets/{segment(target)}/grace/", {"days": days})


def _start(verb: str, asked: dict[str, object], wait_for_it: bool, as_json: bool) -> int:
    with open_hub() as hub:
        document = hub.post(f"/api/sweeps/{verb}", asked)
        found = msgspec.json.decode(document, type=Sweep)
        if not as_json:
            print(found.id, flush=True)
        if wait_for_it:
            document = wait(hub, found.id)
            found = msgspec.json.decode(document, type=Sweep)
    if as_json:
        print_document(document)
    elif wait_for_it:
        _tell(found)
    return NOT_DONE if found.state in ("blocked", "asks") else Exit.OK


def sweep_and_tell(hub: "Client", target: str) -> Sweep:
    """Sweep a target to its end, and tell people what came of it."""
    begun = msgspec.json.decode(hub.post("/api/sweeps/", {"target": target}), type=Sweep)
    found = msgspec.json.decode(wait(hub, begun.id), type=Sweep)
    _tell(found)
    return found


def wait(hub: "Client", number: int) -> bytes:
    """The sweep's document once it is over; meanwhile people are told what it waits for."""
    said = ""
    while True:
        document = hub.get(f"/api/sweeps/{number}/")
        found = msgspec.json.decode(document, type=Sweep)
        if found.ended_at is not None:
            return document
        if found.why and found.why != said:
            said = found.why
            say(f"sweep {found.id}, {found.stage}: {said}")
        time.sleep(POLL_SECONDS)


def _tell(found: Sweep) -> None:
    """How a sweep stands, for people."""
    say(f"sweep {found.id} of target {found.target}: {found.state}" + (f": {found.why}" if found.why else ""))
    due = f"{found.due} of them due ({size(found.due_bytes)})"
    say(f"  {found.objects} objects, {found.orphans} orphans, {due}, {found.deleted} deleted")
