"""Workflows, sites and targets over the API."""

from typing import Any

import pytest
from tests.fixtures_api import NODE, ROOT, SITE, Api, api, laid

__all__ = ["api", "laid"]

TIDY = {
    "name": "tidy",
    "label": "Check, then migrate",
    "discovery": "recursive",
    "filter_rules": [{"type": "file", "state": "all", "action": [{"name": "checksum"}, {"name": "migrate"}]}],
}


def test_the_installed_workflows_are_there(api: Api) -> None:
    names = {w["name"] for w in api.http.get("/api/workflows/").json()["results"]}
    assert {"migrate", "premigrate", "recall", "send"} <= names
    assert api.http.get("/api/workflows/migrate/").json()["installed"] is True


def test_a_workflow_is_kept_in_versions(api: Api) -> None:
    first = api.http.post("/api/workflows/", json=TIDY)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    second = api.http.post("/api/workflows/", json=TIDY | {"label": "Other"}).json()
    assert (second["version"], second["label"]) == (2, "Other")
    definition = api.http.get("/api/workflows/tidy/").json()["definition"]
    assert api.http.post("/api/workflows/", json=definition).json()["version"] == 2
    assert api.http.delete("/api/workflows/tidy/").status_code == 204
    assert api.http.get("/api/workflows/tidy/").status_code == 404


def test_a_definition_is_told_where_it_is_wrong(api: Api) -> None:
    wrong = TIDY | {"filter_rules": [{"type": "file", "state": "all", "action": [{"name": "migrat"}]}]}
    checked = api.http.post("/api/workflows/check/", json=wrong).json()
    assert checked["valid"] is False
    problem = checked["problems"][0]
    assert problem["place"] == "filter_rules[0].action[0]"
    assert "unknown step 'migrat', did you mean 'migrate'?" in problem["text"]
    kept = api.http.post("/api/workflows/", json=wrong)
    assert kept.status_code == 422
    assert kept.json()["problems"] == checked["problems"]
    assert api.http.post("/api/workflows/check/", json=TIDY).json() == {"valid": True, "problems": []}
    documents: list[object] = [[], 7, "x"]
    for document in documents:
        assert api.http.post("/api/workflows/check/", json=document).json()["valid"] is False


def test_a_site_is_paused_and_resumed_and_shows_it(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    body = {"reason": "no tapes", "resume_at": "2100-01-01T00:00:00Z", "now": True}
    (shown,) = api.http.post(f"/api/sites/{SITE}/pause/", json=body).json()["paused"]
    assert (shown["queue"], shown["by"], shown["why"], shown["now"]) == ("", "ana", "no tapes", True)
    assert shown["resume_at"] == "2100-01-01T00:00:00Z"
    assert api.claim() == []
    waiting = api.http.get(f"/api/jobs/{job}/").json()
    assert (waiting["state"], waiting["waiting"]) == (
        "PENDING",
        "site oslo paused by ana until 2100-01-01 00:00:00 UTC: no tapes",
    )
    assert api.http.post(f"/api/sites/{SITE}/resume/").json()["paused"] == []
    assert len(api.claim()) == 1


def test_a_queue_is_paused_alone(api: Api) -> None:
    api.start("noop", [f"{ROOT}/a"])
    (shown,) = api.http.post(f"/api/sites/{SITE}/pause/", json={"queue": "default"}).json()["paused"]
    assert shown["queue"] == "default"
    assert api.claim() == []
    conflict = api.http.post(f"/api/sites/{SITE}/resume/")
    assert conflict.status_code == 409
    assert conflict.json()["detail"] == "site oslo is not paused; queue default of site oslo is"
    api.http.post(f"/api/sites/{SITE}/resume/", json={"queue": "default"})
    assert len(api.claim()) == 1


def test_all_jobs_of_a_workflow_are_paused_resumed_and_cancelled(api: Api) -> None:
    jobs = [api.start("noop", [f"{ROOT}/a"]) for _ in range(3)]
    other = api.start("checksum", [f"{ROOT}/a"])
    assert api.http.post("/api/workflows/noop/pause/", json={"reason": "audit"}).json() == {"jobs": 3}
    assert api.http.post("/api/workflows/noop/pause/").json() == {"jobs": 0}
    states = {job["id"]: job["state"] for job in api.http.get("/api/jobs/").json()["results"]}
    assert states == dict.fromkeys(jobs, "PAUSED") | {other: "PENDING"}
    assert api.http.post("/api/workflows/noop/resume/").json() == {"jobs": 3}
    assert api.http.post("/api/workflows/noop/cancel/").json() == {"jobs": 3}
    assert api.http.get(f"/api/jobs/{jobs[0]}/").json()["state"] == "DEQUEUING"


def test_all_jobs_of_a_site_or_queue_are_cancelled(api: Api) -> None:
    for _ in range(2):
        api.start("noop", [f"{ROOT}/a"])
    assert api.http.post(f"/api/sites/{SITE}/cancel/", json={"queue": "default"}).json() == {"jobs": 2}
    api.start("noop", [f"{ROOT}/a"])
    assert api.http.post(f"/api/sites/{SITE}/cancel/").json() == {"jobs": 1}


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("sites/olso/pause/", {}, "no site 'olso', did you mean 'oslo'?"),
        ("sites/olso/cancel/", {}, "no site 'olso', did you mean 'oslo'?"),
        ("sites/oslo/pause/", {"queue": "q"}, "site oslo has no queue 'q'; expected one of: default"),
        ("sites/oslo/cancel/", {"queue": "q"}, "site oslo has no queue 'q'; expected one of: default"),
        ("workflows/nop/pause/", {}, "no workflow 'nop', did you mean 'noop'?"),
        ("workflows/nop/resume/", {}, "no workflow 'nop', did you mean 'noop'?"),
        ("workflows/nop/cancel/", {}, "no workflow 'nop', did you mean 'noop'?"),
    ],
)
def test_a_wish_of_what_nobody_knows_is_not_found(
    api: Api, path: str, body: dict[str, object], text: str
) -> None:
    answer = api.http.post(f"/api/{path}", json=body)
    assert (answer.status_code, answer.json()["detail"]) == (404, text)


def test_a_site_shows_its_roots_and_nodes(api: Api) -> None:
    site = api.http.get(f"/api/sites/{SITE}/").json()
    assert (site["health"], site["roots"], site["unguarded"]) == ("ok", {"data": ROOT}, True)
    assert [(node["name"], node["online"]) for node in site["nodes"]] == [(NODE, True)]
    assert site["nodes"][0]["queues"] == {"default": {"worker": 8, "discovery": 2}}
    assert api.http.get("/api/sites/").json() == {"count": 1, "next": None, "stats": None, "results": [site]}
    assert "did you mean 'oslo'?" in api.http.get("/api/sites/osla/").json()["detail"]


def test_a_target_never_shows_its_secrets(api: Api) -> None:
    secrets = {"access_key_id": "hunter", "secret_access_key": "hunter2"}
    asked = {
        "name": "tape",
        "url": "s3://archive/oslo?endpoint=https://s3.example.org",
        "credentials": secrets,
    }
    added = api.http.post("/api/targets/", json=asked)
    assert added.status_code == 201
    assert "hunter" not in added.text
    assert "hunter" not in api.http.get("/api/targets/").text
    assert api.http.get("/api/targets/tape/").json() == added.json()
    assert api.http.post("/api/targets/", json=asked).status_code == 409
    assert api.http.delete("/api/targets/tape/").status_code == 204
    assert api.http.delete("/api/targets/tape/").status_code == 404


def test_a_wrong_target_is_told_without_its_secret(api: Api) -> None:
    asked = {"name": "ta pe", "url": "ftp://x", "credentials": {"access_key_id": ["hunter2"]}}
    answer = api.http.post("/api/targets/", json=asked)
    assert answer.status_code == 422
    assert "hunter2" not in answer.text
    answer = api.http.post("/api/targets/", json=asked | {"credentials": {}})
    assert answer.status_code == 400


@pytest.mark.parametrize("target", ["tape", None])
def test_a_site_takes_and_loses_its_default_target(api: Api, target: str | None) -> None:
    api.http.post("/api/targets/", json={"name": "tape", "url": "file:///srv/tape"})
    answer = api.http.patch(f"/api/sites/{SITE}/", json={"default_target": target})
    assert answer.status_code == 200, answer.text
    assert answer.json()["default_target"] == target
    assert api.http.patch(f"/api/sites/{SITE}/", json={"default_target": "none"}).status_code == 404
    assert api.http.patch(f"/api/sites/{SITE}/", json={}).status_code == 422


def test_the_table_of_errors_is_there_for_all_to_see(api: Api) -> None:
    table = api.http.get("/api/errors/").json()
    classes = {row["name"]: row["error_class"] for row in table["results"]}
    assert (classes["ESTALE"], classes["503"], classes["EDQUOT"]) == ("transient", "transient", "no_space")
    assert set(classes.values()) == set(table["classes"])
    assert table["count"] == len(classes)


def test_a_space_is_added_changed_and_removed(api: Api) -> None:
    api.http.post("/api/targets/", json={"name": "tape", "url": "file:///srv/tape"})
    place = {"name": "films", "site": SITE, "path": f"{ROOT}/films", "default_target": None}
    space: dict[str, Any] = {**place, "excluded": [], "usage_every": None}
    assert api.http.post("/api/spaces/", json=space).status_code == 201
    assert api.http.get("/api/spaces/").json() == {"count": 1, "results": [space]}
    where = f"/api/spaces/films/{SITE}/"
    changed = api.http.patch(where, json={"default_target": "tape"})
    assert changed.json() == space | {"default_target": "tape"} == api.http.get(where).json()
    left_out = {"default_target": "tape", "excluded": ["*.tmp"]}
    assert api.http.patch(where, json={"excluded": ["*.tmp", "*.tmp"]}).json() == space | left_out
    assert api.http.patch(where, json={"usage_every": 7200}).json() == space | left_out | {
        "usage_every": 7200
    }
    assert api.http.patch(where, json={"excluded": ["a/"]}).status_code == 400
    assert api.http.patch(where, json={"usage_every": 5}).status_code == 422
    assert api.http.patch(where, json={"default_target": "tap"}).status_code == 404
    assert api.http.post("/api/spaces/", json=space).status_code == 409
    assert api.http.post("/api/spaces/", json=space | {"name": "f", "path": "films"}).status_code == 400
    never = api.http.get(f"{where}usage/").json()
    assert never["usage"] is None
    counted = {"name": "films", "site": SITE, "within": None, **never}
    assert api.http.get("/api/spaces/usage/").json() == {"count": 1, "results": [counted]}
    assert api.http.delete(where).status_code == 204
    assert api.http.get(where).json()["detail"] == f"no space 'films' at site {SITE}"
