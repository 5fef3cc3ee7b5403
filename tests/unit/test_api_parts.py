"""Lists of sites and workflows over the API: whole, or part behind part, and found by words."""

from typing import Any

import pytest
from tests.fixtures_api import SITE, Api, api, laid

__all__ = ["api", "laid"]

RULE = {"type": "file", "state": "all", "action": [{"name": "checksum"}]}


def parts(api: Api, path: str) -> list[list[str]]:
    """The names on each page, until there is no next one."""
    found = []
    following: str | None = f"{path}{'&' if '?' in path else '?'}page_size=2"
    while following is not None:
        page: Any = api.http.get(following).raise_for_status().json()
        found.append([one["name"] for one in page["results"]])
        following = page["next"]
    return found


@pytest.fixture
def many(api: Api) -> Api:
    """Four sites more, which nobody has joined, and one whose queues are paused."""
    for name in ("bergen", "rome", "oslo_2", "tromso"):
        api.http.post("/api/sites/", json={"name": name}).raise_for_status()
    api.http.post("/api/sites/rome/pause/", json={"reason": "moving"}).raise_for_status()
    return api


def test_sites_come_part_behind_part_by_name(many: Api) -> None:
    whole = [site["name"] for site in many.http.get("/api/sites/").json()["results"]]
    assert parts(many, "/api/sites/") == [whole[:2], whole[2:4], whole[4:]]
    assert whole == sorted(whole)


def test_sites_that_need_somebody_come_first_and_those_that_nobody_joined_last(many: Api) -> None:
    found = parts(many, "/api/sites/?sort=health")
    assert found == [["rome", SITE], ["bergen", "oslo_2"], ["tromso"]]


def test_sites_are_found_by_words_in_their_names_and_all_that_are_found_are_counted(many: Api) -> None:
    page = many.http.get("/api/sites/", params={"search": "OSLO", "page_size": 1, "stats": True}).json()
    assert (page["count"], len(page["results"])) == (2, 1)
    assert page["stats"] == {"health": {"ok": 1, "warning": 0, "critical": 0}, "running": 0}
    assert parts(many, "/api/sites/?search=o_2") == [["oslo_2"]]
    assert parts(many, "/api/sites/?search=nowhere&sort=health") == [[]]


@pytest.mark.parametrize("cursor", ["", "rome", "x.rome", "9999.rome", "0."])
def test_a_place_in_the_list_that_no_page_gave_is_refused(api: Api, cursor: str) -> None:
    answer = api.http.get("/api/sites/", params={"cursor": cursor, "page_size": 2})
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        f"expected a cursor that a page gave, found '{cursor}'",
    )


@pytest.mark.parametrize("path", ["/api/sites/", "/api/workflows/"])
def test_a_place_in_the_list_is_of_use_with_a_size_only(api: Api, path: str) -> None:
    answer = api.http.get(path, params={"cursor": "0.rome"})
    assert answer.json()["detail"] == "expected page_size beside cursor, found none"


def test_workflows_come_part_behind_part_and_are_found_by_name_or_label(api: Api) -> None:
    for name, label in (("tidy", "Clean up 100% of it"), ("zeal", "Tidy, then more"), ("zen", "")):
        body = {"name": name, "label": label, "filter_rules": [RULE]}
        api.http.post("/api/workflows/", json=body).raise_for_status()
    whole = [one["name"] for one in api.http.get("/api/workflows/").json()["results"]]
    assert [name for page in parts(api, "/api/workflows/") for name in page] == whole
    assert parts(api, "/api/workflows/?search=TIDY") == [["tidy", "zeal"]]
    assert parts(api, "/api/workflows/?search=100%25") == [["tidy"]]
    page = api.http.get("/api/workflows/", params={"search": " ze ", "page_size": 1}).json()
    assert (page["count"], [one["name"] for one in page["results"]]) == (2, ["zeal"])
