"""`towpath node`: the nodes of sites, and what is wished of them."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub, segment
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
from towpath.client.shapes import Node
from towpath.domain.errors import Mistake

app = typer.Typer(help="List nodes, drain them, and change their slots.", no_args_is_help=True)

Named = Annotated[str, typer.Argument(metavar="SITE/NODE", help="See `towpath node list`.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown with the node.")]


def slots_of(node: Node) -> str:
    """The slots of a node, for people."""
    return "; ".join(
        f"{queue}: " + ", ".join(f"{function} {count}" for function, count in functions.items())
        for queue, functions in node.queues.items()
    )


NODES = Rows(
    Node,
    (
        Column("site", 12, lambda node: node.site),
        Column("node", 12, lambda node: node.name),
        Column("state", 8, lambda node: node.state),
        Column("running", 7, lambda node: str(node.running), right=True),
        Column("heard (UTC)", 19, lambda node: moment(node.heard_at) or "never"),
        Column("slots", 0, slots_of),
    ),
    "no nodes; start one with: towpath up --site NAME=DIR",
)


@app.command("list")
def list_nodes(
    site: Annotated[str | None, typer.Option("--site", metavar="SITE")] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List nodes."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/nodes/", {"site": site} if site else None)), NODES, wanted)


@app.command()
def show(name: Named, as_json: Json = False) -> None:
    """Show how a node stands."""
    with open_hub() as hub:
        _print(hub.get(_at(name)), as_json)


@app.command()
def drain(name: Named, reason: Reason = "", as_json: Json = False) -> None:
    """Give a node nothing more; what it runs ends, and once it is drained it can be stopped."""
    with open_hub() as hub:
        _print(hub.post(f"{_at(name)}drain/", {"reason": reason}), as_json)


@app.command()
def undrain(name: Named, as_json: Json = False) -> None:
    """Let a node work again."""
    with open_hub() as hub:
        _print(hub.post(f"{_at(name)}undrain/", {}), as_json)


@app.command()
def remove(name: Named) -> None:
    """Let a node in no more: its connection ends, and what it holds runs elsewhere once its leases have run out."""
    with open_hub() as hub:
        hub.delete(_at(name))


@app.command()
def slots(
    name: Named,
    change: Annotated[
        str,
        typer.Argument(
            metavar="QUEUE[/FUNCTION]=N",
            help="FUNCTION: worker (the default) or discovery; 0 = serve none; `-` = as the node was started.",
        ),
    ],
    as_json: Json = False,
) -> None:
    """Change how many tasks a node runs at once, while it works."""
    with open_hub() as hub:
        _print(hub.patch(_at(name), read_change(change)), as_json)


def read_change(text: str) -> dict[str, object]:
    """The change in a `QUEUE[/FUNCTION]=N` argument."""
    place, _, number = text.partition("=")
    queue, _, function = place.partition("/")
    is_number = number.isascii() and number.isdigit() and len(number) < 6
    if not queue or not (is_number or number == "-"):
        raise Mistake(
            f"expected QUEUE[/FUNCTION]=N, such as default=4 or default/discovery=1, found '{text}'"
        )
    return {"queue": queue, "function": function or "worker", "slots": int(number) if is_number else None}


def _at(name: str) -> str:
    site, slash, node = name.partition("/")
    if not slash or not site or not node:
        raise Mistake(f"expected SITE/NODE, such as oslo/local, found '{name}'")
    return f"/api/nodes/{segment(site)}/{segment(node)}/"


def _print(document: bytes, as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    node = msgspec.json.decode(document, type=Node)
    out = console()
    out.print("node", f"{node.site}/{node.name}", styled(node.state), _running(node))
    for head, text in _facts(node):
        out.print(f"  {head:<8} {text}", soft_wrap=True)


def _running(node: Node) -> str:
    return f"{node.running} task{'' if node.running == 1 else 's'} running"


def _facts(node: Node) -> list[tuple[str, str]]:
    facts = [
        ("heard", f"{moment(node.heard_at)} UTC" if node.heard_at else "never"),
        ("slots", slots_of(node)),
    ]
    if node.queues != node.started_with:
        facts.append(
            ("", f"started with {slots_of(msgspec.structs.replace(node, queues=node.started_with))}")
        )
    if node.drain_at:
        why = f": {node.drain_why}" if node.drain_why else ""
        facts.append(("drain", f"asked by {node.drain_by} at {moment(node.drain_at)} UTC{why}"))
    return [*facts, ("software", node.software)]
