"""What commands print: tables for people, one document or one object a line for scripts."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Generic, TypeVar

import msgspec
import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from towpath.domain.errors import Mistake

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document: the API's own objects.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print one JSON object a line.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, metavar="N", help="Stop after N rows.")]

STYLES = {
    "SUCCESS": "green",
    "processed": "green",
    "ok": "green",
    "up": "green",
    "online": "green",
    "FAILURE": "bold red",
    "ERROR": "red",
    "failed": "red",
    "critical": "bold red",
    "down": "bold red",
    "offline": "bold red",
    "STARTED": "cyan",
    "PAUSING": "yellow",
    "PAUSED": "yellow",
    "warning": "yellow",
    "draining": "yellow",
    "drained": "yellow",
    "unknown": "yellow",
    "DEQUEUING": "magenta",
    "CANCELLED": "magenta",
    "not_run": "magenta",
    "PENDING": "dim",
    "SKIPPED": "dim",
    "skipped": "dim",
    "aborted": "dim",
    "pending": "dim",
}
"""The colour of each word for a state, an outcome or a health, the same everywhere."""


def console() -> Console:
    """Standard output for people: plain where it is no terminal, or NO_COLOR is set."""
    return Console(highlight=False, markup=False, emoji=False)


def say(text: str) -> None:
    """A line for people beside what a script reads: on standard error."""
    print(text, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a list: narrower text is filled up, wider text pushes the rest of its line."""

    head: str
    width: int
    text: Callable[[T], str]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Rows(Generic[T]):
    """How the rows of a list are read and shown; nothing of it is ever held whole."""

    kind: type[T]
    columns: tuple[Column[T], ...]
    empty: str
    """What people are told where there are no rows."""


@dataclass(frozen=True, slots=True)
class Format:
    """How a list was asked for."""

    json: bool = False
    jsonl: bool = False
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.json and self.jsonl:
            raise Mistake("expected either --json or --jsonl, found both")


def print_list(rows: Iterable[bytes], shape: Rows[T], wanted: Format) -> None:
    """Print rows, each a JSON object, as they come."""
    taken = islice(rows, wanted.limit)
    if wanted.jsonl:
        for row in taken:
            sys.stdout.write(ascii_json(row) + "\n")
    elif wanted.json:
        _print_array(taken)
    else:
        _print_table((msgspec.json.decode(row, type=shape.kind) for row in taken), shape)


def print_document(document: bytes) -> None:
    """Print one JSON document, indented."""
    print(json.dumps(json.loads(document), indent=2))


def rows_of(document: bytes) -> Iterator[bytes]:
    """The `results` of a list that came whole."""
    for row in json.loads(document)["results"]:
        yield json.dumps(row).encode()


def ascii_json(row: bytes) -> str:
    """A JSON object on one line, in ASCII whatever the terminal's encoding."""
    return row.decode() if row.isascii() else json.dumps(json.loads(row))


def _print_array(rows: Iterable[bytes]) -> None:
    before = "[\n"
    for row in rows:
        sys.stdout.write(before + ascii_json(row))
        before = ",\n"
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _print_table(rows: Iterable[T], shape: Rows[T]) -> None:
    out = console()
    seen = False
    for row in rows:
        if not seen:
            _print_line(out, [column.head for column in shape.columns], shape.columns, "bold")
            seen = True
        _print_line(out, [column.text(row) for column in shape.columns], shape.columns)
    if not seen:
        say(shape.empty)


def _print_line(out: Console, cells: list[str], columns: tuple[Column[T], ...], style: str = "") -> None:
    line = Text()
    for cell, column in zip(cells, columns, strict=True):
        gap = " " * max(0, column.width - cell_len(cell))
        shown = Text(cell, style or STYLES.get(cell, ""))
        line.append_text(Text.assemble(gap, shown) if column.right else Text.assemble(shown, gap)).append(
            "  "
        )
    line.rstrip()
    if out.is_terminal:
        out.print(line, soft_wrap=True)
    else:
        sys.stdout.write(line.plain + "\n")


def styled(text: str) -> Text:
    """A word in the colour of the state that it names."""
    return Text(text, STYLES.get(text, ""))


UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """Bytes for people: `1.4 GB`."""
    for unit in UNITS:
        if abs(count) < 1000 or unit == UNITS[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("the last unit takes everything")


def moment(when: str | datetime | None) -> str:
    """A time of the API for people: to the second, in UTC."""
    text = when.astimezone(UTC).isoformat() if isinstance(when, datetime) else when
    return "" if text is None else text[:19].replace("T", " ")
