"""Which rule takes a path, asked over the API."""

import base64
from typing import Any

import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid

__all__ = ["api", "laid"]

NOOP = [{"name": "noop"}]
SORTED = {
    "name": "sorted",
    "filter_rules": [
        {"type": "file", "state": "all", "include": ["*.dat", "/survey/**"], "exclude": ["*.bak"], "action": NOOP},
        {"type": "directory", "state": "all", "action": NOOP},
        {"type": "all", "state": "default", "action": NOOP},
    ],
}  # fmt: skip
URL = "/api/workflows/which-rule/"


def asked(api: Api, **body: object) -> list[Any]:
    """What the rules say of some paths."""
    answer = api.http.post(URL, json=body)
    assert answer.status_code == 200, answer.text
    results: list[Any] = answer.json()["results"]
    return results


def whys(found: Any) -> list[str]:
    return [said["why"] for said in found["rules"]]


def test_the_rule_that_takes_a_path_is_told_and_why_the_others_do_not(api: Api) -> None:
    api.http.post("/api/workflows/", json=SORTED).raise_for_status()
    paths = ["a.dat", "survey/x.bak", "/survey/x.txt", {"path": "survey", "type": "directory"}, "b.txt"]
    found = asked(api, workflow="sorted", paths=paths)
    assert [one["rule"] for one in found] == [0, 2, 0, 1, 2]
    assert whys(found[0]) == ["takes", "type", "earlier"]
    assert found[0]["rules"][0]["text"] == "takes it: it is like *.dat"
    assert (found[1]["rules"][0]["why"], found[1]["rules"][0]["glob"]) == ("exclude", "*.bak")
    assert (found[2]["path"], found[2]["state"], found[2]["type"]) == ("survey/x.txt", "processed", "file")
    assert found[3]["rules"][0]["text"] == "expected type file, found directory"
    assert found[4]["rules"][0]["why"] == "include"


def test_a_definition_is_asked_that_is_not_whole_but_says_what_its_rules_take(api: Api) -> None:
    rules = [{"type": "file", "state": "created", "action": [{"name": "migrat", "premigrat": 7}]}]
    draft = {"filter_rules": rules}
    (found,) = asked(api, definition=draft, paths=["a"])
    assert (found["rule"], found["rules"][0]["text"]) == (None, "expected state created, found processed")
    (found,) = asked(api, definition=draft, paths=[{"path": "a", "state": "created"}])
    assert found["rule"] == 0


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"type": "", "state": "all"}, "filter_rules[0].type"),
        ({"type": "file", "state": "no such state"}, "filter_rules[0].state"),
        ({"type": "file", "state": "all", "include": ["a/"]}, "filter_rules[0].include[0]"),
        ({"state": "all"}, "filter_rules[0].type"),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_with_its_place(
    api: Api, rule: dict[str, object], place: str
) -> None:
    answer = api.http.post(URL, json={"definition": {"filter_rules": [rule]}, "paths": ["a"]})
    assert (answer.status_code, answer.json()["problems"][0]["place"]) == (422, place)


def test_paths_of_a_site_are_cut_at_their_root_and_exact(api: Api) -> None:
    odd = f"{ROOT}/survey/".encode() + b"\xff.bin"
    spelled = {"path_b64": base64.b64encode(odd).decode(), "type": "file"}
    (found,) = asked(api, definition=SORTED, site=SITE, paths=[spelled])
    assert (found["rule"], found["root"], found["path"]) == (0, "data", r"survey/\xff.bin")
    assert base64.b64decode(found["path_b64"]) == b"survey/\xff.bin"
    answer = api.http.post(URL, json={"definition": SORTED, "site": SITE, "paths": ["/elsewhere/a"]})
    assert answer.status_code == 400
    assert "lies beneath no root" in answer.json()["detail"]


def test_where_there_is_no_discovery_paths_are_files_with_the_state_that_they_are_given(api: Api) -> None:
    draft = SORTED | {"discovery": None}
    (found,) = asked(api, definition=draft, site=SITE, paths=[f"{ROOT}/survey"])
    assert (found["type"], found["state"], found["rule"]) == ("file", "", 2)
    job = api.http.post("/api/workflows/", json=draft | {"name": "given"})
    assert job.status_code == 201
    number = api.start("given", [f"{ROOT}/survey"])
    steps = api.http.get(f"/api/jobs/{number}/steps/").json()["results"]
    assert [step["rule"] for step in steps if step["position"] == 0 and step["reached"]] == [2]


def test_either_a_workflow_or_a_definition_is_asked(api: Api) -> None:
    both: list[dict[str, object]] = [
        {"paths": ["a"]},
        {"workflow": "noop", "definition": SORTED, "paths": ["a"]},
        {"workflow": "noop", "paths": []},
    ]
    assert [api.http.post(URL, json=body).status_code for body in both] == [422, 422, 422]
    assert api.http.post(URL, json={"workflow": "none", "paths": ["a"]}).status_code == 404
