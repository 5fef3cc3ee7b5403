"""Dry runs: they change nothing, and what they foretell is what the job then does."""

import json
import os
from pathlib import Path

import pytest
from tests.acceptance.world import World

COUNTS = ("rule", "position", "step", "reached", "processed", "failed", "skipped", "aborted", "bytes")


def plant(world: World, name: str) -> Path:
    """A tree with files in each standing, and what is no file."""
    place = world.fresh(name)
    for number in range(12):
        (place / f"f{number:02}").write_bytes(b"x" * 20_000)
    for made in ("copied", "edited", "stub", "written"):
        (place / made).write_bytes(b"y" * 30_000)
    world.wait(world.submit("premigrate", [str(place / n) for n in ("copied", "edited")]), "SUCCESS")
    world.wait(world.submit("migrate", [str(place / n) for n in ("stub", "written")]), "SUCCESS")
    (place / "edited").write_bytes(b"edited")
    (place / "written").chmod(0o600)
    (place / "written").write_bytes(b"written")
    (place / "empty").touch()
    os.link(place / "f00", place / "again")
    (place / "link").symlink_to("f01")
    (place / "d").mkdir()
    return place


def standing(place: Path) -> dict[str, tuple[int, ...]]:
    """All that a change would show in; of guarded stubs, the change time only where root looks."""
    found: dict[str, tuple[int, ...]] = {}
    for path in sorted(place.rglob("*")):
        told = path.lstat()
        changed = told.st_ctime_ns if os.geteuid() == 0 or told.st_mode & 0o777 else 0
        found[str(path)] = (
            told.st_ino,
            told.st_mode,
            told.st_size,
            told.st_blocks,
            told.st_mtime_ns,
            changed,
        )
    return found


def counts(steps: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """What each step would do, or did."""
    return [tuple(step[name] for name in COUNTS) for step in steps if step["position"] != -1]


@pytest.mark.parametrize(
    ("workflow", "state"),
    [("migrate", "FAILURE"), ("premigrate", "FAILURE"), ("recall", "FAILURE"), ("unmanage", "SUCCESS")],
)
def test_what_is_foretold_is_what_the_job_then_does(world: World, workflow: str, state: str) -> None:
    place = plant(world, f"dry-{workflow}")
    before, objects = standing(place), world.json("target", "browse", "vault", f"oslo/data/{place.name}")
    said = json.loads(world.command("run", workflow, "--site", "oslo", "--dry-run", "--json", str(place)).out)
    assert (said["dry_run"], said["state"]) == (True, state)
    assert standing(place) == before
    assert world.json("target", "browse", "vault", f"oslo/data/{place.name}") == objects
    job = world.submit(workflow, place)
    done = world.wait(job, state)
    assert done["dry_run"] is False
    assert done["totals"] == said["totals"]
    assert counts(said["steps"]) == counts(world.get(f"/api/jobs/{job}/steps/")["results"])


def test_a_dry_run_says_what_would_become_of_each_path(world: World) -> None:
    place = world.fresh("dry-told")
    (place / "a").write_bytes(b"x" * 20_000)
    (place / "link").symlink_to("a")
    shown = world.run("run", "migrate", "--site", "oslo", "--dry-run", str(place))
    job = int(shown.split()[0])
    assert "nothing is changed: the counts are what its steps would do" in shown
    paths = {row["path"]: row["outcome"] for row in world.lines(f"/api/jobs/{job}/paths/")}
    assert paths == {str(place / "a"): "processed", str(place / "link"): "skipped"}
    assert (place / "a").stat().st_blocks > 0


def test_a_step_that_cannot_foresee_is_counted_and_not_run(world: World) -> None:
    place = world.fresh("dry-tag")
    (place / "a").touch()
    rules = [{"type": "file", "state": "all", "action": [{"name": "tag", "tag": "dry"}, {"name": "delete"}]}]
    world.post(
        "/api/workflows/",
        {"name": "dry-tag", "label": "Tag", "discovery": "recursive", "filter_rules": rules},
    )
    said = world.json("run", "dry-tag", "--site", "oslo", "--dry-run", str(place))
    assert [(step["step"], step["processed"]) for step in said["steps"][1:]] == [("tag", 1), ("delete", 1)]
    assert os.listxattr(place / "a") == []
