"""Pause, resume and cancel, as a job's states tell of them."""

import os
import signal
from pathlib import Path

from tests.acceptance import trees
from tests.acceptance.world import World
from tests.fixtures_hub import is_alive, until

MANY = 100_000
SLOTS = 8
"""Tasks of a queue that a worker runs at once."""
AHEAD = 200
"""Tasks that a worker may have been granted ahead, at most."""


def begun(world: World, place: Path, gate: Path) -> int:
    """A job whose first task runs, and waits at a gate."""
    job = world.submit("gated-checksum", place, {"gate": str(gate)})
    until(lambda: at_gate(world, job), "a task waited at the gate")
    return job


def at_gate(world: World, job: int) -> int:
    """How many tasks of a job wait at the gate."""
    return sum(task["step"] == "gate" for task in world.tasks(job, "STARTED"))


def test_a_pause_lets_running_tasks_finish_and_starts_no_other(world: World) -> None:
    place, gate = world.fresh("paused"), world.root / "paused.gate"
    trees.sow(place, 300)
    job = begun(world, place, gate)
    answer = world.json("job", "pause", str(job), "--reason", "tape library down")
    assert answer["state"] == "PAUSING"
    assert at_gate(world, job)
    gate.touch()
    paused = world.wait(job, "PAUSED")
    assert (paused["wish_why"], paused["wanted"]) == ("tape library down", "pause")
    assert world.tasks(job, "STARTED") == []
    assert world.tasks(job, "PENDING")
    assert "paused" in paused["waiting"]
    assert world.json("job", "resume", str(job))["state"] == "STARTED"
    assert world.finish(job)["totals"]["done"] == 300


def test_a_pause_now_hands_back_what_runs(world: World) -> None:
    place, gate = world.fresh("handed-back"), world.root / "handed-back.gate"
    trees.sow(place, 300)
    job = begun(world, place, gate)
    world.run("job", "pause", str(job), "--now")
    world.wait(job, "PAUSED")
    assert world.tasks(job, "STARTED") == []
    gate.touch()
    world.run("job", "resume", str(job))
    assert world.finish(job)["totals"]["done"] == 300


def test_a_cancel_ends_what_runs_at_its_next_path(world: World) -> None:
    place, gate = world.fresh("cancelled"), world.root / "cancelled.gate"
    trees.sow(place, 300)
    job = begun(world, place, gate)
    world.run("job", "cancel", str(job), "--reason", "wrong directory")
    ended = world.finish(job, "CANCELLED")
    assert (ended["wish_why"], ended["totals"]["done"]) == ("wrong directory", 0)
    assert {task["state"] for task in world.tasks(job)} <= {"SUCCESS", "CANCELLED"}


def test_a_pause_survives_the_end_of_everything(rough_world: World) -> None:
    place, gate = rough_world.fresh("slept-over"), rough_world.root / "slept-over.gate"
    trees.sow(place, 300)
    job = begun(rough_world, place, gate)
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


def test_a_cancel_empties_a_queue_of_a_hundred_thousand_tasks(rough_world: World) -> None:
    place, gate = rough_world.fresh("crowded"), rough_world.root / "crowded.gate"
    # What waits at a gate holds the site's slots, so that nothing else begins.
    holders = [begun(rough_world, place_with_tasks(rough_world, "holder"), gate) for _ in range(SLOTS)]
    paths = [f"{place}/{number:06}" for number in range(MANY)]
    job = rough_world.submit("noop", paths, more={"discovery": None, "paths_per_task": 1})
    assert rough_world.get(f"/api/jobs/{job}/tasks/", {"state": "PENDING"})["count"] >= MANY - AHEAD
    assert rough_world.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
    ended = rough_world.finish(job, "CANCELLED")
    assert ended["totals"]["discovered"] == ended["totals"]["not_run"] == MANY
    gate.touch()
    for holder in holders:
        rough_world.finish(holder)


def place_with_tasks(world: World, name: str) -> Path:
    """A directory with a few files."""
    place = world.fresh(name)
    trees.sow(place, 10)
    return place


def test_a_cancel_ends_though_its_worker_does_not_answer(rough_world: World) -> None:
    place, gate = rough_world.fresh("deaf"), rough_world.root / "deaf.gate"
    trees.sow(place, 10)
    job = begun(rough_world, place, gate)
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
    job = begun(rough_world, place, gate)
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    rough_world.post(f"/api/jobs/{job}/cancel/", {})
    rough_world.finish(job, "CANCELLED")
