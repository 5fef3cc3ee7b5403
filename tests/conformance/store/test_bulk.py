"""A wish of many jobs at once: each that it would change is asked, in chunks, and nobody else."""

import pytest
from tests.hub_desk import Hub, Node

from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import bulk
from towpath.engine.bulk import Which


def ask_all(hub: Hub, which: Which, wanted: Wanted, now: bool = False) -> int:
    """Ask it of all, as the API does; of how many it was asked."""
    with hub.database.reading() as conn:
        through = bulk.check(conn, which)
    count, last = 0, 0
    asked = Wish(wanted, "ana", "audit", now)
    while True:
        done = hub.tell(lambda tx, after=last: bulk.wish_some(tx, which, asked, after, through))  # type: ignore[misc]
        count += done.count
        if done.last is None:
            return count
        last = done.last


def states(hub: Hub, jobs: list[int]) -> set[str]:
    """How these jobs stand."""
    return {hub.job(job).state for job in jobs}


def test_each_open_job_of_a_workflow_is_asked_whatever_their_number(
    hub: Hub, oslo: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 20)
    over = hub.given("noop", 1)
    oslo.work()
    jobs = [hub.given("noop", 1) for _ in range(2 * bulk.AT_ONCE + 5)]
    other = hub.given("two", 1)
    assert ask_all(hub, Which("noop"), Wanted.PAUSE) == len(jobs)
    assert (states(hub, jobs), states(hub, [over, other])) == ({"PAUSED"}, {"SUCCESS", "PENDING"})
    assert ask_all(hub, Which("noop"), Wanted.RUN) == len(jobs)
    assert ask_all(hub, Which("noop"), Wanted.CANCEL) == len(jobs)
    hub.upkeep()
    assert states(hub, jobs) == {"CANCELLED"}


def test_a_job_that_is_paused_already_keeps_its_own_pause_unless_it_is_to_hurry(hub: Hub, oslo: Node) -> None:
    first, second = hub.given("noop", 1), hub.given("noop", 1)
    hub.wish(first, Wanted.PAUSE)
    assert ask_all(hub, Which("noop"), Wanted.PAUSE) == 1
    assert (hub.job(first).wish_why, hub.job(second).wish_why) == ("why not", "audit")
    assert ask_all(hub, Which("noop"), Wanted.PAUSE, now=True) == 2


def test_a_cancelled_job_is_neither_paused_nor_resumed(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    hub.wish(job, Wanted.CANCEL)
    assert ask_all(hub, Which("noop"), Wanted.PAUSE) == ask_all(hub, Which("noop"), Wanted.RUN) == 0
    assert hub.job(job).state == "DEQUEUING"


def test_jobs_of_a_site_or_a_queue_are_those_that_were_started_there(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    here, fast = hub.given("noop", 1), hub.given("noop", 1, queue="fast")
    there = hub.given("noop", 1, site="bergen")
    assert ask_all(hub, Which(site="oslo", queue="fast"), Wanted.CANCEL) == 1
    assert (states(hub, [fast]), states(hub, [here, there])) == ({"DEQUEUING"}, {"PENDING"})
    assert ask_all(hub, Which(site="oslo"), Wanted.CANCEL) == 1
    assert states(hub, [there]) == {"PENDING"}


def test_a_job_that_is_started_meanwhile_is_not_asked(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    with hub.database.reading() as conn:
        through = bulk.check(conn, Which("noop"))
    later = hub.given("noop", 1)
    asked = Wish(Wanted.CANCEL, "ana")
    done = hub.tell(lambda tx: bulk.wish_some(tx, Which("noop"), asked, 0, through))
    assert (done, hub.job(later).state) == (bulk.Asked(1, None), "PENDING")
