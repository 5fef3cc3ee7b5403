"""Reports: every path of a job with its outcome, in a file for other programs."""

import os
import sys
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path

from towpath.cli.output import say
from towpath.domain.errors import Mistake


class Kind(StrEnum):
    """The format of a report."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


def write_report(content: Iterable[bytes], output: str) -> None:
    """Write what the hub sends; a file appears under its name only once it is whole."""
    if output == "-":
        for piece in content:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    path = Path(output)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            size = sum(map(file.write, content))
        draft.replace(path)
    except OSError as error:
        raise Mistake(f"--output {output}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    say(f"{size} bytes in {path}")
