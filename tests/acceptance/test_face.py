"""The face that scripts rely on: exit statuses, one document for `--json`, one row a line for `--jsonl`."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.acceptance.world import World, exact, one_line
from tests.fixtures_hub import PATIENCE, Hub

from towpath.bus.ports import free_port

NOBODY = "nobody-serves-this"
"""A queue that no node has: what is in it waits."""


def stalled(world: World, *options: str) -> tuple[subprocess.Popen[str], int]:
    """A `run --wait` of a job that cannot begin, and the job's id."""
    place = world.fresh("stalled")
    waiting = world.start("run", "noop", "--site=oslo", f"--queue={NOBODY}", "--wait", *options, str(place))
    assert waiting.stdout is not None
    return waiting, int(waiting.stdout.readline())


def test_run_and_wait_ends_with_0_for_a_success_and_3_for_a_failure(world: World) -> None:
    place = world.fresh("face")
    (place / "file").write_bytes(b"content")
    done = world.command("run", "checksum", "--site", "oslo", "--wait", str(place))
    assert (done.status, done.out.strip().isdigit()) == (0, True)
    done = world.command("run", "checksum", "--site", "oslo", "--wait", f"{place}/not-there")
    assert done.status == 3
    assert f"towpath job paths {done.out.strip()} --outcome failed" in done.err
    [row] = world.json("job", "paths", done.out.strip(), "--outcome", "failed")
    assert exact(row) == bytes(place / "not-there")
    assert row["reason"]


def test_run_and_wait_ends_with_4_once_the_job_is_cancelled(world: World) -> None:
    waiting, job = stalled(world)
    with waiting:
        world.run("job", "cancel", str(job), "--reason", "not needed")
        waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 4
    shown = world.json("job", "show", str(job))
    assert (shown["state"], shown["wish_why"]) == ("CANCELLED", "not needed")
    assert world.command("job", "wait", str(job)).status == 4


def test_run_and_wait_ends_with_5_once_the_job_is_paused(world: World) -> None:
    waiting, job = stalled(world)
    with waiting:
        world.run("job", "pause", str(job))
        _, told = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 5
    assert f"towpath job resume {job}" in told
    world.run("job", "cancel", str(job))
    world.finish(job, "CANCELLED")


def test_a_job_that_cannot_begin_says_why(world: World) -> None:
    job = world.submit("noop", world.fresh("waits"), more={"queue": NOBODY})
    assert NOBODY in world.job(job)["waiting"]
    world.post(f"/api/jobs/{job}/cancel/", {})


def test_json_is_one_document_and_jsonl_one_row_a_line(world: World) -> None:
    place = world.fresh("rows")
    for number in range(30):
        (place / f"{number}").write_bytes(b"")
    job = world.json("run", "noop", "--site", "oslo", "--wait", str(place))
    job_id = str(job["id"])
    assert job == world.json("job", "show", job_id) == world.job(job["id"])
    rows = world.json("job", "paths", job_id)
    lines = world.run("job", "paths", job_id, "--jsonl").splitlines()
    assert [json.loads(line) for line in lines] == rows
    assert sorted(map(exact, rows)) == sorted([*map(bytes, place.iterdir()), bytes(place)])
    assert len(world.run("job", "paths", job_id, "--jsonl", "--limit", "7").splitlines()) == 7
    jobs = world.json("job", "list")
    assert [row for row in jobs if row["id"] == job["id"]] == [job]
    assert jobs == list(world.lines("/api/jobs/"))
    assert [row["step"] for row in world.json("job", "tasks", job_id)] == ["recursive", "noop"]


def test_a_relative_path_is_relative_to_where_the_caller_stands(world: World) -> None:
    place = world.fresh("relative")
    # The commands of a world stand at its root, above its sites.
    job = world.json("run", "noop", "--site=oslo", "--wait", f"oslo/../oslo/{place.name}")
    assert [exact(row) for row in world.paths(job["id"])] == [bytes(place)]


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run", "migrat", "--site=oslo", "oslo"], "no workflow 'migrat', did you mean 'migrate'?"),
        (["run", "migrate", "--site=osl", "oslo"], "no site 'osl', did you mean 'oslo'?"),
        (["run", "migrate", "--site=oslo", "--field=stub_sise=1", "oslo"], "did you mean 'stub_size'?"),
        (
            ["run", "migrate", "--site=oslo", "--field=stub_size=big", "oslo"],
            "field 'stub_size': expected a",
        ),
        (["run", "migrate", "--site=oslo", "--field=endpoint=valt", "oslo"], "did you mean 'vault'?"),
        (["run", "migrate", "--site=oslo", "/etc"], "lies beneath no root of site oslo"),
        (["job", "pause", "4000000"], "no job 4000000"),
    ],
)
def test_a_mistake_of_the_caller_is_told_in_one_line(world: World, words: list[str], text: str) -> None:
    ended = world.command(*words)
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("towpath: ")
    assert text in ended.err
    assert one_line(ended.err)


def test_a_wish_that_a_job_cannot_be_granted_is_told_in_one_line(world: World) -> None:
    job = world.do("noop", world.fresh("over"))
    for verb in ("cancel", "retry"):
        ended = world.command("job", verb, str(job["id"]))
        assert ended.status == 1
        assert ended.err.startswith(f"towpath: job {job['id']} is SUCCESS")
        assert one_line(ended.err)


def test_a_hub_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    hub = Hub(tmp_path)
    ended = hub.command("job", "list")
    assert (ended.status, one_line(ended.err)) == (1, True)
    assert "start one with `towpath up`" in ended.err
    hub.env |= {"TOWPATH_URL": f"http://127.0.0.1:{free_port()}", "TOWPATH_API_KEY": "none"}
    for words in (["job", "list"], ["run", "noop", "--site=oslo", "/"]):
        ended = hub.command(*words)
        assert (ended.status, one_line(ended.err)) == (1, True)
        assert "hub not reachable at" in ended.err
