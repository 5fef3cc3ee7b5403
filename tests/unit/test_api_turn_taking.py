"""Two who change one thing, and somebody who calls too often."""

from http import HTTPStatus
from typing import Any

import httpx
import pytest
from tests.fixtures_api import NODE, ROOT, SITE, Api, api, laid

from towpath.api.held import CHANGING, SHOWING
from towpath.api.rates import MOST_KNOWN, Rates, TooMany

__all__ = ["api", "laid"]

RULE = {"type": "all", "state": "all", "action": [{"name": "noop"}]}


def lay(api: Api) -> None:
    """One thing of each kind."""
    assert api.http.post("/api/workflows/", json={"name": "tidy", "filter_rules": [RULE]}).is_success
    for name in ("tape", "disk"):
        assert api.http.post("/api/targets/", json={"name": name, "url": f"file:///mnt/{name}"}).is_success
    assert api.http.post(
        "/api/spaces/", json={"name": "genomes", "site": SITE, "path": f"{ROOT}/genomes"}
    ).is_success
    assert api.http.post("/api/auth/users/", json={"name": "bea"}).is_success
    assert api.http.post("/api/auth/groups/", json={"name": "crew"}).is_success
    assert api.http.put("/api/auth/groups/crew/spaces/genomes/", json={"right": "view"}).is_success
    assert api.http.put("/api/limits/ana/", json={"max_tasks": 5}).is_success
    assert api.http.post("/api/webhooks/", json={"url": "http://127.0.0.1:9/"}).is_success
    api.start("noop", [f"{ROOT}/a"])


@pytest.mark.parametrize(
    ("url", "change"),
    [
        ("/api/workflows/tidy/", {"label": "Two"}),
        (f"/api/spaces/genomes/{SITE}/", {"default_target": "tape"}),
        ("/api/auth/users/bea/", {"role": "operator"}),
        (f"/api/sites/{SITE}/", {"default_target": "tape"}),
        ("/api/targets/disk/", None),
        ("/api/auth/groups/crew/", None),
        ("/api/limits/ana/", None),
        (f"/api/nodes/{SITE}/{NODE}/", {"slots": 2}),
        ("/api/webhooks/1/", {"disabled": True}),
        ("/api/jobs/1/", {"priority": 3}),
    ],
)
def test_a_change_of_what_another_has_changed_meanwhile_is_refused(
    api: Api, url: str, change: dict[str, Any] | None
) -> None:
    lay(api)
    verb = "DELETE" if change is None else "PATCH"

    def changed(tag: str) -> httpx.Response:
        return api.http.request(verb, url, json=change, headers={"If-Match": tag})

    first = api.http.get(url).headers["etag"]
    assert api.http.get(url).headers["etag"] == first
    answer = changed('"another"')
    assert answer.status_code == HTTPStatus.PRECONDITION_FAILED
    assert answer.json()["type"] == "urn:towpath:changed-since"
    assert api.http.get(url).headers["etag"] == first
    assert changed(f'"another", {first}').is_success
    assert changed(first).status_code in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.NOT_FOUND}
    if change is not None:
        assert changed("*").is_success


@pytest.mark.parametrize(
    ("shown", "verb", "url", "body"),
    [
        ("auth/groups/crew/", "PUT", "auth/groups/crew/members/bea/", None),
        ("auth/groups/crew/", "DELETE", "auth/groups/crew/spaces/genomes/", None),
        ("auth/groups/crew/", "PUT", "auth/groups/crew/spaces/genomes/", {"right": "administer"}),
        ("limits/ana/", "PUT", "limits/ana/", {"max_tasks": 7}),
        (
            "buckets/cloud/",
            "PUT",
            "buckets/cloud/credentials/",
            {"access_key_id": "a", "secret_access_key": "b"},
        ),
        ("buckets/cloud/", "DELETE", "buckets/cloud/", None),
        ("targets/tape/", "PUT", "targets/tape/grace/", {"days": 3}),
    ],
)
def test_a_part_of_a_thing_is_changed_by_the_tag_of_the_whole(
    api: Api, shown: str, verb: str, url: str, body: dict[str, Any] | None
) -> None:
    lay(api)
    assert api.http.post(
        "/api/buckets/", json={"name": "cloud", "url": "s3://archive?endpoint=https://s3.example.org"}
    ).is_success
    first = api.http.get(f"/api/{shown}").headers["etag"]
    refused = api.http.request(verb, f"/api/{url}", json=body, headers={"If-Match": '"another"'})
    assert refused.status_code == HTTPStatus.PRECONDITION_FAILED
    assert api.http.get(f"/api/{shown}").headers["etag"] == first
    assert api.http.request(verb, f"/api/{url}", json=body, headers={"If-Match": first}).is_success
    again = api.http.request(verb, f"/api/{url}", json=body, headers={"If-Match": first})
    assert again.status_code == HTTPStatus.PRECONDITION_FAILED


def test_what_is_not_there_matches_no_tag_and_is_made_without_one(api: Api) -> None:
    for tag in ("*", '"another"'):
        answer = api.http.put("/api/limits/ana/", json={"max_tasks": 5}, headers={"If-Match": tag})
        assert answer.status_code == HTTPStatus.PRECONDITION_FAILED
        assert "no limit of user 'ana'" in answer.json()["detail"]
    assert api.http.get("/api/limits/ana/").status_code == HTTPStatus.NOT_FOUND
    assert api.http.put("/api/limits/ana/", json={"max_tasks": 5}).is_success
    assert api.http.get("/api/limits/ana/").json()["max_tasks"] == 5


@pytest.mark.parametrize("url", ["/api/webhooks/{}/", "/api/jobs/{}/"])
def test_a_number_that_no_row_can_have_is_refused(api: Api, url: str) -> None:
    answer = api.http.get(url.format(2**63))
    assert answer.status_code == 422, answer.text


def test_every_change_of_one_thing_that_is_shown_takes_a_tag(api: Api) -> None:
    """What is left out cannot be changed in part: keys, tokens, sessions and mutes, which only end; a password."""
    ends = {
        "end_session",
        "end_other_session",
        "change_password",
        "revoke_key",
        "revoke_any_key",
        "revoke_join_token",
        "unmute_alerts",
    }
    changes = set()
    for verbs in api.contract()["paths"].values():
        changes |= {said["operationId"] for verb, said in verbs.items() if verb in {"patch", "put", "delete"}}
    assert changes - ends == set(CHANGING)
    assert set(CHANGING.values()) == set(SHOWING.values())


def test_some_of_a_definition_is_changed_as_a_new_version(api: Api) -> None:
    lay(api)
    found = api.http.patch("/api/workflows/tidy/", json={"label": "Two", "enabled": False}).json()
    assert (found["version"], found["label"], found["enabled"]) == (2, "Two", False)
    assert found["definition"]["filter_rules"] == [RULE]
    assert api.http.patch("/api/workflows/tidy/", json={"name": "other"}).status_code == 400
    wrong = api.http.patch("/api/workflows/tidy/", json={"colour": "red"})
    assert (wrong.status_code, wrong.json()["problems"][0]["place"]) == (422, "colour")


def test_who_calls_too_often_is_told_when_to_come_again(api: Api) -> None:
    api.context.rates.most = 3
    answers = [api.http.get("/api/errors/") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[3].headers["retry-after"] == "20"
    assert "expected at most 3 requests within a minute" in answers[3].json()["detail"]
    signing_in = [api.http.post("/api/auth/token/refresh/", json={"refresh": "x"}) for _ in range(4)]
    assert [answer.status_code for answer in signing_in] == [401, 401, 401, 429]
    assert api.http.get("/api/health").is_success


def test_calls_come_back_as_time_goes_by_and_each_caller_has_their_own() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for _ in range(60):
        rates.count("ana")
    with pytest.raises(TooMany):
        rates.count("ana")
    rates.count("bea")
    now[0] = 1.0
    rates.count("ana")
    with pytest.raises(TooMany, match="wait 1 s"):
        rates.count("ana")


def test_callers_who_were_not_heard_for_a_minute_are_forgotten_where_there_are_many() -> None:
    now = [0.0]
    rates = Rates(60, lambda: now[0])
    for number in range(MOST_KNOWN):
        rates.count(f"address {number}")
    now[0] = 61.0
    rates.count("ana")
    assert len(rates._left) == 1


def test_where_nothing_is_set_anybody_may_call_at_will() -> None:
    rates = Rates(0)
    for _ in range(1000):
        rates.count("ana")
