"""What people wish of a node while it works: to drain and to work again, to have other slots; nothing is lost by it."""

from pathlib import Path

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import Node, Stepwise, held_back, in_a_loop, until

from towpath import wire


@pytest.fixture
def hub() -> SiteHub:
    """A hub that knows nobody yet."""
    return SiteHub()


@pytest.fixture
def clock() -> HandClock:
    """A clock moved by hand."""
    return HandClock()


def wish(hub: SiteHub, clock: HandClock, wishes: wire.NodeWishes) -> None:
    """Wish something; the node hears of it with its next heartbeat."""
    hub.wishes = wishes
    clock.advance(5)


def slots(number: int) -> wire.NodeWishes:
    """That many slots for tasks."""
    return wire.NodeWishes(slots={"default": {"worker": number}})


@in_a_loop
async def test_a_node_that_is_to_drain_lets_tasks_end_claims_no_more_and_stays(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    running = hub.add("stepwise", [b"a"])
    async with Node(tmp_path, hub, clock, {"stepwise": step}).alive():
        await until(lambda: step.begun, "the task runs")
        wish(hub, clock, wire.NodeWishes(drain=True))
        await until(lambda: hub.of(wire.Beat)[-1].draining, "the hub is told")
        claims = len(hub.of(wire.Claim))
        late = hub.add("stepwise", [b"b"])
        hub.wake()
        step.pass_on()
        await until(lambda: running.task in hub.ended, "the task has ended")
        clock.advance(10)
        await held_back()
        assert (len(hub.of(wire.Claim)), late.task in hub.ended) == (claims, False)
        wish(hub, clock, wire.NodeWishes())
        step.pass_on()
        await until(lambda: late.task in hub.ended, "it works again")
    ended = hub.ended[running.task]
    assert isinstance(ended, wire.Ended)
    assert not ended.handed_back


@in_a_loop
async def test_a_node_that_begins_while_it_is_to_drain_claims_nothing(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    hub.wishes = wire.NodeWishes(drain=True)
    hub.add("noop")
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Beat), "a heartbeat")
        clock.advance(5)
        await held_back()
        assert hub.of(wire.Beat)[-1].draining
    assert not hub.of(wire.Claim)


@in_a_loop
async def test_slots_grow_and_shrink_while_the_node_works(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    step = Stepwise()
    grants = [hub.add("stepwise", [b"%d" % number]) for number in range(9)]
    async with Node(tmp_path, hub, clock, {"stepwise": step}, slots=2).alive():
        await until(lambda: len(step.begun) == 2, "both slots are taken")
        wish(hub, clock, slots(4))
        await until(lambda: len(step.begun) == 4, "two more are taken")
        wish(hub, clock, slots(1))
        await until(lambda: len(hub.of(wire.Beat)) >= 3, "it is heard")
        step.pass_on(3)
        await until(lambda: len(hub.ended) == 3, "three have ended")
        await held_back()
        assert len(step.begun) == 4, "one runs still, and that is all it may"
        wish(hub, clock, wire.NodeWishes())
        step.pass_on(6)
        await until(lambda: len(hub.ended) == 9, "as it was started, it does the rest")
    assert not any(isinstance(hub.ended[one.task], wire.Failed) for one in grants)
    assert not hub.stale


@in_a_loop
async def test_a_node_can_be_given_a_queue_that_it_was_not_started_with(
    tmp_path: Path, hub: SiteHub, clock: HandClock
) -> None:
    night = hub.add("noop", queue="night")
    async with Node(tmp_path, hub, clock).alive():
        await until(lambda: hub.of(wire.Beat), "a heartbeat")
        wish(hub, clock, wire.NodeWishes(slots={"night": {"worker": 1}}))
        await until(lambda: night.task in hub.ended, "its task has ended")
