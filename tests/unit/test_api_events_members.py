"""Events for who may see some spaces only: the jobs that work there, and nothing of all else, then or now."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus

import httpx
import pytest
from tests.fixtures_api import ROOT, Api, api, laid
from tests.unit.test_api_events import Heard, happen, newest
from tests.unit.test_api_groups import MINE, OTHER, call, member, spaces

from towpath.domain.events import Event
from towpath.domain.rights import Grant
from towpath.store import events as rows
from towpath.store.tables import events

__all__ = ["api", "laid", "spaces"]

pytestmark = pytest.mark.usefixtures("spaces")


@contextmanager
def listening(api: Api, key: str, query: str = "", last: int | None = None) -> Iterator[Heard]:
    """Somebody with that key listens, and has been taken in."""
    headers = {"Authorization": f"Api-Key {key}"} | ({} if last is None else {"Last-Event-ID": str(last)})
    with (
        httpx.Client(base_url=api.url, headers=headers, timeout=30, trust_env=False, verify=False) as http,
        http.stream("GET", f"/api/events/stream/{query}") as answer,
    ):
        assert answer.status_code == HTTPStatus.OK, answer.read()
        lines = answer.iter_lines()
        assert next(lines) == "retry: 2000"
        yield Heard(lines)


def jobs(api: Api, *paths: str) -> list[int]:
    """A job over each path, from its beginning to its end."""
    found = [api.start("noop", [f"{ROOT}/{path}"]) for path in paths]
    api.run()
    newest(api)
    return found


def listed(api: Api, key: str, query: str = "") -> list[int | None]:
    """The jobs of the events that somebody is shown."""
    return [row["job"] for row in call(api, key, "GET", f"/api/events/{query}").json()["results"]]


def heard_jobs(heard: Heard, count: int) -> list[int]:
    """The jobs of the next few events."""
    return [int(heard.next()["data"].split('"job":')[1].split(",")[0]) for _ in range(count)]


def test_a_member_hears_of_the_jobs_of_their_spaces_and_of_nothing_else(api: Api) -> None:
    key = member(api, Grant.VIEW)
    with listening(api, key) as heard:
        happen(api, "node.lost", site="oslo")
        inside, _outside, _nowhere, within = jobs(api, "mine/a", "other/a", "a", "mine/in/a")
        found = heard_jobs(heard, 6)
    assert sorted(found) == sorted([inside, within] * 3)
    assert sorted(one for one in listed(api, key) if one) == sorted([inside, within] * 3)
    assert None not in listed(api, key)
    assert call(api, key, "GET", "/api/events/").json()["count"] == 6


def test_what_is_asked_for_by_name_elsewhere_is_as_what_is_not_there(api: Api) -> None:
    key = member(api, Grant.VIEW)
    [outside] = jobs(api, "other/a")
    for query in (f"?job={outside}", "?job=999999", "?kind=node.*", "?site=bergen"):
        assert listed(api, key, query) == []
    with listening(api, key, f"?job={outside}", last=0) as heard:
        jobs(api, "other/a")
        happen(api, "job.ended", job=outside)
        [inside] = jobs(api, "mine/a")
        assert listed(api, key, f"?job={inside}") == [inside] * 3
        api.context.feed.close()
        with pytest.raises(EOFError):
            heard.next()


def test_a_replay_tells_a_member_no_more_than_they_may_see(api: Api) -> None:
    first = newest(api)
    made = jobs(api, *["other/a", "mine/a"] * 3)
    key = member(api, Grant.VIEW)
    with listening(api, key, last=first) as heard:
        assert sorted(heard_jobs(heard, 9)) == sorted(made[1::2] * 3)
        [inside] = jobs(api, "mine/b")
        assert heard_jobs(heard, 3) == [inside] * 3


def test_an_event_bears_the_space_that_its_job_works_in(api: Api) -> None:
    key = member(api, Grant.VIEW)
    inside, outside = jobs(api, "mine/a", "a")
    with api.database.reading() as conn:
        places = {row.job: row.place for row in conn.execute(events.select())}
    assert (places[inside], places[outside]) == (f"oslo/{MINE}", "")
    assert set(listed(api, key)) == {inside}


WITHDRAWALS: Sequence[tuple[str, str]] = [
    ("DELETE", f"auth/groups/crew/spaces/{MINE}/"),
    ("DELETE", "auth/groups/crew/members/bea/"),
    ("DELETE", "auth/groups/crew/"),
    ("DELETE", f"spaces/{MINE}/oslo/"),
    ("PATCH", "auth/users/bea/"),
]


@pytest.mark.parametrize(("verb", "url"), WITHDRAWALS)
def test_who_may_see_no_more_hears_nothing_of_what_comes_after_that(api: Api, verb: str, url: str) -> None:
    key = member(api, Grant.VIEW)
    with listening(api, key) as heard:
        [inside] = jobs(api, "mine/a")
        assert heard_jobs(heard, 3) == [inside] * 3
        body = {"disabled": True} if verb == "PATCH" else None
        assert api.http.request(verb, f"/api/{url}", json=body).is_success
        told(api, f"oslo/{MINE}")
        with pytest.raises(EOFError):
            heard.next()
    answer = call(api, key, "GET", "/api/events/stream/")
    assert answer.status_code in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAUTHORIZED}


def told(api: Api, place: str) -> None:
    """There is an event of a job that works in a space."""
    with api.database.writing() as tx:
        rows.record(tx, [Event(0, "job.paused", 1, 999, "oslo", place=place)])
    newest(api)


def test_a_replay_ends_where_the_right_is_withdrawn_in_its_midst(api: Api) -> None:
    """It is far more than lies on the way to who listens: what was read behind the withdrawal is not sent."""
    first, count = newest(api), 1500
    long = {"error": "x" * 20_000}
    with api.database.writing() as tx:
        rows.record(tx, [Event(0, "job.paused", 1, 999, "oslo", "", "", long, f"oslo/{MINE}")] * count)
    while newest(api) < first + count:
        pass
    key = member(api, Grant.VIEW)
    found = 0
    with listening(api, key, last=first) as heard:
        heard.next()
        assert api.http.delete(f"/api/auth/groups/crew/spaces/{MINE}/").is_success
        with suppress(EOFError):
            while heard.next():
                found += 1
    assert 0 < found < count - 1


def test_who_may_see_more_than_before_comes_back_and_hears_it(api: Api) -> None:
    key = member(api, Grant.VIEW)
    with listening(api, key) as heard:
        assert api.http.put(f"/api/auth/groups/crew/spaces/{OTHER}/", json={"right": "view"}).is_success
        jobs(api, "other/a")
        told(api, f"oslo/{MINE}")
        with pytest.raises(EOFError):
            heard.next()
    with listening(api, key) as heard:
        [other] = jobs(api, "other/a")
        assert heard_jobs(heard, 3) == [other] * 3


def test_a_change_of_others_rights_keeps_nobody_from_listening(api: Api) -> None:
    key = member(api, Grant.VIEW)
    with listening(api, key) as heard:
        for number in range(3):
            assert api.http.post("/api/auth/groups/", json={"name": f"other{number}"}).is_success
            [inside] = jobs(api, "mine/a")
            assert heard_jobs(heard, 3) == [inside] * 3
