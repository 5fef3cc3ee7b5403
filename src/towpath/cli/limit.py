"""`towpath limit`: how many tasks of all jobs of a user may run at once."""

from typing import Annotated

import typer

from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, moment, print_list, rows_of
from towpath.cli.shapes import OwnerLimit

app = typer.Typer(help="Limit how many tasks of a user's jobs run at once.", no_args_is_help=True)

Owner = Annotated[str, typer.Argument(metavar="USER", help="The name of the API key that starts the jobs.")]

LIMITS = Rows(
    OwnerLimit,
    (
        Column("user", 16, lambda limit: limit.owner),
        Column("tasks", 8, lambda limit: str(limit.max_tasks), right=True),
        Column("running", 8, lambda limit: str(limit.running), right=True),
        Column("set (UTC)", 19, lambda limit: moment(limit.set_at)),
        Column("by", 0, lambda limit: limit.set_by),
    ),
    "no limits; set one with: towpath limit set USER N",
)


@app.command("list")
def list_limits(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List limits, and how many tasks each user runs."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/limits/")), LIMITS, wanted)


@app.command("set")
def set_limit(
    user: Owner,
    tasks: Annotated[int, typer.Argument(metavar="N", min=1, help="Tasks at once, discoveries apart.")],
    as_json: Json = False,
) -> None:
    """Let all jobs of a user together run at most N tasks at once."""
    with open_hub() as hub:
        document = hub.put(f"/api/limits/{segment(user)}/", {"max_tasks": tasks})
    print_list(rows_of(document), LIMITS, Format(as_json))


@app.command()
def lift(user: Owner) -> None:
    """Let the jobs of a user run any number of tasks again."""
    with open_hub() as hub:
        hub.delete(f"/api/limits/{segment(user)}/")
