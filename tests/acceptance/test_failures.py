"""What goes wrong in a chain: one path, a whole step, or nothing left to do."""

import json

from tests.acceptance import trees
from tests.acceptance.world import World, exact


def test_a_retry_takes_a_path_up_at_the_step_where_it_failed(world: World) -> None:
    place = world.fresh("resumed")
    trees.sow(place, 10)
    gone = place / "000" / "000003"
    gate = world.root / "resumed.gate"
    job = world.submit("gated-premigrate", place, {"gate": str(gate)})
    world.wait(job, "STARTED")
    gone.rename(place / "aside")
    gate.touch()
    world.finish(job, "FAILURE")
    (place / "aside").rename(gone)
    again = world.post(f"/api/jobs/{job}/retry/", {"which": "failed"})
    world.finish(again["id"])
    assert [(row["step"], exact(row)) for row in world.paths(again["id"])] == [("migrate", bytes(gone))]


def test_a_step_that_raises_fails_its_task_and_cancels_what_comes_after(world: World) -> None:
    place = world.fresh("stumble")
    for number in range(10):
        (place / f"{number}").write_bytes(b"content")
    ended = world.command("run", "stumble", "--site=oslo", "--wait", str(place))
    assert ended.status == 3
    job = ended.out.strip()
    rows = json.loads(world.run("job", "tasks", job, "--json"))
    assert [(row["step"], row["state"]) for row in rows] == [
        ("recursive", "SUCCESS"),
        ("noop", "SUCCESS"),
        ("stumble", "FAILURE"),
        ("checksum", "CANCELLED"),
        ("noop", "CANCELLED"),
    ]
    assert "ValueError: the press is jammed" in rows[2]["error"]
    assert "towpath_rig.py" in rows[2]["error"]
    assert "the press is jammed" in world.run("job", "tasks", job)
    found = world.finish(int(job), "FAILURE")
    assert (found["totals"]["discovered"], found["totals"]["unknown"]) == (10, 10)
    assert {row["outcome"] for row in world.paths(int(job), step="stumble")} == {"unknown"}


def test_a_step_of_a_plugin_can_be_named_in_workflows_and_mistaken(world: World) -> None:
    document = {
        "name": "w",
        "filter_rules": [{"type": "file", "state": "all", "action": [{"name": "stumbel"}]}],
    }
    answer = world.post("/api/workflows/check/", document)
    [problem] = answer["problems"]
    assert problem["place"] == "filter_rules[0].action[0]"
    assert "unknown step 'stumbel', did you mean 'stumble'?" in problem["text"]


def test_a_step_that_is_left_with_nothing_is_skipped(world: World) -> None:
    place = world.fresh("nothing-left")
    trees.sow(place, 5)
    world.do("migrate", place)
    # Each file is a stub now: there is nothing here to read, and so nothing for the step after.
    job = world.do("checksum-noop", place)
    assert [(task["step"], task["state"]) for task in world.tasks(job["id"])] == [
        ("recursive", "SUCCESS"),
        ("checksum", "SUCCESS"),
        ("noop", "SKIPPED"),
    ]
    assert job["totals"]["skipped"] == 5
    assert {row["reason"] for row in world.paths(job["id"], outcome="skipped")} == {
        "offline: its data is not here"
    }


def test_a_job_on_an_empty_directory_succeeds_and_is_a_noop(world: World) -> None:
    job = world.json("run", "migrate", "--site=oslo", "--wait", str(world.fresh("empty")))
    assert (job["state"], job["noop"], job["totals"]["discovered"]) == ("SUCCESS", True, 0)
    assert job["id"] not in [row["id"] for row in world.json("job", "list", "--hide-noop")]
