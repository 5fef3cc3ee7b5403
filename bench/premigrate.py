"""A whole premigrate job (walk, copy, verify, record each path) to S3, against `rclone copy` of the same files."""

import argparse
import json
import os
import random
import subprocess
import sys
import sysconfig
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.fixtures_seaweed import Seaweed, seaweed_server

from bench.figure import Line
from bench.ground import Ground, hub

FILES_PER_DIRECTORY = 250


@dataclass(frozen=True)
class PremigrateFigure:
    """Files a second of both in the same run, medians of the rounds, and the median of the rounds' ratios."""

    files: int
    size: int
    towpath_per_second: float
    rclone_per_second: float
    ratio: float


def plant(directory: Path, files: int, size: int, seed: int) -> None:
    """Files of random bytes, some hundred to a directory."""
    random_bytes = random.Random(seed)
    for number in range(files):
        place = directory / f"d{number // FILES_PER_DIRECTORY:04d}"
        if number % FILES_PER_DIRECTORY == 0:
            place.mkdir(parents=True)
        (place / f"f{number:06d}.dat").write_bytes(random_bytes.randbytes(size))


def premigrate(ground: Ground, directory: Path, target: str, files: int) -> float:
    """Seconds from the call that starts the job to the answer that says SUCCESS."""
    body = {
        "workflow": "premigrate",
        "site": "oslo",
        "paths": [str(directory)],
        "fields": {"endpoint": target},
    }
    began = time.perf_counter()
    job = ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()
    ended = ground.finish(job["id"])
    seconds = time.perf_counter() - began
    if ended["state"] != "SUCCESS" or ended["totals"]["done"] != files:
        raise RuntimeError(f"expected {files} paths done, found {ended['state']}: {ended['totals']}")
    return seconds


def rclone(seaweed: Seaweed, directory: Path, bucket: str) -> float:
    """Seconds of the peer over the same files: 16 transfers, 16 checkers, checksums compared."""
    place = {
        "TYPE": "s3",
        "PROVIDER": "Other",
        "ACCESS_KEY_ID": seaweed.access_key_id,
        "SECRET_ACCESS_KEY": seaweed.secret_access_key,
        "ENDPOINT": seaweed.endpoint,
        "REGION": "us-east-1",
    }
    environment = {**os.environ, **{f"RCLONE_CONFIG_S_{name}": value for name, value in place.items()}}
    command = [str(Path(sysconfig.get_path("scripts")) / "rclone"), "copy", "--config", os.devnull]
    flags = ["--transfers", "16", "--checkers", "16", "--checksum", "--s3-no-check-bucket"]
    began = time.perf_counter()
    subprocess.run([*command, *flags, str(directory), f"s:{bucket}/x"], env=environment, check=True)
    return time.perf_counter() - began


def add_target(ground: Ground, seaweed: Seaweed, name: str, bucket: str) -> None:
    """A target of its own for each round."""
    words = ("target", "add", name, seaweed.url(bucket, "towpath"), "--credentials", "-")
    ground.towpath(*words, stdin=json.dumps(seaweed.credentials))


def run(files: int = 20_000, size: int = 10_000, rounds: int = 3) -> PremigrateFigure:
    """Both, turn by turn, each on files and in a bucket of its own."""
    ours, theirs = [], []
    with seaweed_server() as seaweed, hub(["oslo"]) as ground:
        for number in range(rounds):
            directory, bucket = ground.sites["oslo"] / f"round{number}", seaweed.fresh_bucket()
            plant(directory, files, size, number)
            add_target(ground, seaweed, f"round{number}", bucket)
            turns = [
                lambda d=directory, n=number: ours.append(premigrate(ground, d, f"round{n}", files)),
                lambda d=directory, b=bucket: theirs.append(rclone(seaweed, d, b)),
            ]
            for turn in turns if number % 2 == 0 else reversed(turns):
                turn()
    ratio = median(peer / own for own, peer in zip(ours, theirs, strict=True))
    return PremigrateFigure(files, size, files / median(ours), files / median(theirs), ratio)


def lines(figure: PremigrateFigure) -> list[Line]:
    """The figure for people."""
    ours, peer = (
        f"{figure.towpath_per_second:,.0f} files/s",
        f"rclone {figure.rclone_per_second:,.0f} files/s",
    )
    what = f"premigrate {figure.files:,} x {figure.size / 1000:.0f} kB to S3"
    return [Line(what, ours, peer, f"{figure.ratio:.2f}", ">= 1.2 x", figure.ratio >= 1.2)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--size", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(argv)
    figure = run(asked.files, asked.size, asked.rounds)
    print(
        f"premigrate of {figure.files:,} x {figure.size:,} B to S3: {figure.towpath_per_second:,.0f} files/s,"
        f" rclone {figure.rclone_per_second:,.0f} files/s, ratio {figure.ratio:.2f}",
        file=sys.stderr,
    )
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
