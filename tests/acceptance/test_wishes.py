"""Pause, resume and cancel, as a job's states tell of them."""

import os
import signal
from pathlib import Path

import pytest
from tests.acceptance import trees
from tests.acceptance.world import MakeWorld, World, one_line
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


@pytest.fixture(scope="module")
def plain(make_shared_world: MakeWorld) -> World:
    """A world without a target."""
    return make_shared_world("oslo")


def test_a_migrate_where_there_is_no_target_is_told_in_one_line(plain: World) -> None:
    ended = plain.command("run", "migrate", "--site=oslo", str(plain.fresh("homeless")))
    assert (ended.status, ended.out, one_line(ended.err)) == (1, "", True)
    assert "target" in ended.err


def test_a_pause_survives_the_end_of_everything(plain: World) -> None:
    place, gate = plain.fresh("slept-over"), plain.root / "slept-over.gate"
    trees.sow(place, 300)
    job = begun(plain, place, gate)
    pids = [pid for pid in plain.pids().values() if pid is not None]
    plain.post(f"/api/jobs/{job}/pause/", {"now": True, "reason": "over the weekend"})
    plain.wait(job, "PAUSED")
    plain.run("down")
    assert not any(map(is_alive, pids))
    plain.up()
    paused = plain.job(job)
    assert (paused["state"], paused["wish_why"]) == ("PAUSED", "over the weekend")
    assert plain.tasks(job, "STARTED") == []
    gate.touch()
    plain.post(f"/api/jobs/{job}/resume/", {})
    assert plain.finish(job)["totals"]["done"] == 300


def test_a_cancel_empties_a_queue_of_a_hundred_thousand_tasks(plain: World) -> None:
    place, gate = plain.fresh("crowded"), plain.root / "crowded.gate"
    # What waits at a gate holds the site's slots, so that nothing else begins.
    holders = [begun(plain, place_with_tasks(plain, "holder"), gate) for _ in range(SLOTS)]
    paths = [f"{place}/{number:06}" for number in range(MANY)]
    job = plain.submit("noop", paths, more={"discovery": None, "paths_per_task": 1})
    assert plain.get(f"/api/jobs/{job}/tasks/", {"state": "PENDING"})["count"] >= MANY - AHEAD
    assert plain.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
    ended = plain.finish(job, "CANCELLED")
    assert ended["totals"]["discovered"] == ended["totals"]["not_run"] == MANY
    gate.touch()
    for holder in holders:
        plain.finish(holder)


def place_with_tasks(world: World, name: str) -> Path:
    """A directory with a few files."""
    place = world.fresh(name)
    trees.sow(place, 10)
    return place


def test_a_cancel_ends_though_its_worker_does_not_answer(plain: World) -> None:
    place, gate = plain.fresh("deaf"), plain.root / "deaf.gate"
    trees.sow(place, 10)
    job = begun(plain, place, gate)
    worker = plain.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    try:
        assert plain.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
        plain.finish(job, "CANCELLED")
    finally:
        os.kill(worker, signal.SIGCONT)
    # Awake again, it can do nothing to that job, and works on.
    assert plain.do("noop", place)["totals"]["done"] == 12
    assert plain.job(job)["state"] == "CANCELLED"


def test_a_cancel_ends_though_its_worker_was_killed(plain: World) -> None:
    place, gate = plain.fresh("killed"), plain.root / "killed.gate"
    trees.sow(place, 10)
    job = begun(plain, place, gate)
    worker = plain.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    plain.post(f"/api/jobs/{job}/cancel/", {})
    plain.finish(job, "CANCELLED")
