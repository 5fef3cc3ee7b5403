"""`towpath site token`, `tokens` and `revoke`: how nodes come to a site from elsewhere."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub
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
from towpath.cli.until import asked_moment


class JoinToken(msgspec.Struct, frozen=True):
    """A token with which a node joins a site."""

    id: int
    site: str
    node: str | None
    state: str
    made_by: str
    expires_at: str
    used_at: str | None
    used_by: str | None


class MadeJoinToken(JoinToken, frozen=True):
    """One that was just made."""

    token: str


TOKENS = Rows(
    JoinToken,
    (
        Column("id", 6, lambda token: str(token.id), right=True),
        Column("site", 12, lambda token: token.site),
        Column("state", 8, lambda token: token.state),
        Column("node", 12, lambda token: token.used_by or token.node or "any"),
        Column("made by", 12, lambda token: token.made_by),
        Column("expires (UTC)", 19, lambda token: moment(token.expires_at) or ""),
        Column("used (UTC)", 0, lambda token: moment(token.used_at) or "never"),
    ),
    "no join tokens; make one with: towpath site token NAME",
)


def token(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="+15m, +2d, or 2027-01-01; within 30 days.")
    ] = "+1h",
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="Only for a node of that name.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="Under which the node reaches the hub.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a token with which one node joins a site from elsewhere, and print it this once."""
    body = {"site": name, "node": node, "url": url, "expires_at": asked_moment("--expires", expires)}
    with open_hub() as hub:
        document = hub.post("/api/join/tokens/", body)
    if as_json:
        print_document(document)
        return
    made = msgspec.json.decode(document, type=MadeJoinToken)
    say(f"join token {made.id}: once, until {moment(made.expires_at)} UTC; on the other machine:")
    say("  towpath worker --root data=DIR --join TOKEN")
    print(made.token)


def tokens(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Those of one site.")] = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List join tokens, the newest first; what opens is never shown again."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/join/tokens/", {"site": name} if name else None)), TOKENS, wanted)


def revoke(
    token: Annotated[int, typer.Argument(metavar="ID", min=1, help="See `towpath site tokens`.")],
) -> None:
    """Let nobody join with a token."""
    with open_hub() as hub:
        hub.delete(f"/api/join/tokens/{token}/")
