"""Priorities, caps, limits, and what is wished of nodes, over the API."""

from tests.fixtures_api import NODE, ROOT, SITE, Api, api, laid

__all__ = ["api", "laid"]


def order(**more: object) -> dict[str, object]:
    """An order of a job over three paths, a task each."""
    paths = [f"{ROOT}/{name}" for name in "abc"]
    return {
        "workflow": "checksum", "site": SITE, "paths": paths, "discovery": None, "paths_per_task": 1, **more
    }  # fmt: skip


def test_a_job_is_given_its_turn_with_the_order_or_later(api: Api) -> None:
    job = api.http.post("/api/file/workflow/", json=order(priority=7, max_tasks=2)).json()
    assert (job["priority"], job["max_tasks"]) == (7, 2)
    assert len(api.claim()) == 2
    changed = api.http.patch(f"/api/jobs/{job['id']}/", json={"priority": -3}).json()
    assert (changed["priority"], changed["max_tasks"]) == (-3, 2)
    changed = api.http.patch(f"/api/jobs/{job['id']}/", json={"max_tasks": None}).json()
    assert (changed["priority"], changed["max_tasks"]) == (-3, None)
    assert len(api.claim()) == 1


def test_a_turn_that_cannot_be_is_refused(api: Api) -> None:
    for wrong in ({"priority": 1001}, {"max_tasks": 0}, {"max_tasks": "many"}):
        assert api.http.post("/api/file/workflow/", json=order(**wrong)).status_code == 422
    assert api.http.patch("/api/jobs/77/", json={"priority": 1}).status_code == 404


def test_a_user_is_limited_and_the_limit_shows_what_runs(api: Api) -> None:
    assert api.http.put("/api/limits/ana/", json={"max_tasks": 1}).status_code == 200
    api.http.post("/api/file/workflow/", json=order())
    assert len(api.claim()) == 1
    (limit,) = api.http.get("/api/limits/").json()["results"]
    assert (limit["owner"], limit["max_tasks"], limit["running"], limit["set_by"]) == ("ana", 1, 1, "ana")
    wrong = api.http.put("/api/limits/anna/", json={"max_tasks": 1})
    assert (wrong.status_code, "did you mean 'ana'?" in wrong.json()["detail"]) == (404, True)
    assert api.http.delete("/api/limits/ana/").status_code == 204
    assert api.http.get("/api/limits/").json() == {"count": 0, "results": []}


def test_a_node_drains_and_works_again(api: Api) -> None:
    api.http.post("/api/file/workflow/", json=order())
    granted = api.claim(slots=1)
    node = api.http.post(f"/api/nodes/{SITE}/{NODE}/drain/", json={"reason": "new kernel"}).json()
    assert (node["state"], node["running"], node["drain_by"]) == ("draining", 1, "ana")
    assert api.claim() == []
    api.report(granted[0])
    assert api.http.get(f"/api/nodes/{SITE}/{NODE}/").json()["state"] == "drained"
    assert api.http.get(f"/api/sites/{SITE}/").json()["health"] == "warning"
    assert api.http.post(f"/api/nodes/{SITE}/{NODE}/undrain/").json()["state"] == "online"
    assert len(api.claim()) == 2
    assert api.http.post(f"/api/sites/{SITE}/drain/").json()["nodes"][0]["state"] == "draining"
    assert api.http.post(f"/api/sites/{SITE}/undrain/").json()["nodes"][0]["state"] == "online"


def test_slots_of_a_node_are_changed(api: Api) -> None:
    place = f"/api/nodes/{SITE}/{NODE}/"
    node = api.http.patch(place, json={"slots": 3}).json()
    assert node["queues"] == {"default": {"worker": 3, "discovery": 2}}
    assert node["started_with"] == {"default": {"worker": 8, "discovery": 2}}
    wrong = api.http.patch(place, json={"function": "walker", "slots": 3})
    assert (wrong.status_code, "did you mean 'worker'?" in wrong.json()["detail"]) == (400, True)
    node = api.http.patch(place, json={"slots": None}).json()
    assert node["queues"] == node["started_with"]
    assert api.http.get("/api/nodes/", params={"site": SITE}).json()["results"] == [node]
