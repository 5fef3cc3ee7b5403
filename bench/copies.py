"""Small files with all their metadata copied within a site by a whole job, against `rsync -aHAX` in the same run."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from bench.disk import usual_disk
from bench.figure import Line
from bench.ground import Ground, hub
from bench.premigrate import plant
from bench.spent import Spent, by_children, by_towpath


@dataclass(frozen=True)
class CopyFigure:
    """Medians of the rounds, and the median of the rounds' ratios; the peer's are 0 where it is not installed."""

    files: int
    size: int
    seconds: float
    cpu: float
    rsync_seconds: float
    rsync_cpu: float
    ratio: float


def dress(directory: Path) -> None:
    """Give each file a mode, a time and an extended attribute of its own."""
    for number, path in enumerate(sorted(directory.rglob("*.dat"))):
        path.chmod(0o600 + number % 64)
        os.setxattr(path, "user.number", str(number).encode())
        os.utime(path, ns=(number * 10**9 + 1, number * 10**9 + 2))


def ours(ground: Ground, directory: Path, to: str, files: int) -> Spent:
    """A whole job: walk, copy with metadata, sync, every path recorded."""
    body = {
        "workflow": "copy",
        "site": "oslo",
        "paths": [str(directory)],
        "fields": {"from_path": directory.name, "to_path": to},
    }
    with by_towpath(ground) as spent:
        job = ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()
        ended = ground.finish(job["id"], apart=0.05)
    made = len(list((directory.parent / to).rglob("*.dat")))
    if ended["state"] != "SUCCESS" or made != files:
        raise RuntimeError(f"expected {files} copies, found {made}, {ended['state']}: {ended['totals']}")
    return spent


def rsync(directory: Path, to: Path) -> Spent:
    """The peer's copy; it syncs nothing."""
    with by_children() as spent:
        subprocess.run(["rsync", "-aHAX", f"{directory}/", f"{to}/"], check=True)
    return spent


def run(files: int = 5_000, size: int = 10_000, rounds: int = 3, nodes: int = 1) -> CopyFigure:
    """Both, turn by turn, on fresh files in each round; `nodes` of one site share each job."""
    own: list[Spent] = []
    peer: list[Spent] = []
    with usual_disk() as disk, hub(["oslo"], disk) as ground:
        for number in range(1, nodes):
            ground.start("--node", f"oslo/further{number}")
        for number in range(rounds):
            directory = ground.sites["oslo"] / f"round{number}"
            plant(directory, files, size, number)
            dress(directory)
            turns: list[tuple[list[Spent], Callable[[], Spent]]] = [
                (own, partial(ours, ground, directory, f"ours{number}", files))
            ]
            if shutil.which("rsync"):
                turns.append((peer, partial(rsync, directory, ground.sites["oslo"] / f"rsync{number}")))
            for kept, turn in turns if number % 2 == 0 else reversed(turns):
                kept.append(turn())
    ratio = median(other.seconds / one.seconds for one, other in zip(own, peer, strict=True)) if peer else 0.0
    mine = median(one.seconds for one in own), median(one.cpu for one in own)
    theirs = (median(one.seconds for one in peer), median(one.cpu for one in peer)) if peer else (0.0, 0.0)
    return CopyFigure(files, size, *mine, *theirs, ratio)


def lines(figure: CopyFigure) -> list[Line]:
    """The figure for people."""
    what = f"copy {figure.files:,} x {figure.size / 1000:.0f} kB with metadata"
    own = f"{figure.files / figure.seconds:,.0f} files/s, {figure.cpu:.1f} CPU s"
    if not figure.rsync_seconds:
        return [Line(what, own, "rsync is not installed")]
    peer = f"rsync {figure.files / figure.rsync_seconds:,.0f} files/s, {figure.rsync_cpu:.1f} CPU s"
    return [Line(what, own, peer, f"{figure.ratio:.2f}", ">= 1 x", figure.ratio >= 1)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=5_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=1, help="nodes of the site, all on this machine")
    asked = parser.parse_args(argv)
    figure = run(asked.files, asked.size, asked.rounds, asked.nodes)
    for line in lines(figure):
        print(f"{line.what}: {line.ours}; {line.peer}; ratio {line.ratio}", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
