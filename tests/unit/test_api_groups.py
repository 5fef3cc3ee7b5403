"""Groups and spaces: what their members may do there, and that they may do nothing anywhere else."""

import re
from collections.abc import Mapping

import httpx
import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid

from towpath.api.door import NEEDS
from towpath.api.reach import COMMON, NARROWED, THINGS
from towpath.domain.rights import GRANTED, Grant, Right, Role
from towpath.engine import keys, people

__all__ = ["api", "laid"]

MINE, OTHER, INNER = "mine", "other", "inner"


@pytest.fixture
def spaces(api: Api) -> None:
    """A space, another one, and one that lies in the first."""
    for name, path in ((MINE, "mine"), (OTHER, "other"), (INNER, "mine/in")):
        body = {"name": name, "site": SITE, "path": f"{ROOT}/{path}"}
        assert api.http.post("/api/spaces/", json=body).status_code == 201


def member(
    api: Api, right: Grant | None, role: Role = Role.MEMBER, scopes: frozenset[Right] | None = None
) -> str:
    """The key of a user of a group that has that right in `MINE`."""
    with api.database.writing() as tx:
        people.ensure_user(tx, "bea", role)
        _, key = keys.make_key(tx, "bea", scopes=scopes)
    api.http.post("/api/auth/groups/", json={"name": "crew"})
    assert api.http.put("/api/auth/groups/crew/members/bea/").is_success
    if right is not None:
        granted = api.http.put(f"/api/auth/groups/crew/spaces/{MINE}/", json={"right": right})
        assert granted.json()["spaces"] == {MINE: right}
    return key


def call(api: Api, key: str, verb: str, url: str, body: object | None = None) -> httpx.Response:
    """What the hub answers to who has that key."""
    headers = {"Authorization": f"Api-Key {key}"}
    with (
        httpx.Client(base_url=api.url, headers=headers, trust_env=False, verify=False, timeout=30) as http,
        http.stream(verb, url, json=body) as answer,
    ):
        if "text/event-stream" not in answer.headers.get("content-type", ""):  # which has no end
            answer.read()
        return answer


def order(path: str, **more: object) -> dict[str, object]:
    """A job over a path."""
    return {"workflow": "noop", "site": SITE, "paths": [f"{ROOT}/{path}"], "discovery": None, **more}


def started(api: Api, key: str, path: str) -> int:
    """A job that was started with that key."""
    answer = call(api, key, "POST", "/api/file/workflow/", order(path))
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


def things(api: Api, job: int, space: str) -> Mapping[str, str]:
    """What stands in URLs for a job, one of its tasks, and a space."""
    [task] = api.http.get(f"/api/jobs/{job}/tasks/", params={"position": 0}).json()["results"][-1:]
    return {"job_id": str(job), "task_id": str(task["id"]), "name": space, "site": SITE}


def try_all(api: Api, key: str, there: Mapping[str, str], rights: frozenset[Right]) -> None:
    """Every operation is refused, but those of one's own, those that look themselves, and what the rights allow."""
    tried = set()
    for path, verbs in api.contract()["paths"].items():
        for verb, said in verbs.items():
            name = said["operationId"]
            if name not in NEEDS or NEEDS[name] is Right.OWN:
                continue
            url = re.sub(r"\{(\w+)\}", lambda found: there.get(found[1], "999999"), path)
            answer = call(api, key, verb.upper(), url)
            tried.add(name)
            if name in NARROWED | COMMON | set(THINGS) and NEEDS[name] in rights:
                assert answer.status_code != 403, (name, answer.text)
            else:
                assert answer.status_code == 403, (name, answer.text)
                assert answer.headers["content-type"] == "application/problem+json"
    assert tried >= NARROWED | COMMON | set(THINGS)


@pytest.mark.usefixtures("spaces")
@pytest.mark.parametrize("right", list(Grant))
def test_members_may_do_in_their_space_what_their_group_may(api: Api, right: Grant) -> None:
    job = api.start("noop", [f"{ROOT}/mine/a"])
    try_all(api, member(api, right), things(api, job, MINE), GRANTED[right])


@pytest.mark.usefixtures("spaces")
def test_members_may_do_nothing_in_another_space(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/other/a"])
    key = member(api, Grant.ADMINISTER)
    there = things(api, job, OTHER)
    for name in (*THINGS, "submit"):
        for path, verbs in api.contract()["paths"].items():
            for verb, said in verbs.items():
                if said["operationId"] == name:
                    url = re.sub(r"\{(\w+)\}", lambda found: there.get(found[1], "999999"), path)
                    answer = call(api, key, verb.upper(), url, order("other/a") if name == "submit" else None)
                    assert answer.status_code == 403, (name, answer.text)
    assert call(api, key, "GET", "/api/jobs/").json()["results"] == []
    assert [space["name"] for space in call(api, key, "GET", "/api/spaces/").json()["results"]] == [
        INNER,
        MINE,
    ]
    assert api.http.get(f"/api/jobs/{job}/").json()["wanted"] == "run"


@pytest.mark.usefixtures("spaces")
def test_what_is_not_there_is_refused_like_what_lies_elsewhere(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/other/a"])
    key = member(api, Grant.VIEW)
    for url in ("/api/jobs/{}/", "/api/jobs/{}/paths/"):
        there, nowhere = (call(api, key, "GET", url.format(number)) for number in (job, 999_999))
        assert there.status_code == nowhere.status_code == 403
        assert there.json()["detail"] == nowhere.json()["detail"]


@pytest.mark.usefixtures("spaces")
def test_who_is_in_no_group_is_refused_everything(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/mine/a"])
    try_all(api, member(api, None), things(api, job, MINE), frozenset())


@pytest.mark.usefixtures("spaces")
def test_a_list_of_jobs_shows_and_counts_those_of_ones_spaces(api: Api) -> None:
    key = member(api, Grant.ADMINISTER)
    mine = started(api, key, "mine/a")
    inner = started(api, key, "mine/in/b")
    api.start("noop", [f"{ROOT}/other/a"])
    api.start("noop", [f"{ROOT}/elsewhere"])
    seen = call(api, key, "GET", "/api/jobs/?stats=true").json()
    assert [(job["id"], job["space"]) for job in seen["results"]] == [(inner, INNER), (mine, MINE)]
    assert (seen["count"], seen["stats"]["space"]) == (2, {INNER: 1, MINE: 1})
    every = api.http.get("/api/jobs/?stats=true").json()
    assert (every["count"], every["stats"]["space"]) == (4, {"": 1, INNER: 1, MINE: 1, OTHER: 1})
    assert [job["id"] for job in api.http.get(f"/api/jobs/?space={MINE}").json()["results"]] == [mine]
    assert call(api, key, "GET", f"/api/jobs/?id={mine}&id={mine + 2}").json()["count"] == 1


@pytest.mark.usefixtures("spaces")
def test_a_viewer_of_all_may_run_jobs_in_the_spaces_that_they_administer(api: Api) -> None:
    key = member(api, Grant.ADMINISTER, Role.VIEWER)
    elsewhere = api.start("noop", [f"{ROOT}/elsewhere"])
    started(api, key, "mine/a")
    assert call(api, key, "GET", "/api/jobs/").json()["count"] == 2
    assert call(api, key, "POST", f"/api/jobs/{elsewhere}/cancel/").status_code == 403
    assert call(api, key, "POST", "/api/file/workflow/", order("elsewhere")).status_code == 403


@pytest.mark.usefixtures("spaces")
def test_a_narrowed_key_is_narrow_in_spaces_too(api: Api) -> None:
    key = member(api, Grant.ADMINISTER, scopes=frozenset({Right.READ}))
    assert call(api, key, "GET", "/api/jobs/").is_success
    assert call(api, key, "POST", "/api/file/workflow/", order("mine/a")).status_code == 403


@pytest.mark.usefixtures("spaces")
@pytest.mark.parametrize(
    ("role", "right", "scopes", "where"),
    [
        (Role.MEMBER, Grant.ADMINISTER, None, [INNER, MINE]),
        (Role.VIEWER, Grant.ADMINISTER, None, [INNER, MINE]),
        (Role.MEMBER, Grant.VIEW, None, []),
        (Role.MEMBER, Grant.ADMINISTER, frozenset({Right.OWN, Right.READ}), []),
        (Role.OPERATOR, Grant.ADMINISTER, None, []),
    ],
)
def test_who_may_run_in_some_spaces_only_is_told_in_which(
    api: Api, role: Role, right: Grant, scopes: frozenset[Right] | None, where: list[str]
) -> None:
    me = call(api, member(api, right, role, scopes), "GET", "/api/auth/session/").json()
    assert me["runs_in"] == sorted(
        ({"site": SITE, "space": name} for name in where), key=lambda one: one["space"]
    )


@pytest.mark.usefixtures("spaces")
def test_who_leaves_a_group_is_out_at_once(api: Api) -> None:
    key = member(api, Grant.ADMINISTER)
    job = started(api, key, "mine/a")
    assert call(api, key, "POST", f"/api/jobs/{job}/pause/").is_success
    for undo, again in (
        ("members/bea", {}),
        (f"spaces/{MINE}", {"right": "administer"}),
    ):
        assert api.http.delete(f"/api/auth/groups/crew/{undo}/").is_success
        assert call(api, key, "POST", f"/api/jobs/{job}/resume/").status_code == 403
        assert api.http.delete(f"/api/auth/groups/crew/{undo}/").status_code == 404
        assert api.http.put(f"/api/auth/groups/crew/{undo}/", json=again).is_success
        assert call(api, key, "GET", f"/api/jobs/{job}/").is_success
    assert api.http.delete("/api/auth/groups/crew/").status_code == 204
    assert call(api, key, "GET", f"/api/jobs/{job}/").status_code == 403
    assert api.http.get("/api/auth/groups/").json()["count"] == 0


@pytest.mark.usefixtures("spaces")
def test_a_space_that_is_named_anew_is_nobodys(api: Api) -> None:
    key = member(api, Grant.ADMINISTER)
    assert api.http.delete(f"/api/spaces/{MINE}/{SITE}/").status_code == 204
    body = {"name": MINE, "site": SITE, "path": f"{ROOT}/secret"}
    assert api.http.post("/api/spaces/", json=body).status_code == 201
    assert call(api, key, "POST", "/api/file/workflow/", order("secret/a")).status_code == 403
    assert api.http.get("/api/auth/groups/crew/").json()["spaces"] == {}


def leaving(chain: list[dict[str, object]], **more: object) -> dict[str, object]:
    """A workflow over files."""
    rules = [{"type": "file", "state": "all", "action": chain}]
    return {"name": "try", "label": "Try", "discovery": "recursive", "filter_rules": rules, **more}


@pytest.mark.usefixtures("spaces")
@pytest.mark.parametrize(
    ("chain", "says"),
    [
        ([{"name": "copy", "to_path": "elsewhere"}], "step copy may reach"),
        ([{"name": "noop"}, {"name": "run", "command": "x"}], "step run may reach"),
        ([{"name": "checksum", "manifest": "other/sums"}], "step checksum: manifest may reach"),
        ([{"name": "set_metadata", "mode": "4755"}], "step set_metadata may reach"),
    ],
)
def test_a_job_in_a_space_cannot_reach_out_of_it(api: Api, chain: list[dict[str, object]], says: str) -> None:
    assert api.http.post("/api/workflows/", json=leaving(chain)).status_code == 201
    key = member(api, Grant.ADMINISTER)
    asked = {"workflow": "try", "site": SITE, "paths": [f"{ROOT}/mine/a"]}
    refused = call(api, key, "POST", "/api/file/workflow/", asked)
    assert (refused.status_code, says in refused.json()["detail"]) == (400, True), refused.text
    made = api.http.post("/api/file/workflow/", json=asked)
    assert made.status_code == 201
    job = made.json()["id"]
    assert call(api, key, "POST", f"/api/jobs/{job}/cancel/").is_success


@pytest.mark.usefixtures("spaces")
def test_a_job_in_a_space_pushes_nobody_aside(api: Api) -> None:
    key = member(api, Grant.ADMINISTER)
    refused = call(api, key, "POST", "/api/file/workflow/", order("mine/a", priority=5))
    assert (refused.status_code, "priority" in refused.json()["detail"]) == (400, True)


@pytest.mark.usefixtures("spaces")
def test_paths_of_two_spaces_are_no_job_of_either(api: Api) -> None:
    key = member(api, Grant.ADMINISTER)
    asked = order("mine/a", paths=[f"{ROOT}/mine/a", f"{ROOT}/other/b"])
    assert call(api, key, "POST", "/api/file/workflow/", asked).status_code == 403
    both = order("mine/a", paths=[f"{ROOT}/mine/a", f"{ROOT}/mine/in/b"])
    assert call(api, key, "POST", "/api/file/workflow/", both).json()["space"] == MINE


def test_groups_are_told_what_is_wrong_with_them(api: Api) -> None:
    assert api.http.post("/api/auth/groups/", json={"name": "crew"}).status_code == 201
    assert api.http.post("/api/auth/groups/", json={"name": "crew"}).status_code == 409
    assert api.http.post("/api/auth/groups/", json={"name": "-"}).status_code == 400
    for url in ("/api/auth/groups/crew/members/nobody/", "/api/auth/groups/crew/spaces/none/"):
        assert api.http.put(url, json={"right": "view"}).status_code == 404
    assert api.http.get("/api/auth/groups/crow/").json()["detail"] == "no group 'crow', did you mean 'crew'?"
