"""Wishes on a million paths: `pause --now` while a worker runs them, and a cancel while that worker is dead."""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa
from tests.fixtures_postgres import SETTINGS, postgres_server

from bench.figure import Line
from bench.ground import Ground, hub
from bench.stock import opened, pending_job
from bench.tasks import DURABLE
from towpath.store.tables import jobs, tasks

PATHS = 1_000_000
QUIET = 12.0
"""Seconds after the pause for which it is watched that nothing starts."""
MOST_PAUSE, MOST_CANCEL = 10.0, 30.0


@dataclass(frozen=True)
class WishFigure:
    """Seconds from the wish, on one back end."""

    paths: int
    back_end: str
    last_start: float
    """Until the last task started after `pause --now`; 0 where none did."""
    paused: float
    """Until the job was PAUSED: nothing of it ran any more."""
    cancelled: float
    """From the cancel until the job was CANCELLED, its worker having been stopped dead with tasks in its hands."""


@dataclass(frozen=True)
class WishesFigure:
    """Both back ends."""

    found: list[WishFigure]


def _until(ready: Callable[[], bool], seconds: float, what: str) -> float:
    began = time.monotonic()
    while not ready():
        if time.monotonic() - began > seconds:
            raise RuntimeError(f"{what}: not within {seconds:g} s")
        time.sleep(0.05)
    return time.monotonic() - began


def _job(ground: Ground, job_id: int) -> dict[str, Any]:
    found: dict[str, Any] = ground.api.get(f"/api/jobs/{job_id}/").raise_for_status().json()
    return found


def _last_start(ground: Ground, job_id: int) -> float:
    """Seconds from the wish until the last task started; what started is looked up in the database itself."""
    with opened(ground.database_url) as database, database.reading() as conn:
        mine = tasks.c.job_id == job_id
        last = conn.scalar(sa.select(sa.func.max(tasks.c.started_at)).where(mine)) or 0
        wished = conn.scalar(sa.select(jobs.c.wish_at).where(jobs.c.id == job_id)) or 0
    return max(0.0, (last - wished) / 1e6)


def measure(ground: Ground, back_end: str, paths: int) -> WishFigure:
    """One job: paused while it runs, resumed, and cancelled just after its worker has died."""
    ground.stop()
    with opened(ground.database_url) as database:
        job_id = pending_job(database, f"{ground.sites['oslo']}/x", paths)
    ground.start()
    url = f"/api/jobs/{job_id}/"
    _until(lambda: _job(ground, job_id)["totals"]["done"] > 1000, 120, "the job runs")
    ground.api.post(f"{url}pause/", json={"now": True, "reason": "bench"}).raise_for_status()
    paused = _until(lambda: _job(ground, job_id)["state"] == "PAUSED", 60, "PAUSED")
    time.sleep(QUIET)
    last = _last_start(ground, job_id)
    before = _job(ground, job_id)["totals"]["done"]
    ground.api.post(f"{url}resume/", json={}).raise_for_status()
    _until(lambda: _job(ground, job_id)["totals"]["done"] > before, 60, "the job goes on")
    with _dead(ground.pid("worker")):
        ground.api.post(f"{url}cancel/", json={"reason": "bench"}).raise_for_status()
        cancelled = _until(lambda: _job(ground, job_id)["state"] == "CANCELLED", 300, "CANCELLED")
    totals = _job(ground, job_id)["totals"]
    accounted = totals["done"] + totals["not_run"] + totals["unknown"]
    if accounted != paths:
        raise RuntimeError(f"expected {paths} paths accounted for, found {totals}")
    return WishFigure(paths, back_end, last, paused, cancelled)


@contextmanager
def _dead(pid: int) -> Iterator[None]:
    """A process that does and says nothing, and that nobody can tell from a dead one."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def run(paths: int = PATHS) -> WishesFigure:
    """On SQLite, then on PostgreSQL."""
    SETTINGS.update(DURABLE)
    with hub(["oslo"]) as ground:
        found = [measure(ground, "SQLite", paths)]
    with postgres_server() as server, hub(["oslo"], database=server.url("postgres")) as ground:
        found.append(measure(ground, "PostgreSQL", paths))
    return WishesFigure(found)


def lines(figure: WishesFigure) -> list[Line]:
    """The figure for people."""
    table = []
    for one in figure.found:
        what, bar = f"of {one.paths:,} paths, {one.back_end}", f"<= {MOST_PAUSE:g} s"
        last = f"{one.last_start:.1f} s, PAUSED after {one.paused:.1f} s"
        table.append(Line(f"pause --now {what}: last start", last, "", "", bar, one.last_start <= MOST_PAUSE))
        gone, bar = f"{one.cancelled:.1f} s", f"<= {MOST_CANCEL:g} s"
        table.append(Line(f"cancel {what}, worker dead", gone, "", "", bar, one.cancelled <= MOST_CANCEL))
    return table


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paths", type=int, default=PATHS)
    figure = run(parser.parse_args(argv).paths)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
