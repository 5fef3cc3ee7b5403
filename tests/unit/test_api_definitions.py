"""Definitions as files: what comes in goes out again, each version is kept, and jobs keep theirs."""

import json
from http import HTTPStatus
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.fixtures_api import ROOT, Api, api, laid

from towpath.domain.catalogue import INSTALLED
from towpath.domain.definition_schema import definition_schema
from towpath.domain.installed import WORKFLOWS
from towpath.domain.workflow import parse_definition, to_document

__all__ = ["api", "laid"]

FIELDS_FILE = {
    "name": "archive_and_stub",
    "label": "Archive and stub",
    "icon_classes": ["fa fa-cloud fa-stack-2x text-success", "fa fa-angle-up fa-stack-2x text-light"],
    "discovery": None,
    "enabled": True,
    "visible": True,
    "fields": [
        {"name": "lock_level", "label": "Lock level", "type": "choice", "choices": ["partial", "implicit"]}
    ],
    "filter_rules": [
        {
            "type": "all",
            "state": "all",
            "action": [
                {"name": "dynamo.tasks.migrate", "premigrate": True, "lock_level": "*lock_level"},
                {"name": "dynamo.tasks.reverse_stub", "site": "oslo", "endpoint": "tape", "hydrate": False},
            ],
        }
    ],
}
"""A definition as files of the field have it."""


def imported(api: Api, text: str, kind: str = "application/yaml") -> Any:
    answer = api.http.post("/api/workflows/import/", content=text.encode(), headers={"Content-Type": kind})
    assert answer.status_code == HTTPStatus.CREATED, answer.text
    return answer.json()


@pytest.mark.parametrize("write", [json.dumps, yaml.safe_dump], ids=["JSON", "YAML"])
def test_a_file_of_the_field_is_imported_unchanged_and_runs(api: Api, write: Any) -> None:
    api.http.post("/api/targets/", json={"name": "tape", "url": "file:///mnt/tape"})
    found = imported(api, write(FIELDS_FILE))
    assert (found["enabled"], found["warnings"]) == (True, [])
    assert found["definition"]["filter_rules"] == FIELDS_FILE["filter_rules"]
    job = api.start("archive_and_stub", [f"{ROOT}/a"], {"lock_level": "implicit"})
    api.run()
    shown = api.http.get(f"/api/jobs/{job}/").json()
    assert (shown["state"], shown["totals"]["done"]) == ("SUCCESS", 1)
    steps = api.http.get(f"/api/jobs/{job}/steps/").json()["results"]
    assert [step["step"] for step in steps if step["position"] >= 0] == ["migrate", "reverse_stub"]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_is_exported_is_imported_as_the_same(api: Api, form: str) -> None:
    made = imported(api, yaml.safe_dump(FIELDS_FILE))
    file = api.http.get("/api/workflows/archive_and_stub/export/", params={"format": form})
    assert file.headers["content-type"].startswith(f"application/{form}")
    again = imported(api, file.text, f"application/{form}")
    assert (again["version"], again["definition"]) == (1, made["definition"])


def test_each_version_is_kept_and_a_job_keeps_the_one_that_it_runs_with(api: Api) -> None:
    first = {
        "name": "tidy",
        "label": "One",
        "filter_rules": [{"type": "all", "state": "all", "action": [{"name": "noop"}]}],
    }
    api.http.post("/api/workflows/", json=first)
    job = api.start("tidy", [f"{ROOT}/a"])
    api.http.post("/api/workflows/", json=first | {"label": "Two"})
    versions = api.http.get("/api/workflows/tidy/versions/").json()["results"]
    assert [(v["version"], v["current"], v["definition"]["label"]) for v in versions] == [
        (2, True, "Two"),
        (1, False, "One"),
    ]
    assert api.http.get(f"/api/jobs/{job}/").json()["workflow_version"] == 1
    found = api.http.get("/api/workflows/tidy/diff/").json()
    assert (found["old"], found["new"]) == (1, 2)
    assert [line for line in found["lines"] if line[0] in "+-"][2:] == ["-label: One", "+label: Two"]
    assert api.http.get("/api/workflows/tidy/diff/", params={"old": 2, "new": 2}).json()["lines"] == []
    old = api.http.get("/api/workflows/tidy/export/", params={"version": 1})
    assert yaml.safe_load(old.text)["label"] == "One"
    api.http.delete("/api/workflows/tidy/")
    assert api.http.get("/api/workflows/tidy/versions/1/").json()["definition"]["label"] == "One"
    gone = api.http.get("/api/workflows/tidy/versions/3/")
    assert (gone.status_code, gone.json()["detail"]) == (
        404,
        "workflow 'tidy' has no version 3; the newest is 2",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "expected YAML or JSON"),
        ("a: &x [1]\nb: *x\n", "expected a definition without aliases"),
        ('name: "a\\0b"', "without NUL"),
        ("filter_rules: []\nname: x\n", "expected at least one rule"),
        ("!!python/object/apply:os.system [ls]", "expected YAML or JSON"),
    ],
)
def test_a_file_that_is_no_definition_is_told_what_is_wrong_with_it(api: Api, text: str, told: str) -> None:
    answer = api.http.post("/api/workflows/import/", content=text.encode())
    assert answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY
    assert told in answer.json()["detail"]


def test_the_schema_takes_what_the_hub_takes_and_refuses_what_it_refuses(api: Api) -> None:
    schema = api.http.get("/api/workflows/schema/").json()
    assert schema == json.loads(json.dumps(definition_schema(INSTALLED)))
    check = jsonschema_rs.validator_for(schema)
    for definition in WORKFLOWS:
        check.validate(to_document(definition))
    check.validate(FIELDS_FILE)
    rule: dict[str, Any] = {"type": "all", "state": "all", "action": [{"name": "noop"}]}
    bears = {
        "on_error": {"EBUSY": "permanent", "599": "no_space", "transient": "permanent"},
        "patience": {"tries": 9},
    }
    listing = {"discovery": "listing", "discovery_options": {"prefix": "a/", "endpoint": "tape"}}
    for right in (bears, listing, {"discovery_options": {"skip_missing": True}}, {"discovery": None}):
        document = {"name": "a", "filter_rules": [rule], **right}
        check.validate(document)
        parse_definition(document, INSTALLED)
    for wrong in (
        {"filter_rules": [rule]},
        {"name": "a b", "filter_rules": [rule]},
        {"name": "a", "filter_rules": []},
        {"name": "a", "filter_rules": [rule | {"type": "fil"}]},
        {"name": "a", "filter_rules": [rule | {"action": [{"name": "migrat"}]}]},
        {"name": "a", "filter_rules": [rule | {"action": [{"name": "migrate", "stub_size": -1}]}]},
        {"name": "a", "filter_rules": [rule], "colour": "red"},
        {"name": "a", "filter_rules": [rule], "on_error": {"EBUSI!": "permanent"}},
        {"name": "a", "filter_rules": [rule], "on_error": {"EBUSY": "forgive"}},
        {"name": "a", "filter_rules": [rule], "patience": {"tries": 0}},
        {"name": "a", "filter_rules": [rule], "patience": {"first": 86_401}},
        {"name": "a", "filter_rules": [rule], "discovery_options": {"prefix": "x"}},
        {
            "name": "a",
            "filter_rules": [rule],
            "discovery": "listing",
            "discovery_options": {"skip_missing": True},
        },
    ):
        assert not check.is_valid(wrong), wrong
        with pytest.raises(ValueError, match="workflow"):
            parse_definition(wrong, INSTALLED)
