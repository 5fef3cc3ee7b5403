"""`towpath group`: groups of users, and what they may do in spaces."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, print_document, print_list
from towpath.cli.people_shapes import Group
from towpath.domain.rights import Grant

app = typer.Typer(help="Put users into groups, and say what these may do in spaces.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="GROUP")]
User = Annotated[str, typer.Argument(metavar="USER")]
Space = Annotated[str, typer.Argument(metavar="SPACE")]


def _rights(group: Group) -> str:
    return ", ".join(f"{right}s {space}" for space, right in group.spaces.items()) or "-"


GROUPS = Rows(
    Group,
    (
        Column("name", 20, lambda group: group.name),
        Column("members", 30, lambda group: ", ".join(group.members) or "-"),
        Column("may do", 0, _rights),
    ),
    "no groups; add one with: towpath group add NAME",
)


@app.command("list")
def list_groups(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List groups."""
    with open_hub() as hub:
        print_list(hub.lines("/api/auth/groups/", {}), GROUPS, Format(as_json, as_lines, limit))


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show who is in a group, and what they may do for its sake."""
    with open_hub() as hub:
        _print(hub.get(_url(name)), as_json)


@app.command()
def add(name: Name, as_json: Json = False) -> None:
    """Add a group; `towpath group join` puts users into it, `towpath group grant` lets it do something."""
    with open_hub() as hub:
        _print(hub.post("/api/auth/groups/", {"name": name}), as_json)


@app.command()
def remove(name: Name) -> None:
    """Remove a group; its members stay users."""
    with open_hub() as hub:
        hub.delete(_url(name))


@app.command()
def join(name: Name, user: User, as_json: Json = False) -> None:
    """Put a user into a group, from their next call on."""
    with open_hub() as hub:
        _print(hub.put(f"{_url(name)}members/{segment(user)}/", {}), as_json)


@app.command()
def leave(name: Name, user: User) -> None:
    """Take a user out of a group, from their next call on."""
    with open_hub() as hub:
        hub.delete(f"{_url(name)}members/{segment(user)}/")


@app.command()
def grant(
    name: Name,
    space: Space,
    right: Annotated[
        Grant,
        typer.Argument(
            metavar="RIGHT", help="view: see the space and its jobs; administer: also run jobs in it."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Let a group view or administer the spaces of a name, at all sites."""
    with open_hub() as hub:
        _print(hub.put(f"{_url(name)}spaces/{segment(space)}/", {"right": right}), as_json)


@app.command()
def withdraw(name: Name, space: Space) -> None:
    """Let a group do nothing in the spaces of a name any more."""
    with open_hub() as hub:
        hub.delete(f"{_url(name)}spaces/{segment(space)}/")


def _url(name: str) -> str:
    return f"/api/auth/groups/{segment(name)}/"


def _print(document: bytes, as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    group = msgspec.json.decode(document, type=Group)
    print(f"group {group.name}: {', '.join(group.members) or 'no members'}")
    print(f"may do: {_rights(group)}")
