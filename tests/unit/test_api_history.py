"""The history of a path over the API and from the command line: exact in its bytes, page by page, within spaces."""

import base64
import json
from http import HTTPStatus

import httpx
import pytest
from tests.fixtures_api import ROOT, Api, api, laid
from tests.unit.test_api_groups import call, member, spaces
from tests.unit.test_cli_commands import Cli, cli

from towpath.domain.rights import Grant

__all__ = ["api", "cli", "laid", "spaces"]


def test_the_history_of_a_path_of_any_bytes_is_told_page_by_page(api: Api) -> None:
    name = b"/mnt/oslo/odd\xff"
    asked = {"path_b64": base64.b64encode(name).decode()}
    jobs = [api.start("noop", [asked]) for _ in range(3)]
    api.run()
    first = api.http.get("/api/sites/oslo/history/", params=asked | {"page_size": 2}).json()
    assert (first["path"], first["path_b64"]) == ("/mnt/oslo/odd\\xff", asked["path_b64"])
    assert [one["job"] for one in first["results"]] == jobs[:0:-1]
    rest = api.http.get("/api/sites/oslo/history/", params=asked | {"cursor": first["next"]}).json()
    assert ([one["job"] for one in rest["results"]], rest["next"]) == (jobs[:1], None)
    assert (rest["results"][0]["step"], rest["results"][0]["outcome"]) == ("noop", "processed")
    one = api.http.get("/api/sites/oslo/history/", params=asked | {"job": jobs[1]}).json()
    assert [row["job"] for row in one["results"]] == [jobs[1]]


def test_a_path_that_lies_at_no_site_and_a_cursor_that_is_none_are_mistakes(api: Api) -> None:
    for query, status in (
        ("bergen/history/?path=/mnt/oslo/a", HTTPStatus.NOT_FOUND),
        ("oslo/history/?path=/etc/passwd", HTTPStatus.BAD_REQUEST),
        ("oslo/history/?path=a", HTTPStatus.BAD_REQUEST),
        ("oslo/history/?path=/mnt/oslo/a&cursor=x", HTTPStatus.BAD_REQUEST),
    ):
        assert api.http.get(f"/api/sites/{query}").status_code == status, query


def test_the_command_line_lists_what_befell_a_path(cli: Cli, api: Api) -> None:
    job = api.start("noop", ["/mnt/oslo/a", "/mnt/oslo/b"])
    api.run({b"b": "it is locked"})
    [line] = cli.run("history", "oslo", "/mnt/oslo/b", "--jsonl").splitlines()
    assert (json.loads(line)["job"], json.loads(line)["reason"]) == (job, "it is locked")
    assert (
        cli.run("history", "oslo", "/mnt/oslo/a", "--limit", "1").splitlines()[-1].split()[-1] == "processed"
    )
    assert cli.json("history", "oslo", "/mnt/oslo/a", "--until", "2001-01-01T00:00") == []
    assert "lies beneath no root" in cli.mistake("history", "oslo", "/etc/passwd")


@pytest.mark.usefixtures("spaces")
def test_a_member_is_told_the_history_of_paths_in_their_spaces_alone(api: Api) -> None:
    jobs = {path: api.start("noop", [f"{ROOT}/{path}"]) for path in ("mine/a", "mine/in/a", "other/a")}
    api.run()
    key = member(api, Grant.VIEW)

    def told(path: str) -> httpx.Response:
        return call(api, key, "GET", f"/api/sites/oslo/history/?path={ROOT}/{path}")

    for inside in ("mine/a", "mine/in/a"):
        assert [row["job"] for row in told(inside).json()["results"]] == [jobs[inside]]
    for outside in (
        "other/a",
        "other/none",
        "a",
        "",
        "minefield/a",
        "mine/../other/a",
        "mine/in/../../other/a",
    ):
        refused = told(outside)
        assert refused.status_code in (HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST), (outside, refused.text)
        assert "results" not in refused.json()
    exact = base64.b64encode(f"{ROOT}/other/a".encode()).decode()
    assert call(api, key, "GET", f"/api/sites/oslo/history/?path_b64={exact}").status_code == 403
    assert told("other/a").json()["detail"] == told("other/none").json()["detail"].replace("none", "a")
