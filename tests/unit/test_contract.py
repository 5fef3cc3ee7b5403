"""What the contract promised with the last release, it still promises."""

import json
from functools import cache
from typing import Any

import pytest
from docs.contract import RELEASED, page
from tests.breaking import breaks

ACCEPTED: frozenset[str] = frozenset()
"""Breaks of the last release's contract that are meant, each told in the changelog."""


@cache
def written() -> str:
    """The contract as it is now: making it takes longer than reading it."""
    return page()


def current() -> Any:
    """The contract as it is now, to be changed."""
    return json.loads(written())


def released() -> Any:
    """The contract of the last release."""
    return json.loads(RELEASED.read_text())


def test_nothing_that_the_last_release_promised_is_broken() -> None:
    assert set(breaks(released(), current())) == ACCEPTED


def test_a_contract_that_stays_as_it_is_breaks_nothing() -> None:
    assert breaks(current(), current()) == []


def test_every_operation_tells_of_its_refusals_as_problems() -> None:
    document = current()
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            answers = operation["responses"]
            refused = {status for status in answers if status >= "400"}
            assert {"500", "503"} <= refused, (verb, path)
            assert ("401" in refused and "429" in refused) or path == "/api/health", (verb, path)
            assert ("413" in refused) == ("requestBody" in operation), (verb, path)
            assert "422" in refused or not operation.get("parameters"), (verb, path)
    for status, said in document["components"]["responses"].items():
        [(kind, shown)] = said["content"].items()
        assert kind == "application/problem+json"
        assert shown["example"]["status"] == int(status)


def cut(document: Any, *places: str) -> Any:
    """What stands at a place of a document."""
    for place in places:
        document = document[place]
    return document


SUBMIT = ("paths", "/api/file/workflow/", "post")
ORDER = ("components", "schemas", "Submission")
JOB = ("components", "schemas", "Job")


def without(document: Any, *places: str) -> None:
    del cut(document, *places[:-1])[places[-1]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda new: without(new, "paths", "/api/tasks/{task_id}/"), "/api/tasks/{task_id}/: is no more"),
        (lambda new: without(new, *SUBMIT), "POST /api/file/workflow/: is no more"),
        (lambda new: without(new, *JOB, "properties", "owner"), ".owner: is given no longer"),
        (lambda new: without(new, *ORDER, "properties", "queue"), ".queue: is taken no longer"),
        (lambda new: cut(new, *ORDER)["required"].append("queue"), ".queue: is needed now"),
        (
            lambda new: cut(new, *ORDER, "properties", "queue").update(type="integer"),
            "body.queue: took string",
        ),
        (lambda new: cut(new, *JOB, "properties", "owner").update(type="integer"), ".owner: was string"),
        (lambda new: cut(new, "components", "schemas", "Retry")["enum"].remove("failed"), "takes failed no"),
        (lambda new: cut(new, *JOB)["required"].remove("owner"), ".owner: may be missing now"),
    ],
)
def test_what_an_old_caller_would_stumble_over_is_a_break(change: Any, told: str) -> None:
    new = current()
    change(new)
    found = breaks(current(), new)
    assert any(told in line for line in found), found
