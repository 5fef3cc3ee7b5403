"""`towpath settings`: what can be changed while hubs run."""

import math
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
)

app = typer.Typer(help="List and change settings while hubs run.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="See `towpath settings list`.")]


class Setting(msgspec.Struct, frozen=True):
    """A setting."""

    name: str
    value: float | str
    default: float | str
    unit: str
    description: str
    set_by: str | None = None
    set_at: str | None = None


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}" if value < 1e6 else f"{value:.0f}"


SETTINGS = Rows(
    Setting,
    (
        Column("name", 20, lambda one: one.name),
        Column("value", 10, lambda one: _shown(one.value), right=True),
        Column("unit", 6, lambda one: one.unit),
        Column("default", 10, lambda one: _shown(one.default), right=True),
        Column("set by", 10, lambda one: one.set_by or ""),
        Column("at (UTC)", 19, lambda one: moment(one.set_at)),
        Column("", 0, lambda one: one.description),
    ),
    "no settings",
)


@app.command("list")
def list_settings(as_json: Json = False, as_lines: Jsonl = False, limit: Limit = None) -> None:
    """List settings: what holds, what the hub was started with, who has changed it."""
    wanted = Format(as_json, as_lines, limit)
    with open_hub() as hub:
        print_list(rows_of(hub.get("/api/settings/")), SETTINGS, wanted)


@app.command("set")
def set_one(
    name: Name, value: Annotated[str, typer.Argument(metavar="VALUE")], as_json: Json = False
) -> None:
    """Change a setting, at all hubs, within seconds."""
    _change(name, value_of(value), as_json)


@app.command()
def reset(name: Name, as_json: Json = False) -> None:
    """Let a setting be again as each hub was started."""
    _change(name, None, as_json)


def value_of(text: str) -> float | str:
    """A number where it is one, else a word."""
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def _change(name: str, value: float | str | None, as_json: bool) -> None:
    with open_hub() as hub:
        document = hub.patch("/api/settings/", {name: value})
    if as_json:
        print_document(document)
        return
    for row in rows_of(document):
        one = msgspec.json.decode(row, type=Setting)
        if one.name == name:
            print(f"{one.name}: {_shown(one.value)} {one.unit}".rstrip())
