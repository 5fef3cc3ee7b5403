"""The hub's memory over a job of ten million paths, found and worked on by a node that only plays."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.figure import Line
from bench.ground import Ground, hub
from bench.player import PER_BATCH, Player, admit
from bench.stock import opened

PATHS = 10_000_000
MOST = 300 * 1024 * 1024


@dataclass(frozen=True)
class MemoryFigure:
    """Bytes that the hub's process held at most, before the job and over it; paths a second through the real hub."""

    paths: int
    before: int
    most: int
    seconds: float
    paths_per_second: float


def peak(pid: int) -> int:
    """The most bytes that a process has ever held at once."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def bus_of(pid: int) -> str:
    """The bus that a hub's process was told to use."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return words[words.index("--bus") + 1]


async def play(ground: Ground, player: Player) -> float:
    """Start the job, work on it until it is over; the seconds that took."""
    body = {"workflow": "noop", "site": "moon", "paths": [str(ground.home.parent)]}
    job: list[int] = []

    async def over() -> bool:
        if not job:
            asked = await asyncio.to_thread(ground.api.post, "/api/file/workflow/", json=body)
            job.append(asked.raise_for_status().json()["id"])
        shown = await asyncio.to_thread(ground.api.get, f"/api/jobs/{job[0]}/")
        return shown.raise_for_status().json()["ended_at"] is not None

    began = time.perf_counter()
    await player.play(over)
    return time.perf_counter() - began


def run(paths: int = PATHS) -> MemoryFigure:
    """A hub with one real site, which stays idle, and one that is played."""
    with hub(["oslo"]) as ground:
        ground.stop()
        seed = ground.home / "player.nk"
        with opened(ground.database_url) as database:
            admit(database, "moon", seed)
        ground.start()
        pid = ground.pid("hub")
        before = peak(pid)
        player = Player(bus_of(pid), "moon", seed, ground.home.parent, paths // PER_BATCH)
        seconds = asyncio.run(play(ground, player))
        ended = ground.api.get("/api/jobs/1/").raise_for_status().json()
        if ended["state"] != "SUCCESS" or ended["totals"]["done"] != paths:
            raise RuntimeError(f"expected {paths} paths done, found {ended['state']}: {ended['totals']}")
        return MemoryFigure(paths, before, peak(pid), seconds, paths / seconds)


def lines(figure: MemoryFigure) -> list[Line]:
    """The figure for people."""
    ours = f"{figure.most / 2**20:.0f} MiB ({figure.before / 2**20:.0f} before; {figure.paths_per_second:,.0f} paths/s)"
    bar = f"< {MOST / 2**20:.0f} MiB"
    return [Line(f"hub's memory over a job of {figure.paths:,} paths", ours, "", "", bar, figure.most < MOST)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=PATHS)
    figure = run(parser.parse_args(argv).paths)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
