"""Wishes: what may be asked of a job in each state, what comes of it, and what is remembered of who asked."""

from collections.abc import Callable

import pytest
from tests.hub_desk import LEASE_BEATS, Hub, Node, ended, found

from towpath import wire
from towpath.domain.errors import NotFound
from towpath.domain.paths import Code
from towpath.domain.states import WISHES, IllegalWish, JobState, Wanted
from towpath.engine import nodes, upkeep
from towpath.store.tables import jobs, wishes


def pending(hub: Hub, oslo: Node) -> int:
    return hub.submit("noop")


def started(hub: Hub, oslo: Node) -> int:
    job = hub.given("noop", 2)
    oslo.claim(slots=1)
    return job


def pausing(hub: Hub, oslo: Node) -> int:
    job = started(hub, oslo)
    hub.wish(job, Wanted.PAUSE)
    return job


def paused(hub: Hub, oslo: Node) -> int:
    job = pending(hub, oslo)
    hub.wish(job, Wanted.PAUSE)
    return job


def dequeuing(hub: Hub, oslo: Node) -> int:
    job = started(hub, oslo)
    hub.wish(job, Wanted.CANCEL)
    return job


def cancelled(hub: Hub, oslo: Node) -> int:
    job = pending(hub, oslo)
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    return job


def worked(code: Code) -> Callable[[Hub, Node], int]:
    """A job whose paths all have that outcome."""

    def bring(hub: Hub, oslo: Node) -> int:
        job = hub.given("noop", 1)
        oslo.work(code)
        return job

    return bring


INTO: dict[JobState, Callable[[Hub, Node], int]] = {
    JobState.PENDING: pending,
    JobState.STARTED: started,
    JobState.PAUSING: pausing,
    JobState.PAUSED: paused,
    JobState.DEQUEUING: dequeuing,
    JobState.CANCELLED: cancelled,
    JobState.SUCCESS: worked(Code.PROCESSED),
    JobState.FAILURE: worked(Code.FAILED),
}

COMES_OF_IT: dict[tuple[JobState, Wanted], JobState] = {
    (JobState.PENDING, Wanted.PAUSE): JobState.PAUSED,
    (JobState.PENDING, Wanted.CANCEL): JobState.DEQUEUING,
    (JobState.STARTED, Wanted.PAUSE): JobState.PAUSING,
    (JobState.STARTED, Wanted.CANCEL): JobState.DEQUEUING,
    (JobState.PAUSING, Wanted.PAUSE): JobState.PAUSING,
    (JobState.PAUSING, Wanted.RUN): JobState.STARTED,
    (JobState.PAUSING, Wanted.CANCEL): JobState.DEQUEUING,
    (JobState.PAUSED, Wanted.PAUSE): JobState.PAUSED,
    (JobState.PAUSED, Wanted.RUN): JobState.PENDING,
    (JobState.PAUSED, Wanted.CANCEL): JobState.DEQUEUING,
    (JobState.DEQUEUING, Wanted.CANCEL): JobState.DEQUEUING,
}


@pytest.mark.parametrize("wanted", list(Wanted))
@pytest.mark.parametrize("state", list(JobState))
def test_a_wish_comes_true_exactly_where_the_table_allows_it(
    hub: Hub, oslo: Node, state: JobState, wanted: Wanted
) -> None:
    job = INTO[state](hub, oslo)
    before = hub.job(job)
    assert before.state == state
    if wanted in WISHES[state]:
        hub.wish(job, wanted)
        assert hub.job(job).state == COMES_OF_IT[state, wanted]
        return
    allowing = ", ".join(s for s in JobState if wanted in WISHES[s])
    verb = {Wanted.RUN: "resumed", Wanted.PAUSE: "paused", Wanted.CANCEL: "cancelled"}[wanted]
    text = f"job {job} is {state}: only a job that is {allowing} can be {verb}"
    with pytest.raises(IllegalWish) as refused:
        hub.wish(job, wanted)
    assert str(refused.value) == text
    assert hub.job(job) == before


def test_a_job_that_is_none_can_be_wished_nothing(hub: Hub) -> None:
    with pytest.raises(NotFound, match="no job 99"):
        hub.wish(99, Wanted.CANCEL)


def test_who_wished_what_and_why_is_remembered(hub: Hub, oslo: Node) -> None:
    job = pending(hub, oslo)
    hub.wish(job, Wanted.PAUSE)
    hub.wish(job, Wanted.RUN)
    with pytest.raises(IllegalWish):
        hub.wish(job, Wanted.RUN)
    with hub.database.reading() as conn:
        rows = conn.execute(wishes.select().order_by(wishes.c.id)).all()
        kept = conn.execute(jobs.select().where(jobs.c.id == job)).one()
    assert [(row.job_id, row.wanted, row.by, row.why) for row in rows] == [
        (job, "pause", "ana", "why not"),
        (job, "run", "ana", "why not"),
    ]
    assert (kept.wish_by, kept.wish_why, kept.wish_at) == ("ana", "why not", rows[-1].at)
    assert rows[0].at < rows[1].at


BEATS = LEASE_BEATS
"""Heartbeats that a lease lasts."""

# Pause --------------------------------------------------------------------------------------------------------


def test_a_pause_now_asks_for_running_tasks_back_and_a_plain_pause_takes_that_back(
    hub: Hub, oslo: Node
) -> None:
    job = hub.given("noop", 4, per_task=4)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.PAUSE, now=True)
    assert oslo.beat().hand_back == [one.run]
    hub.wish(job, Wanted.PAUSE)
    assert oslo.beat().hand_back == []
    hub.wish(job, Wanted.RUN)
    assert oslo.beat().hand_back == []


def test_a_walk_is_asked_back_on_a_plain_pause_and_its_job_is_paused_once_it_is(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    hub.wish(job, Wanted.PAUSE)
    assert (hub.job(job).state, oslo.beat().hand_back) == ("PAUSING", [walk.run])
    oslo.report(found(walk, b"", b"1", "a"), wire.WalkEnded(walk.task, walk.run, b"1", handed_back=True))
    assert (hub.job(job).state, hub.job(job).totals["discovered"]) == ("PAUSED", 1)
    assert not oslo.claim("discovery").grants
    assert not oslo.claim().grants


def test_a_paused_job_can_end_by_what_still_ran(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.PAUSE)
    oslo.report(ended(one))
    assert hub.job(job).state == "SUCCESS"


def test_a_lease_that_is_lost_while_its_job_is_paused_leaves_it_paused(hub: Hub, oslo: Node) -> None:
    job = pausing(hub, oslo)
    hub.tell(lambda tx: nodes.silence(tx, 1))
    assert hub.job(job).state == "PAUSED"
    assert not oslo.claim().grants
    hub.wish(job, Wanted.RUN)
    assert oslo.work() == 2


# Cancel -------------------------------------------------------------------------------------------------------


def test_a_cancel_of_more_tasks_than_one_sweep_takes_ends_in_chunks(hub: Hub, oslo: Node) -> None:
    many = upkeep.SWEEP + 500
    job = hub.given("noop", many)
    hub.wish(job, Wanted.CANCEL)
    assert hub.tell(upkeep.cancelled_jobs) == [job]
    over = [hub.tell(lambda tx: upkeep.dequeue(tx, job))]
    view = hub.job(job)
    assert (view.state, view.totals["not_run"]) == ("DEQUEUING", upkeep.SWEEP)
    over.append(hub.tell(lambda tx: upkeep.dequeue(tx, job)))
    assert over == [False, True]
    view = hub.job(job)
    assert (view.state, view.totals["not_run"]) == ("CANCELLED", many)
    assert hub.tell(upkeep.cancelled_jobs) == []


def test_nothing_of_a_cancelled_job_is_granted_before_its_queue_is_empty(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 5)
    hub.wish(job, Wanted.CANCEL)
    assert not oslo.claim().grants


def test_a_queue_is_emptied_only_for_a_job_that_is_cancelled(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 5)
    assert hub.tell(lambda tx: upkeep.dequeue(tx, job))
    assert oslo.work() == 5


def test_what_a_task_processed_though_it_was_cancelled_is_not_run_at_the_next_step(
    hub: Hub, oslo: Node
) -> None:
    job = hub.given("two", 4, per_task=4)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    codes = bytes([Code.PROCESSED, Code.SKIPPED, Code.FAILED, Code.ALREADY])
    oslo.report(wire.Ended(one.task, one.run, wire.compress(codes), []))
    assert hub.job(job).totals == {
        "discovered": 4, "done": 0, "failed": 1, "skipped": 1, "aborted": 0, "not_run": 2, "unknown": 0
    }  # fmt: skip
    assert hub.job(job).state == "CANCELLED"


def test_a_job_whose_last_task_ends_before_the_sweep_has_not_been_cancelled(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.CANCEL)
    oslo.report(ended(one))
    assert hub.job(job).state == "SUCCESS"
    hub.upkeep()
    assert hub.job(job).state == "SUCCESS"


@pytest.mark.parametrize("how", ["silent", "reborn", "lost"])
def test_a_cancel_ends_whatever_becomes_of_the_node_that_held_a_task(hub: Hub, oslo: Node, how: str) -> None:
    job = hub.given("two", 2)
    oslo.claim(slots=1)
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    if how == "silent":
        hub.tell(lambda tx: nodes.silence(tx, 1))
    elif how == "reborn":
        oslo.hello()
    else:
        oslo.beat([])
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 2)


def test_a_cancel_takes_a_task_from_a_node_that_beats_and_does_not_give_it_back(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 2)
    (hung,) = oslo.claim(slots=1).grants
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    for _ in range(BEATS):
        verdicts = oslo.beat()
        assert (verdicts.hand_back, verdicts.drop) == ([hung.run], [])
        assert hub.tell(lambda tx: upkeep.take_back(tx, BEATS)) == []
    view = hub.job(job)
    assert (view.state, view.waiting) == (
        "DEQUEUING",
        "cancelled by ana: why not; waits for node n1 of site oslo to stop",
    )
    # From now on no answer says that the run is the node's own, so that its fence closes before the task is taken.
    for _ in range(upkeep.fence_beats(BEATS) - 1):
        assert oslo.beat([hung.run]).drop == [hung.run]
        assert hub.tell(lambda tx: upkeep.take_back(tx, BEATS)) == []
        assert hub.job(job).state == "DEQUEUING"
    assert hub.tell(lambda tx: upkeep.take_back(tx, BEATS)) == [hung.task]
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 2)
    assert oslo.beat([hung.run]).drop == [hung.run]
    (refusal,) = oslo.report(ended(hung)).refusals
    assert (refusal.run, hub.job(job).totals["not_run"]) == (hung.run, 2)


def test_a_cancel_takes_a_walk_from_a_node_that_does_not_give_it_back(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    waits = BEATS + upkeep.fence_beats(BEATS)
    taken = [hub.tell(lambda tx: upkeep.take_back(tx, BEATS)) for _ in range(waits)]
    assert taken[:-1] == [[]] * (waits - 1)
    assert (taken[-1], hub.job(job).state) == ([walk.task], "CANCELLED")


def test_nothing_is_taken_from_the_nodes_of_a_job_that_is_not_cancelled(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    paused = hub.given("noop", 1)
    oslo.claim()
    hub.wish(paused, Wanted.PAUSE, now=True)
    for _ in range(3 * BEATS):
        assert hub.tell(lambda tx: upkeep.take_back(tx, BEATS)) == []
    assert hub.job(paused).state == "PAUSING"


def test_a_walk_that_is_handed_back_to_a_cancelled_job_is_cancelled(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"", handed_back=True))
    assert hub.job(job).state == "DEQUEUING"
    hub.upkeep()
    assert hub.job(job).state == "CANCELLED"


def test_a_failure_before_the_cancel_leaves_the_job_cancelled(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 2)
    one, _ = oslo.claim().grants
    oslo.report(wire.Failed(one.task, one.run, "no"))
    hub.wish(job, Wanted.CANCEL)
    oslo.hello()
    hub.upkeep()
    view = hub.job(job)
    assert (view.state, view.totals["unknown"], view.totals["not_run"]) == ("CANCELLED", 1, 1)


# A pause with an end ------------------------------------------------------------------------------------------


def test_a_pause_until_a_time_ends_by_itself_and_the_log_says_who_set_it(hub: Hub, oslo: Node) -> None:
    job, other = hub.given("noop", 2), hub.given("noop", 2)
    hub.wish(job, Wanted.PAUSE, resume_at=hub.clock.at + 60_000_000)
    hub.wish(other, Wanted.PAUSE)
    hub.upkeep()
    assert (hub.job(job).state, hub.job(job).resume_at is None) == ("PAUSED", False)
    hub.pass_time(61_000_000)
    hub.upkeep()
    view = hub.job(job)
    assert (view.wanted, view.wish_by, view.resume_at) == ("run", "the time set by ana", None)
    assert (hub.job(other).state, oslo.work()) == ("PAUSED", 2)


def test_a_later_wish_takes_the_end_of_a_pause_away(hub: Hub, oslo: Node) -> None:
    job, other = hub.given("noop", 2), hub.given("noop", 2)
    for one in (job, other):
        hub.wish(one, Wanted.PAUSE, resume_at=hub.clock.at + 60_000_000)
    hub.wish(job, Wanted.PAUSE)
    hub.wish(other, Wanted.CANCEL)
    hub.pass_time(61_000_000)
    hub.upkeep()
    assert (hub.job(job).state, hub.job(other).state) == ("PAUSED", "CANCELLED")


def test_a_clock_that_jumps_back_only_moves_the_end_of_a_pause(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    end = hub.clock.at + 60_000_000
    hub.wish(job, Wanted.PAUSE, resume_at=end)
    hub.pass_time(-3_600_000_000)
    hub.upkeep()
    assert (hub.job(job).state, hub.job(job).resume_at) == ("PAUSED", end)
    hub.pass_time(3_661_000_000)
    hub.upkeep()
    assert oslo.work() == 2


def test_a_pause_says_who_still_holds_what_it_asked_back(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    oslo.claim()
    hub.wish(job, Wanted.PAUSE)
    assert hub.job(job).waiting == "paused by ana: why not; running tasks still finish"
    hub.wish(job, Wanted.PAUSE, now=True)
    assert (hub.job(job).state, hub.job(job).waiting) == (
        "PAUSING",
        "paused by ana: why not; asked for its running tasks back, which are still held by node n1 of site oslo",
    )
