"""Signing in through a real provider of OpenID Connect."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.fixtures_api import Api, api, laid
from tests.fixtures_oidc import CLIENT, SECRET, OidcServer, go, oidc_server
from tests.servers import quiet_port

from towpath.api import under_way
from towpath.api.door import COOKIE, CSRF_HEADER
from towpath.api.under_way import UnderWay
from towpath.config import Front, HubSettings

__all__ = ["api", "laid"]

START = "/api/auth/sign-in/lab/"
PASSWORD = "seven long boats"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    """A provider for all tests of this module: it takes seconds to come up."""
    with oidc_server(tmp_path_factory.mktemp("provider")) as running:
        yield running


@pytest.fixture
def provider(api: Api, server: OidcServer) -> OidcServer:
    """The provider, which the hub knows as `lab`, and which knows bea alone."""
    api.context.settings = _reached_at(api)
    server.people.write_text("{}")
    server.know("b-7", PASSWORD, "genomics", name="bea")
    set_lab(api, server)
    return server


def _reached_at(api: Api) -> HubSettings:
    """The hub's settings, with the URL under which the test reaches it."""
    return replace(api.context.settings, front=Front(url=api.url))


def set_lab(api: Api, server: OidcServer, **more: Any) -> None:
    """Tell the hub of the provider."""
    told = {"issuer": server.issuer, "client_id": CLIENT, "client_secret": SECRET, **more}
    answer = api.http.put("/api/auth/providers/lab/", json=told)
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    assert answer.json()["redirect_uri"] == f"{api.url}{START}callback/"


def browser() -> httpx.Client:
    """A browser in which nobody has signed in."""
    return httpx.Client(timeout=30, trust_env=False, verify=False)


def begin(api: Api, one: httpx.Client, login: str = "b-7", password: str = PASSWORD) -> str:
    """Sign in at the provider; the URL at the hub with which it sends the browser back, "" where it does not."""
    answer = one.get(f"{api.url}{START}")
    assert answer.status_code == 303, answer.text
    return go(one, answer.headers["location"], login, password)


def enter(api: Api, one: httpx.Client, login: str = "b-7") -> httpx.Response:
    """Sign in."""
    return one.get(begin(api, one, login))


def me(api: Api, one: httpx.Client) -> httpx.Response:
    """Whom the hub takes the browser for."""
    return one.get(f"{api.url}/api/auth/session/")


def refused(api: Api, answer: httpx.Response, says: str, status: int = 401) -> None:
    """The answer is a problem that says so, and the audit log has it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert f"{COOKIE}=" not in answer.headers.get("set-cookie", "").replace(under_way.COOKIE, "")
    [newest, *_] = api.http.get("/api/audit/").json()["results"]
    assert newest["action"] == "sign_in_refused"
    assert says in newest["asked"]


def groups_of(api: Api, user: str) -> set[str]:
    """The groups that a user is in."""
    found = api.http.get("/api/auth/groups/").json()["results"]
    return {group["name"] for group in found if user in group["members"]}


def test_somebody_signs_in_with_a_session_as_by_a_password(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        answer = enter(api, one)
        assert answer.status_code == 200, answer.text
        assert {"HttpOnly", "SameSite=strict"} <= set(
            next(c for c in answer.headers.get_list("set-cookie") if c.startswith(f"{COOKIE}=")).split("; ")
        )
        found = me(api, one).json()
        assert (found["user"], found["role"], found["via"]) == ("bea", "member", "session")
        url, headers = f"{api.url}/api/auth/session/", {CSRF_HEADER: found["csrf_token"]}
        assert one.delete(url).status_code == 403
        assert one.delete(url, headers=headers).status_code == 204
        assert me(api, one).status_code == 401
    user = api.http.get("/api/auth/users/bea/").json()
    assert (user["origin"], user["has_password"]) == ("lab", False)
    assert api.http.post("/api/auth/users/bea/link/").status_code == 409
    [deed] = api.http.get("/api/audit/", params={"action": "end_sign_in"}).json()["results"]
    assert deed["by"] == "bea"


def test_a_wrong_password_leads_nowhere(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        assert begin(api, one, password="wrong") == ""
        assert me(api, one).status_code == 401
    assert api.http.get("/api/auth/users/bea/").status_code == 404


def test_another_state_or_another_browser_is_refused(api: Api, provider: OidcServer) -> None:
    with browser() as one, browser() as other:
        url = httpx.URL(begin(api, one))
        begin(api, other)
        refused(api, other.get(url), "expected the state")
        # Nothing began in that browser: it is told so, and the log cannot be filled by it.
        with browser() as nobody:
            assert nobody.get(url).status_code == 401
        refused(api, one.get(url.copy_set_param("state", "guessed")), "expected the state")
        assert me(api, one).status_code == me(api, other).status_code == 401


def test_a_code_that_was_used_before_is_refused(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        url = begin(api, one)
        kept = dict(one.cookies)
        assert one.get(url).status_code == 200
    with browser() as thief:
        thief.cookies.update(kept)
        refused(api, thief.get(url), "invalid_grant")


@pytest.mark.parametrize(("part", "says"), [("nonce", "nonce"), ("verifier", "invalid_grant")])
def test_an_answer_to_another_question_is_refused(
    api: Api, provider: OidcServer, part: str, says: str
) -> None:
    with browser() as one:
        url = begin(api, one)
        key, now = api.context.hub_key, api.context.clock() // 1_000_000
        sealed = _sealed(one, key, now, part)
        one.cookies.clear()
        one.cookies.update({under_way.COOKIE: sealed})
        refused(api, one.get(url), says)


def _sealed(one: httpx.Client, key: bytes, now: int, part: str) -> str:
    """The browser's sign-in under way, with a part of its question replaced, as only the hub could seal it."""
    cookie = f"{under_way.COOKIE}={one.cookies[under_way.COOKIE]}".encode()
    scope = {"type": "http", "scheme": "http", "method": "GET", "path": "/", "query_string": b"",
             "headers": [(b"cookie", cookie), (b"host", b"hub")]}  # fmt: skip
    request, response = Request(scope), Response()
    begun = under_way.find(request, key, now)
    assert begun is not None
    question = replace(begun.question, **{part: "x" * 43})
    under_way.keep(request, response, UnderWay("lab", question, "/"), key, now)
    return response.headers["set-cookie"].split(";")[0].split("=", 1)[1].strip('"')


def test_groups_are_joined_and_left_with_each_sign_in(api: Api, provider: OidcServer) -> None:
    for name in ("genomics", "imaging", "by hand"):
        api.http.post("/api/auth/groups/", json={"name": name})
    provider.know("b-7", PASSWORD, "genomics", "unknown here", name="bea")
    with browser() as one:
        enter(api, one)
    assert groups_of(api, "bea") == {"genomics"}
    api.http.put("/api/auth/groups/by hand/members/bea/", json={})
    provider.know("b-7", PASSWORD, "imaging", name="bea")
    with browser() as one:
        enter(api, one)
    assert groups_of(api, "bea") == {"imaging", "by hand"}


def test_a_group_gives_a_role_and_takes_it_again(api: Api, provider: OidcServer) -> None:
    set_lab(api, provider, role=None, roles={"admins": "administrator", "genomics": "viewer"})
    provider.know("b-7", PASSWORD, "admins", "genomics", name="bea")
    with browser() as one, browser() as later:
        enter(api, one)
        assert me(api, one).json()["role"] == "administrator"
        provider.know("b-7", PASSWORD, "genomics", name="bea")
        enter(api, later)
        assert me(api, one).json()["role"] == me(api, later).json()["role"] == "viewer"
        provider.know("b-7", PASSWORD, "others", name="bea")
        with browser() as last:
            refused(api, enter(api, last), "expected a group that may use this hub")


def test_nobody_is_given_a_name_that_is_somebody_elses(api: Api, provider: OidcServer) -> None:
    provider.know("a-1", PASSWORD, name="ana")
    with browser() as one:
        refused(api, enter(api, one, "a-1"), "somebody else here")
        assert me(api, one).status_code == 401


@pytest.mark.parametrize("how", ["removed", "disabled", "provider removed"])
def test_who_is_removed_while_a_session_is_open_is_out_at_once(
    api: Api, provider: OidcServer, how: str
) -> None:
    with browser() as one:
        enter(api, one)
        assert me(api, one).status_code == 200
        if how == "removed":
            assert api.http.delete("/api/auth/users/bea/").status_code == 204
        elif how == "disabled":
            assert api.http.patch("/api/auth/users/bea/", json={"disabled": True}).is_success
        else:
            assert api.http.delete("/api/auth/providers/lab/").status_code == 204
        assert me(api, one).status_code == 401
        if how == "disabled":
            refused(api, enter(api, one), "disabled here")


def test_an_answer_that_names_another_issuer_is_refused(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        url = httpx.URL(begin(api, one)).copy_set_param("iss", "https://evil.example")
        refused(api, one.get(url), "another issuer")


def test_a_provider_that_is_down_is_told_and_the_hub_goes_on(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        url = httpx.URL(begin(api, one)).copy_remove_param("iss")
        set_lab(api, provider, issuer=f"http://127.0.0.1:{quiet_port()}")
        refused(api, one.get(url), "cannot be asked now", 503)
        answer = one.get(f"{api.url}{START}")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:towpath:provider-silent")
    assert api.http.get("/api/jobs/").is_success


def test_an_issuer_that_others_could_stand_in_for_is_not_taken(api: Api) -> None:
    for issuer in ("http://login.example.org", "https://", "file:///x", "https://a@b.example.org"):
        told = {"issuer": issuer, "client_id": "x"}
        assert api.http.put("/api/auth/providers/lab/", json=told).status_code == 400, issuer
    told = {"issuer": "https://login.example.org", "client_id": "x", "ca": "no PEM"}
    assert "certificates in PEM" in api.http.put("/api/auth/providers/lab/", json=told).json()["detail"]


def test_a_page_to_go_to_lies_in_the_hub(api: Api, provider: OidcServer) -> None:
    with browser() as one:
        for way in ("//evil.example", "https://evil.example", "/\\evil.example"):
            assert one.get(f"{api.url}{START}", params={"next": way}).status_code == 400
        answer = one.get(f"{api.url}{START}", params={"next": "/jobs?a=1&b=2"})
        back = go(one, answer.headers["location"], "b-7", PASSWORD)
        assert 'url=/jobs?a=1&amp;b=2"' in one.get(back).text
