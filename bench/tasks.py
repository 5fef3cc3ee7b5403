"""No-op tasks a second, end to end: submitted by the API, run at a site, recorded, and SUCCESS read back."""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass

from bench.ground import Ground, hub


@dataclass(frozen=True)
class TasksFigure:
    """How fast tasks of one path each went through hub, bus and worker."""

    tasks: int
    seconds: float
    per_second: float


def measure(ground: Ground, count: int) -> TasksFigure:
    """One job of `count` tasks, from the call that starts it to the answer that says SUCCESS."""
    top = ground.sites["oslo"]
    body = {
        "workflow": "noop",
        "site": "oslo",
        "discovery": None,
        "paths": [f"{top}/{number:07d}" for number in range(count)],
        "paths_per_task": 1,
    }
    began = time.perf_counter()
    job = ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()
    ended = ground.finish(job["id"])
    seconds = time.perf_counter() - began
    if ended["state"] != "SUCCESS" or ended["totals"]["done"] != count:
        raise RuntimeError(f"expected {count} paths done, found {ended['state']}: {ended['totals']}")
    return TasksFigure(count, seconds, count / seconds)


def run(count: int = 20_000, rounds: int = 3) -> TasksFigure:
    """The median of some rounds on one hub."""
    with hub(["oslo"]) as ground:
        measure(ground, min(count, 1000))
        figures = sorted((measure(ground, count) for _ in range(rounds)), key=lambda f: f.seconds)
    return figures[len(figures) // 2]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print a line for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(argv)
    figure = run(asked.tasks, asked.rounds)
    print(
        f"no-op tasks: {figure.per_second:,.0f}/s ({figure.tasks:,} in {figure.seconds:.2f} s)",
        file=sys.stderr,
    )
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
