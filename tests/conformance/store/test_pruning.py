"""Pruning: old families of jobs go whole, at once out of sight, and then piece by piece while others work."""

from functools import partial

import pytest
from tests.hub_desk import Hub, Node, ended

from towpath.domain.errors import NotFound
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import pruning
from towpath.store import views
from towpath.store.views import JobFilter

DAY = 24 * 3600 * 1_000_000


def hide(hub: Hub, older_than: int = 0) -> int:
    """Hide what ended so many microseconds ago, a family at a time; how many jobs."""
    found, behind = 0, pruning.BEGINNING
    before = hub.clock.at - older_than
    while True:
        hidden = hub.tell(partial(pruning.hide, ended_before=before, behind=behind, limit=1))
        found += hidden.jobs
        if hidden.behind is None:
            return found
        behind = hidden.behind


def take_away(hub: Hub, limit: int = 500) -> int:
    """Take away all that is hidden; in how many transactions."""
    times = 1
    while not hub.tell(partial(pruning.take_away, limit=limit)):
        times += 1
    return times


def shown(hub: Hub) -> list[int]:
    """The jobs that people are shown, and the kept count of them."""
    with hub.database.reading() as conn:
        jobs = [job.id for job in views.list_jobs(conn, JobFilter(), 100, None)]
        assert views.count_jobs(conn, JobFilter()) == len(jobs)
    return jobs


def finished(hub: Hub, node: Node, code: Code = Code.PROCESSED) -> int:
    """A job of a few tasks that is over."""
    job = hub.given("two", 5, per_task=2)
    node.work(code)
    return job


def test_an_old_job_goes_and_nothing_of_any_other_does(hub: Hub, oslo: Node) -> None:
    kept = finished(hub, oslo)
    before = hub.rows()
    old = finished(hub, oslo, Code.FAILED)
    hub.wish(hub.given("noop", 1), Wanted.PAUSE)
    with hub.database.writing() as tx:
        assert pruning.hide(tx, 0).jobs == 0
    assert hide(hub) == 2
    take_away(hub)
    assert shown(hub) == [3]
    after = hub.rows()
    for name in ("tasks", "batches", "notes", "walks", "tallies", "path_tallies", "lanes", "wishes", "jobs"):
        gone = {kept, old}
        assert not [row for row in after[name] if name == "jobs" and row[0] in gone], name
    assert len(before["jobs"]) == 1
    assert {name: len(after[name]) for name in ("jobs", "job_inputs", "tasks", "batches", "notes", "walks")} == {
        "jobs": 1, "job_inputs": 1, "tasks": 2, "batches": 1, "notes": 0, "walks": 1
    }  # fmt: skip


def test_a_job_that_is_young_or_not_over_stays(hub: Hub, oslo: Node) -> None:
    finished(hub, oslo)
    hub.pass_time(2 * DAY)
    young, running = finished(hub, oslo), hub.given("noop", 3)
    assert hide(hub, older_than=DAY) == 1
    take_away(hub)
    assert shown(hub) == [running, young]
    assert oslo.work() == 3


def test_a_family_goes_whole_or_not_at_all(hub: Hub, oslo: Node) -> None:
    first = finished(hub, oslo, Code.FAILED)
    hub.pass_time(2 * DAY)
    again = hub.retry(first)
    assert hide(hub, older_than=DAY) == 0
    hub.upkeep()
    oslo.work(Code.FAILED)
    assert hide(hub, older_than=DAY) == 0
    third = hub.retry(again)
    hub.upkeep()
    oslo.work()
    assert shown(hub) == [third, again, first]
    assert hide(hub) == 3
    assert take_away(hub, limit=3) > 3
    assert shown(hub) == []
    assert not any(hub.rows()[name] for name in ("jobs", "tasks", "batches", "notes", "job_inputs", "walks"))


def test_what_is_hidden_is_shown_and_retried_no_more(hub: Hub, oslo: Node) -> None:
    job = finished(hub, oslo, Code.FAILED)
    hide(hub)
    assert shown(hub) == []
    with hub.database.reading() as conn:
        assert views.find_job(conn, job) is None
    with pytest.raises(NotFound):
        hub.retry(job)
    take_away(hub)


def test_work_goes_on_between_the_pieces(hub: Hub, oslo: Node) -> None:
    for _ in range(3):
        finished(hub, oslo)
    job = hub.given("noop", 12)
    assert hide(hub) == 3
    pieces = 0
    while not hub.tell(partial(pruning.take_away, limit=4)):
        pieces += 1
        oslo.report(*(ended(one) for one in oslo.claim(slots=1).grants))
    assert pieces > 5
    oslo.work()
    assert (hub.job(job).state, shown(hub)) == ("SUCCESS", [job])


def test_one_piece_takes_no_more_rows_than_it_was_told(hub: Hub, oslo: Node) -> None:
    for _ in range(3):
        finished(hub, oslo, Code.FAILED)
    hide(hub)
    before = sum(map(len, hub.rows().values()))
    while not hub.tell(partial(pruning.take_away, limit=7)):
        after = sum(map(len, hub.rows().values()))
        assert before - after <= 2 * 7
        before = after
