"""`towpath user`: people, what they may do, and the links with which they set passwords."""

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
    moment,
    print_document,
    print_list,
    say,
)
from towpath.cli.people_shapes import Link, User
from towpath.domain.rights import Role

app = typer.Typer(help="Add people, say what they may do, and let them set passwords.", no_args_is_help=True)


Name = Annotated[str, typer.Argument(metavar="NAME")]
RoleOption = Annotated[
    Role,
    typer.Option(
        "--role",
        help="viewer sees; operator also runs and pauses jobs; administrator also changes workflows, targets, people.",
    ),
]


def standing_of(user: User) -> str:
    """Whether a user may come in, for people."""
    if user.disabled:
        return "disabled"
    if user.locked_until:
        return f"locked out until {moment(user.locked_until)}"
    return "" if user.has_password else "no password: keys alone"


USERS = Rows(
    User,
    (
        Column("name", 20, lambda user: user.name),
        Column("role", 13, lambda user: user.role),
        Column("added (UTC)", 19, lambda user: moment(user.created_at)),
        Column("signed in (UTC)", 19, lambda user: moment(user.signed_in_at) or "never"),
        Column("", 0, standing_of),
    ),
    "no users; add one with: towpath user add NAME",
)


@app.command("list")
def list_users(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List users."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(hub.lines("/api/auth/users/", {}), USERS, wanted)


@app.command()
def add(name: Name, role: RoleOption = Role.VIEWER, as_json: Json = False) -> None:
    """Add a user; `towpath user link` lets them set a password, `towpath key add --user` makes them a key."""
    with open_hub() as hub:
        _print(hub.post("/api/auth/users/", {"name": name, "role": role}), as_json)


@app.command()
def role(name: Name, role: Annotated[Role, typer.Argument(metavar="ROLE")], as_json: Json = False) -> None:
    """Make a user a viewer, an operator or an administrator, from their next call on."""
    with open_hub() as hub:
        _print(hub.patch(f"/api/auth/users/{segment(name)}/", {"role": role}), as_json)


@app.command()
def disable(name: Name, as_json: Json = False) -> None:
    """Keep a user out from now on, with all their keys and sessions."""
    with open_hub() as hub:
        _print(hub.patch(f"/api/auth/users/{segment(name)}/", {"disabled": True}), as_json)


@app.command()
def enable(name: Name, as_json: Json = False) -> None:
    """Let a user who was disabled in again."""
    with open_hub() as hub:
        _print(hub.patch(f"/api/auth/users/{segment(name)}/", {"disabled": False}), as_json)


@app.command()
def unlock(name: Name, as_json: Json = False) -> None:
    """Let a user who gave too many wrong passwords try again at once."""
    with open_hub() as hub:
        _print(hub.post(f"/api/auth/users/{segment(name)}/unlock/", {}), as_json)


@app.command()
def link(name: Name, as_json: Json = False) -> None:
    """Print a link with which a user sets a password, once, within a day."""
    with open_hub() as hub:
        document = hub.post(f"/api/auth/users/{segment(name)}/link/", {})
        url = hub.url
    if as_json:
        print_document(document)
        return
    made = msgspec.json.decode(document, type=Link)
    say(f"to set a password for {name}, once, within {made.seconds // 3600} hours:")
    print(f"{url}/welcome#{made.code}")


@app.command()
def remove(name: Name) -> None:
    """Remove a user with their keys; what they did stays signed with their name."""
    with open_hub() as hub:
        hub.delete(f"/api/auth/users/{segment(name)}/")


def _print(document: bytes, as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    user = msgspec.json.decode(document, type=User)
    standing = standing_of(user)
    print(f"user {user.name}: {user.role}" + (f", {standing}" if standing else ""))
