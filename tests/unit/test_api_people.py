"""People through the API: signing in, passwords, keys, and the log of what they did."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey
from tests.fixtures_api import ROOT, SITE, Api, api, laid

from towpath.api.door import COOKIE, CSRF_HEADER
from towpath.engine.sign_in import TRIES

__all__ = ["api", "laid"]

SECRETS = {"access_key": "AK7", "secret_key": "SK7"}
PASSWORD, OTHER = "seven long boats", "eight short boats"


@pytest.fixture
def stranger(api: Api) -> Iterator[httpx.Client]:
    """Somebody who has no key."""
    with httpx.Client(base_url=api.url, timeout=30, trust_env=False, verify=False) as http:
        yield http


def link(api: Api, name: str) -> str:
    """The code of a one-time link for a user."""
    answer = api.http.post(f"/api/auth/users/{name}/link/")
    assert answer.status_code == HTTPStatus.CREATED, answer.text
    return str(answer.json()["code"])


def add(api: Api, http: httpx.Client, name: str, role: str = "operator") -> None:
    """A user with a password."""
    assert api.http.post("/api/auth/users/", json={"name": name, "role": role}).status_code == 201
    answer = http.post("/api/auth/password/", json={"code": link(api, name), "password": PASSWORD})
    assert answer.json() == {"username": name}


def sign_in(http: httpx.Client, name: str, password: str = PASSWORD, by: str = "session") -> httpx.Response:
    """An attempt."""
    return http.post(f"/api/auth/{by}/", json={"username": name, "password": password})


def test_a_link_sets_a_password_once_and_the_newest_alone_works(api: Api, stranger: httpx.Client) -> None:
    api.http.post("/api/auth/users/", json={"name": "bea"})
    old, new = link(api, "bea"), link(api, "bea")
    assert sign_in(stranger, "bea").status_code == 401
    for code in (old, "guessed"):
        answer = stranger.post("/api/auth/password/", json={"code": code, "password": PASSWORD})
        assert answer.status_code == 401
        assert "link" in answer.json()["detail"]
    assert stranger.post("/api/auth/password/", json={"code": new, "password": PASSWORD}).is_success
    assert stranger.post("/api/auth/password/", json={"code": new, "password": OTHER}).status_code == 401
    assert sign_in(stranger, "bea").is_success


@pytest.mark.parametrize(
    ("password", "says"),
    [("short", "12 to 128 characters, found 5"), ("a" * 200, "found 200"), ("aaaaaaaaaaaaaa", "5 different"),
     ("i am bea myself", "name in it")],
)  # fmt: skip
def test_a_weak_password_is_refused_and_the_link_stays(
    api: Api, stranger: httpx.Client, password: str, says: str
) -> None:
    api.http.post("/api/auth/users/", json={"name": "bea"})
    code = link(api, "bea")
    answer = stranger.post("/api/auth/password/", json={"code": code, "password": password})
    assert answer.status_code == 400
    assert says in answer.json()["detail"]
    assert password not in answer.text
    assert stranger.post("/api/auth/password/", json={"code": code, "password": PASSWORD}).is_success


def test_a_browser_signs_in_with_a_cookie_that_scripts_cannot_read(api: Api, stranger: httpx.Client) -> None:
    add(api, stranger, "bea")
    answer = sign_in(stranger, "bea")
    assert answer.json()["user"] == "bea"
    assert answer.json()["rights"] == ["own", "read", "run"]
    given = answer.headers["set-cookie"]
    assert given.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(given.split("; "))
    me = stranger.get("/api/auth/session/").json()
    assert (me["user"], me["role"], me["via"]) == ("bea", "operator", "session")
    headers = {CSRF_HEADER: me["csrf_token"]}
    order = {"workflow": "migrate", "site": SITE, "paths": [ROOT], "fields": {"endpoint": "none"}}
    assert "none" in stranger.post("/api/file/workflow/", json=order, headers=headers).text
    assert stranger.delete("/api/auth/session/", headers=headers).status_code == 204
    assert stranger.get("/api/auth/session/").status_code == 401


def test_a_program_signs_in_with_tokens_of_the_fields_shape(api: Api, stranger: httpx.Client) -> None:
    add(api, stranger, "bea")
    pair = sign_in(stranger, "bea", by="token").json()
    access, refresh = (jws.extract_compact(pair[k].encode()).payload for k in ("access", "refresh"))
    access, refresh = json.loads(access), json.loads(refresh)
    assert access["exp"] - access["iat"] == 3600
    assert refresh["exp"] - refresh["iat"] == 24 * 3600
    assert (access["token_type"], refresh["token_type"]) == ("access", "refresh")
    assert stranger.get("/api/jobs/", headers={"Authorization": f"Bearer {pair['access']}"}).is_success
    # Neither does for the other, and one that we did not sign does for nothing.
    assert (
        stranger.get("/api/jobs/", headers={"Authorization": f"Bearer {pair['refresh']}"}).status_code == 401
    )
    wrong = stranger.post("/api/auth/token/refresh/", json={"refresh": pair["access"]})
    assert wrong.status_code == 401
    forged = jwt.encode({"alg": "HS256"}, access, OctKey.import_key(b"x" * 64))
    assert stranger.get("/api/jobs/", headers={"Authorization": f"Bearer {forged}"}).status_code == 401
    fresh = stranger.post("/api/auth/token/refresh/", json={"refresh": pair["refresh"]}).json()["access"]
    bearer = {"Authorization": f"Bearer {fresh}"}
    assert stranger.get("/api/auth/session/", headers=bearer).json()["via"] == "token"
    assert stranger.delete("/api/auth/session/", headers=bearer).status_code == 204
    assert stranger.post("/api/auth/token/refresh/", json={"refresh": pair["refresh"]}).status_code == 401


def test_wrong_passwords_lock_a_user_out_until_somebody_unlocks_them(
    api: Api, stranger: httpx.Client
) -> None:
    add(api, stranger, "bea")
    for _ in range(TRIES):
        answer = sign_in(stranger, "bea", OTHER)
        assert answer.status_code == 401
        assert "name and password" in answer.json()["detail"]
    locked = sign_in(stranger, "bea")
    assert locked.status_code == 401
    assert "try again in 15 min" in locked.json()["detail"]
    assert api.http.get("/api/auth/users/bea/").json()["locked_until"] is not None
    assert api.http.post("/api/auth/users/bea/unlock/").json()["locked_until"] is None
    assert sign_in(stranger, "bea").is_success
    refused = api.http.get("/api/audit/", params={"action": "sign_in_refused"}).json()
    assert refused["count"] == TRIES
    assert {row["by"] for row in refused["results"]} == {"bea"}


def test_nobody_learns_which_users_there_are(api: Api, stranger: httpx.Client) -> None:
    add(api, stranger, "bea")
    api.http.post("/api/auth/users/", json={"name": "cleo"})
    texts = {sign_in(stranger, name, OTHER).json()["detail"] for name in ("bea", "cleo", "nobody")}
    assert len(texts) == 1


def test_whoever_changes_a_password_gives_the_old_one_and_other_sessions_end(
    api: Api, stranger: httpx.Client
) -> None:
    add(api, stranger, "bea")
    token = sign_in(stranger, "bea").json()["csrf_token"]
    with httpx.Client(base_url=api.url, trust_env=False, verify=False) as elsewhere:
        sign_in(elsewhere, "bea")
        change = {"old_password": OTHER, "password": OTHER}
        headers = {CSRF_HEADER: token}
        assert stranger.put("/api/auth/password/", json=change, headers=headers).status_code == 401
        change["old_password"] = PASSWORD
        assert stranger.put("/api/auth/password/", json=change, headers=headers).status_code == 204
        assert elsewhere.get("/api/auth/session/").status_code == 401
        assert stranger.get("/api/auth/session/").is_success
        assert sign_in(elsewhere, "bea").status_code == 401
        assert sign_in(elsewhere, "bea", OTHER).is_success


def test_a_key_is_shown_once_and_opens_until_it_expires(api: Api, stranger: httpx.Client) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    made = api.http.post(
        "/api/auth/clientkeys/", json={"label": "nightly", "scopes": ["read"], "expires_at": soon}
    )
    assert made.status_code == 201
    key = made.json().pop("key")
    headers = {"Authorization": f"Api-Key {key}"}
    assert stranger.get("/api/jobs/", headers=headers).is_success
    [listed, first] = api.http.get("/api/auth/clientkeys/").json()["results"]
    assert listed["label"] == "nightly"
    assert listed["scopes"] == ["read"]
    assert key.startswith(listed["start"])
    assert listed["used_at"] is not None
    assert first["scopes"] is None
    assert key not in json.dumps([listed, first])
    with api.database.writing() as tx:
        tx.conn.exec_driver_sql("UPDATE api_keys SET expires_at = 1 WHERE label = 'nightly'")
    assert stranger.get("/api/jobs/", headers=headers).status_code == 401
    past = api.http.post("/api/auth/clientkeys/", json={"expires_at": "2020-01-01T00:00:00Z"})
    assert past.status_code == 400


def test_a_narrow_key_makes_none_that_may_more(api: Api, stranger: httpx.Client) -> None:
    key = api.http.post("/api/auth/clientkeys/", json={"scopes": ["own", "read"]}).json()["key"]
    headers = {"Authorization": f"Api-Key {key}"}
    for body in ({}, {"scopes": ["administer"]}, {"scopes": ["read", "run"]}):
        answer = stranger.post("/api/auth/clientkeys/", json=body, headers=headers)
        assert answer.status_code == 403, body
        assert "was not given the right to" in answer.json()["detail"]
    assert (
        stranger.post("/api/auth/clientkeys/", json={"scopes": ["read"]}, headers=headers).status_code == 201
    )


def test_nobody_sees_or_revokes_anothers_key_but_administrators(api: Api, stranger: httpx.Client) -> None:
    api.http.post("/api/auth/users/", json={"name": "bea", "role": "operator"})
    made = api.http.post("/api/auth/clientkeys/of/bea/", json={"label": "robot"}).json()
    headers = {"Authorization": f"Api-Key {made['key']}"}
    anas = api.http.get("/api/auth/clientkeys/").json()["results"][0]["id"]
    assert [
        row["user"] for row in stranger.get("/api/auth/clientkeys/", headers=headers).json()["results"]
    ] == ["bea"]
    assert stranger.delete(f"/api/auth/clientkeys/{anas}/", headers=headers).status_code == 404
    assert {row["user"] for row in api.http.get("/api/auth/clientkeys/all/").json()["results"]} == {
        "ana",
        "bea",
    }
    only = api.http.get("/api/auth/clientkeys/all/", params={"user": "bea"}).json()
    assert only["count"] == 1
    assert api.http.delete(f"/api/auth/clientkeys/all/{made['id']}/").status_code == 204
    assert stranger.get("/api/jobs/", headers=headers).status_code == 401


def test_there_is_always_an_administrator_left(api: Api) -> None:
    for answer in (
        api.http.patch("/api/auth/users/ana/", json={"role": "viewer"}),
        api.http.patch("/api/auth/users/ana/", json={"disabled": True}),
        api.http.delete("/api/auth/users/ana/"),
    ):
        assert answer.status_code == 409
        assert "last administrator" in answer.json()["detail"]
    api.http.post("/api/auth/users/", json={"name": "bea", "role": "administrator"})
    assert api.http.patch("/api/auth/users/ana/", json={"role": "operator"}).json()["role"] == "operator"
    assert api.http.get("/api/auth/users/").status_code == 403


def test_a_user_who_is_removed_is_gone_and_their_deeds_stay(api: Api, stranger: httpx.Client) -> None:
    add(api, stranger, "bea")
    token = sign_in(stranger, "bea").json()["csrf_token"]
    assert api.http.delete("/api/auth/users/bea/").status_code == 204
    assert stranger.get("/api/auth/session/", headers={CSRF_HEADER: token}).status_code == 401
    assert api.http.get("/api/auth/users/bea/").status_code == 404
    assert api.http.get("/api/audit/", params={"by": "bea"}).json()["count"] > 0
    assert "did you mean 'ana'" in api.http.get("/api/auth/users/anna/").json()["detail"]


@pytest.mark.parametrize("name", ["", " x", "x/y", "x" * 101, "x\n", "-x"])
def test_a_name_that_cannot_be_a_users_is_refused(api: Api, name: str) -> None:
    answer = api.http.post("/api/auth/users/", json={"name": name})
    assert answer.status_code == 400
    assert "user name: expected" in answer.json()["detail"]


def test_users_come_in_pages(api: Api) -> None:
    for number in range(25):
        api.http.post("/api/auth/users/", json={"name": f"user {number:02}"})
    first = api.http.get("/api/auth/users/").json()
    assert first["count"] == 26
    assert len(first["results"]) == 20
    second = api.http.get(first["next"]).json()
    names = [row["name"] for row in first["results"] + second["results"]]
    assert names == ["ana", *(f"user {number:02}" for number in range(25))]
    lines = api.http.get("/api/auth/users/", params={"format": "jsonl"}).text.splitlines()
    assert [json.loads(line)["name"] for line in lines] == names


def test_each_write_is_recorded_with_who_and_what_and_no_secret(api: Api) -> None:
    api.http.post(
        "/api/buckets/",
        json={
            "name": "cloud",
            "url": "s3://bkt?endpoint=http://127.0.0.1:9",
            "credentials": SECRETS,
        },
    )
    api.http.get("/api/buckets/")
    api.http.post("/api/buckets/", json={"name": "cloud", "url": "s3://bkt"})
    log = api.http.get("/api/audit/").json()
    assert log["count"] == 1, "what was only read, and what was refused, is no deed"
    [row] = log["results"]
    assert (row["by"], row["via"], row["action"], row["thing"]) == (
        "ana",
        "key",
        "add_bucket",
        "/api/buckets/",
    )
    assert row["address"] == "127.0.0.1"
    assert json.loads(row["asked"])["name"] == "cloud"
    assert "SK7" not in row["asked"]
    assert "AK7" not in row["asked"]
    fresh = {"access_key_id": "AK8", "secret_access_key": "SK8"}
    api.http.put("/api/buckets/cloud/credentials/", json=fresh).raise_for_status()
    newest = api.http.get("/api/audit/").json()["results"][0]
    assert (newest["action"], newest["asked"]) == ("set_credentials", '"…"')


def test_the_log_is_searched_by_whom_what_where_and_when(api: Api) -> None:
    for name in ("bea", "cleo"):
        api.http.post("/api/auth/users/", json={"name": name})
    api.http.patch("/api/auth/users/bea/", json={"role": "operator"})

    def found(**wanted: str) -> int:
        return int(api.http.get("/api/audit/", params=wanted).json()["count"])

    assert found() == 3
    assert found(action="add_user") == 2
    assert found(thing="/users/bea") == 1
    assert found(thing="%") == 0
    assert found(by="bea") == 0
    moment = api.http.get("/api/audit/").json()["results"][0]["at"]
    assert found(since=moment) == 1
    assert found(until=moment) == 2
    newest = api.http.get("/api/audit/", params={"page_size": 1}).json()
    behind = api.http.get(newest["next"]).json()["results"][0]
    assert behind["id"] < newest["results"][0]["id"]


def test_the_page_where_a_link_leads_needs_no_other_host(api: Api, stranger: httpx.Client) -> None:
    page = stranger.get("/welcome")
    assert page.is_success
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.text.replace("viewport", "")
