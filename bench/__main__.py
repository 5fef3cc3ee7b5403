"""`make bench`, `make bench-long`: every figure, in one table with its bars, and as JSON in bench/results."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import (
    browse,
    copies,
    large,
    latency,
    listeners,
    lists,
    memory,
    pages,
    poisoned,
    premigrate,
    recall,
    tasks,
    walk,
    wishes,
)
from bench.figure import Line

RESULTS = Path(__file__).parent / "results"

Measure = Callable[[], tuple[Sequence[Line], Any]]


def _of(module: Any) -> Measure:
    def measure() -> tuple[Sequence[Line], Any]:
        figure = module.run()
        return module.lines(figure), figure

    return measure


SHORT: dict[str, Measure] = {
    "tasks": _of(tasks),
    "latency": _of(latency),
    "walk": _of(walk),
    "premigrate": _of(premigrate),
    "recall": _of(recall),
    "copy": _of(copies),
    "browse": _of(browse),
    "pages": _of(pages),
}
LONG: dict[str, Measure] = {
    "wishes": _of(wishes),
    "listeners": _of(listeners),
    "lists": _of(lists),
    "memory": _of(memory),
    "poisoned": _of(poisoned),
    "large": _of(large),
}


def main(argv: list[str] | None = None) -> int:
    """Run all of a set, one after the other; exit 1 where a bar was not cleared."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="the figures that take minutes each")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*SHORT, *LONG])}")
    asked = parser.parse_args(argv)
    chosen = LONG if asked.long else SHORT
    if asked.names:
        chosen = {name: (SHORT | LONG)[name] for name in asked.names}
    table = Table(
        "what", "Towpath", "peer, same run", "ratio", "bar", title="Figures of this machine, in this run"
    )
    document: dict[str, Any] = {"at": datetime.now(UTC).isoformat(), "machine": platform.platform()}
    missed = 0
    for name, measure in chosen.items():
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        lines, figure = measure()
        document[name] = asdict(figure)
        for line in lines:
            missed += line.met is False
            table.add_row(line.what, line.ours, line.peer, line.ratio, line.verdict)
    Console(width=130).print(table)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / ("long.json" if asked.long else "latest.json")
    file.write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
