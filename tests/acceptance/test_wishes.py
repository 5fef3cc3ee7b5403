"""Pause, resume and cancel, as a job's states tell of them."""

from tests.acceptance import trees
from tests.acceptance.world import World


def test_a_pause_lets_running_tasks_finish_and_starts_no_other(world: World) -> None:
    place, gate = world.fresh("paused"), world.root / "paused.gate"
    trees.sow(place, 300)
    job = world.begin_at_gate(place, gate)
    answer = world.json("job", "pause", str(job), "--reason", "tape library down")
    assert answer["state"] == "PAUSING"
    assert world.at_gate(job)
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
    job = world.begin_at_gate(place, gate)
    world.run("job", "pause", str(job), "--now")
    world.wait(job, "PAUSED")
    assert world.tasks(job, "STARTED") == []
    gate.touch()
    world.run("job", "resume", str(job))
    assert world.finish(job)["totals"]["done"] == 300


def test_a_cancel_ends_what_runs_at_its_next_path(world: World) -> None:
    place, gate = world.fresh("cancelled"), world.root / "cancelled.gate"
    trees.sow(place, 300)
    job = world.begin_at_gate(place, gate)
    world.run("job", "cancel", str(job), "--reason", "wrong directory")
    ended = world.finish(job, "CANCELLED")
    assert (ended["wish_why"], ended["totals"]["done"]) == ("wrong directory", 0)
    assert {task["state"] for task in world.tasks(job)} <= {"SUCCESS", "CANCELLED"}
