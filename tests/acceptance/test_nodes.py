"""Two real nodes of one site, their slots and their drains; small jobs beside large ones."""

import os

import pytest
from tests.acceptance.world import Document, MakeWorld, World, furnished
from tests.fixtures_hub import until

LARGE = 2000
"""Paths of a job that counts as large."""


@pytest.fixture(scope="module")
def pair(make_brief_worlds: MakeWorld) -> World:
    """A hub whose site oslo has two nodes, `local` and `second`; each test leaves them at work."""
    # A machine that is busy must not take a lease: what is said here is that no task is lost.
    world = make_brief_worlds("oslo", heartbeat=1.5)
    world.run("up", "--detach", "--listen", f"127.0.0.1:{world.port}", "--node", "oslo/second")
    return furnished(world)


def node(world: World, name: str) -> Document:
    """How a node of oslo stands."""
    return world.get(f"/api/nodes/oslo/{name}/")


def gated(world: World, gate: str, count: int, per_task: int = 1, **more: object) -> int:
    """A job over that many paths, so many in a task, each of which waits at a gate."""
    place = world.site("oslo")
    paths = [f"{place}/{gate}-{number:05}" for number in range(count)]
    fields = {"gate": str(world.root / gate)}
    return world.submit("gated", paths, fields, {"discovery": None, "paths_per_task": per_task, **more})


def holders(world: World, job: int) -> list[str]:
    """The nodes that hold tasks of a job, one for each task; the walk that brings the paths has slots of its own."""
    return [task["node"] for task in world.tasks(job, "STARTED") if task["position"] >= 0]


def all_once(world: World, job: int, count: int) -> None:
    """Each path of a job was processed once, and no task needed a second attempt."""
    assert len(world.outcomes({"id": job}, outcome="processed")) == count
    assert {task["attempts"] for task in world.tasks(job)} == {0}


def test_two_nodes_of_a_site_share_a_job(pair: World) -> None:
    job = gated(pair, "shared", 16)
    until(lambda: set(holders(pair, job)) == {"local", "second"}, "both nodes had tasks of the job")
    (pair.root / "shared").touch()
    pair.finish(job)
    all_once(pair, job, 16)
    assert {task["node"] for task in pair.tasks(job) if task["step"] == "gate"} == {"local", "second"}


def test_a_node_drains_without_losing_a_task_and_works_again(pair: World) -> None:
    job = gated(pair, "drained", 24)
    until(lambda: len(holders(pair, job)) == 16, "both nodes were full")
    held = holders(pair, job).count("second")
    pair.run("node", "drain", "oslo/second", "--reason", "new kernel")
    stands = pair.json("node", "show", "oslo/second")
    assert (stands["state"], stands["running"], stands["drain_why"]) == ("draining", held, "new kernel")
    (pair.root / "drained").touch()
    pair.finish(job)
    until(lambda: node(pair, "second")["state"] == "drained", "the node was drained")
    all_once(pair, job, 24)
    after = gated(pair, "drained", 8)
    pair.finish(after)
    assert "second" not in {task["node"] for task in pair.tasks(after)}
    assert pair.get("/api/sites/oslo/")["health"] == "warning"
    pair.run("node", "undrain", "oslo/second")
    until(lambda: node(pair, "second")["state"] == "online", "the node works again")


def test_slots_are_changed_while_the_node_works_and_lose_no_task(pair: World) -> None:
    pair.run("node", "slots", "oslo/second", "default=0")
    job = gated(pair, "slots", 40)
    until(lambda: len(holders(pair, job)) == 8, "the node was full")
    pair.run("node", "slots", "oslo/local", "default=12")
    until(lambda: len(holders(pair, job)) == 12, "it has taken more")
    pair.run("node", "slots", "oslo/local", "default=0")
    waiting = gated(pair, "slots", 1)
    why = pair.job(waiting)["waiting_for"]
    assert (why["reason"], why["blocker"]["url"]) == ("not_served", "/api/sites/oslo/")
    (pair.root / "slots").touch()
    until(lambda: not holders(pair, job), "what ran has ended, and nothing more was begun")
    assert pair.tasks(job, "PENDING")
    pair.run("node", "slots", "oslo/local", "default=-")
    pair.finish(job)
    pair.finish(waiting)
    all_once(pair, job, 40)
    pair.run("node", "slots", "oslo/second", "default=-")


def test_a_small_job_passes_a_large_one_whose_tasks_hold_every_slot_they_may(pair: World) -> None:
    large = gated(pair, "large", LARGE, per_task=50)
    until(lambda: len(holders(pair, large)) == 14, "all slots but one of each node were taken")
    place = pair.fresh("small")
    for number in range(10):
        (place / str(number)).write_text("little")
    small = pair.do("checksum", place)
    assert small["totals"]["done"] == 10
    waiting = pair.tasks(large, "PENDING")[0]["waiting_for"]
    assert (waiting["reason"], waiting["blocker"]["name"]) == ("busy", str(large))
    ended = pair.command("job", "show", str(large))
    assert ended.status == 0
    pair.run("job", "cancel", str(large))
    pair.finish(large, "CANCELLED")


def test_a_cap_holds_on_both_nodes_and_is_changed_live(pair: World) -> None:
    job = gated(pair, "capped", 30, max_tasks=3)
    until(lambda: len(holders(pair, job)) == 3, "as many as may run")
    assert pair.tasks(job, "PENDING")[0]["waiting_for"]["reason"] == "job_cap"
    pair.run("job", "max-tasks", str(job), "5")
    until(lambda: len(holders(pair, job)) == 5, "as many as may run now")
    assert pair.json("job", "priority", str(job), "-7")["priority"] == -7
    (pair.root / "capped").touch()
    pair.finish(job)
    all_once(pair, job, 30)


def test_a_killed_node_is_offline_and_its_tasks_run_elsewhere(pair: World) -> None:
    job = gated(pair, "killed", 16)
    until(lambda: "second" in holders(pair, job), "the second node had tasks")
    pid = pair.pids()["worker", "oslo/second"]
    assert pid is not None
    os.kill(pair.supervisor(), 19)
    try:
        os.kill(pid, 9)
        until(lambda: node(pair, "second")["state"] == "offline", "the node was seen to be offline")
    finally:
        os.kill(pair.supervisor(), 18)
    (pair.root / "killed").touch()
    pair.finish(job)
    assert len(pair.outcomes({"id": job}, outcome="processed")) == 16
    until(lambda: node(pair, "second")["state"] == "online", "the node was started again")
