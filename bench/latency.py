"""How long a job of one no-op task takes on an idle hub: from the call that submits it until the API says SUCCESS."""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass

from bench.figure import Line, p
from bench.ground import Ground, hub

APART = 0.002
"""Seconds between two questions whether the job is over."""

MOST_P50 = 0.050


@dataclass(frozen=True)
class LatencyFigure:
    """Seconds; `submit` is the part until the API has answered the submission."""

    jobs: int
    p50: float
    p95: float
    submit_p50: float


def one(ground: Ground) -> tuple[float, float]:
    """Seconds until the submission was answered, and until the job was over."""
    body = {"workflow": "noop", "site": "oslo", "discovery": None, "paths": [str(ground.sites["oslo"] / "x")]}
    began = time.perf_counter()
    job = ground.api.post("/api/file/workflow/", json=body).raise_for_status().json()
    submitted = time.perf_counter() - began
    ended = ground.finish(job["id"], apart=APART)
    seconds = time.perf_counter() - began
    if ended["state"] != "SUCCESS":
        raise RuntimeError(f"expected SUCCESS, found {ended['state']}")
    return submitted, seconds


def run(jobs: int = 100) -> LatencyFigure:
    """One after the other, with rests between them in which everything comes to a standstill."""
    rest = random.Random(7)
    with hub(["oslo"]) as ground:
        for _ in range(5):
            one(ground)
        found = []
        for _ in range(jobs):
            time.sleep(rest.uniform(0.1, 0.3))
            found.append(one(ground))
    return LatencyFigure(
        jobs, p([total for _, total in found], 50), p([total for _, total in found], 95),
        p([submitted for submitted, _ in found], 50),
    )  # fmt: skip


def lines(figure: LatencyFigure) -> list[Line]:
    """The figure for people."""
    ours = f"{figure.p50 * 1000:.0f} ms (p95 {figure.p95 * 1000:.0f})"
    met = figure.p50 < MOST_P50
    return [Line("idle hub: submit until SUCCESS, p50", ours, "", "", f"< {MOST_P50 * 1000:.0f} ms", met)]


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=100)
    figure = run(parser.parse_args(argv).jobs)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
