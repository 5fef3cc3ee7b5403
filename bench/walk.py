"""The walk of a tree beside `find -printf` of the same fields: path, type and size of each entry."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench.figure import Line
from towpath import wire
from towpath.discovery.protocol import Start
from towpath.discovery.recursive import Recursive
from towpath.domain.rules import ALL_STATES, ANY
from towpath.storage.roots import Root
from towpath.worker.batching import Batching

FILES_PER_DIRECTORY: Final = 49
DIRECTORIES_PER_PARENT: Final = 100
FORMAT: Final = r"%p\0%y\0%s\0"


@dataclass(frozen=True)
class WalkFigure:
    """Medians over the runs. A ratio is over 1 where the walk is faster than find; it is taken run by run."""

    entries: int
    runs: int
    find_seconds: float
    walk_seconds: float
    batched_seconds: float
    walk_per_second: float
    walk_to_find: float
    """How many times as fast as find the walk is."""
    batched_to_find: float
    """The same with the batches that a worker sends made of it."""


def build(top: Path, entries: int) -> int:
    """A tree of about so many entries: 49 files to a directory, 100 directories to a parent; the exact number."""
    made = 1
    while made < entries:
        parent = top / f"{made:09d}"
        parent.mkdir()
        made += 1
        for number in range(DIRECTORIES_PER_PARENT):
            if made >= entries:
                break
            directory = parent / f"{number:03d}"
            directory.mkdir()
            count = min(FILES_PER_DIRECTORY, entries - made - 1)
            _fill(directory, count)
            made += 1 + count
    return made


def _fill(directory: Path, count: int) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number in range(count):
            file = os.open(f"file_{number:05d}.dat", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=fd)
            os.ftruncate(file, number * 37)
            os.close(file)
    finally:
        os.close(fd)


def walk(root: Root) -> int:
    """Walk it; the number of entries."""
    return sum(len(piece.paths) for piece in Recursive().walk([Start(root, b"")], {}, b""))


def walk_in_batches(root: Root) -> int:
    """Walk it and make what a worker sends; the number of entries."""
    starts, discovery = [Start(root, b"")], Recursive()
    matchers = [wire.Matcher(0, ANY, ALL_STATES)]
    batching = Batching(1, bytes(16), matchers, starts, b"", discovery, time.monotonic)
    count = 0
    for found in batching.events(discovery.walk(starts, {}, b"")):
        wire.pack(found)
        count += sum(group.count for group in found.groups)
    return count


def find(top: Path) -> None:
    """Let find print it to nowhere."""
    subprocess.run(["find", str(top), "-printf", FORMAT], stdout=subprocess.DEVNULL, check=True)


def measure(top: Path, entries: int, runs: int) -> WalkFigure:
    """Find and the two walks in turn, after a round that warms the caches."""
    with Root("data", os.fsencode(top)) as root:
        finds: list[float] = []
        walks: list[float] = []
        batched: list[float] = []
        for number in range(runs + 1):
            took = [
                _seconds(lambda: find(top)),
                _seconds(lambda: _all_of(walk(root), entries)),
                _seconds(lambda: _all_of(walk_in_batches(root), entries)),
            ]
            if number:
                for column, seconds in zip((finds, walks, batched), took, strict=True):
                    column.append(seconds)
    return WalkFigure(
        entries=entries,
        runs=runs,
        find_seconds=statistics.median(finds),
        walk_seconds=statistics.median(walks),
        batched_seconds=statistics.median(batched),
        walk_per_second=entries / statistics.median(walks),
        walk_to_find=statistics.median(f / w for f, w in zip(finds, walks, strict=True)),
        batched_to_find=statistics.median(f / b for f, b in zip(finds, batched, strict=True)),
    )


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _all_of(found: int, entries: int) -> None:
    if found != entries:
        raise RuntimeError(f"expected {entries} entries, found {found}")


def run(entries: int = 200_000, runs: int = 5, scratch: Path | None = None) -> WalkFigure:
    """Build a tree beneath `scratch`, measure, and remove it."""
    top = Path(tempfile.mkdtemp(prefix="towpath-bench-", dir=scratch))
    try:
        return measure(top, build(top, entries), runs)
    finally:
        shutil.rmtree(top, ignore_errors=True)


def table(figure: WalkFigure) -> str:
    """The figure for people."""
    rows = [
        ("find -printf", figure.find_seconds, 1.0),
        ("walk", figure.walk_seconds, figure.walk_to_find),
        ("walk and batches", figure.batched_seconds, figure.batched_to_find),
    ]
    lines = [f"{figure.entries:,} entries; path, type, size; median of {figure.runs} runs"]
    lines += [
        f"{name:<18}{seconds:8.3f} s{figure.entries / seconds:12,.0f} entries/s{ratio:8.2f} x find"
        for name, seconds, ratio in rows
    ]
    return "\n".join(lines)


def lines(figure: WalkFigure) -> list[Line]:
    """The figure for people."""
    found = f"find -printf {figure.entries / figure.find_seconds:,.0f}/s"
    batched = f"{figure.entries / figure.batched_seconds:,.0f}/s"
    walked = f"{figure.walk_per_second:,.0f}/s"
    ratio = figure.walk_to_find
    return [
        Line(f"walk of {figure.entries:,} entries", walked, found, f"{ratio:.2f}", ">= 1 x", ratio >= 1),
        Line("the same, made into batches", batched, found, f"{figure.batched_to_find:.2f}"),
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a table for people and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--scratch", type=Path, help="the directory to build the tree in")
    asked = parser.parse_args(argv)
    figure = run(asked.entries, asked.runs, asked.scratch)
    print(table(figure), file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
