"""Wishes that are kept or granted while the hub or the worker that they concern is down."""

import filecmp
import os
import signal
from datetime import UTC, datetime, timedelta

from tests.acceptance import trees
from tests.acceptance.world import World
from tests.fixtures_hub import is_alive, until


def test_a_pause_survives_the_end_of_everything_and_ends_at_its_time(rough_world: World) -> None:
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
    end = datetime.now(UTC) + timedelta(seconds=3)
    rough_world.post(f"/api/jobs/{job}/pause/", {"resume_at": end.isoformat()})
    rough_world.kill_and_await("hub")
    ended = rough_world.finish(job)
    assert (ended["totals"]["done"], ended["resume_at"]) == (300, None)
    first, _, last = rough_world.get(f"/api/jobs/{job}/wishes/")["results"]
    assert (last["wanted"], last["by"]) == ("run", f"the time set by {first['by']}")
    assert datetime.fromisoformat(last["at"]) >= end


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


def test_a_step_that_hangs_while_its_worker_beats_shows_in_a_pause_and_holds_up_no_cancel(
    rough_world: World,
) -> None:
    place, gate = rough_world.fresh("hung"), rough_world.root / "hung.gate"
    trees.sow(place, 10)
    job = rough_world.submit("hung", place, {"gate": str(gate)})
    until(lambda: any(t["step"] == "hang" for t in rough_world.tasks(job, "STARTED")), "a task hung")
    try:
        until(lambda: rough_world.job(job)["totals"]["discovered"] == 10, "all was found")
        rough_world.post(f"/api/jobs/{job}/pause/", {"now": True})
        paused = rough_world.job(job)
        assert paused["state"] == "PAUSING"
        [node] = rough_world.get("/api/sites/oslo/")["nodes"]
        assert f"still held by node {node['name']} of site oslo" in paused["waiting"]
        assert rough_world.post(f"/api/jobs/{job}/cancel/", {})["state"] == "DEQUEUING"
        ended = rough_world.finish(job, "CANCELLED")
        assert ended["totals"]["not_run"] == 10
    finally:
        gate.touch()
    # Its worker was never lost, works on, and its late report changes nothing.
    assert rough_world.do("noop", place)["totals"]["done"] == 12
    assert rough_world.job(job) == ended


def test_a_pause_now_ends_in_the_midst_of_a_large_file_and_the_next_run_goes_on_with_it(
    rough_world: World,
) -> None:
    place, vault = rough_world.fresh("large"), rough_world.root / "vault"
    file = place / "file"
    trees.stretch(file, 1 << 30)
    job = rough_world.submit("premigrate", place)
    worker = rough_world.pids()["worker", "oslo"]
    assert worker is not None
    under_way = vault / ".towpath" / "tmp"
    while not any(under_way.glob("*")):
        assert rough_world.job(job)["state"] in ("PENDING", "STARTED")
    os.kill(worker, signal.SIGSTOP)
    try:
        rough_world.post(f"/api/jobs/{job}/pause/", {"now": True})
    finally:
        os.kill(worker, signal.SIGCONT)
    paused = rough_world.wait(job, "PAUSED")
    assert (paused["totals"]["done"], paused["bytes_done"]) == (0, 0)
    assert not list(vault.rglob("file@*"))
    rough_world.post(f"/api/jobs/{job}/resume/", {})
    assert rough_world.finish(job)["bytes_done"] == file.stat().st_size
    assert not any(under_way.glob("*"))
    [copy] = vault.rglob("file@*")
    assert filecmp.cmp(file, copy, shallow=False)
    copy.unlink()
