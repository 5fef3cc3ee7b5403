"""Whose turn it is: priorities that change live, caps of jobs and of owners, and slots kept for small jobs."""

from collections import Counter
from functools import partial
from random import Random

import pytest
from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.fairness import SMALL, Turn
from towpath.domain.states import Wanted
from towpath.engine import registry, turns
from towpath.engine.turns import LimitView


def jobs_of(grants: wire.Grants) -> "Counter[int]":
    """How many tasks of each job were granted."""
    return Counter(one.job for one in grants.grants)


def limit(hub: Hub, owner: str, max_tasks: int) -> None:
    """Let an owner run so many tasks, who has a key."""
    with hub.database.writing() as tx:
        registry.make_api_key(tx, owner)
        turns.set_limit(tx, owner, max_tasks, "root")


def limits(hub: Hub) -> list[LimitView]:
    """All limits."""
    with hub.database.reading() as conn:
        return turns.list_limits(conn)


def finish(node: Node, grants: wire.Grants) -> None:
    """Report the end of all that was granted."""
    node.report(*map(ended, grants.grants))


# Priorities ---------------------------------------------------------------------------------------------------


def test_a_priority_is_given_with_the_job_or_changed_while_it_waits(hub: Hub, oslo: Node) -> None:
    low, high = hub.given("noop", 20), hub.given("noop", 20, turn=Turn(priority=5))
    assert jobs_of(oslo.claim(slots=4)) == {high: 4}
    hub.tell(lambda tx: turns.set_priority(tx, low, 6))
    assert jobs_of(oslo.claim(slots=4)) == {low: 4}
    hub.tell(lambda tx: turns.set_priority(tx, low, -1))
    assert jobs_of(oslo.claim(slots=4)) == {high: 4}


def test_batches_found_after_a_change_of_priority_have_it_too(hub: Hub, oslo: Node) -> None:
    plain = hub.given("noop", 9)
    urgent = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    hub.tell(lambda tx: turns.set_priority(tx, urgent, 9))
    oslo.report(found(walk, b"", b"1", "a", "b"))
    assert jobs_of(oslo.claim(slots=2)) == {urgent: 1, plain: 1}


@pytest.mark.parametrize("priority", [-1001, 1001, 10**12])
def test_a_priority_beyond_its_bounds_is_a_mistake(hub: Hub, oslo: Node, priority: int) -> None:
    job = hub.given("noop", 1)
    with pytest.raises(Mistake, match="priority: expected -1000 to 1000, found"):
        hub.tell(lambda tx: turns.set_priority(tx, job, priority))


def test_a_job_that_is_over_has_no_turn_to_change(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    oslo.work()
    changes = (
        partial(turns.set_priority, job_id=job, priority=1),
        partial(turns.set_max_tasks, job_id=job, max_tasks=1),
    )
    for change in changes:
        with pytest.raises(Conflict, match=f"job {job} is SUCCESS: only a job that is not over"):
            hub.tell(change)
    with pytest.raises(NotFound, match="no job 77"):
        hub.tell(lambda tx: turns.set_priority(tx, 77, 1))


# Caps of jobs -------------------------------------------------------------------------------------------------


def test_a_job_runs_no_more_tasks_than_its_cap(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 20, turn=Turn(max_tasks=3))
    first = oslo.claim()
    assert jobs_of(first) == {job: 3}
    assert not oslo.claim().grants
    oslo.report(ended(first.grants[0]))
    assert jobs_of(oslo.claim()) == {job: 1}


def test_slots_that_a_capped_job_may_not_have_go_to_others_at_once(hub: Hub, oslo: Node) -> None:
    capped, other = hub.given("noop", 20, turn=Turn(max_tasks=1)), hub.given("noop", 20)
    assert jobs_of(oslo.claim()) == {capped: 1, other: 7}


def test_a_cap_holds_over_all_sites_and_stages_of_a_job(hub: Hub, oslo: Node, bergen: Node) -> None:
    job = hub.given("across", 6, turn=Turn(max_tasks=2))
    first = oslo.claim()
    oslo.report(ended(first.grants[0]))
    assert jobs_of(bergen.claim()) == {job: 1}
    assert not oslo.claim().grants
    assert not bergen.claim().grants


def test_a_cap_that_is_raised_or_lifted_is_felt_at_once_and_its_sites_are_woken(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 20, turn=Turn(max_tasks=1))
    assert len(oslo.claim().grants) == 1
    woken: list[str] = []
    hub.database.on_wake = woken.extend
    hub.tell(lambda tx: turns.set_max_tasks(tx, job, 3))
    assert woken == ["oslo"]
    assert len(oslo.claim().grants) == 2
    hub.tell(lambda tx: turns.set_max_tasks(tx, job, None))
    assert len(oslo.claim().grants) == 8


def test_a_cap_that_is_lowered_stops_nothing_and_starts_nothing(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 20)
    first = oslo.claim(slots=4)
    hub.tell(lambda tx: turns.set_max_tasks(tx, job, 2))
    assert not oslo.claim().grants
    oslo.report(*map(ended, first.grants[:2]))
    assert not oslo.claim().grants
    oslo.report(ended(first.grants[2]))
    assert len(oslo.claim().grants) == 1


def test_a_discovery_runs_beside_the_tasks_of_a_capped_job(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    hub.tell(lambda tx: turns.set_max_tasks(tx, job, 1))
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"), found(walk, b"1", b"2", "b"))
    assert len(oslo.claim().grants) == 1
    oslo.hello()
    (again,) = oslo.claim("discovery").grants
    assert again.walk is not None
    oslo.report(wire.WalkEnded(again.task, again.run, again.walk.cursor))
    assert oslo.work() == 2
    assert hub.job(job).state == "SUCCESS"


@pytest.mark.parametrize("max_tasks", [0, -1, 10**9])
def test_a_cap_beyond_its_bounds_is_a_mistake(hub: Hub, max_tasks: int) -> None:
    with pytest.raises(Mistake, match="max_tasks: expected 1 to 1000000, found"):
        hub.given("noop", 1, turn=Turn(max_tasks=max_tasks))


# Limits of owners ---------------------------------------------------------------------------------------------


def test_all_jobs_of_an_owner_together_run_no_more_than_the_limit(hub: Hub, oslo: Node) -> None:
    limit(hub, "ana", 3)
    mine = [hub.given("noop", 20) for _ in range(2)]
    theirs = hub.given("noop", 20, owner="ben")
    granted = oslo.claim()
    found = jobs_of(granted)
    assert sorted(found[job] for job in mine) == [1, 2]
    assert found[theirs] == 5
    assert limits(hub)[0].running == 3
    assert jobs_of(oslo.claim(slots=4)) == {theirs: 4}
    oslo.report(*(ended(one) for one in granted.grants if one.job == mine[0]))
    assert limits(hub)[0].running < 3
    more = jobs_of(oslo.claim(slots=20))
    assert sum(more[job] for job in mine) == found[mine[0]]


def test_owners_at_their_limit_keep_nobody_else_from_being_seen(hub: Hub, oslo: Node) -> None:
    limit(hub, "ana", 1)
    for _ in range(10):
        hub.given("noop", 5)
    oslo.claim(slots=1)
    late = hub.given("noop", 5, owner="ben")
    assert jobs_of(oslo.claim(slots=2)) == {late: 2}


def test_a_limit_wakes_the_owners_sites_when_a_task_ends_and_when_it_is_raised_or_lifted(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    limit(hub, "ana", 1)
    hub.given("noop", 5)
    hub.given("noop", 5, site="bergen")
    granted = oslo.claim()
    woken: list[str] = []
    hub.database.on_wake = woken.extend
    assert not bergen.claim().grants
    finish(oslo, granted)
    assert set(woken) == {"oslo", "bergen"}
    woken.clear()
    limit(hub, "ana", 2)
    assert set(woken) == {"oslo", "bergen"}
    assert len(bergen.claim().grants) == 2
    hub.tell(lambda tx: turns.lift_limit(tx, "ana"))
    assert len(oslo.claim().grants) == 4
    assert limits(hub) == []


def test_a_limit_lets_discoveries_run(hub: Hub, oslo: Node) -> None:
    limit(hub, "ana", 1)
    hub.given("noop", 5)
    assert len(oslo.claim().grants) == 1
    hub.submit("noop")
    assert len(oslo.claim("discovery").grants) == 1


def test_a_limit_is_for_somebody_who_is_known(hub: Hub) -> None:
    limit(hub, "ana", 1)
    with pytest.raises(NotFound, match="no user 'ann', did you mean 'ana'"):
        hub.tell(lambda tx: turns.set_limit(tx, "ann", 1, "root"))
    with pytest.raises(NotFound, match="no limit of user 'ben'"):
        hub.tell(lambda tx: turns.lift_limit(tx, "ben"))


@pytest.mark.parametrize("seed", range(8))
def test_no_history_of_claims_and_ends_overshoots_a_cap_or_leaves_a_slot_empty_that_could_be_used(
    hub: Hub, oslo: Node, seed: int
) -> None:
    random = Random(seed)
    most = random.randint(1, 5)
    limit(hub, "ana", most)
    orders = [
        (random.choice(("ana", "ben")), random.choice((None, 1, 2, 4)), random.randint(0, 1))
        for _ in range(4)
    ]
    jobs = {hub.given("noop", 9, owner=who, turn=Turn(p, cap)): (who, cap) for who, cap, p in orders}
    running: list[wire.Grant] = []
    left = dict.fromkeys(jobs, 9)
    while any(left.values()):
        slots = random.randint(1, 12)
        granted = oslo.claim(slots=slots, for_small=random.randint(0, 2)).grants
        running += granted
        for one in granted:
            left[one.job] -= 1
        held = Counter(one.job for one in running)
        of_ana = sum(held[job] for job, (owner, _) in jobs.items() if owner == "ana")
        assert of_ana <= most
        assert all(cap is None or held[job] <= cap for job, (_, cap) in jobs.items())
        could = [
            job
            for job, (owner, cap) in jobs.items()
            if left[job] and (cap is None or held[job] < cap) and (owner != "ana" or of_ana < most)
        ]
        assert len(granted) == slots or not could
        ends = random.randint(0, 9)
        oslo.report(*map(ended, running[:ends]))
        del running[:ends]


# Small jobs ---------------------------------------------------------------------------------------------------


def test_the_kept_slot_is_granted_to_small_jobs_only(hub: Hub, oslo: Node) -> None:
    large = hub.given("noop", SMALL + 1)
    assert jobs_of(oslo.claim(slots=8, for_small=1)) == {large: 7}
    assert not oslo.claim(slots=1, for_small=1).grants
    small = hub.given("noop", SMALL)
    (one,) = oslo.claim(slots=1, for_small=1).grants
    assert (one.job, one.small) == (small, True)
    hub.wish(large, Wanted.CANCEL)
    hub.wish(small, Wanted.CANCEL)
    hub.upkeep()


def test_a_small_job_behind_many_large_ones_gets_the_kept_slot(hub: Hub, oslo: Node) -> None:
    for _ in range(6):
        hub.given("noop", SMALL + 1, per_task=500, turn=Turn(priority=3))
    small = hub.given("noop", 10)
    granted = oslo.claim(slots=3, for_small=1)
    assert jobs_of(granted)[small] == 1
    assert len(granted.grants) == 3


def test_a_job_is_small_only_once_its_discovery_is_over_but_its_walk_is_from_the_start(
    hub: Hub, oslo: Node
) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery", slots=1, for_small=1).grants
    assert walk.small
    oslo.report(found(walk, b"", b"1", "a"))
    assert not oslo.claim(slots=1, for_small=1).grants
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1"))
    assert jobs_of(oslo.claim(slots=1, for_small=1)) == {job: 1}


def test_a_walk_that_has_found_much_is_no_longer_one_of_a_small_job(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", *(f"f{n}" for n in range(SMALL + 1))))
    oslo.hello()
    assert not oslo.claim("discovery", slots=1, for_small=1).grants
    (again,) = oslo.claim("discovery", slots=1).grants
    assert not again.small


@pytest.mark.parametrize("for_small", [-1, 99, 2**62])
def test_a_want_that_makes_no_sense_is_taken_for_what_it_can_mean(
    hub: Hub, oslo: Node, for_small: int
) -> None:
    hub.given("noop", SMALL + 1, per_task=1000)
    hub.given("noop", 1)
    assert len(oslo.claim(slots=2, for_small=for_small).grants) == (2 if for_small < 0 else 1)


def test_a_node_of_an_older_release_keeps_no_slot(hub: Hub, oslo: Node) -> None:
    large = hub.given("noop", SMALL + 1, per_task=100)
    assert jobs_of(oslo.claim(slots=8)) == {large: 8}
