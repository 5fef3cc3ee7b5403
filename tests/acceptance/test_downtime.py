"""Wishes that are kept or granted while the hub or the worker that they concern is down."""

import os
import signal

from tests.acceptance import trees
from tests.acceptance.world import World
from tests.fixtures_hub import is_alive


def test_a_pause_survives_the_end_of_everything(rough_world: World) -> None:
    place, gate = rough_world.fresh("slept-over"), rough_world.root / "slept-over.gate"
    trees.sow(place, 300)
    job = rough_world.begin_at_gate(place, gate)
    pids = [pid for pid in rough_world.pids().values() if pid is not None]
    rough_world.post(f"/api/jobs/{job}/pause/", {"now": True, "reason": "over the weekend"})
    rough_world.wait(job, "PAUSED")
    rough_world.down()
    assert not any(map(is_alive, pids))
    rough_world.up()
    paused = rough_world.job(job)
    assert (paused["state"], paused["wish_why"]) == ("PAUSED", "over the weekend")
    assert rough_world.tasks(job, "STARTED") == []
    gate.touch()
    rough_world.post(f"/api/jobs/{job}/resume/", {})
    assert rough_world.finish(job)["totals"]["done"] == 300


def test_a_cancel_ends_though_its_worker_does_not_answer(rough_world: World) -> None:
    place, gate = rough_world.fresh("deaf"), rough_world.root / "deaf.gate"
    trees.sow(place, 10)
    job = rough_world.begin_at_gate(place, gate)
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    try:
        assert rough_world.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
        rough_world.finish(job, "CANCELLED")
    finally:
        os.kill(worker, signal.SIGCONT)
    # Awake again, it can do nothing to that job, and works on.
    assert rough_world.do("noop", place)["totals"]["done"] == 12
    assert rough_world.job(job)["state"] == "CANCELLED"


def test_a_cancel_ends_though_its_worker_was_killed(rough_world: World) -> None:
    place, gate = rough_world.fresh("killed"), rough_world.root / "killed.gate"
    trees.sow(place, 10)
    job = rough_world.begin_at_gate(place, gate)
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    rough_world.post(f"/api/jobs/{job}/cancel/", {})
    rough_world.finish(job, "CANCELLED")
