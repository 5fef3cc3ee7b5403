"""`towpath key`: keys of the API, one's own and, for administrators, everybody's."""

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
from towpath.cli.people_shapes import Key, MadeKey
from towpath.cli.until import asked_moment

app = typer.Typer(help="Make, list and revoke keys of the API.", no_args_is_help=True)

User = Annotated[
    str | None, typer.Option("--user", metavar="USER", help="Of that user; one's own where left out.")
]
All = Annotated[bool, typer.Option("--all", help="Everybody's.")]


def standing_of(key: Key) -> str:
    """Until when a key opens anything, for people."""
    if key.revoked_at:
        return f"revoked {moment(key.revoked_at)}"
    return f"until {moment(key.expires_at)}" if key.expires_at else ""


KEYS = Rows(
    Key,
    (
        Column("id", 6, lambda key: str(key.id), right=True),
        Column("user", 16, lambda key: key.user),
        Column("begins", 12, lambda key: key.start),
        Column(
            "scopes", 20, lambda key: "all of the user's" if key.scopes is None else ", ".join(key.scopes)
        ),
        Column("used (UTC)", 19, lambda key: moment(key.used_at) or "never"),
        Column("label", 18, lambda key: key.label),
        Column("", 0, standing_of),
    ),
    "no keys; make one with: towpath key add",
)


@app.command("list")
def list_keys(
    user: User = None,
    everybody: All = False,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List keys, the newest first; what opens is never shown again."""
    wanted = Format(as_json, as_lines, limit)
    path = "/api/auth/clientkeys/" + ("all/" if everybody or user else "")
    with open_hub() as hub:
        print_list(hub.lines(path, {"user": user} if user else {}), KEYS, wanted)


@app.command()
def add(
    label: Annotated[str, typer.Option("--label", metavar="TEXT", help="What it is for.")] = "",
    user: User = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", metavar="RIGHT", help="Only for that: read, run, administer or own; repeatable."
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="+30d, or 2027-01-01; never where left out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a key, and print it this once."""
    body = {"label": label, "scopes": scope or None, "expires_at": asked_moment("--expires", expires)}
    path = "/api/auth/clientkeys/" + (f"of/{segment(user)}/" if user else "")
    with open_hub() as hub:
        document = hub.post(path, body)
    if as_json:
        print_document(document)
        return
    made = msgspec.json.decode(document, type=MadeKey)
    say(f"key {made.id} of {made.user}; it is shown this once:")
    print(made.key)


@app.command()
def revoke(
    key: Annotated[int, typer.Argument(metavar="ID", min=1, help="See `towpath key list`.")],
    everybody: Annotated[bool, typer.Option("--all", help="Whosever it is.")] = False,
) -> None:
    """Let a key open nothing from now on."""
    with open_hub() as hub:
        hub.delete("/api/auth/clientkeys/" + (f"all/{key}/" if everybody else f"{key}/"))
