"""Whole jobs between a site and S3, up and down, and rclone over the same files in the same run."""

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from tests.fixtures_seaweed import Seaweed

from bench.figure import Line
from bench.ground import Ground
from bench.spent import Spent, beside, by_children, by_towpath

FLAGS = ("--transfers", "16", "--checkers", "16", "--checksum", "--s3-no-check-bucket")


@dataclass(frozen=True)
class Way:
    """One way of the same files: medians of the rounds in seconds, and the median of the rounds' ratios."""

    seconds: float
    cpu: float
    peer_seconds: float
    peer_cpu: float
    ratio: float
    store_cpu: float
    """Of the store, for what was sent to it by us, and by the peer."""
    peer_store_cpu: float

    @classmethod
    def of(cls, rounds: list[tuple[Spent, Spent]]) -> "Way":
        """From what both spent in each round, ours first."""
        ours, peers = zip(*rounds, strict=True)
        return cls(
            median(one.seconds for one in ours),
            median(one.cpu for one in ours),
            median(one.seconds for one in peers),
            median(one.cpu for one in peers),
            median(peer.seconds / own.seconds for own, peer in rounds),
            median(one.store for one in ours),
            median(one.store for one in peers),
        )

    def line(self, what: str, speed: Callable[[float], str], bar: float) -> Line:
        """For people: `speed` tells what a number of seconds means."""
        ours = f"{speed(self.seconds)}, {self.cpu:.1f} CPU s, store {self.store_cpu:.1f}"
        peer = (
            f"rclone {speed(self.peer_seconds)}, {self.peer_cpu:.1f} CPU s, store {self.peer_store_cpu:.1f}"
        )
        return Line(what, ours, peer, f"{self.ratio:.2f}", f">= {bar:g} x", self.ratio >= bar)


@dataclass(frozen=True)
class Ferry:
    """A site and an S3 server, between which files go."""

    ground: Ground
    seaweed: Seaweed

    def add_target(self, name: str) -> str:
        """A target in a bucket of its own; the bucket."""
        bucket = self.seaweed.fresh_bucket()
        words = ("target", "add", name, self.seaweed.url(bucket, "towpath"), "--credentials", "-")
        self.ground.towpath(*words, stdin=json.dumps(self.seaweed.credentials))
        return bucket

    def job(self, workflow: str, directory: Path, files: int, target: str = "") -> Spent:
        """A job over a directory, from the call that starts it to the answer that says SUCCESS."""
        body: dict[str, Any] = {"workflow": workflow, "site": "oslo", "paths": [str(directory)]}
        body |= {"fields": {"endpoint": target}} if target else {}
        with by_towpath(self.ground) as spent, beside(self.seaweed.pid, spent):
            job = self.ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()
            ended = self.ground.finish(job["id"], seconds=3600)
        if ended["state"] != "SUCCESS" or ended["totals"]["done"] != files:
            raise RuntimeError(f"expected {files} paths done, found {ended['state']}: {ended['totals']}")
        return spent

    def rclone(self, source: str, to: str) -> Spent:
        """The peer's copy: 16 transfers, 16 checkers, checksums compared; `s:` is the S3 server."""
        place = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ACCESS_KEY_ID": self.seaweed.access_key_id,
            "SECRET_ACCESS_KEY": self.seaweed.secret_access_key,
            "ENDPOINT": self.seaweed.endpoint,
            "REGION": "us-east-1",
        }
        environment = {**os.environ, **{f"RCLONE_CONFIG_S_{name}": value for name, value in place.items()}}
        program = str(Path(sysconfig.get_path("scripts")) / "rclone")
        command = [program, "copy", "--config", os.devnull, *FLAGS, source, to]
        with by_children() as spent, beside(self.seaweed.pid, spent):
            subprocess.run(command, env=environment, check=True)
        return spent


def both_ways(
    ferry: Ferry, plant: Callable[[Path, int], int], rounds: int
) -> tuple[list[tuple[Spent, Spent]], list[tuple[Spent, Spent]]]:
    """What each of both spent on the way up and on the way down, turn by turn, on fresh files in each round.

    `plant` makes a round's files in a directory, and says how many; between the ways, what is not measured is
    done: the site's files become stubs.
    """
    up, down = [], []
    for number in range(rounds):
        directory = ferry.ground.sites["oslo"] / f"round{number}"
        back = ferry.ground.home.parent / f"back{number}"
        files = plant(directory, number)
        target, bucket = f"round{number}", ferry.add_target(f"round{number}")
        ours = partial(ferry.job, "premigrate", directory, files, target)
        up.append(_in_turn(number, ours, partial(ferry.rclone, str(directory), f"s:{bucket}/x")))
        ferry.job("migrate", directory, files, target)
        ours = partial(ferry.job, "recall", directory, files)
        down.append(_in_turn(number, ours, partial(ferry.rclone, f"s:{bucket}/x", str(back))))
        for place in (directory, back):
            shutil.rmtree(place)
    return up, down


def _in_turn(number: int, ours: Callable[[], Spent], peer: Callable[[], Spent]) -> tuple[Spent, Spent]:
    """What both spent; who is first changes from round to round."""
    if number % 2 == 0:
        own = ours()
        return own, peer()
    other = peer()
    return ours(), other
