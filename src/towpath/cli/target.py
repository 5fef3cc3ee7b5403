"""`towpath target`: where data goes."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

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
    size,
)
from towpath.client.shapes import Object, Target, TargetChecked
from towpath.domain.targets import URLS_FOR_PEOPLE

if TYPE_CHECKING:
    from towpath.client import Client

app = typer.Typer(help="Add, list, check, browse and delete targets.", no_args_is_help=True)

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

OBJECTS = Rows(
    Object,
    (
        Column("size", 9, lambda found: size(found.size), right=True),
        Column("modified (UTC)", 19, lambda found: moment(found.modified_at)),
        Column("key", 0, lambda found: found.key),
    ),
    "nothing stands there",
)

NOT_WELL = 3
"""The exit code of a check that found something wrong."""

PAGE = 500
WORDS = {True: "ok", False: "wrong", None: "not tried"}


@app.command()
def add(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    name: Name,
    url: Annotated[
        str | None,
        typer.Argument(metavar="[URL]", help=URLS_FOR_PEOPLE),
    ] = None,
    credentials: Annotated[
        str | None,
        typer.Option("--credentials", metavar="FILE", help=FORMS),
    ] = None,
    bucket: Annotated[
        str | None, typer.Option("--bucket", metavar="BUCKET", help="In place of URL and --credentials.")
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", help="With --bucket: beneath what its objects stand.")
    ] = "",
    storage_class: Annotated[
        str,
        typer.Option("--class", metavar="CLASS", help="What objects are put with, as STANDARD_IA or Cool."),
    ] = "",
    template: Annotated[
        str, typer.Option("--template", help="How keys are made, as {site}/2026/{root}/{path}.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Add a target in a bucket, or at a URL; secrets are read from a file, never from an argument or the URL."""
    secrets = read_credentials(credentials) if credentials else {}
    asked = {"name": name, "url": url, "credentials": secrets, "storage_class": storage_class}
    with open_hub() as hub:
        document = hub.post(
            "/api/targets/", asked | {"bucket": bucket, "prefix": prefix, "template": template}
        )
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


Site = Annotated[
    str | None,
    typer.Option(
        "--site", metavar="SITE", help="Ask a node of this site; else one whose default it is, or any."
    ),
]


@app.command()
def check(name: Name, site: Site = None, as_json: Json = False) -> None:
    """Have a node try a target out, and say exactly what is wrong; ends with 3 where something is."""
    with open_hub() as hub:
        document = hub.post(f"/api/targets/{segment(name)}/check/", {"site": site})
    checked = msgspec.json.decode(document, type=TargetChecked)
    if as_json:
        print_document(document)
    else:
        _print_check(checked)
    if not checked.works:
        raise typer.Exit(NOT_WELL)


def _print_check(checked: TargetChecked) -> None:
    how = "works" if checked.works else "does not work"
    print(f"target {checked.target} {how}, seen from node {checked.site}/{checked.node}")
    for finding in checked.findings:
        print(f"  {WORDS[finding.well]:<9}  {finding.what:<11}  {finding.says}")
        if finding.hint:
            print(f"  {'':<9}  {'':<11}  → {finding.hint}")


@app.command()
def browse(
    name: Name,
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="A directory there.")] = "",
    site: Site = None,
    as_json: Json = False,
    as_lines: Jsonl = False,
    limit: Limit = None,
) -> None:
    """List what stands at a target, as a node finds it now."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        query = {"prefix": prefix} | ({"site": site} if site else {})
        print_list(_objects(hub, name, query, limit), OBJECTS, wanted)


def _objects(hub: "Client", name: str, query: dict[str, str], limit: int | None) -> Iterator[bytes]:
    """Each object, page after page; no more is asked for than is wanted."""
    left, after = limit, ""
    while True:
        most = PAGE if left is None else min(PAGE, left)
        asked = query | {"after": after, "page_size": str(most)}
        page = json.loads(hub.get(f"/api/targets/{segment(name)}/objects/", asked))
        for row in page["results"]:
            yield json.dumps(row).encode()
        left = None if left is None else left - len(page["results"])
        after = page["next"] or ""
        if not after or left == 0:
            return


@app.command()
def delete(name: Name) -> None:
    """Delete a target; the objects there stay where they are."""
    with open_hub() as hub:
        hub.targets.delete(name)
