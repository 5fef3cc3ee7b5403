"""Small files to S3 and back: whole premigrate and recall jobs, against `rclone copy` each way in the same run."""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.fixtures_seaweed import seaweed_server

from bench.disk import usual_disk
from bench.figure import Line
from bench.ground import hub
from bench.premigrate import plant
from bench.transfers import Ferry, Way, both_ways


@dataclass(frozen=True)
class RecallFigure:
    """Both ways of so many files of so many bytes."""

    files: int
    size: int
    up: Way
    down: Way


def run(files: int = 20_000, size: int = 10_000, rounds: int = 3) -> RecallFigure:
    """Both, turn by turn."""

    def planted(directory: Path, number: int) -> int:
        plant(directory, files, size, number)
        return files

    with usual_disk() as disk, seaweed_server() as seaweed, hub(["oslo"], disk) as ground:
        up, down = both_ways(Ferry(ground, seaweed), planted, rounds)
    return RecallFigure(files, size, Way.of(up), Way.of(down))


def _speed(files: int, seconds: float) -> str:
    return f"{files / seconds:,.0f} files/s"


def lines(figure: RecallFigure) -> list[Line]:
    """The figure for people."""
    what, speed = f"{figure.files:,} x {figure.size / 1000:.0f} kB", partial(_speed, figure.files)
    return [
        figure.up.line(f"premigrate {what} to S3, CPU beside it", speed, 1.2),
        figure.down.line(f"recall {what} from S3", speed, 1.2),
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(argv)
    figure = run(asked.files, asked.size, asked.rounds)
    for line in lines(figure):
        print(f"{line.what}: {line.ours}; {line.peer}; ratio {line.ratio}", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
