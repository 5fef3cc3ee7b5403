"""How soon a page of a large directory of a site comes while files are transferred there."""

import argparse
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass

from tests.fixtures_seaweed import seaweed_server

from bench.figure import Line, p
from bench.ground import Ground, hub
from bench.premigrate import plant
from bench.transfers import Ferry

MOST_P95 = 1.0


@dataclass(frozen=True)
class BrowseFigure:
    """Seconds of each page, idle and beside transfers."""

    entries: int
    page: int
    idle_p95: float
    busy_p95: float
    busy_pages: int


def pages(ground: Ground, path: str, page: int, over: threading.Event | None = None) -> list[float]:
    """Seconds of each page of a directory, from its first entry to its last, again and again until `over` is set."""
    seconds: list[float] = []
    while True:
        after: str | None = ""
        while after is not None and not (over and over.is_set()):
            began = time.perf_counter()
            asked = {"path": path, "after": after, "page_size": str(page)}
            answer = ground.api.get("/api/sites/oslo/files/", params=asked).raise_for_status().json()
            seconds.append(time.perf_counter() - began)
            after = answer["next"]
        if over is None or over.is_set():
            return seconds


def run(entries: int = 100_000, page: int = 500, files: int = 10_000) -> BrowseFigure:
    """One run."""
    with seaweed_server() as seaweed, hub(["oslo"]) as ground:
        large = ground.sites["oslo"] / "large"
        large.mkdir()
        for number in range(entries):
            (large / f"f{number:06d}").touch()
        idle = pages(ground, str(large), page)
        ferry, moved = Ferry(ground, seaweed), ground.sites["oslo"] / "moved"
        plant(moved, files, 10_000, 1)
        ferry.add_target("cloud")
        over = threading.Event()

        def transfer() -> None:
            try:
                ferry.job("premigrate", moved, files, "cloud")
            finally:
                over.set()

        transferring = threading.Thread(target=transfer)
        transferring.start()
        busy = pages(ground, str(large), page, over)
        transferring.join()
    return BrowseFigure(entries, page, p(idle, 95), p(busy, 95), len(busy))


def lines(figure: BrowseFigure) -> list[Line]:
    """The figure for people."""
    what = f"a page of {figure.page} of a directory of {figure.entries:,} entries"
    return [
        Line(
            f"{what} while files are transferred, p95",
            f"{figure.busy_p95 * 1000:.0f} ms (idle {figure.idle_p95 * 1000:.0f} ms)",
            bar=f"< {MOST_P95 * 1000:.0f} ms",
            met=figure.busy_p95 < MOST_P95,
        )
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--page", type=int, default=500)
    parser.add_argument("--files", type=int, default=10_000)
    asked = parser.parse_args(argv)
    figure = run(asked.entries, asked.page, asked.files)
    for line in lines(figure):
        print(f"{line.what}: {line.ours}; bar {line.verdict}", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
