"""Large files to S3 and back: whole premigrate and recall jobs, against `rclone copy` each way in the same run."""

import argparse
import json
import random
import sys
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.fixtures_seaweed import seaweed_server

from bench.figure import Line
from bench.ground import hub
from bench.transfers import Ferry, Way, both_ways

MIB = 1 << 20


@dataclass(frozen=True)
class LargeFigure:
    """Both ways of so many files of so many bytes."""

    files: int
    size: int
    up: Way
    down: Way


def plant(directory: Path, files: int, size: int, seed: int) -> None:
    """Files of random bytes."""
    random_bytes = random.Random(seed)
    directory.mkdir(parents=True)
    for number in range(files):
        with (directory / f"{number}.dat").open("wb") as file:
            for _ in range(size // MIB):
                file.write(random_bytes.randbytes(MIB))


def run(files: int = 4, size: int = 1024 * MIB, rounds: int = 1) -> LargeFigure:
    """Both, turn by turn; needs about four times the files' size of room in `TMPDIR`."""

    def planted(directory: Path, number: int) -> int:
        plant(directory, files, size, number)
        return files

    with seaweed_server() as seaweed, hub(["oslo"]) as ground:
        up, down = both_ways(Ferry(ground, seaweed), planted, rounds)
    return LargeFigure(files, size, Way.of(up), Way.of(down))


def _speed(total: int, seconds: float) -> str:
    return f"{total / seconds / 1e6:,.0f} MB/s"


def lines(figure: LargeFigure) -> list[Line]:
    """The figure for people."""
    what, speed = f"{figure.files} x {figure.size // MIB} MiB", partial(_speed, figure.files * figure.size)
    return [
        figure.up.line(f"premigrate {what} to S3", speed, 1.5),
        figure.down.line(f"recall {what} from S3", speed, 1.5),
    ]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--size", type=int, default=1024, help="MiB of each")
    parser.add_argument("--rounds", type=int, default=1)
    asked = parser.parse_args(argv)
    figure = run(asked.files, asked.size * MIB, asked.rounds)
    for line in lines(figure):
        print(f"{line.what}: {line.ours}; {line.peer}; ratio {line.ratio}", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
