"""Holds: a site or a queue that is paused is granted nothing, and no job changes its state for it."""

import pytest
from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import holds
from towpath.store import tables

SECOND = 1_000_000


def log(hub: Hub) -> list[tuple[object, ...]]:
    """Queue, by whom, ended by whom, of each hold there ever was."""
    with hub.database.reading() as conn:
        rows = conn.execute(tables.holds.select().order_by(tables.holds.c.id)).all()
    return [(row.queue, row.by, row.ended_by) for row in rows]


def test_nothing_is_granted_at_a_site_that_is_paused_discoveries_neither(hub: Hub, oslo: Node) -> None:
    given, walked = hub.given("noop", 3), hub.submit("noop")
    hub.hold(Wanted.PAUSE)
    assert not oslo.claim().grants
    assert not oslo.claim("discovery").grants
    assert (hub.job(given).state, hub.job(walked).state) == ("PENDING", "PENDING")
    hub.hold(Wanted.RUN)
    assert oslo.work() == 3
    assert len(oslo.claim("discovery").grants) == 1


def test_a_hold_keeps_its_own_site_and_queue_alone(hub: Hub, oslo: Node, bergen: Node) -> None:
    hub.given("noop", 2)
    hub.given("noop", 2, site="bergen")
    hub.given("noop", 2, queue="fast")
    hub.hold(Wanted.PAUSE, "fast")
    assert len(oslo.claim().grants) == 2
    assert not oslo.claim(queue="fast").grants
    hub.hold(Wanted.PAUSE)
    assert len(bergen.claim().grants) == 2
    hub.hold(Wanted.RUN)
    assert not oslo.claim(queue="fast").grants
    hub.hold(Wanted.RUN, "fast")
    assert len(oslo.claim(queue="fast").grants) == 2


def test_what_runs_at_a_paused_site_finishes_and_a_walk_is_handed_back(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2, per_task=2)
    hub.submit("noop")
    (one,) = oslo.claim().grants
    (walk,) = oslo.claim("discovery").grants
    hub.hold(Wanted.PAUSE)
    assert oslo.beat().hand_back == [walk.run]
    oslo.report(found(walk, b"", b"1", "a"), wire.WalkEnded(walk.task, walk.run, b"1", handed_back=True))
    oslo.report(ended(one))
    assert hub.job(job).state == "SUCCESS"
    assert not oslo.claim("discovery").grants


def test_a_pause_now_of_a_queue_has_what_runs_there_handed_back(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 4, per_task=4)
    hub.given("noop", 4, per_task=4, queue="fast")
    (one,), _ = oslo.claim().grants, oslo.claim(queue="fast").grants
    hub.hold(Wanted.PAUSE, "default", now=True)
    assert oslo.beat().hand_back == [one.run]
    oslo.report(ended(one, only=1))
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("STARTED", 1)
    assert not oslo.claim().grants
    hub.hold(Wanted.RUN, "default")
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 4)


def test_a_job_says_which_hold_it_waits_for(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    hub.hold(Wanted.PAUSE, "default")
    assert hub.job(job).waiting == "queue default of site oslo paused by ana: no tapes"
    hub.hold(Wanted.PAUSE, resume_at=1_800_000_000_000_000)
    assert hub.job(job).waiting == "site oslo paused by ana until 2027-01-15 08:00:00 UTC: no tapes"


def test_a_hold_ends_by_itself_at_its_time_and_says_who_set_it(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    hub.hold(Wanted.PAUSE, resume_at=hub.clock.at + 60 * SECOND)
    hub.upkeep()
    assert not oslo.claim().grants
    hub.pass_time(61 * SECOND)
    assert not oslo.claim().grants
    hub.upkeep()
    assert oslo.work() == 1
    assert log(hub) == [("", "ana", "the time set by ana")]


def test_a_later_pause_of_a_site_takes_the_place_of_the_earlier(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.hold(Wanted.PAUSE)
    assert oslo.beat().hand_back == []
    hub.hold(Wanted.PAUSE, now=True)
    assert oslo.beat().hand_back == [one.run]
    hub.hold(Wanted.RUN)
    assert oslo.beat().hand_back == []
    assert [row[2] for row in log(hub)] == ["ana", "ana"]


def test_a_cancel_goes_through_at_a_site_that_is_paused(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3)
    hub.hold(Wanted.PAUSE)
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    assert hub.job(job).state == "CANCELLED"


@pytest.mark.parametrize(
    ("site", "queue", "kind", "text"),
    [
        ("olso", "", NotFound, "no site 'olso', did you mean 'oslo'?"),
        ("oslo", "defalt", NotFound, "site oslo has no queue 'defalt', did you mean 'default'?"),
        ("oslo", "", Conflict, "site oslo is not paused; queue default of site oslo is"),
    ],
)
def test_a_resume_of_what_is_not_paused_is_a_mistake_that_names_it(
    hub: Hub, oslo: Node, site: str, queue: str, kind: type[Exception], text: str
) -> None:
    hub.hold(Wanted.PAUSE, "default")
    with pytest.raises(kind) as caught:
        hub.tell(lambda tx: holds.resume(tx, site, queue, Wish(Wanted.RUN, "ana")))
    assert str(caught.value) == text


def test_a_pause_cannot_end_before_it_begins(hub: Hub, oslo: Node) -> None:
    with pytest.raises(Mistake, match="resume_at: expected a time to come, found 2023-11-14"):
        hub.hold(Wanted.PAUSE, resume_at=hub.clock.at - SECOND)
