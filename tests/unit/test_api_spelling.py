"""What the hub refuses wherever it stands: broken text, numbers beyond bounds, other spellings than the contract's."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from tests.fixtures_api import ROOT, SITE, Api, api, laid

__all__ = ["api", "laid"]

JSON = {"Content-Type": "application/json"}
NUL_ESCAPED, HALF, PAIR = r"\u0000", r"\ud83d", r"\ud83d\ude00"


def operations(api: Api) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each that answers at once: its verb, its path, and what the contract says of it."""
    for path, verbs in api.contract()["paths"].items():
        for verb, said in verbs.items():
            if said["operationId"] != "stream_events":
                yield verb, path, said


def test_no_operation_takes_nul_or_broken_text_in_its_url(api: Api) -> None:
    tried = 0
    for verb, path, said in operations(api):
        places = [
            p for p in said.get("parameters", ()) if p["in"] == "path" and p["schema"].get("type") == "string"
        ]
        if places:
            tried += 1
            answer = api.http.request(verb, re.sub(r"\{\w+\}", "a%00b", path), json={})
            assert answer.status_code in {404, 422}, (verb, path, answer.text)
        if any(p["in"] == "query" for p in said.get("parameters", ())):
            tried += 1
            url = re.sub(r"\{\w+\}", "1", path)
            query = next(p["name"] for p in said["parameters"] if p["in"] == "query")
            answer = api.http.request(
                verb, f"{url}?{query}=%00&{query}=%FF", json={} if verb != "get" else None
            )
            assert answer.status_code == 422, (verb, path, answer.text)
    assert tried > 40


def test_no_id_in_a_url_is_too_large_to_be_told(api: Api) -> None:
    for verb, path, said in operations(api):
        numbers = [p["name"] for p in said.get("parameters", ()) if p["schema"].get("type") == "integer"]
        if any(f"{{{name}}}" in path for name in numbers):
            url = re.sub(r"\{\w+\}", str(2**63), path)
            answer = api.http.request(verb, url, json={} if verb not in {"get", "delete"} else None)
            assert answer.status_code == 422, (verb, path, answer.text)


@pytest.mark.parametrize(
    ("body", "place", "told"),
    [
        (f'{{"reason": "a{NUL_ESCAPED}b"}}', "body.reason", "without NUL"),
        (f'{{"reason": "{HALF}"}}', "body.reason", "halves of characters"),
        (f'{{"{NUL_ESCAPED}": 1}}', "body", "without NUL"),
        (f'{{"deep": {"[" * 70}{"]" * 70}}}', "body", "expected at most 64 levels"),
        ('{"a": NaN}', "body.a", "one that JSON cannot write"),
        ('{"a": 1e999}', "body.a", "one that JSON cannot write"),
        ('{"a": -Infinity}', "body.a", "one that JSON cannot write"),
        ('{"reason": "a\\u0000"}'.encode("utf-16").decode("latin-1"), "body.reason", "without NUL"),
    ],
)
def test_a_body_that_no_database_can_keep_is_refused(api: Api, body: str, place: str, told: str) -> None:
    answer = api.http.post(f"/api/sites/{SITE}/cancel/", content=body.encode("latin-1"), headers=JSON)
    assert answer.status_code == 422, answer.text
    assert (place, True) in [(p["place"], told in p["text"]) for p in answer.json()["problems"]]


def test_characters_that_json_writes_as_two_halves_are_taken(api: Api) -> None:
    job = api.start("noop", [f"{ROOT}/a"])
    answer = api.http.post(f"/api/jobs/{job}/pause/", content=f'{{"reason": "{PAIR}"}}', headers=JSON)
    assert answer.json()["wish_why"] == "😀"


def test_a_body_nested_too_deeply_for_any_reader_is_no_bug(api: Api) -> None:
    answer = api.http.post("/api/workflows/check/", content="[" * 90_000, headers=JSON)
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    ("url", "body", "place"),
    [
        ("/api/jobs/prune/", {"older_than": "5"}, "older_than"),
        ("/api/jobs/prune/", {"older_than": True}, "older_than"),
        (f"/api/sites/{SITE}/pause/", {"now": 1}, "now"),
        (f"/api/sites/{SITE}/pause/", {"now": "yes"}, "now"),
        (f"/api/sites/{SITE}/pause/", {"resume_at": 4102444800}, "resume_at"),
        (f"/api/sites/{SITE}/pause/", {"resume_at": "4102444800e-2"}, "resume_at"),
    ],
)
def test_numbers_flags_and_times_are_spelled_in_one_way(
    api: Api, url: str, body: dict[str, Any], place: str
) -> None:
    answer = api.http.post(url, json=body)
    assert answer.status_code == 422
    [problem] = answer.json()["problems"]
    assert problem["place"] == place
    assert problem["expected"] is not None
    assert problem["found"] is not None


def test_what_a_caller_sent_is_not_repeated_where_it_may_be_a_secret(api: Api) -> None:
    answer = api.http.post("/api/auth/token/", json={"username": "ana", "pasword": "seven long boats"})
    assert answer.status_code == 422
    assert "boats" not in answer.text


def test_a_method_that_a_path_does_not_have_is_told_which_it_has(api: Api) -> None:
    for url, allowed in (
        ("/api/jobs/", "GET"),
        ("/api/workflows/check/", "POST"),
        ("/api/jobs/prune/", "POST"),
    ):
        answer = api.http.put(url)
        assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
        assert answer.headers["content-type"] == "application/problem+json"
