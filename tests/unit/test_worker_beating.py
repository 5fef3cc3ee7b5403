"""What an answered heartbeat vouches for: what it listed, unless the answer says otherwise."""

import asyncio

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import held_back, in_a_loop, until

from towpath import wire
from towpath.worker.beating import APART, Beating
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Held, Run
from towpath.worker.link import Answer, Verb


class Enough(Exception):
    """The test has seen what it came for."""


@in_a_loop
async def test_a_run_that_is_dropped_is_not_vouched_for_even_for_a_moment() -> None:
    hub, clock, held = SiteHub(), HandClock(), Held()
    fence = Fence(clock.now)
    fence.lease(30)
    kept, dropped = (Run(hub.add("noop"), Hold(fence, clock.now()), clock.now()) for _ in range(2))
    for run in (kept, dropped):
        held.add(run)
    hub.known.add(b"1" * 16)
    hub.held[kept.id] = kept.grant
    clock.advance(20)

    def judged(verdicts: wire.Verdicts) -> None:
        assert verdicts.drop == [dropped.id]
        assert fence.check(kept.hold.certain_at)
        assert not fence.check(dropped.hold.certain_at)
        raise Enough

    async def hello() -> None:
        raise AssertionError("expected a hub that knows the node")

    try:
        await Beating(hub, clock, held, fence, b"1" * 16).run(judged, hello)
    except Enough:
        return
    raise AssertionError("expected a verdict")


async def beaten(hub: SiteHub, number: int) -> None:
    """So many heartbeats came."""
    await until(lambda: len(hub.of(wire.Beat)) == number, f"heartbeat {number}")


@in_a_loop
async def test_a_hint_brings_the_next_heartbeat_forward_where_something_runs_and_only_there() -> None:
    hub, clock, held = SiteHub(), HandClock(), Held()
    fence = Fence(clock.now)
    hub.known.add(b"1" * 16)
    beating = Beating(hub, clock, held, fence, b"1" * 16)
    beating.heartbeat = 5.0

    async def hello() -> None:
        raise AssertionError("expected a hub that knows the node")

    life = asyncio.ensure_future(beating.run(lambda verdicts: None, hello))
    await beaten(hub, 1)
    beating.hint()
    await held_back()
    assert len(hub.of(wire.Beat)) == 1, "nothing runs that a wish could concern"
    held.add(Run(hub.add("noop"), Hold(fence, clock.now()), clock.now()))
    clock.advance(APART)
    beating.hint()
    await beaten(hub, 2)
    for _ in range(10):
        beating.hint()
    await until(lambda: clock.waits, "it waits")
    await held_back()
    assert len(hub.of(wire.Beat)) == 2, "hints that come at once are worth one heartbeat, a moment later"
    clock.advance(APART)
    await beaten(hub, 3)
    life.cancel()
    with pytest.raises(asyncio.CancelledError):
        await life


class Hanging(SiteHub):
    """Two hubs, of which one hangs: what is sent to it first is never answered."""

    hung = 0

    async def ask(self, verb: Verb, question: wire.Message, answer: type[Answer], timeout: float) -> Answer:
        """The second hub's answer, to whatever comes second."""
        if verb == Verb.BEAT and not self.hung:
            self.hung += 1
            await asyncio.Event().wait()
        return await super().ask(verb, question, answer, timeout)


@in_a_loop
async def test_a_heartbeat_that_a_hanging_hub_took_is_sent_again_while_it_counts() -> None:
    hub, clock, held = Hanging(), HandClock(), Held()
    fence = Fence(clock.now)
    hub.known.add(b"1" * 16)
    beating = Beating(hub, clock, held, fence, b"1" * 16)
    beating.heartbeat = 0.1
    heard: list[wire.Verdicts] = []
    before = clock.now()

    async def hello() -> None:
        raise AssertionError("expected a hub that knows the node")

    life = asyncio.ensure_future(beating.run(heard.append, hello))
    await until(lambda: heard, "the other hub's answer")
    assert hub.hung == 1
    assert clock.now() == before, "no time of the node's own has passed: it was in the same beat"
    life.cancel()
