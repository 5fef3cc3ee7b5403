"""`towpath space`: directories of sites that bear a name, and where their data goes by default."""

from typing import Annotated

import msgspec
import typer

from towpath.cli.hubs import open_hub, segment
from towpath.cli.output import Column, Format, Json, Jsonl, Limit, Rows, print_document, print_list, rows_of
from towpath.cli.shapes import Space
from towpath.domain.errors import Mistake

app = typer.Typer(help="Add, list, change and remove spaces.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Site = Annotated[str, typer.Option("--site", metavar="SITE")]
Target = Annotated[
    str | None, typer.Option("--default-target", metavar="TARGET", help="Where its data goes by default.")
]

SPACES = Rows(
    Space,
    (
        Column("name", 20, lambda space: space.name),
        Column("site", 14, lambda space: space.site),
        Column("target", 14, lambda space: space.default_target or "-"),
        Column("path", 0, lambda space: space.path),
    ),
    "no spaces; add one with: towpath space add NAME --site SITE PATH",
)


@app.command()
def add(
    name: Name,
    path: Annotated[str, typer.Argument(metavar="PATH", help="Absolute, beneath a root of the site.")],
    site: Site,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """Give a directory of a site a name."""
    space = {"name": name, "site": site, "path": path, "default_target": target}
    with open_hub() as hub:
        _print(hub.post("/api/spaces/", space), as_json)


@app.command("list")
def list_spaces(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List spaces."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/spaces/")), SPACES, wanted)


@app.command("set")
def set_space(
    name: Name,
    site: Site,
    target: Target = None,
    no_target: Annotated[bool, typer.Option("--no-default-target", help="What the site says.")] = False,
    as_json: Json = False,
) -> None:
    """Change where the data of a space goes by default."""
    if (target is None) == (not no_target):
        raise Mistake("expected either --default-target TARGET or --no-default-target")
    with open_hub() as hub:
        _print(hub.patch(_place(name, site), {"default_target": target}), as_json)


@app.command()
def remove(name: Name, site: Site) -> None:
    """Forget a space; the directory and what lies in it stay."""
    with open_hub() as hub:
        hub.delete(_place(name, site))


def _place(name: str, site: str) -> str:
    return f"/api/spaces/{segment(name)}/{segment(site)}/"


def _print(document: bytes, as_json: bool) -> None:
    if as_json:
        print_document(document)
        return
    space = msgspec.json.decode(document, type=Space)
    print(f"space {space.name} of site {space.site}: {space.path}")
    print(f"default target: {space.default_target or 'what the site says'}")
