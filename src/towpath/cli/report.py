"""Reports: every path of a job with its outcome, in a file for other programs."""

import csv
import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TextIO

import msgspec

from towpath.cli import shapes
from towpath.cli.output import ascii_json, say
from towpath.domain.errors import Mistake

HEADS = ("task", "step", "site", "path", "path_b64", "outcome", "already", "error_class", "reason")


class Kind(StrEnum):
    """The format of a report."""

    JSONL = "jsonl"
    CSV = "csv"


def write_report(rows: Iterable[bytes], kind: Kind, output: str) -> None:
    """Write the rows; a file appears under its name only once it is whole."""
    write = {Kind.JSONL: _write_lines, Kind.CSV: _write_csv}[kind]
    if output == "-":
        write(rows, sys.stdout)
        return
    path = Path(output)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            count = write(rows, file)
        draft.replace(path)
    except OSError as error:
        raise Mistake(f"--output {output}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    say(f"{count} rows in {path}")


def _write_lines(rows: Iterable[bytes], file: TextIO) -> int:
    count = 0
    for row in rows:
        file.write(ascii_json(row) + "\n")
        count += 1
    return count


def _write_csv(rows: Iterable[bytes], file: TextIO) -> int:
    writer = csv.writer(file)
    writer.writerow(HEADS)
    count = 0
    for row in rows:
        path = msgspec.json.decode(row, type=shapes.Path)
        writer.writerow(["" if getattr(path, head) is None else getattr(path, head) for head in HEADS])
        count += 1
    return count
