"""`make bench`: every figure that the README quotes, in one table, and as JSON in bench/results."""

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import premigrate, tasks, walk

RESULTS = Path(__file__).parent / "results"


def _tasks() -> tuple[list[tuple[str, str, str, str]], Any]:
    figure = tasks.run()
    return [("no-op tasks, end to end", f"{figure.per_second:,.0f}/s", "", "")], figure


def _walk() -> tuple[list[tuple[str, str, str, str]], Any]:
    figure = walk.run()
    found = f"find -printf {figure.entries / figure.find_seconds:,.0f}/s"
    batched = f"{figure.entries / figure.batched_seconds:,.0f}/s"
    return [
        (
            f"walk of {figure.entries:,} entries",
            f"{figure.walk_per_second:,.0f}/s",
            found,
            f"{figure.walk_to_find:.2f}",
        ),
        ("the same, made into batches", batched, found, f"{figure.batched_to_find:.2f}"),
    ], figure


def _premigrate() -> tuple[list[tuple[str, str, str, str]], Any]:
    figure = premigrate.run()
    ours, peer = (
        f"{figure.towpath_per_second:,.0f} files/s",
        f"rclone {figure.rclone_per_second:,.0f} files/s",
    )
    what = f"premigrate {figure.files:,} x {figure.size / 1000:.0f} kB to S3"
    return [(what, ours, peer, f"{figure.ratio:.2f}")], figure


def main() -> int:
    """Run all of them, one after the other."""
    table = Table("what", "Towpath", "peer, same run", "ratio", title="Figures of this machine, in this run")
    document: dict[str, Any] = {"at": datetime.now(UTC).isoformat(), "machine": platform.platform()}
    figures: dict[str, Callable[[], Any]] = {"tasks": _tasks, "walk": _walk, "premigrate": _premigrate}
    for name, measure in figures.items():
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        rows, figure = measure()
        document[name] = asdict(figure)
        for row in rows:
            table.add_row(*row)
    Console(width=110).print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
