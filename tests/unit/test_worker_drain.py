"""A node that is told to stop: what still ends, what is handed back, and what is left for its next life."""

import asyncio
import threading
from pathlib import Path

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import Counting, Node, Stepwise, held_back, in_a_loop, made_to_look_ahead, until

from towpath import wire


@pytest.fixture
def hub() -> SiteHub:
    """A hub that knows nobody yet."""
    return SiteHub()


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by hand."""
    return HandClock()


@in_a_loop
async def test_a_node_that_drains_claims_no_more_and_lets_tasks_end(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b"])
    node = Node(tmp_path, hub, clock, {"stepwise": step})
    async with node.alive() as worker:
        await until(lambda: step.begun, "the task runs")
        claims = len(hub.of(wire.Claim))
        worker.drain()
        await until(lambda: hub.of(wire.Beat)[-1].draining, "the hub is told")
        late = hub.add("stepwise")
        hub.wake()
        step.pass_on(2)
        assert await node.life
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.Ended)
    assert not ended.handed_back
    assert len(hub.of(wire.Claim)) == claims
    assert late.task not in hub.ended


@in_a_loop
async def test_after_its_grace_a_node_hands_running_tasks_back(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise", [b"a", b"b", b"c"])
    node = Node(tmp_path, hub, clock, {"stepwise": step}, grace=12)
    async with node.alive() as worker:
        await until(lambda: step.begun == [b"a"], "the task runs")
        worker.drain()
        await until(lambda: hub.of(wire.Beat)[-1].draining, "the hub is told")
        clock.advance(11)
        step.pass_on()
        await until(lambda: step.begun == [b"a", b"b"], "within its grace the next path begins")
        clock.advance(2)
        await held_back(5)
        step.pass_on(2)
        assert await node.life
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.Ended)
    assert ended.handed_back
    assert wire.decompress(ended.codes, 10) == b"\1\1\0"
    assert node.outbox.waiting == 0


@in_a_loop
async def test_what_has_not_begun_and_walks_are_handed_back_at_once(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step, counting = Stepwise(), Counting(10)
    counting.gate = threading.Semaphore(3)
    node = Node(tmp_path, hub, clock, {"stepwise": step}, {"counting": counting}, slots=1)
    async with node.alive() as worker:
        await made_to_look_ahead(hub, step)
        running, waiting, walk = hub.add("stepwise"), hub.add("stepwise"), hub.add_walk("counting")
        hub.wake()
        await until(lambda: waiting.run in hub.held and len(step.begun) == 3, "one runs, one waits")
        await until(lambda: len(counting.passed) == 3, "the walk has come some way")
        worker.drain()
        await until(lambda: waiting.task in hub.ended, "what waited is back")
        counting.gate.release()
        await until(lambda: walk.task in hub.ended, "the walk is back")
        assert running.task not in hub.ended
        step.pass_on()
        assert await node.life
    ended = hub.ended[walk.task]
    assert isinstance(ended, wire.WalkEnded)
    assert ended.handed_back
    assert ended.cursor == hub.cursors[walk.task]


@in_a_loop
async def test_grants_that_come_while_a_node_drains_are_given_back(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    gate = hub.faults.gates["claim"] = asyncio.Event()
    grant = hub.add("noop")
    node = Node(tmp_path, hub, clock)
    async with node.alive() as worker:
        await until(lambda: hub.of(wire.Claim), "the claim came")
        worker.drain()
        gate.set()
        assert await node.life
    ended = hub.ended[grant.task]
    assert isinstance(ended, wire.Ended)
    assert ended.handed_back


@in_a_loop
async def test_a_node_told_twice_leaves_at_once(tmp_path: Path, hub: SiteHub, clock: HandClock) -> None:
    step = Stepwise()
    hub.add("stepwise")
    node = Node(tmp_path, hub, clock, {"stepwise": step})
    async with node.alive() as worker:
        await until(lambda: step.begun, "the task runs")
        worker.drain()
        await held_back(5)
        assert not node.life.done()
        worker.leave()
        assert not await node.life
        step.pass_on()
        await until(lambda: step.stopped == ["Stopped"], "the step was stopped")
    assert step.confirmed == []


@in_a_loop
async def test_a_hub_that_is_away_keeps_no_node_from_leaving_and_hears_the_rest_from_its_next_life(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grant = hub.add("stepwise")
    node = Node(tmp_path, hub, clock, {"stepwise": step})
    async with node.alive() as worker:
        await until(lambda: step.begun, "the task runs")
        hub.faults.away = True
        step.pass_on()
        await until(lambda: node.outbox.waiting == 1, "the outcome is in the outbox")
        worker.drain()
        while not node.life.done():
            clock.advance(1)
            await held_back(2)
        assert await node.life
    hub.faults.away = False
    async with Node(tmp_path, hub, clock, incarnation=b"2" * 16).alive():
        await until(lambda: grant.task in hub.ended, "the next life has told it")


@in_a_loop
async def test_a_node_that_never_heard_its_hub_drains_at_once(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.faults.away = True
    node = Node(tmp_path, hub, clock)
    async with node.alive() as worker:
        await until(lambda: clock.waits, "the node waits for its hub")
        worker.drain()
        assert await node.life
