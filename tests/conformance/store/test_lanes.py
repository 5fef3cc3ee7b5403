"""Fairness and order: who is granted what when several jobs, priorities, stages and sites want it."""

from collections import Counter

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from tests.hub_desk import Hub, Node, ended, found, group

from towpath import wire
from towpath.domain.fairness import SMALL
from towpath.domain.paths import Code, Kind
from towpath.domain.states import Wanted
from towpath.engine import grant, nodes
from towpath.engine.grant import MOST
from towpath.engine.shares import divide
from towpath.store.tables import jobs, lanes


def prioritise(hub: Hub, job: int, priority: int) -> None:
    """Give a job another priority."""
    for table, key in ((jobs, jobs.c.id), (lanes, lanes.c.job_id)):
        change = sa.update(table).where(key == job).values(priority=priority)
        with hub.database.writing() as tx:
            tx.conn.execute(change)


def watched(hub: Hub) -> int:
    """How many nodes' heartbeats are awaited."""
    with hub.database.reading() as conn:
        return len(nodes.watched(conn))


def jobs_of(grants: wire.Grants) -> "Counter[int]":
    """How many tasks of each job were granted."""
    return Counter(one.job for one in grants.grants)


# Fairness -----------------------------------------------------------------------------------------------------


def test_a_job_of_ten_paths_gets_its_share_while_one_of_ten_thousand_runs(hub: Hub, oslo: Node) -> None:
    large = hub.given("noop", 10_000)
    for _ in range(3):
        oslo.report(*map(ended, oslo.claim().grants))
    small = hub.given("noop", 10)
    rounds = 0
    while hub.job(small).state != "SUCCESS":
        grants = oslo.claim()
        assert jobs_of(grants)[small] >= 2
        oslo.report(*map(ended, grants.grants))
        rounds += 1
    assert rounds == 3, "four of eight slots each"
    hub.wish(large, Wanted.CANCEL)
    hub.upkeep()


def test_a_higher_priority_goes_first_and_leaves_what_it_does_not_need(hub: Hub, oslo: Node) -> None:
    low, high = hub.given("noop", 20), hub.given("noop", 5)
    prioritise(hub, high, 7)
    assert jobs_of(oslo.claim()) == {high: 5, low: 3}


def test_within_a_priority_whoever_was_served_longest_ago_is_next(hub: Hub, oslo: Node) -> None:
    first, second, third = (hub.given("noop", 9) for _ in range(3))
    order = [next(iter(jobs_of(oslo.claim(slots=1)))) for _ in range(6)]
    assert order == [first, second, third] * 2
    late = hub.given("noop", 1)
    assert jobs_of(oslo.claim(slots=1)) == {late: 1}


def test_slots_that_one_job_does_not_need_go_to_the_others(hub: Hub, oslo: Node) -> None:
    small, large = hub.given("noop", 1), hub.given("noop", 50)
    assert jobs_of(oslo.claim()) == {small: 1, large: 7}


def test_an_answer_has_at_most_so_many_tasks_and_says_that_there_is_more(hub: Hub, oslo: Node) -> None:
    hub.given("noop", MOST + 5)
    answer = oslo.claim(slots=500)
    assert (len(answer.grants), answer.more) == (MOST, True)
    answer = oslo.claim(slots=500)
    assert (len(answer.grants), answer.more) == (5, False)


def test_an_answer_that_is_cut_short_says_so_where_slots_are_kept_for_small_jobs_too(
    hub: Hub, oslo: Node
) -> None:
    hub.given("noop", SMALL + 1)
    answer = oslo.claim(slots=MOST + 8, for_small=1)
    assert (len(answer.grants), answer.more) == (MOST - 1, True)


@pytest.mark.parametrize("slots", [0, -1, -(2**63)])
def test_a_node_without_a_free_slot_is_granted_nothing(hub: Hub, oslo: Node, slots: int) -> None:
    hub.given("noop", 3)
    assert not oslo.claim(slots=slots).grants


open_lanes = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20)), max_size=8)


@given(open_lanes, st.integers(0, 40))
def test_shares_use_every_slot_and_are_even_within_a_priority(
    wanting: list[tuple[int, int]], slots: int
) -> None:
    shares = divide(wanting, slots)
    assert sum(shares) == min(slots, sum(ready for _, ready in wanting))
    assert all(0 <= share <= ready for share, (_, ready) in zip(shares, wanting, strict=True))
    for (priority, ready), share in zip(wanting, shares, strict=True):
        if share < ready:
            lower = [s for (p, _), s in zip(wanting, shares, strict=True) if p < priority]
            assert not any(lower), "a lower priority was served before this one was satisfied"
            same = [s for (p, _), s in zip(wanting, shares, strict=True) if p == priority]
            assert max(same) - share <= 1, "somebody got more while this one wanted more"


# Phases -------------------------------------------------------------------------------------------------------


def test_work_of_the_first_phase_begins_during_the_walk(hub: Hub, oslo: Node) -> None:
    hub.submit("two")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    assert oslo.work() == 2


def test_a_later_phase_waits_for_the_walk_and_for_the_phases_before_it(hub: Hub, oslo: Node) -> None:
    """A file is checked and then deleted; the delete of the first waits for the check of the last."""
    hub.define("clear", {"name": "checksum"}, {"name": "delete"}, kind="file")
    job = hub.submit("clear")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    assert oslo.work() == 1
    oslo.report(found(walk, b"1", b"2", "b"))
    (last,) = oslo.claim().grants
    assert last.step == "checksum"
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"2"))
    assert not oslo.claim().grants, "the phase before is not over"
    oslo.report(ended(last))
    assert [one.step for one in oslo.claim().grants] == ["delete", "delete"]
    assert hub.job(job).waiting is None


def test_a_phase_waits_though_the_walk_begins_again(hub: Hub, oslo: Node) -> None:
    hub.define("clear", {"name": "checksum"}, {"name": "delete"}, kind="file")
    hub.submit("clear")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    oslo.work()
    oslo.hello()
    assert not oslo.claim().grants
    (again,) = oslo.claim("discovery").grants
    assert again.walk is not None
    oslo.report(wire.WalkEnded(again.task, again.run, again.walk.cursor))
    assert oslo.work() == 1


def test_directories_of_many_batches_are_deleted_deepest_first(hub: Hub, oslo: Node) -> None:
    job = hub.submit("delete")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(
        wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "a/b/c", "a", kind=Kind.DIRECTORY)]),
        wire.Found(walk.task, walk.run, b"1", b"2", [group(walk, "a/b", "x/y/z", kind=Kind.DIRECTORY)]),
        wire.Found(walk.task, walk.run, b"2", b"3", [group(walk, "x", "x/y", kind=Kind.DIRECTORY)]),
        wire.WalkEnded(walk.task, walk.run, b"3"),
    )
    levels = []
    while grants := oslo.claim().grants:
        levels.append(len(grants))
        assert not oslo.claim().grants, "the next level waits for all of this one"
        oslo.report(*map(ended, grants))
    assert levels == [2, 2, 2]
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 6)


def test_a_level_that_failed_does_not_hold_up_the_next(hub: Hub, oslo: Node) -> None:
    job = hub.submit("delete")
    oslo.walk("a/b", "a", kind=Kind.DIRECTORY)
    assert oslo.work(Code.FAILED) == 2
    assert hub.job(job).state == "FAILURE"


# Sites, leases and life ---------------------------------------------------------------------------------------


def test_a_step_at_another_site_waits_for_the_one_before_it(hub: Hub, oslo: Node, bergen: Node) -> None:
    job = hub.given("across", 4, per_task=2)
    assert not bergen.claim().grants
    one, other = oslo.claim().grants
    oslo.report(ended(one))
    (there,) = bergen.claim().grants
    assert (there.batch, there.job) == (one.batch, job)
    bergen.report(ended(there))
    oslo.report(ended(other))
    assert bergen.work() == 1
    assert hub.job(job).state == "SUCCESS"


def test_two_nodes_of_a_site_never_get_the_same_task(hub: Hub, oslo: Node) -> None:
    other = hub.node("oslo", "n2")
    hub.given("noop", 12)
    first, second = oslo.claim().grants, other.claim().grants
    assert not {one.task for one in first} & {one.task for one in second}
    assert (len(first), len(second)) == (8, 4)


def test_every_run_has_another_name(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 8)
    runs = {one.run for one in oslo.claim().grants}
    oslo.hello()
    runs |= {one.run for one in oslo.claim().grants}
    assert (len(runs), {len(run) for run in runs}) == (16, {16})
    assert not runs & set(grant.run_ids(100))


def test_a_claim_answered_again_leaves_out_what_has_ended_meanwhile(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 3)
    first = oslo.claim()
    oslo.report(ended(first.grants[0]))
    again = oslo.claim(number=first.number)
    assert [one.run for one in again.grants] == [one.run for one in first.grants[1:]]
    assert not again.more


def test_a_claim_answered_again_says_all_that_it_said_before(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    first = oslo.claim("discovery")
    oslo.report(found(first.grants[0], b"", b"1", "a"))
    again = oslo.claim("discovery", number=first.number)
    (one,) = again.grants
    assert one.walk is not None
    assert (one.run, one.walk.cursor) == (first.grants[0].run, b"1"), "but a walk goes on from where it is"


def test_a_hello_said_twice_by_the_same_life_takes_nothing_from_it(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    (one, _) = oslo.claim().grants
    oslo.hello_again()
    assert oslo.beat().drop == []
    assert not oslo.report(ended(one)).refusals
    assert not oslo.claim(number=0).grants, "the number of its last claim is remembered"


def test_a_node_that_was_silent_and_is_heard_again_drops_what_it_lost(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.silence("n1")
    assert watched(hub) == 0
    verdicts = oslo.beat()
    assert (verdicts.drop, verdicts.known) == ([one.run], True)
    assert watched(hub) == 1


def test_a_late_heartbeat_takes_back_no_grant_whose_answer_was_under_way(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    (first,) = oslo.claim(slots=1).grants
    (second,) = oslo.claim(slots=1).grants
    assert oslo.beat([first.run], answered=1).drop == []
    assert not oslo.claim().grants
    oslo.beat([first.run], answered=2)
    (again,) = oslo.claim().grants
    assert (again.task, again.attempt) == (second.task, 1)
    assert oslo.beat([first.run, second.run]).drop == [second.run]
