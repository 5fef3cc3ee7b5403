"""What may not be read fails by name and with its reason, and stops nothing else."""

from tests.acceptance import trees
from tests.acceptance.world import World, exact


def test_an_unreadable_file_stops_nobody_else_and_is_retried_alone_once_it_was_mended(
    rough_world: World,
) -> None:
    world = rough_world
    place = world.fresh("mended")
    trees.sow(place, 200)
    broken = place / "000" / "000100"
    broken.chmod(0)
    definition = world.root / "two-steps.yaml"
    definition.write_text(
        "name: two-steps\n"
        "filter_rules:\n"
        "  - {type: file, state: all, action: [{name: checksum}, {name: migrate, premigrate: true}]}\n"
    )
    assert "workflow two-steps, version 1" in world.run("workflow", "import", str(definition))
    job = world.json("run", "two-steps", "--site=oslo", "--wait", str(place), status=3)
    assert (job["state"], job["totals"]["done"], job["totals"]["failed"]) == ("FAILURE", 199, 1)
    first, second = (world.steps(job["id"])[0, position] for position in (0, 1))
    assert (first["tasks"]["ERROR"], first["processed"], first["failed"]) == (1, 199, 1)
    assert (second["reached"], second["processed"], second["tasks"].get("ERROR", 0)) == (199, 199, 0)
    [failed] = world.json("job", "paths", str(job["id"]), "--outcome", "failed")
    assert (exact(failed), failed["error_class"]) == (bytes(broken), "no_permission")
    assert "Permission denied" in failed["reason"] or "permission" in failed["reason"]
    broken.chmod(0o600)
    retried = world.json("job", "retry", str(job["id"]), "--failed", "--wait")
    assert (retried["state"], retried["retry_of"]) == ("SUCCESS", job["id"])
    assert retried["totals"]["discovered"] == retried["totals"]["done"] == 1
    assert [(row["step"], exact(row)) for row in world.paths(retried["id"])] == [
        ("checksum", bytes(broken)),
        ("migrate", bytes(broken)),
    ]


def test_what_cannot_be_read_fails_with_its_reason_and_nothing_else_does(rough_world: World) -> None:
    world = rough_world
    place = world.fresh("closed")
    trees.sow(place, 50)
    closed, wall = place / "closed", place / "wall"
    closed.write_bytes(b"nobody may read this")
    closed.chmod(0)
    wall.mkdir()
    (wall / "behind").write_bytes(b"nobody may see this")
    wall.chmod(0)
    try:
        job = world.do("premigrate", place, state="FAILURE")
        assert {exact(row): row["error_class"] for row in world.failed(job["id"])} == {
            bytes(closed): "no_permission",
            bytes(wall): "no_permission",
        }
        reasons = {exact(row): row["reason"] for row in world.failed(job["id"])}
        assert "permission bits" in reasons[bytes(closed)]
        assert "Permission denied" in reasons[bytes(wall)]
        assert (job["totals"]["done"], job["totals"]["failed"]) == (50, 2)
        assert (closed.stat().st_mode & 0o7777, wall.stat().st_mode & 0o7777) == (0, 0)
        closed.chmod(0o600)
        wall.chmod(0o700)
        again = world.post(f"/api/jobs/{job['id']}/retry/", {"which": "failed"})
        world.finish(again["id"])
        seen = world.outcomes(again)
        assert seen == {bytes(closed): ("processed", None), bytes(wall / "behind"): ("processed", None)}
    finally:
        wall.chmod(0o700)
