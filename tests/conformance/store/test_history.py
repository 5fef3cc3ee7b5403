"""The history of a path: each task that had it, newest first, found in what is stored, at a bounded cost."""

import pytest
from tests.hub_desk import Hub, Node, ended, mask_of

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import pruning
from towpath.store import history
from towpath.store.history import Found, Place, Search, Sought, Touch


def search(hub: Hub, sought: Sought, behind: Place | None = None, limit: int = 100) -> Found:
    """One search."""
    with hub.database.reading() as conn:
        return Search(conn, sought).run(behind, limit)


def touches(hub: Hub, path: bytes, site: str = "oslo", job: int | None = None) -> list[Touch]:
    """All that befell a path."""
    found = search(hub, Sought(site, "data", path, job))
    assert found.behind is None
    return found.touches


def told(found: list[Touch]) -> list[tuple[int, str, str]]:
    """Job, step and outcome of each."""
    return [(one.job, one.step, one.outcome) for one in found]


def test_each_step_of_each_job_that_had_a_path_is_told_newest_first(hub: Hub, oslo: Node) -> None:
    first = hub.given("two", 3, per_task=2)
    oslo.work()
    second = hub.given("noop", 3)
    oslo.work(Code.FAILED)
    again = hub.retry(second)
    hub.upkeep()
    oslo.work()
    found = touches(hub, b"f000001")
    assert told(found) == [
        (again, "noop", "processed"),
        (second, "noop", "failed"),
        (first, "checksum", "processed"),
        (first, "noop", "processed"),
    ]
    assert (found[1].reason, found[1].error_class, found[1].node) == ("because", "permanent", "n1")
    assert found[0].ended_at is not None
    assert told(touches(hub, b"f000001", job=first)) == told(found)[2:]
    assert touches(hub, b"f000009") == touches(hub, b"f00000") == []


def test_a_path_is_looked_for_at_the_site_where_the_step_ran(hub: Hub, oslo: Node, bergen: Node) -> None:
    job = hub.submit("across", "d")
    oslo.walk("d/a")
    oslo.work()
    bergen.work(Code.SKIPPED)
    assert [(one.position, one.outcome) for one in touches(hub, b"d/a")] == [(0, "processed")]
    assert [(one.position, one.outcome, one.job) for one in touches(hub, b"d/a", "bergen")] == [
        (1, "skipped", job)
    ]


def test_what_is_open_was_cancelled_or_could_not_be_looked_at_is_told_as_that(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop", "d")
    (one,) = oslo.claim("discovery", 1).grants
    assert one.walk is not None
    problem = wire.Problem("data", b"d/locked", "no_permission", "open: Permission denied")
    oslo.report(wire.Found(one.task, one.run, one.walk.cursor, b"end", [], [problem]))
    oslo.report(wire.WalkEnded(one.task, one.run, b"end"))
    assert told(touches(hub, b"d/locked")) == [(job, "recursive", "failed")]
    assert touches(hub, b"d/locked")[0].reason == "open: Permission denied"
    waiting = hub.given("noop", 1)
    assert told(touches(hub, b"f000000")) == [(waiting, "noop", "pending")]
    hub.wish(waiting, Wanted.CANCEL)
    hub.upkeep()
    assert told(touches(hub, b"f000000")) == [(waiting, "noop", "not_run")]


def test_a_path_that_a_split_gave_to_a_sibling_is_told_where_it_ended(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 4, per_task=4)
    (one,) = oslo.claim(slots=1).grants
    assert mask_of(one).count(1) == 4
    oslo.report(ended(one, only=2))
    hub.upkeep()
    oslo.work(Code.ABORTED)
    assert told(touches(hub, b"f000000")) == [(job, "noop", "processed")]
    assert told(touches(hub, b"f000003")) == [(job, "noop", "aborted")]


def test_a_search_stops_after_so_much_and_goes_on_where_it_stopped(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_TASKS", 3)
    monkeypatch.setattr(history, "TASKS_AT_ONCE", 2)
    monkeypatch.setattr(history, "MOST_JOBS", 2)
    monkeypatch.setattr(history, "JOBS_AT_ONCE", 2)
    jobs = [hub.given("noop", 5) for _ in range(4)]
    oslo.work()
    behind: Place | None = None
    found: list[Touch] = []
    searches = 0
    sought = Sought("oslo", "data", b"f000000")
    while True:
        one = search(hub, sought, behind, limit=1)
        found += one.touches
        behind = one.behind
        searches += 1
        if behind is None:
            break
    assert [touch.job for touch in found] == jobs[::-1]
    assert searches > len(jobs)


def test_jobs_are_narrowed_by_when_they_were_submitted_and_pruned_ones_are_gone(hub: Hub, oslo: Node) -> None:
    first = hub.given("noop", 1)
    between = hub.clock()
    second = hub.given("noop", 1)
    oslo.work()
    early = Sought("oslo", "data", b"f000000", until=between)
    late = Sought("oslo", "data", b"f000000", since=between)
    assert [touch.job for touch in search(hub, early).touches] == [first]
    assert [touch.job for touch in search(hub, late).touches] == [second]
    hub.tell(lambda tx: pruning.hide(tx, tx.now + 1, pruning.BEGINNING))
    assert touches(hub, b"f000000") == []
    while not hub.tell(pruning.take_away):
        pass


def test_jobs_that_were_asked_for_other_places_are_not_searched(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.submit("noop", "d")
    oslo.walk("d/a")
    monkeypatch.setattr(history, "MOST_TASKS", 1)
    assert search(hub, Sought("oslo", "data", b"e/a")).behind is None
    assert search(hub, Sought("oslo", "data", b"d/a")).behind is not None
