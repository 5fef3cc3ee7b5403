"""`towpath bucket`: the places where data goes, and the credentials for them."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.documents import FORMS, read_credentials
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
from towpath.cli.shapes import Bucket

app = typer.Typer(
    help="Add, list, show and remove buckets, and change their credentials.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME")]

BUCKETS = Rows(
    Bucket,
    (
        Column("name", 20, lambda bucket: bucket.name),
        Column("added (UTC)", 19, lambda bucket: moment(bucket.created_at)),
        Column("credentials", 11, lambda bucket: "yes" if bucket.has_credentials else "none"),
        Column("url", 0, lambda bucket: bucket.url),
    ),
    "no buckets; add one with: towpath bucket add NAME URL",
)


@app.command()
def add(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="As for a target, mostly without a prefix.")],
    credentials: Annotated[
        str | None,
        typer.Option("--credentials", metavar="FILE", help=FORMS),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a bucket; secrets are read from a file, never from an argument or the URL."""
    secrets = read_credentials(credentials) if credentials else {}
    with open_hub() as hub:
        _print(hub.post("/api/buckets/", {"name": name, "url": url, "credentials": secrets}), as_json)


@app.command("list")
def list_buckets(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List buckets."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/buckets/")), BUCKETS, wanted)


@app.command()
def show(name: Name, as_json: Json = False) -> None:
    """Show a bucket and the targets in it, without its credentials."""
    with open_hub() as hub:
        _print(hub.get(f"/api/buckets/{segment(name)}/"), as_json)


@app.command()
def credentials(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help=FORMS)],
    as_json: Json = False,
) -> None:
    """Give a bucket other credentials: its targets go on with them within five minutes."""
    secrets = read_credentials(file)
    with open_hub() as hub:
        _print(hub.put(f"/api/buckets/{segment(name)}/credentials/", secrets), as_json)


@app.command()
def remove(name: Name) -> None:
    """Remove a bucket in which no target lies; what stands there stays."""
    with open_hub() as hub:
        hub.delete(f"/api/buckets/{segment(name)}/")


def _print(document: bytes, as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    bucket = msgspec.json.decode(document, type=Bucket)
    print(f"bucket {bucket.name}: {bucket.url}")
    print(f"credentials: {'kept encrypted' if bucket.has_credentials else 'none'}")
    print(f"targets: {', '.join(bucket.targets) or 'none'}")
