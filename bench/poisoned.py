"""What a thousand paths that cannot be done cost all others: the same job with and without them, in the same run."""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from statistics import median

from bench.figure import Line
from bench.ground import Ground, hub

POISONED = 1001
PER_TASK = 10
LEAST = 0.95
"""The share of their speed that the others must keep."""

WORKFLOW = {
    "name": "poisoned",
    "filter_rules": [
        {
            # Nothing is there to read; that it is taken for an error that may pass is the worst case.
            "type": "all",
            "state": "poisoned",
            "action": [{"name": "checksum", "on_error": {"permanent": "transient"}}],
        },
        {"type": "all", "state": "default", "action": [{"name": "noop"}]},
    ],
}


@dataclass(frozen=True)
class PoisonedFigure:
    """How fast the other paths went through, beside paths that fail at each try and without them."""

    paths: int
    poisoned: int
    alone_per_second: float
    beside_per_second: float
    kept: float
    """The share of their speed that they keep."""


def measure(ground: Ground, count: int, poisoned: int) -> float:
    """Paths a second of a job's good paths, behind so many that cannot be done."""
    top = ground.sites["oslo"]
    bad = [{"path": f"{top}/bad{number:07d}", "state": "poisoned"} for number in range(poisoned)]
    body = {
        "workflow": WORKFLOW["name"],
        "site": "oslo",
        "discovery": None,
        "paths": [*bad, *(f"{top}/{number:07d}" for number in range(count))],
        "paths_per_task": PER_TASK,
    }
    job = ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()["id"]
    began = time.perf_counter()
    while (found := ground.api.get(f"/api/jobs/{job}/").raise_for_status().json())["totals"]["done"] < count:
        if found["ended_at"] is not None:
            raise RuntimeError(f"expected {count} paths done, found {found['state']}: {found['totals']}")
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    ended = ground.finish(job)
    if ended["totals"]["failed"] != poisoned:
        raise RuntimeError(f"expected {poisoned} paths failed, found {ended['totals']}")
    return count / seconds


def run(count: int = 200_000, rounds: int = 3) -> PoisonedFigure:
    """The medians of some rounds on one hub, with and without in turn."""
    with hub(["oslo"]) as ground:
        ground.api.post("/api/workflows/", json=WORKFLOW).raise_for_status()
        measure(ground, 1000, 0)
        pairs = [(measure(ground, count, 0), measure(ground, count, POISONED)) for _ in range(rounds)]
    alone, beside = (median(one) for one in zip(*pairs, strict=True))
    return PoisonedFigure(count, POISONED, alone, beside, beside / alone)


def lines(figure: PoisonedFigure) -> list[Line]:
    """The figure for people."""
    what = f"{figure.paths:,} paths beside {figure.poisoned:,} poisoned ones"
    ours, alone = f"{figure.beside_per_second:,.0f}/s", f"without: {figure.alone_per_second:,.0f}/s"
    return [Line(what, ours, alone, f"{figure.kept:.2f}", f">= {LEAST:g} x", figure.kept >= LEAST)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(argv)
    figure = run(asked.paths, asked.rounds)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} {line.peer} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
