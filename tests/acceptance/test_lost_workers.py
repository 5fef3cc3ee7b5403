"""Workers that are lost on real processes: what ends them is named, and what they still say is refused."""

import os
import re
import signal

import pytest
from tests.acceptance import trees
from tests.acceptance.world import World, exact
from tests.fixtures_hub import until


@pytest.mark.parametrize("paths", [4, pytest.param(1000, marks=pytest.mark.long)])
def test_one_path_of_many_that_ends_its_worker_fails_by_name_and_no_other_does(
    rough_world: World, paths: int
) -> None:
    place = rough_world.fresh("minefield")
    for number in range(paths - 1):
        (place / f"{number:04}").touch()
    (place / f"{paths // 2:04}-deadly").touch()
    job = rough_world.finish(rough_world.submit("deadly", place), "FAILURE", patience=240)
    assert (job["totals"]["done"], job["totals"]["failed"]) == (paths - 1, 1)
    [named] = rough_world.failed(job["id"])
    assert exact(named) == bytes(place / f"{paths // 2:04}-deadly")
    # More than three times, where the hub took it for silent before it came back and could say what had begun.
    assert re.fullmatch(r"its worker was lost [3-9] times while it worked on this path", named["reason"])


def test_the_task_of_a_killed_worker_runs_again(rough_world: World) -> None:
    place, gate = rough_world.fresh("killed"), rough_world.root / "again.gate"
    trees.sow(place, 50)
    job = rough_world.begin_at_gate(place, gate)
    [task] = rough_world.tasks(job, "STARTED")
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGKILL)

    def runs_again() -> bool:
        running = {row["id"]: row["attempts"] for row in rough_world.tasks(job, "STARTED")}
        return running.get(task["id"]) == 1

    until(runs_again, "the task ran again")
    gate.touch()
    assert rough_world.finish(job)["totals"]["done"] == 50


def test_a_worker_that_sleeps_through_its_lease_costs_its_task_nothing_and_changes_nothing_when_it_wakes(
    rough_world: World,
) -> None:
    place, gate = rough_world.fresh("asleep"), rough_world.root / "asleep.gate"
    trees.sow(place, 50)
    job = rough_world.begin_at_gate(place, gate)
    [task] = rough_world.tasks(job, "STARTED")
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    os.kill(worker, signal.SIGSTOP)
    try:
        until(lambda: not rough_world.tasks(job, "STARTED"), "its lease was lost")
    finally:
        os.kill(worker, signal.SIGCONT)
    until(lambda: rough_world.at_gate(job), "the task ran again")
    again = next(row for row in rough_world.tasks(job, "STARTED") if row["id"] == task["id"])
    assert again["attempts"] == 0, "the node lives: it costs the task nothing"
    gate.touch()
    assert rough_world.finish(job)["totals"]["done"] == 50
