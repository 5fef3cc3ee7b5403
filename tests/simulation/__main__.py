"""Plays histories: one seed aloud, or many quietly; a seed that fails is shrunk, and the way to replay it is told."""

import argparse
import gc
import logging
import multiprocessing
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import structlog
import xxhash
from tests.simulation.bugs import BUGS
from tests.simulation.history import Verdict, play, script
from tests.simulation.shrink import shrink
from tests.simulation.surprises import noticed, unsaid

CHUNK = 10

YOUNG = 20_000
"""Objects that are made until the collector looks at them: a history makes many, and hardly any that it is for."""


def quietly() -> None:
    """Keep what the product logs to itself, what was loaded out of the collector's way, and the collector at rest."""
    errors = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(processors=[noticed, unsaid], wrapper_class=errors)
    gc.freeze()
    gc.set_threshold(YOUNG)


def shrunk(seed: int, bug: str | None = None) -> str:
    """The minimal script of a failing seed, and the command that replays it."""
    entries = script(seed)
    numbers = shrink(range(len(entries)), lambda kept: _play(seed, bug, kept).wrong is not None)
    verdict = _play(seed, bug, numbers)
    lines = [f"  {entries[number]}" for number in numbers]
    kept = ",".join(map(str, numbers))
    planted = f" BUG={bug}" if bug else ""
    return "\n".join(
        [
            f"seed {seed}: {verdict.wrong}",
            f"its script, shrunk from {len(entries)} entries to {len(numbers)}:",
            *lines,
            f"replay it: make simulate SEED={seed} KEEP={kept or 'none'}{planted}",
        ]
    )


def _play(
    seed: int, bug: str | None = None, kept: Sequence[int] | None = None, aloud: bool = False
) -> Verdict:
    with ExitStack() as stack:
        if bug is not None:
            stack.enter_context(BUGS[bug]())
        return play(seed, kept, print if aloud else None)


def many(first: int, count: int, bug: str | None) -> int:
    """Play so many seeds; returns how many failed."""
    began, failed, digest, commits = time.monotonic(), [], xxhash.xxh3_128(), 0
    with multiprocessing.get_context("fork").Pool(os.cpu_count(), quietly) as pool:
        for verdict in pool.imap(partial(_play, bug=bug), range(first, first + count), CHUNK):
            digest.update(verdict.digest.encode())
            commits += verdict.commits
            if verdict.wrong is not None:
                failed.append(verdict.seed)
                print(f"seed {verdict.seed}: {verdict.wrong}", flush=True)
    seconds = time.monotonic() - began
    print(
        f"{count} seeds from {first} on: {len(failed)} failed; {commits} commits; "
        f"{count / seconds:.1f} seeds/s; digest of all histories {digest.hexdigest()}"
    )
    if failed:
        quietly()
        print(shrunk(failed[0], bug))
    return len(failed)


def one(seed: int, keep: str, bug: str | None) -> int:
    """Play one seed aloud; returns 1 where it failed."""
    quietly()
    entries = script(seed)
    kept = range(len(entries)) if not keep else [int(n) for n in keep.split(",") if n != "none"]
    print("\n".join(str(entries[number]) for number in kept))
    verdict = _play(seed, bug, kept, aloud=True)
    print(verdict)
    if verdict.wrong is not None and not keep:
        print(shrunk(seed, bug))
    return int(verdict.wrong is not None)


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this one aloud")
    parser.add_argument("--keep", default="", help="only these entries of its script: 0,3,4")
    parser.add_argument("--seeds", type=int, default=500, help="play so many")
    parser.add_argument("--first", type=int, default=0, help="from this seed on")
    parser.add_argument("--bug", choices=list(BUGS), help="plant this bug")
    given = parser.parse_args()
    if given.seed is not None:
        return one(given.seed, given.keep, given.bug)
    return min(1, many(given.first, given.seeds, given.bug))


if __name__ == "__main__":
    raise SystemExit(main())
