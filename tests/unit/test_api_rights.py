"""Who is let in: every operation against everybody who might try it."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus

import httpx
import pytest
from fastapi import APIRouter
from tests.fixtures_api import Api, api, laid

from towpath.api.door import COOKIE, CSRF_HEADER, NEEDS, SAFE, check_table
from towpath.domain.rights import RIGHTS, Right, Role
from towpath.engine import keys, people, sign_in

__all__ = ["api", "laid"]

OPEN = {
    "show_health", "show_alive", "show_ready", "begin_session", "make_tokens", "refresh_token", "set_password", "join",
    "list_ways", "begin_sign_in", "end_sign_in",
}  # fmt: skip
"""What anybody may call; each but health and the ways to sign in asks for a secret, or for a provider's word."""

ENDLESS = {"stream_events"}
"""What goes on until one of both ends it."""

PASSWORD = "seven long boats"

Headers = Mapping[str, str]


@dataclass
class Operation:
    """An operation of the API, with a URL that leads to it."""

    name: str
    verb: str
    url: str


def operations(api: Api) -> list[Operation]:
    """All that need somebody to be let in."""
    found = []
    for path, verbs in api.contract()["paths"].items():
        # What does not exist is changed by nobody, whoever is let in.
        url = re.sub(r"\{\w+\}", "999999", path)
        found += [Operation(said["operationId"], verb.upper(), url) for verb, said in verbs.items()]
    return [operation for operation in found if operation.name not in OPEN]


@pytest.fixture
def stranger(api: Api) -> Iterator[httpx.Client]:
    """Somebody who has no key."""
    with httpx.Client(base_url=api.url, timeout=30, trust_env=False, verify=False) as http:
        yield http


def user(api: Api, role: Role, password: bool = False) -> str:
    """A user of that role, by its name."""
    with api.database.writing() as tx:
        people.ensure_user(tx, str(role), role)
        # Another password would end the sessions there are.
        if password and not people.find_user(tx.conn, str(role)).has_password:
            sign_in.set_password(tx, str(role), hashed(), None)
    return str(role)


@cache
def hashed() -> str:
    """The hash of `PASSWORD`, which takes its time."""
    return sign_in.hash_password(PASSWORD)


def key(api: Api, role: Role, scopes: frozenset[Right] | None = None) -> dict[str, str]:
    """The headers of a key of a user of that role."""
    name = user(api, role)
    with api.database.writing() as tx:
        return {"Authorization": f"Api-Key {keys.make_key(tx, name, scopes=scopes)[1]}"}


def token(api: Api, role: Role) -> dict[str, str]:
    """The headers of a token of a user of that role."""
    name = user(api, role, password=True)
    answer = httpx.post(
        f"{api.url}/api/auth/token/", json={"username": name, "password": PASSWORD}, timeout=30, verify=False
    )
    return {"Authorization": f"Bearer {answer.json()['access']}"}


def cookie(api: Api, role: Role) -> dict[str, str]:
    """The headers of a browser in which a user of that role has signed in."""
    name = user(api, role, password=True)
    answer = httpx.post(
        f"{api.url}/api/auth/session/",
        json={"username": name, "password": PASSWORD},
        timeout=30,
        verify=False,
    )
    assert answer.status_code == HTTPStatus.OK, answer.text
    return {
        "Cookie": f"{COOKIE}={answer.cookies[COOKIE]}",
        CSRF_HEADER: answer.json()["csrf_token"],
    }


REFUSALS = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


def asked(http: httpx.Client, operation: Operation, headers: Headers) -> httpx.Response:
    """The answer; of one that goes on for ever only how it begins."""
    with http.stream(operation.verb, operation.url, headers=dict(headers)) as answer:
        if operation.name not in ENDLESS or not answer.is_success:
            answer.read()
        return answer


def try_all(api: Api, http: httpx.Client, renew: Callable[[], Headers], rights: frozenset[Right]) -> None:
    """Each operation is refused where its right is not among these, and not refused where it is."""
    headers = renew()
    found = operations(api)
    assert len(found) > 50
    for operation in found:
        answer = asked(http, operation, headers)
        if NEEDS[operation.name] in rights:
            assert answer.status_code not in REFUSALS, (operation, answer.text)
        else:
            assert answer.status_code == HTTPStatus.FORBIDDEN, (operation, answer.text)
            assert NEEDS[operation.name] in answer.json()["detail"]
        if operation.name == "end_session" and answer.is_success:
            headers = renew()


def test_the_table_names_every_operation_and_no_other(api: Api) -> None:
    assert {operation.name for operation in operations(api)} == set(NEEDS)


def test_an_operation_that_the_table_does_not_name_is_not_served(api: Api) -> None:

    router = APIRouter()
    router.add_api_route("/new/", lambda: None, name="new_operation")
    with pytest.raises(LookupError, match="new_operation"):
        check_table(router.routes)


@pytest.mark.parametrize(
    ("role", "renew"),
    [*((role, key) for role in Role), (Role.OPERATOR, token), (Role.OPERATOR, cookie)],
    ids=["member", "viewer", "operator", "administrator", "operator by token", "operator by cookie"],
)
def test_each_role_may_do_what_the_table_says_and_nothing_else(
    api: Api, stranger: httpx.Client, role: Role, renew: Callable[[Api, Role], Headers]
) -> None:
    try_all(api, stranger, lambda: renew(api, role), RIGHTS[role])


def test_a_key_that_is_narrowed_may_do_no_more_than_its_scopes(api: Api, stranger: httpx.Client) -> None:
    narrow = key(api, Role.ADMINISTRATOR, frozenset({Right.READ}))
    try_all(api, stranger, lambda: narrow, frozenset({Right.READ}))
    wide = key(api, Role.VIEWER, frozenset(Right))
    try_all(api, stranger, lambda: wide, RIGHTS[Role.VIEWER])


def refused(api: Api, http: httpx.Client, headers: Headers, verbs: frozenset[str] | None = None) -> None:
    """Every operation is refused."""
    for operation in operations(api):
        if verbs is None or operation.verb in verbs:
            answer = http.request(operation.verb, operation.url, headers=dict(headers))
            assert answer.status_code in REFUSALS, (operation, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_nobody_is_let_in_with_what_opens_nothing(api: Api, stranger: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Api-Key wrong"}, {"Cookie": f"{COOKIE}={api.key}"}):
        refused(api, stranger, headers)


@pytest.mark.parametrize("header", ["Api-Key", "Bearer {key}", "Basic {key}", "Bearer", "", "{key}"])
def test_a_key_opens_only_as_what_it_is(api: Api, stranger: httpx.Client, header: str) -> None:
    answer = stranger.get("/api/jobs/", headers={"Authorization": header.format(key=api.key)})
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert answer.headers["www-authenticate"] == "Api-Key"


def test_a_revoked_key_is_out_at_once(api: Api, stranger: httpx.Client) -> None:
    headers = key(api, Role.ADMINISTRATOR)
    assert stranger.get("/api/jobs/", headers=headers).is_success
    [made] = stranger.get("/api/auth/clientkeys/", headers=headers).json()["results"]
    assert stranger.delete(f"/api/auth/clientkeys/{made['id']}/", headers=headers).status_code == 204
    refused(api, stranger, headers)


@pytest.mark.parametrize("renew", [key, token, cookie], ids=["key", "token", "cookie"])
def test_a_disabled_user_is_out_at_once_and_in_again_with_a_key_alone(
    api: Api, stranger: httpx.Client, renew: Callable[[Api, Role], Headers]
) -> None:
    headers = renew(api, Role.OPERATOR)
    assert stranger.get("/api/jobs/", headers=dict(headers)).is_success
    assert api.http.patch("/api/auth/users/operator/", json={"disabled": True}).json()["disabled"] is True
    refused(api, stranger, headers)
    api.http.patch("/api/auth/users/operator/", json={"disabled": False})
    assert stranger.get("/api/jobs/", headers=dict(headers)).is_success == (renew is key)


@pytest.mark.parametrize("renew", [token, cookie], ids=["token", "cookie"])
def test_a_session_that_was_ended_is_out_at_once(
    api: Api, stranger: httpx.Client, renew: Callable[[Api, Role], Headers]
) -> None:
    headers, other = renew(api, Role.OPERATOR), renew(api, Role.OPERATOR)
    sessions = stranger.get("/api/auth/sessions/", headers=dict(headers)).json()
    assert sessions["count"] == 2
    mine = sessions["results"][0]["id"], sessions["results"][1]["id"]
    assert stranger.delete(f"/api/auth/sessions/{mine[0]}/", headers=dict(headers)).status_code == 204
    refused(api, stranger, other)
    assert stranger.delete("/api/auth/session/", headers=dict(headers)).status_code == 204
    refused(api, stranger, headers)


def test_a_browser_changes_nothing_without_the_token_of_its_own_session(
    api: Api, stranger: httpx.Client
) -> None:
    mine, others = cookie(api, Role.ADMINISTRATOR), cookie(api, Role.VIEWER)
    changing = frozenset({"POST", "PUT", "PATCH", "DELETE"})
    assert not changing & SAFE
    for sent in ({}, {CSRF_HEADER: others[CSRF_HEADER]}, {CSRF_HEADER: ""}):
        refused(api, stranger, {"Cookie": mine["Cookie"], **sent}, changing)
    assert stranger.get("/api/jobs/", headers={"Cookie": mine["Cookie"]}).is_success
