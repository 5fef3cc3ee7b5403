"""Pages of lists with ten million tasks stored, and claims while old jobs are pruned from among them."""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.figure import Line, p
from bench.ground import Ground, hub
from bench.stock import copies_of, opened
from towpath.store.database import Database
from towpath.store.tables import tasks

TASKS = 10_000_000
EACH = 100
"""Tasks of a job."""
AT_ONCE = 5_000
"""Jobs that are copied in one transaction."""
ROOM = 1500
"""Bytes on disk for a task, with all that may be written beside it meanwhile."""
MOST_P95 = 0.200
MOST_P99 = 0.250


@dataclass(frozen=True)
class ListsFigure:
    """Seconds; each list asked for at many places."""

    tasks: int
    jobs: int
    bytes_on_disk: int
    pages_p95: dict[str, float]
    deep_page: str
    """What a page that is too deep is answered with."""
    submit_p50: float
    submit_p99: float
    """Submit until SUCCESS, nothing else going on."""
    pruning_p50: float
    pruning_p99: float
    """The same while jobs are pruned."""
    pruned: int
    """Jobs."""
    rows_gone: int
    """Rows of tasks that were taken away meanwhile."""


def _templates(ground: Ground) -> list[int]:
    """One job of each kind, run by the hub: one that did well, and one with a path that failed."""
    place = ground.sites["oslo"]
    (place / "there").write_bytes(b"x")
    good = ground.submit("noop", place / "there")
    bad = ground.submit("checksum", place / "missing")
    for job in (good, bad):
        ground.finish(job)
    return [good, bad]


@contextmanager
def _hasty(database: Database) -> Iterator[None]:
    """Without the care that a hub takes: what is lost here is made again."""

    @sa.event.listens_for(database.engine, "connect")
    def _hurry(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=-1048576")

    yield


def stock(ground: Ground, wanted: int) -> int:
    """Fill the hub's database with that many tasks; how many jobs that makes. The hub must be down."""
    templates = _templates(ground)
    ground.stop()
    jobs = wanted // EACH
    with opened(ground.database_url) as database, _hasty(database):
        done = 0
        while done < jobs:
            some = min(AT_ONCE, jobs - done)
            with database.writing() as tx:
                copies_of(tx.conn, templates[(done // AT_ONCE) % len(templates)], some, EACH, done)
            done += some
    # Else the first sync of the hub's own waits until gigabytes of these rows are on disk.
    for file in ground.home.glob("hub.db*"):
        with file.open("rb") as written:
            os.fsync(written.fileno())
    ground.start()
    return jobs


def _pages(ground: Ground, jobs: int, times: int) -> dict[str, float]:
    """The p95 of each list, each time at another place; the cursors are those that a page gave."""
    draw = random.Random(11)

    def job() -> int:
        return draw.randrange(3, jobs)

    lists: dict[str, Callable[[], str]] = {
        "jobs": lambda: f"/api/jobs/?page_size=100&cursor={job()}",
        "jobs by state": lambda: f"/api/jobs/?page_size=100&state=FAILURE&cursor={job()}",
        "jobs by site, workflow and state": lambda: (
            f"/api/jobs/?page_size=100&site=oslo&workflow=noop&state=SUCCESS&cursor={job()}"
        ),
        "jobs of no workflow": lambda: "/api/jobs/?workflow=none",
        "jobs without noop": lambda: f"/api/jobs/?page_size=100&hide_noop=true&cursor={job()}",
        "jobs, page 100": lambda: "/api/jobs/?page=100&page_size=100",
        "tasks of a job": lambda: f"/api/jobs/{job()}/tasks/?page_size=100",
        "tasks by state": lambda: f"/api/jobs/{job()}/tasks/?page_size=100&state=ERROR",
        "paths of a job": lambda: f"/api/jobs/{job()}/paths/?page_size=100",
        "paths that failed": lambda: f"/api/jobs/{job()}/paths/?page_size=100&outcome=failed",
        "a job": lambda: f"/api/jobs/{job()}/",
        "its steps": lambda: f"/api/jobs/{job()}/steps/",
    }
    found = {}
    for name, url in lists.items():
        seconds = []
        for _ in range(times):
            began = time.perf_counter()
            ground.api.get(url()).raise_for_status()
            seconds.append(time.perf_counter() - began)
        found[name] = p(seconds, 95)
    return found


def _jobs_one_by_one(ground: Ground, times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        ground.finish(ground.submit("noop", ground.sites["oslo"] / "there"), apart=0.005)
        seconds.append(time.perf_counter() - began)
        time.sleep(0.02)
    return seconds


def _rows(ground: Ground) -> int:
    """Tasks in the database, walks left out."""
    with opened(ground.database_url) as database, database.reading() as conn:
        return int(conn.scalar(sa.select(sa.func.count()).where(tasks.c.position >= 0)) or 0)


def run(wanted: int = TASKS, times: int = 100, scratch: Path | None = None) -> ListsFigure:
    """Stock a hub, ask it for pages, then prune half of what it has."""
    free = shutil.disk_usage(scratch or tempfile.gettempdir()).free
    if free < wanted * ROOM:
        raise RuntimeError(f"expected {wanted * ROOM / 1e9:.0f} GB of free space, found {free / 1e9:.0f}")
    with hub(["oslo"], scratch) as ground:
        jobs = stock(ground, wanted)
        pages = _pages(ground, jobs, times)
        deep = ground.api.get("/api/jobs/?page=100000&page_size=100").json()["detail"]
        alone = _jobs_one_by_one(ground, times)
        answer = ground.api.post("/api/jobs/prune/", json={"older_than": jobs // 2}).raise_for_status()
        before = _rows(ground)
        meanwhile = _jobs_one_by_one(ground, times)
        gone = before + times - _rows(ground)
        if gone <= 0:
            raise RuntimeError(f"expected that rows were taken away meanwhile, found {gone} gone")
        size = sum(file.stat().st_size for file in ground.home.glob("hub.db*"))
    return ListsFigure(
        wanted, jobs, size, pages, deep, p(alone, 50), p(alone, 99), p(meanwhile, 50), p(meanwhile, 99),
        answer.json()["jobs"], gone,
    )  # fmt: skip


def lines(figure: ListsFigure) -> list[Line]:
    """The figure for people."""
    slowest = max(figure.pages_p95, key=lambda name: figure.pages_p95[name])
    worst = figure.pages_p95[slowest]
    what = f"{figure.tasks:,} tasks, {figure.jobs:,} jobs: p95 of the slowest list"
    pruning = f"{figure.pruning_p50 * 1000:.0f} / {figure.pruning_p99 * 1000:.0f} ms"
    alone = f"without: {figure.submit_p50 * 1000:.0f} / {figure.submit_p99 * 1000:.0f} ms"
    return [
        Line(what, f"{worst * 1000:.0f} ms ({slowest})", "", "", f"< {MOST_P95 * 1000:.0f} ms", worst < MOST_P95),
        Line(f"submit until SUCCESS, p50 / p99, while {figure.pruned:,} jobs are pruned", pruning, alone,
             f"{figure.pruning_p50 / figure.submit_p50:.2f}", f"p99 < {MOST_P99 * 1000:.0f} ms",
             figure.pruning_p99 < MOST_P99),
    ]  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Measure, and print lines for people and one of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--times", type=int, default=100, help="how often each list is asked for")
    parser.add_argument("--scratch", type=Path, help="a directory with room: 15 GB for ten million tasks")
    asked = parser.parse_args(argv)
    figure = run(asked.tasks, asked.times, asked.scratch)
    for line in lines(figure):
        print(f"{line.what}: {line.ours} {line.peer} ({line.verdict})", file=sys.stderr)
    print(json.dumps(asdict(figure)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
