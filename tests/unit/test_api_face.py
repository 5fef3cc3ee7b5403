"""The API as a whole: who may ask, how errors are told, and what it says of itself."""

import re
from http import HTTPStatus
from typing import Any

import httpx
import pytest
from tests.fixtures_api import Api, api, laid

from towpath.api.problems import TABLE, kind_of
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.states import IllegalWish, JobState, Wanted
from towpath.domain.workflow import InvalidDefinition

__all__ = ["api", "laid"]


def operations(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation that the API has."""
    paths = api.http.get("/api/openapi.json").json()["paths"]
    return [(verb, path, operation) for path, verbs in paths.items() for verb, operation in verbs.items()]


def test_the_front_leads_to_docs_that_need_no_other_host(api: Api) -> None:
    with httpx.Client(base_url=api.url, trust_env=False, verify=False) as stranger:
        front = stranger.get("/", follow_redirects=True)
        assert front.url.path == "/api/docs"
        assert front.status_code == HTTPStatus.OK
        assert "default-src 'none'" in front.headers["content-security-policy"]
        assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", front.text)
        assert stranger.get("/api/openapi.json").status_code == HTTPStatus.OK


def test_every_operation_says_in_words_what_it_does(api: Api) -> None:
    found = operations(api)
    assert len(found) >= 20
    for verb, path, operation in found:
        assert operation["summary"], (verb, path)
        assert operation["description"], (verb, path)
        assert "422" not in operation["responses"] or path != "/api/health"
    names = [operation["operationId"] for _, _, operation in found]
    assert len(set(names)) == len(names)


def test_a_url_without_its_last_slash_leads_on(api: Api) -> None:
    assert api.http.get("/api/jobs", follow_redirects=True).json()["count"] == 0
    answer = api.http.post("/api/workflows/check", json={}, follow_redirects=True)
    assert answer.json()["valid"] is False


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Mistake("x"), 400),
        (NotFound("x"), 404),
        (Conflict("x"), 409),
        (IllegalWish(1, JobState.SUCCESS, Wanted.PAUSE), 409),
        (InvalidDefinition("x", []), 422),
        (RuntimeError("x"), 500),
    ],
)
def test_each_error_has_one_status(error: Exception, status: int) -> None:
    assert kind_of(error).status == status


def test_no_row_of_the_table_is_hidden_by_one_before_it() -> None:
    for place, (later, _) in enumerate(TABLE):
        assert not any(issubclass(later, earlier) for earlier, _ in TABLE[:place]), later


def test_what_does_not_exist_is_told_as_a_problem(api: Api) -> None:
    answer = api.http.get("/api/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:towpath:not-found",
        "title": "Not Found",
        "status": 404,
        "detail": "GET /api/nothing: Not Found",
        "instance": "/api/nothing",
        "problems": [],
    }


def test_a_body_that_is_too_large_is_refused_however_it_is_announced(api: Api) -> None:
    large = b'{"name": "' + b"x" * 300_000 + b'"}'
    headers = {"Content-Type": "application/json"}
    answer = api.http.post("/api/targets/", content=large, headers=headers)
    assert answer.status_code == 413
    streamed = api.http.post("/api/targets/", content=iter([large[:1000], large[1000:]]), headers=headers)
    assert streamed.status_code == 413
    assert "expected at most 200000 bytes" in streamed.json()["detail"]
    assert api.http.get("/api/targets/").json()["count"] == 0


def test_a_body_that_is_no_json_is_told_as_such(api: Api) -> None:
    answer = api.http.post("/api/targets/", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["problems"]
