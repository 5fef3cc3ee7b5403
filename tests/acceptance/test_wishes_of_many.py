"""A pause that holds and a cancel that ends, for jobs of very many paths, whatever dies meanwhile."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.acceptance import trees
from tests.acceptance.world import MakeWorld, World, exact
from tests.fixtures_hub import until

BEAT = 2.0
"""Seconds: so that no lease is lost on a busy machine, and no path begun twice for want of one."""
STROLL = {"name": "stroll", "pace": "*pace", "log": "*log"}
STROLLED = {
    "name": "strolled",
    "fields": [{"name": "pace", "type": "string"}, {"name": "log", "type": "string"}],
    "filter_rules": [{"type": "file", "state": "all", "action": [STROLL, {"name": "noop"}]}],
}


@dataclass
class Stroll:
    """A job that takes its time over each of its paths, and notes each one that it begins."""

    world: World
    place: Path
    count: int
    job: int = 0

    @property
    def log(self) -> Path:
        """A line for each path that was begun."""
        return self.world.root / f"{self.place.name}.log"

    def start(self, pace: float) -> None:
        """Sow the paths, and start the job; `pace` is the seconds that each path takes."""
        trees.sow(self.place, self.count, size=0)
        how = self.world.root / f"{self.place.name}.pace"
        how.write_text(str(pace))
        self.job = self.world.submit("strolled", self.place, {"pace": str(how), "log": str(self.log)})

    def pause_after(self, begun: int) -> int:
        """Pause it at once when so many paths have been begun; bytes of the log once it is paused."""
        line = len(f"{self.place.name}/000/000000\n")

        def has_come() -> bool:
            return self.log.exists() and self.log.stat().st_size >= begun * line

        until(has_come, f"{begun} paths were begun", 600)
        self.world.post(f"/api/jobs/{self.job}/pause/", {"now": True, "reason": "audit"})
        self.world.wait(self.job, "PAUSED")
        return self.log.stat().st_size

    def resume(self) -> None:
        """Let it go on."""
        self.world.post(f"/api/jobs/{self.job}/resume/", {})

    def check(self) -> None:
        """The job is over; each path was begun once, and has one outcome in each step."""
        ended = self.world.finish(self.job, patience=900)
        assert ended["totals"]["done"] == ended["totals"]["discovered"] == self.count
        expected = {os.fsencode(path.relative_to(self.world.site("oslo"))) for path in self.place.glob("*/*")}
        begun = self.log.read_bytes().splitlines()
        assert len(begun) == len(expected)
        assert set(begun) == expected
        for step in ("stroll", "noop"):
            told = [exact(row) for row in self.world.paths(self.job, step=step, outcome="processed")]
            assert len(told) == len(set(told)) == self.count


@pytest.fixture(scope="module")
def calm_world(make_brief_worlds: MakeWorld) -> World:
    """A hub with the site oslo whose leases are long."""
    world = make_brief_worlds("oslo", heartbeat=BEAT)
    world.post("/api/workflows/", STROLLED)
    return world


def test_no_path_begins_while_a_job_is_paused_whatever_dies_and_none_is_lost_or_repeated(
    calm_world: World,
) -> None:
    stroll = Stroll(calm_world, calm_world.fresh("held"), 20_000)
    stroll.start(pace=0.001)
    begun = stroll.pause_after(2_000)
    for role in ("worker", "hub", "nats"):
        calm_world.kill_and_await(role)
    assert calm_world.job(stroll.job)["state"] == "PAUSED"
    assert stroll.log.stat().st_size == begun
    stroll.resume()
    stroll.pause_after(8_000)
    stroll.resume()
    stroll.check()


@pytest.mark.long
@pytest.mark.timeout(3000)
def test_a_million_paths_are_held_and_none_is_lost_or_repeated(calm_world: World) -> None:
    stroll = Stroll(calm_world, calm_world.fresh("million"), 1_000_000)
    stroll.start(pace=0)
    for share in (20, 200, 600):
        begun = stroll.pause_after(share * 1000)
        calm_world.kill_and_await("worker")
        calm_world.kill_and_await("hub")
        assert stroll.log.stat().st_size == begun
        stroll.resume()
    stroll.check()


@contextmanager
def no_worker(world: World) -> Iterator[None]:
    """The workers are killed, and nobody starts others."""
    os.kill(world.supervisor(), signal.SIGSTOP)
    try:
        for (role, _), pid in world.pids().items():
            if role == "worker" and pid is not None:
                os.kill(pid, signal.SIGKILL)
        yield
    finally:
        os.kill(world.supervisor(), signal.SIGCONT)


def cancel_many(world: World, site: str, place: Path, count: int, patience: float) -> None:
    """Cancel a job of which some tasks run and all others wait, while no worker lives."""
    gate = world.root / f"{place.name}.gate"
    paths = [f"{place}/{number:06}" for number in range(count)]
    more = {"site": site, "discovery": None, "paths_per_task": 1}
    job = world.submit("gated", paths, {"gate": str(gate)}, more)
    until(lambda: world.at_gate(job), "tasks waited at the gate")
    with no_worker(world):
        assert world.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
        ended = world.finish(job, "CANCELLED", patience)
    assert ended["totals"]["discovered"] == ended["totals"]["not_run"] == count
    assert world.tasks(job, "STARTED") == world.tasks(job, "PENDING") == []


def test_a_cancel_of_a_hundred_thousand_tasks_ends_though_every_worker_is_dead(rough_world: World) -> None:
    cancel_many(rough_world, "oslo", rough_world.fresh("crowded"), 100_000, 60)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_cancel_of_a_million_tasks_ends_though_every_worker_is_dead(make_brief_worlds: MakeWorld) -> None:
    # A short name, so that a million paths fit one request.
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        world = make_brief_worlds()
        world.run("up", "--detach", "--listen", f"127.0.0.1:{world.port}", f"--site=s={place}")
        gate = {"name": "gate", "until": "*gate"}
        rule = {"type": "file", "state": "all", "action": [gate]}
        fields = [{"name": "gate", "type": "string"}]
        world.post("/api/workflows/", {"name": "gated", "fields": fields, "filter_rules": [rule]})
        world.api.timeout = 600
        cancel_many(world, "s", place, 1_000_000, 300)
    finally:
        shutil.rmtree(place)
