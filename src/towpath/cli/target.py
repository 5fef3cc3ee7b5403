"""`towpath target`: where data goes."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.documents import read_credentials
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
)
from towpath.cli.shapes import Sites, Target

app = typer.Typer(help="Add, list, check and delete targets.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]

TARGETS = Rows(
    Target,
    (
        Column("name", 20, lambda target: target.name),
        Column("added (UTC)", 19, lambda target: moment(target.created_at)),
        Column("url", 0, lambda target: target.url),
    ),
    "no targets; add one with: towpath target add NAME URL",
)


@app.command()
def add(
    name: Name,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="file:///…, s3://bucket/prefix?endpoint=…, az://… or gs://…")
    ],
    credentials: Annotated[
        str | None,
        typer.Option(
            "--credentials", metavar="FILE", help="A JSON object, or NAME=VALUE lines; - for standard input."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a target; secrets are read from a file, never from an argument or the URL."""
    secrets = read_credentials(credentials) if credentials else {}
    with open_hub() as hub:
        document = hub.post("/api/targets/", {"name": name, "url": url, "credentials": secrets})
    if as_json:
        print_document(document)
    else:
        target = msgspec.json.decode(document, type=Target)
        print(f"target {target.name}: {target.url}")


@app.command("list")
def list_targets(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List targets."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/targets/")), TARGETS, wanted)


@app.command()
def check(name: Name, as_json: Json = False) -> None:
    """Say what a target is and which nodes would open it; the hub itself never does."""
    with open_hub() as hub:
        document = hub.get(f"/api/targets/{segment(name)}/")
        sites = msgspec.json.decode(hub.get("/api/sites/"), type=Sites).results
    if as_json:
        print_document(document)
        return
    target = msgspec.json.decode(document, type=Target)
    nodes = [f"{site.name}/{node.name}" for site in sites for node in site.nodes if node.online]
    defaults = [site.name for site in sites if site.default_target == name]
    print(f"target {target.name}: {target.url}")
    print(f"default of: {', '.join(defaults) or 'no site'}")
    print(f"opened by the first task that names it, at: {', '.join(nodes) or 'no node; none is heard'}")


@app.command()
def delete(name: Name) -> None:
    """Delete a target; the objects there stay where they are."""
    with open_hub() as hub:
        hub.delete(f"/api/targets/{segment(name)}/")
