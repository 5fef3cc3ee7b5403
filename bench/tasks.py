"""No-op tasks a second, end to end: submitted by the API, run at a site, recorded, SUCCESS read back; beside Celery."""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median

from tests.fixtures_postgres import SETTINGS, postgres_server

from bench.celery_peer import celery_and_redis
from bench.figure import Line
from bench.ground import Ground, hub

DURABLE = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB", "autovacuum": "on"}
"""What the tests' PostgreSQL server does without, and a real one does not."""

LEAST, LEAST_POSTGRES, LEAST_RATIO = 5_000, 3_000, 5.0


@dataclass(frozen=True)
class TasksFigure:
    """Tasks of one path each, a second: medians of rounds that were run in turn; the ratio is taken round by round."""

    tasks: int
    rounds: int
    sqlite_per_second: float
    postgresql_per_second: float
    celery_tasks: int
    celery_per_second: float
    to_celery: float
    """How many times as fast as Celery on Redis the tasks are on SQLite."""


def measure(ground: Ground, count: int) -> float:
    """Seconds of one job of `count` tasks, from the call that starts it to the answer that says SUCCESS."""
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
    return seconds


def run(count: int = 20_000, rounds: int = 3, peers: int = 5_000) -> TasksFigure:
    """All three in turn, each on a hub or server that was warmed up."""
    seconds: dict[str, list[float]] = {"sqlite": [], "postgresql": [], "celery": []}
    SETTINGS.update(DURABLE)
    with ExitStack() as stack:
        ours = stack.enter_context(hub(["oslo"]))
        server = stack.enter_context(postgres_server())
        theirs = stack.enter_context(hub(["oslo"], database=server.url("postgres")))
        celery = stack.enter_context(celery_and_redis())
        for ground in (ours, theirs):
            measure(ground, min(count, 1000))
        celery.measure(min(peers, 500))
        for _ in range(rounds):
            seconds["sqlite"].append(measure(ours, count))
            seconds["celery"].append(celery.measure(peers))
            seconds["postgresql"].append(measure(theirs, count))
    ratios = [(count / a) / (peers / b) for a, b in zip(seconds["sqlite"], seconds["celery"], strict=True)]
    return TasksFigure(
        count,
        rounds,
        count / median(seconds["sqlite"]),
        count / median(seconds["postgresql"]),
        peers,
        peers / median(seconds["celery"]),
        median(ratios),
    )


def lines(figure: TasksFigure) -> list[Line]:
    """The figure for people."""
    celery = f"Celery + Redis {figure.celery_per_second:,.0f}/s"
    sqlite, postgresql = figure.sqlite_per_second, figure.postgresql_per_second
    return [
        Line("no-op tasks end to end, SQLite", f"{sqlite:,.0f}/s", "", "", f">= {LEAST:,}/s", sqlite >= LEAST),
        Line("the same beside its peer", f"{sqlite:,.0f}/s", celery, f"{figure.to_celery:.1f}", f">= {LEAST_RATIO:g} x",
             figure.to_celery >= LEAST_RATIO),
        Line("the same on PostgreSQL", f"{postgresql:,.0f}/s", "", "", f">= {LEAST_POSTGRES:,}/s",
             postgresql >= LEAST_POSTGRES),
    ]  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", type=int, default=5_000, help="tasks of the peer")
    asked = parser.parse_args(argv)
    figure = run(asked.tasks, asked.rounds, asked.peers)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} {line.peer} {line.ratio} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
