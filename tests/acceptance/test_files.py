"""Looking at the paths of a site as people do: who may, what they see, and that it pages."""

import base64
import json
import os
from http import HTTPStatus

import httpx
from tests.acceptance.world import World


def test_a_directory_is_listed_with_the_state_of_each_file(world: World) -> None:
    place = world.fresh("looked")
    (place / "a").write_bytes(b"x" * 100_000)
    odd = os.fsencode(place) + b"/\xff\n"
    with open(odd, "wb"):
        pass
    (place / "d").mkdir()
    world.wait(world.submit("premigrate", [str(place / "a")]), "SUCCESS")
    rows = {row["path_b64"]: row for row in world.json("ls", "oslo", str(place))}
    assert len(rows) == 3
    copied = rows[base64.b64encode(os.fsencode(place / "a")).decode()]
    assert (copied["state"], copied["target"], copied["size"]) == ("premigrated", "vault", 100_000)
    assert rows[base64.b64encode(odd).decode()]["path"].endswith(r"/\xff\x0a")
    (itself,) = world.json("ls", "oslo", str(place), "--directory")
    assert (itself["path"], itself["type"], itself["state"]) == (str(place), "directory", None)
    (file,) = world.json("ls", "oslo", str(place / "a"))
    assert file == copied
    said = world.command("ls", "oslo", str(place / "none"))
    assert f"site oslo: nothing is at '{place / 'none'}'" in said.err
    assert "lies beneath no root of site oslo" in world.command("ls", "oslo", "/etc").err


def test_a_node_says_what_a_path_is_before_the_rule_that_takes_it_is_told(world: World) -> None:
    place = world.fresh("ruled")
    (place / "a").touch()
    rules = [{"type": kind, "state": "all", "action": [{"name": "noop"}]} for kind in ("file", "directory")]
    world.post("/api/workflows/", {"name": "ruled", "filter_rules": rules})
    asked = ("workflow", "which", "ruled", "--site", "oslo", str(place), str(place / "a"))
    found = world.json(*asked)["results"]
    assert [(one["type"], one["rule"]) for one in found] == [("directory", 1), ("file", 0)]
    gone = world.command("workflow", "which", "ruled", "--site", "oslo", str(place / "none"))
    assert "say of which type it is to be" in gone.err


def test_a_large_directory_comes_in_pages(world: World) -> None:
    place = world.fresh("large")
    names = [f"f{number:04}" for number in range(2500)]
    for name in names:
        (place / name).touch()
    lines = world.run("ls", "oslo", str(place), "--jsonl").splitlines()
    assert [json.loads(line)["path"] for line in lines] == [str(place / name) for name in names]
    assert len(world.run("ls", "oslo", str(place), "--jsonl", "--limit", "7").splitlines()) == 7


def test_a_member_looks_at_the_spaces_of_their_groups_alone(world: World) -> None:
    mine, other = world.fresh("mine"), world.fresh("other")
    (mine / "a").touch()
    world.run("space", "add", "browsed", "--site", "oslo", str(mine))
    world.run("user", "add", "cleo", "--role", "member")
    key = world.json("key", "add", "--user", "cleo")["key"]
    world.run("group", "add", "lookers")
    world.run("group", "join", "lookers", "cleo")
    world.run("group", "grant", "lookers", "browsed", "view")
    assert world.run("group", "show", "lookers") == "group lookers: cleo\nmay do: views browsed\n"

    def look(path: str) -> httpx.Response:
        headers = {"Authorization": f"Api-Key {key}"}
        return httpx.get(
            f"{world.api.base_url}/api/sites/oslo/files/",
            params={"path": path},
            headers=headers,
            timeout=60,
            trust_env=False,
            verify=False,
        )

    assert [row["path"] for row in look(str(mine)).json()["results"]] == [str(mine / "a")]
    for path in (str(other), str(mine.parent), f"{mine}/../{other.name}"):
        assert look(path).status_code == HTTPStatus.FORBIDDEN
    world.run("group", "withdraw", "lookers", "browsed")
    assert look(str(mine)).status_code == HTTPStatus.FORBIDDEN
