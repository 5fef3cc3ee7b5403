"""Whatever dies or sleeps in the midst of a job: it ends, and each path has one outcome in each step."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from tests.acceptance import trees
from tests.acceptance.world import LEASE, Document, World, exact
from tests.fixtures_hub import until

BACK_WITHIN = 5.0
STEPS = ("migrate", "gate", "checksum")


def children(world: World) -> dict[str, Document]:
    """Role → what `status` says of the process."""
    return {row["role"]: row for row in world.json("status")}


def kill(world: World, role: str, then: Callable[[], None] = lambda: None) -> None:
    """Kill a process, do something at once, and see that another one takes its place within five seconds."""
    before = children(world)[role]
    killed_at = datetime.now(UTC)
    os.kill(before["pid"], signal.SIGKILL)
    then()
    seen: list[Document] = []

    def is_back() -> bool:
        seen[:] = [children(world)[role]]
        return seen[0]["pid"] not in (before["pid"], None)

    until(is_back, f"{role} was back")
    assert seen[0]["restarts"] == before["restarts"] + 1
    # By what the supervisor says, since asking for it takes its time on a busy machine.
    assert (datetime.fromisoformat(seen[0]["since"]) - killed_at).total_seconds() < BACK_WITHIN
    until(lambda: answers(world), "the hub answered")


def answers(world: World) -> bool:
    """Whether the API answers, and the hub is on the bus."""
    try:
        return world.api.get("/api/health").is_success
    except httpx.TransportError:
        return False


def kill_worker(world: World) -> None:
    """The worker dies."""
    kill(world, "worker")


def kill_nats(world: World) -> None:
    """NATS dies."""
    kill(world, "nats")


def kill_hub(world: World) -> None:
    """The hub dies."""
    kill(world, "hub")


def kill_nats_and_its_files(world: World) -> None:
    """NATS dies, and all that it kept is gone."""
    kill(world, "nats", lambda: shutil.rmtree(world.home / "nats", ignore_errors=True))


def silence(world: World) -> float:
    """Seconds since the worker was heard."""
    [node] = world.get("/api/sites/oslo/")["nodes"]
    return (datetime.now(UTC) - datetime.fromisoformat(node["heard_at"])).total_seconds()


def put_to_sleep(world: World) -> None:
    """The worker is stopped until two leases have run out, and woken."""
    pid = children(world)["worker"]["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: silence(world) > 2 * LEASE, "two leases had gone by")
        until(
            lambda: not any(world.tasks(job["id"], "STARTED") for job in open_jobs(world)),
            "all was taken back",
        )
    finally:
        os.kill(pid, signal.SIGCONT)
    assert children(world)["worker"]["pid"] == pid


def open_jobs(world: World) -> list[Document]:
    """Jobs that are not over."""
    return [job for job in world.lines("/api/jobs/") if job["ended_at"] is None]


def moves(world: World, job: int) -> bool:
    """Whether files are on their way."""
    return any(task["step"] == "migrate" for task in world.tasks(job, "STARTED"))


def processed(world: World, job: int) -> int:
    """Paths that are through a step, summed over the steps."""
    return sum(int(step["processed"]) for step in world.steps(job).values())


def has_come(world: World, job: int, far: int) -> bool:
    """Whether a job has come so far."""
    return processed(world, job) >= far


def check(world: World, job: int, place: Path) -> None:
    """Each file that is there has one line for each step, and none has two."""
    expected = set(trees.files(place))
    for step in STEPS:
        lines = world.run("job", "paths", str(job), "--step", step, "--jsonl").splitlines()
        rows = [json.loads(line) for line in lines]
        assert {row["outcome"] for row in rows} == {"processed"}
        assert len(rows) == len(expected)
        assert {exact(row) for row in rows} == expected


def test_a_job_goes_on_after_each_death_in_its_midst_and_counts_each_path_once(rough_world: World) -> None:
    world = rough_world
    place, gate = world.fresh("many"), world.root / "many.gate"
    trees.sow(place, 2000)
    job = world.submit("haul", place, {"gate": str(gate)})
    until(lambda: moves(world, job), "files were on their way")
    kill_worker(world)
    for blow in (kill_nats, kill_hub, kill_nats_and_its_files, put_to_sleep):
        until(lambda: world.at_gate(job), "tasks waited at the gate")
        blow(world)
    until(lambda: world.at_gate(job), "the worker had its tasks again")
    gate.touch()
    kill_worker(world)
    ended = world.finish(job)
    assert (ended["totals"]["discovered"], ended["totals"]["done"]) == (2000, 2000)
    check(world, job, place)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_fifty_thousand_files_are_worked_through_while_everything_dies_in_turn(rough_world: World) -> None:
    world = rough_world
    place, gate = world.fresh("very-many"), world.root / "very-many.gate"
    count = 50_000
    trees.sow(place, count)
    job = world.submit("haul", place, {"gate": str(gate)})
    blows = (kill_worker, kill_nats, kill_hub, kill_nats_and_its_files, put_to_sleep, kill_hub, kill_worker)
    for blow in blows:
        further = processed(world, job) + 2000
        gate.touch()
        until(partial(has_come, world, job, further), f"{further} outcomes were there", 300)
        # In full flight, and yet it cannot be over before the last blow, however fast the machine.
        gate.unlink()
        assert world.job(job)["state"] == "STARTED"
        blow(world)
    gate.touch()
    ended = world.finish(job, patience=600)
    assert (ended["totals"]["discovered"], ended["totals"]["done"]) == (count, count)
    check(world, job, place)
