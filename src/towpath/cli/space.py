"""`towpath space`: directories of sites that bear a name, where their data goes, and what lies in them."""

import time
from typing import Annotated

import msgspec
import typer

from towpath.cli.errors import Exit
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
    say,
    size,
)
from towpath.cli.space_shapes import Space, SpaceUsage
from towpath.client.shapes import SpaceCounted
from towpath.domain.errors import Mistake

HOUR = 3600
LOOK_EVERY = 0.5
"""Seconds between two looks at a count that is under way."""

app = typer.Typer(
    help="Add, list, change and remove spaces, and see what lies in them.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME")]
Site = Annotated[str, typer.Option("--site", metavar="SITE")]
Target = Annotated[
    str | None, typer.Option("--default-target", metavar="TARGET", help="Where its data goes by default.")
]

Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="GLOB", help="Leave alone what matches, and all beneath it; may be repeated."
    ),
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
    excluded: Exclude = None,
    as_json: Json = False,
) -> None:
    """Give a directory of a site a name."""
    place = {"name": name, "site": site, "path": path, "default_target": target}
    space = {**place, "excluded": excluded or []}
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
    _change(name, site, {"default_target": target}, as_json)


@app.command()
def exclude(
    name: Name,
    site: Site,
    globs: Annotated[
        list[str] | None, typer.Argument(metavar="[GLOB]...", help="All of them; none: leave nothing alone.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Leave alone what matches in a space, and all beneath it: no walk, no job and nobody's eyes come there."""
    _change(name, site, {"excluded": globs or []}, as_json)


@app.command()
def every(
    name: Name,
    site: Site,
    hours: Annotated[int, typer.Argument(metavar="HOURS", min=0, help="0: only when somebody asks.")],
    as_json: Json = False,
) -> None:
    """Have what lies in a space counted so often."""
    _change(name, site, {"usage_every": hours * HOUR or None}, as_json)


def _change(name: str, site: str, change: dict[str, object], as_json: bool) -> None:
    with open_hub() as hub:
        _print(hub.patch(_place(name, site), change), as_json)


COUNTED = Rows(
    SpaceCounted,
    (
        Column("name", 20, lambda one: one.name),
        Column("site", 14, lambda one: one.site),
        Column("files", 10, lambda one: str(one.usage.files) if one.usage else "-", right=True),
        Column("bytes", 9, lambda one: size(one.usage.bytes) if one.usage else "-", right=True),
        Column("here", 9, lambda one: size(one.usage.hydrated_bytes) if one.usage else "-", right=True),
        Column("counted (UTC)", 19, lambda one: moment(one.ended_at)),
        Column("", 0, lambda one: one.failure or (f"within {one.within}" if one.within else "")),
    ),
    "no spaces; add one with: towpath space add NAME --site SITE PATH",
)


@app.command()
def usages(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List what lies in all spaces, as it was last counted."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/spaces/usage/")), COUNTED, wanted)


@app.command()
def usage(
    name: Name,
    site: Site,
    count: Annotated[bool, typer.Option("--count", help="Count anew, and wait for it.")] = False,
    as_json: Json = False,
) -> int:
    """Show what lies in a space, as it was last counted.

    Ends with 3 where something was unreadable, or the count that was asked for told nothing.
    """
    place = f"{_place(name, site)}usage/"
    with open_hub() as hub:
        document = hub.post(place, {}) if count else hub.get(place)
        known = msgspec.json.decode(document, type=SpaceUsage)
        if count and known.job is not None:
            say(f"job {known.job} counts what lies in space {name} of site {site}")
        while count and known.job is not None:
            time.sleep(LOOK_EVERY)
            document = hub.get(place)
            known = msgspec.json.decode(document, type=SpaceUsage)
    if as_json:
        print_document(document)
    else:
        _print_usage(f"space {name} of site {site}", known)
    told_nothing = count and known.failure
    return Exit.FAILURE if told_nothing or (known.usage is not None and not known.complete) else Exit.OK


def _print_usage(what: str, known: SpaceUsage) -> None:
    if known.failure:
        say(f"the last count told nothing: {known.failure}")
    if known.usage is None:
        print(f"{what}: not counted yet; count it with --count")
        return
    found = known.usage
    print(f"{what}, counted from {moment(known.began_at)} to {moment(known.ended_at)} UTC")
    print(f"files: {found.files} ({size(found.bytes)}), on disk {size(found.allocated)}")
    print(f"  here: {found.hydrated_files} ({size(found.hydrated_bytes)})")
    print(f"  at a target only: {found.dehydrated_files} ({size(found.dehydrated_bytes)})")
    print(f"folders: {found.folders}, others: {found.others}")
    if found.unreadable:
        print(f"not complete: {found.unreadable} paths could not be looked at")


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
    if space.excluded:
        print(f"left alone: {' '.join(space.excluded)}")
    if space.usage_every:
        print(f"counted every {space.usage_every // HOUR} h")
