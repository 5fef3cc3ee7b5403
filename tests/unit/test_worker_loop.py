"""A node and its hub: what is asked again, what is listed, what is handed back, and what is never lost."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import QUICK, Giving, Node, Stepwise, held_back, in_a_loop, made_to_look_ahead, until

from towpath import wire
from towpath.domain.paths import Code
from towpath.worker.link import Verb
from towpath.worker.outbox import Outbox


def codes(ended: object) -> list[int]:
    """The outcome codes of a task that ended."""
    assert isinstance(ended, wire.Ended)
    return list(wire.decompress(ended.codes, 10_000))


@pytest.fixture
def hub() -> SiteHub:
    """A hub that knows nobody yet."""
    return SiteHub()


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by hand."""
    return HandClock()


@in_a_loop
async def test_a_task_is_claimed_run_and_reported(tmp_path: Path, hub: SiteHub) -> None:
    grant = hub.add("noop", [b"a", b"b", b"c"])
    node = Node(tmp_path, hub)
    async with node.alive():
        await until(lambda: hub.ended, "the task has ended")
    assert codes(hub.ended[grant.task]) == [Code.PROCESSED] * 3
    assert hub.heard[0][0] is Verb.HELLO


@in_a_loop
async def test_a_claim_whose_answer_was_lost_is_asked_again_under_its_number(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.add("noop")
    hub.faults.unanswered["claim"] = 3
    async with Node(tmp_path, hub, clock).alive():
        for lost in (2, 1, 0):
            await until(lambda left=lost: hub.faults.unanswered["claim"] == left, "an answer was lost")  # type: ignore[misc]
            await until(lambda: len(clock.waits) == 2, "claim and heartbeat wait")
            clock.advance(5)
        await until(lambda: hub.ended, "the task has ended")
    claims = hub.of(wire.Claim)
    assert [claim.number for claim in claims[:4]] == [1, 1, 1, 1]
    assert claims[1:4] == claims[:1] * 3
    assert len(hub.ended) == 1
    assert not hub.stale


@in_a_loop
async def test_a_hint_that_overtakes_the_answer_to_a_claim_is_not_lost(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.faults.gates["claim"] = asyncio.Event()
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Claim), "the hub has found nothing to grant")
        hub.add("noop")
        hub.wake()
        hub.faults.gates["claim"].set()
        await until(lambda: hub.ended, "the task has ended, though the clock stands still")


@in_a_loop
async def test_a_question_that_never_came_to_the_hub_is_asked_again(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.faults.unheard.update({"hello": 1, "claim": 1, "report": 1})
    hub.add("noop")
    async with Node(tmp_path, hub, clock).alive():
        while not hub.ended:
            clock.advance(0.25)
            await held_back(3)
    assert len(hub.ended) == 1


@in_a_loop
async def test_a_claim_heard_twice_runs_each_task_once(tmp_path: Path, hub: SiteHub) -> None:
    hub.add("noop")
    hub.add("noop")
    hub.faults.twice.update({"claim": 1, "report": 2})
    async with Node(tmp_path, hub).alive():
        await until(lambda: len(hub.ended) == 2, "both tasks have ended")
    assert not hub.stale


@in_a_loop
async def test_a_node_that_is_told_of_no_work_waits_for_a_hint(tmp_path: Path, hub: SiteHub) -> None:
    async with Node(tmp_path, hub).alive():
        await until(lambda: hub.of(wire.Claim), "the first claim")
        await held_back()
        assert len(hub.of(wire.Claim)) == 1
        hub.add("noop")
        hub.wake()
        await until(lambda: hub.ended, "the task has ended")


@in_a_loop
async def test_a_hint_that_was_lost_delays_work_by_two_seconds_at_most(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Claim) and len(clock.waits) == 2, "the node waits")
        hub.add("noop")
        clock.advance(2.0)
        await until(lambda: hub.ended, "the task has ended")


@in_a_loop
async def test_an_event_leaves_the_outbox_only_once_the_hub_has_committed_it(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.add("noop")
    hub.faults.unheard["report"] = 1
    node = Node(tmp_path, hub, clock)
    async with node.alive():
        await until(lambda: not hub.faults.unheard["report"], "the report was lost")
        assert node.outbox.waiting == 1
        hub.faults.unanswered["report"] = 1
        clock.advance(1)
        await until(lambda: hub.ended and not hub.faults.unanswered["report"], "the hub has committed")
        assert node.outbox.waiting == 1
        clock.advance(1)
        await until(lambda: node.outbox.waiting == 0, "the hub's commit was heard of")
    assert len(hub.of(wire.Report)) == 2
    assert hub.of(wire.Report)[0] == hub.of(wire.Report)[1]


@in_a_loop
async def test_a_heartbeat_lists_a_run_until_the_hub_has_acknowledged_its_end(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    grant = hub.add("noop")
    hub.faults.unheard["report"] = 1
    node = Node(tmp_path, hub, clock)
    async with node.alive():
        await until(lambda: not hub.faults.unheard["report"], "the report was lost")
        clock.advance(0.05)
        hub.faults.unheard["report"] = 1
        beats = len(hub.of(wire.Beat))
        clock.advance(5)
        await until(lambda: len(hub.of(wire.Beat)) > beats, "a heartbeat")
        assert hub.of(wire.Beat)[-1].runs == [grant.run]
        assert hub.of(wire.Beat)[-1].answered_claim >= 1
        clock.advance(5)
        await until(lambda: node.outbox.waiting == 0, "the report was committed")
        clock.advance(5)
        await until(lambda: hub.of(wire.Beat)[-1].runs == [], "a heartbeat without it")


@in_a_loop
async def test_a_hub_that_forgot_the_node_is_told_hello_again(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Beat), "a heartbeat")
        hub.known.clear()
        clock.advance(5)
        await until(lambda: len(hub.of(wire.Hello)) == 2, "a second hello")
        hub.add("noop")
        clock.advance(2)
        await until(lambda: hub.ended, "the task has ended")
    assert hub.of(wire.Hello)[0] == hub.of(wire.Hello)[1]


@in_a_loop
async def test_a_refused_claim_makes_the_node_ask_at_once_whether_it_is_known(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Claim) and hub.of(wire.Beat), "the node is at work")
        hub.known.clear()
        hub.add("noop")
        hub.wake()
        await until(lambda: len(hub.of(wire.Hello)) == 2, "a second hello")
        clock.advance(1)
        await until(lambda: hub.ended, "the task has ended")


@in_a_loop
async def test_a_task_is_handed_back_at_its_next_path_with_what_was_done(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b", b"c"])
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        await until(lambda: step.begun == [b"a"], "the first path has begun")
        hub.handing_back.add(grant.run)
        clock.advance(5)
        await until(lambda: len(hub.of(wire.Beat)) > 1, "a heartbeat")
        await held_back(5)
        step.pass_on(3)
        await until(lambda: hub.ended, "the task has ended")
    ended = hub.ended[grant.task]
    assert codes(ended) == [Code.PROCESSED, Code.NONE, Code.NONE]
    assert isinstance(ended, wire.Ended)
    assert ended.handed_back
    assert step.stopped == ["handed back"]


@in_a_loop
async def test_a_task_that_waits_for_a_slot_is_handed_back_untouched(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    node = Node(tmp_path, hub, clock, {"stepwise": step}, slots=1)
    async with node.alive():
        await made_to_look_ahead(hub, step)
        first, second = hub.add("stepwise", [b"a"]), hub.add("stepwise", [b"b"])
        hub.wake()
        await until(lambda: {first.run, second.run} <= set(hub.held), "both are granted")
        await until(lambda: step.begun == [*QUICK, b"a"], "the first runs")
        hub.handing_back.add(second.run)
        clock.advance(5)
        await until(lambda: second.task in hub.ended, "the second is back")
        step.pass_on()
        await until(lambda: first.task in hub.ended, "the first has ended")
    assert codes(hub.ended[second.task]) == [Code.NONE]
    assert step.begun == [*QUICK, b"a"]


@in_a_loop
async def test_a_task_that_waits_too_long_behind_others_is_given_back(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    async with Node(tmp_path, hub, clock, {"stepwise": step}, slots=1).alive():
        await made_to_look_ahead(hub, step)
        first, second = hub.add("stepwise", [b"a"]), hub.add("stepwise", [b"b"])
        hub.wake()
        await until(lambda: second.run in hub.held and b"a" in step.begun, "the first runs, the second waits")
        clock.advance(5)
        await until(lambda: second.task in hub.ended, "the second is back")
        assert first.task not in hub.ended
        step.pass_on()
        await until(lambda: first.task in hub.ended, "the first has ended")


@in_a_loop
async def test_a_run_that_was_dropped_reports_nothing_and_confirm_raises(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b"])
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        await until(lambda: step.begun == [b"a"], "the first path has begun")
        hub.lose(grant)
        clock.advance(5)
        await until(lambda: len(hub.of(wire.Beat)) > 1, "a heartbeat")
        await held_back(5)
        step.pass_on(2)
        await until(lambda: step.stopped == ["Stopped"], "the step was stopped")
        while hub.of(wire.Beat)[-1].runs:
            # A heartbeat may come between the step's end and the run's.
            clock.advance(5)
            await held_back(5)
    assert not hub.of(wire.Report)
    assert step.confirmed == []


@in_a_loop
async def test_a_fenced_node_starts_no_path_and_touches_nothing_until_the_hub_is_back(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b"])
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        await until(lambda: step.begun == [b"a"], "the first path has begun")
        hub.faults.away = True
        clock.advance(15)
        step.pass_on()
        await held_back()
        assert step.confirmed == []
        hub.faults.away = False
        clock.advance(5)
        await until(lambda: step.begun == [b"a", b"b"], "the second path has begun")
        hub.faults.away = True
        clock.advance(15)
        step.pass_on()
        await held_back()
        assert step.confirmed == [b"a"]
        hub.lose(grant)
        hub.faults.away = False
        clock.advance(5)
        await until(lambda: step.stopped == ["Stopped"], "the step learned that its run was lost")
    assert step.confirmed == [b"a"]
    assert not hub.ended


@in_a_loop
async def test_a_fenced_node_begins_no_task(tmp_path: Path, hub: SiteHub, clock: HandClock) -> None:
    step = Stepwise()
    node = Node(tmp_path, hub, clock, {"stepwise": step})
    gate = hub.faults.gates["claim"] = asyncio.Event()
    hub.add("stepwise")
    async with node.alive():
        await until(lambda: hub.of(wire.Claim), "the claim came")
        hub.faults.away = True
        clock.advance(15)
        gate.set()
        await held_back()
        assert step.begun == []
        hub.faults.away = False
        clock.advance(5)
        await until(lambda: step.begun, "the task has begun")


@in_a_loop
async def test_while_the_hub_is_away_nothing_is_lost(tmp_path: Path, hub: SiteHub, clock: HandClock) -> None:
    step = Stepwise()
    grants = [hub.add("stepwise", [b"%d" % n]) for n in range(2)]
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        await until(lambda: len(step.begun) == 2, "both tasks run")
        hub.faults.away = True
        step.pass_on(2)
        for _ in range(10):
            clock.advance(1)
            await held_back(3)
        assert not hub.ended
        hub.faults.away = False
        while len(hub.ended) < 2:
            clock.advance(1)
            await held_back(3)
    assert [codes(hub.ended[grant.task]) for grant in grants] == [[Code.PROCESSED]] * 2
    assert not hub.stale


@in_a_loop
async def test_what_an_earlier_life_left_is_sent_before_the_hello_under_its_own_name(
    tmp_path: Path, hub: SiteHub
) -> None:
    earlier = b"0" * 16
    grant = hub.add("noop")
    hub.pending.clear()
    hub.known.add(earlier)
    hub.held[grant.run] = grant
    outbox = Outbox(tmp_path / "outbox.db", earlier)
    outbox.append([wire.pack(wire.Ended(grant.task, grant.run, wire.compress(b"\1"), []))])
    outbox.close()
    async with Node(tmp_path, hub).alive():
        await until(lambda: hub.of(wire.Hello), "the hello")
    assert [verb for verb, _ in hub.heard][:2] == [Verb.REPORT, Verb.HELLO]
    assert hub.of(wire.Report)[0].incarnation == earlier
    assert codes(hub.ended[grant.task]) == [Code.PROCESSED]


@in_a_loop
async def test_a_step_that_raises_fails_its_task_with_one_line_that_says_where(
    tmp_path: Path, hub: SiteHub
) -> None:
    def burst(context: object) -> object:
        raise RuntimeError("the disk\nis on fire")

    grant = hub.add("giving")
    async with Node(tmp_path, hub, steps={"giving": Giving(burst)}).alive():  # type: ignore[arg-type]
        await until(lambda: hub.ended, "the task has ended")
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.Failed)
    assert ended.error.startswith("RuntimeError: the disk is on fire (test_worker_loop.py:")
    assert ended.error.endswith(" in burst)")


@in_a_loop
async def test_progress_of_running_tasks_goes_with_the_heartbeat(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b"])
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        step.pass_on()
        await until(lambda: step.begun == [b"a", b"b"], "the second path has begun")
        clock.advance(5)
        await until(lambda: hub.of(wire.Beat)[-1].progress, "progress")
    assert hub.of(wire.Beat)[-1].progress == [wire.Progress(grant.run, 1, 1)]


@in_a_loop
async def test_a_task_of_a_lane_that_the_node_does_not_serve_is_given_back(
    tmp_path: Path, hub: SiteHub
) -> None:
    stray = hub.add("noop")
    hub.pending.clear()
    hub.pending["default", "worker"].append(msgspec.structs.replace(stray, queue="other"))
    async with Node(tmp_path, hub).alive():
        await until(lambda: hub.ended, "it is back")
    assert codes(hub.ended[stray.task]) == [Code.NONE]
