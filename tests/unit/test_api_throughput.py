"""`/api/throughput/`: whole steps of a time, by site, and of those spaces only that the caller may see."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from tests.fixtures_api import ROOT, SITE, Api, api, laid

from towpath.api.throughput import MOST_APART
from towpath.domain.rights import Grant, Role
from towpath.engine import keys, people
from towpath.store.tables import throughput

__all__ = ["api", "laid"]


def told(api: Api, **asked: object) -> Any:
    """What the hub answers."""
    answer = api.http.get("/api/throughput/", params={name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def amounts(shown: Mapping[str, int]) -> tuple[int, int, int]:
    """Paths that were done, paths that failed, and bytes."""
    return shown["done"], shown["failed"], shown["bytes"]


def test_the_last_hour_is_told_by_the_minute_unless_another_time_is_asked_for(api: Api) -> None:
    api.start("noop", [f"{ROOT}/a", f"{ROOT}/b"])
    api.run({b"b": "no"})
    found = told(api)
    assert (found["step"], amounts(found)) == (60, (1, 1, 10))
    [site] = found["results"]
    assert (site["site"], amounts(site), len(site["points"])) == (SITE, (1, 1, 10), 1)
    begin = datetime.fromisoformat(site["points"][0]["at"])
    assert (begin.second, begin.microsecond) == (0, 0)
    assert datetime.now(UTC) - timedelta(minutes=2) < begin
    assert told(api, site="bergen")["results"] == []
    before = told(api, until=(begin - timedelta(minutes=5)).isoformat())
    assert (before["bytes"], before["results"]) == (0, [])


def test_what_is_to_come_is_not_told(api: Api) -> None:
    found = told(
        api, since=(datetime.now(UTC) - timedelta(hours=2)).isoformat(), until="9999-12-31T23:59:59Z"
    )
    assert datetime.fromisoformat(found["until"]) <= datetime.now(UTC) + timedelta(minutes=1)


def test_steps_begin_at_multiples_of_their_length(api: Api) -> None:
    api.start("noop", [f"{ROOT}/a"])
    api.run()
    found = told(api, since=(datetime.now(UTC) - timedelta(days=1)).isoformat(), step=900)
    for moment in (found["since"], found["results"][0]["points"][0]["at"]):
        assert datetime.fromisoformat(moment).timestamp() % 900 == 0


def test_the_sites_that_moved_most_have_points_of_their_own_and_the_others_share_some(api: Api) -> None:
    minute = int(datetime.now(UTC).timestamp()) // 60
    row = {"minute": minute, "space": "", "part": 0, "done": 1, "failed": 0}
    rows = [row | {"site": f"s{number:02}", "bytes": 1000 - number} for number in range(MOST_APART + 3)]
    with api.database.writing() as tx:
        tx.conn.execute(sa.insert(throughput), rows)
    found = told(api)
    assert [site["site"] for site in found["results"]] == [f"s{n:02}" for n in range(MOST_APART)] + [None]
    assert found["results"][-1]["done"] == 3
    assert [point["done"] for point in found["results"][-1]["points"]] == [3]
    assert found["done"] == MOST_APART + 3


@pytest.mark.parametrize(
    "asked",
    [
        {"step": 61},
        {"step": 0},
        {"since": "2026-11-01T00:00:00Z", "until": "2026-11-29T00:00:00Z"},
        {"since": "2026-11-29T00:00:00Z", "until": "2026-11-29T00:00:00Z"},
        {"since": "2026-11-29T00:00:00"},
        {"since": "0001-01-01T00:30:00Z", "until": "0001-01-01T01:30:00Z", "step": 420},
    ],
)
def test_what_is_no_time_or_too_many_steps_is_refused(api: Api, asked: dict[str, str]) -> None:
    answer = api.http.get("/api/throughput/", params=asked)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_who_may_see_one_space_is_told_of_jobs_in_it(api: Api) -> None:
    api.http.post(
        "/api/spaces/", json={"name": "mine", "site": SITE, "path": f"{ROOT}/mine"}
    ).raise_for_status()
    with api.database.writing() as tx:
        people.ensure_user(tx, "bea", Role.MEMBER)
        _, key = keys.make_key(tx, "bea")
    asked = {"Authorization": f"Api-Key {key}"}
    url = f"{api.url}/api/throughput/"
    assert httpx.get(url, headers=asked, trust_env=False).status_code == 403
    api.http.post("/api/auth/groups/", json={"name": "crew"}).raise_for_status()
    api.http.put("/api/auth/groups/crew/members/bea/").raise_for_status()
    api.http.put("/api/auth/groups/crew/spaces/mine/", json={"right": Grant.VIEW}).raise_for_status()
    for path in ("mine/a", "other/b"):
        api.start("noop", [f"{ROOT}/{path}"])
    api.run()
    assert amounts(told(api)) == (2, 0, 20)
    assert amounts(httpx.get(url, headers=asked, trust_env=False).json()) == (1, 0, 10)
