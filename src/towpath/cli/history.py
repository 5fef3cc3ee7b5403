"""`towpath history`: every task that had a path, newest first, with what became of it there."""

import base64
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list
from towpath.cli.until import asked_moment

if TYPE_CHECKING:
    from towpath.client import Client

PAGE = 100


class Touched(msgspec.Struct, frozen=True):
    """What one task did with the path."""

    job: int
    workflow: str
    task: int
    step: str
    node: str | None
    outcome: str
    already: bool
    reason: str | None
    ended_at: str | None


TOUCHES = Rows(
    Touched,
    (
        Column("ended (UTC)", 19, lambda one: moment(one.ended_at)),
        Column("job", 8, lambda one: str(one.job), right=True),
        Column("workflow", 16, lambda one: one.workflow),
        Column("task", 8, lambda one: str(one.task), right=True),
        Column("step", 16, lambda one: one.step),
        Column("node", 8, lambda one: one.node or ""),
        Column("outcome", 9, lambda one: "already" if one.already else one.outcome),
        Column("reason", 0, lambda one: one.reason or ""),
    ),
    "no job that is kept has touched it",
)

Moment = Annotated[
    str | None, typer.Option(metavar="TIME", help="Of jobs submitted from, or before: 2026-11-24T14:00.")
]


def history(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    site: Annotated[str, typer.Argument(metavar="SITE")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="Absolute, beneath a root of the site.")],
    job: Annotated[int | None, typer.Option("--job", metavar="ID", help="Only what that job did.")] = None,
    since: Moment = None,
    until: Moment = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what befell a path: each step of each job that is kept, the newest first."""
    asked = {"path_b64": base64.b64encode(os.fsencode(path)).decode()}
    said = {
        "job": None if job is None else str(job),
        "since": asked_moment("--since", since),
        "until": asked_moment("--until", until),
    }
    asked |= {name: value for name, value in said.items() if value is not None}
    with open_hub() as hub:
        print_list(_touches(hub, site, asked, limit), TOUCHES, Format(as_json, as_lines, limit))


def _touches(hub: "Client", site: str, asked: dict[str, str], limit: int | None) -> Iterator[bytes]:
    """Each task, page after page; no more is asked for than is wanted."""
    left, cursor = limit, ""
    while left is None or left > 0:
        most = PAGE if left is None else min(PAGE, left)
        query = asked | {"page_size": str(most)} | ({"cursor": cursor} if cursor else {})
        page = json.loads(hub.get(f"/api/sites/{segment(site)}/history/", query))
        for row in page["results"]:
            yield json.dumps(row).encode()
        left = None if left is None else left - len(page["results"])
        cursor = page["next"] or ""
        if not cursor:
            return
