"""How a node asks a hub that is away: later each time, and at once when there is a hub again."""

import asyncio
from random import Random

import pytest
from tests.hand_clock import HandClock
from tests.site_hub import SiteHub
from tests.site_node import held_back, in_a_loop, until

from towpath import wire
from towpath.worker.backoff import FIRST, LONGEST, Backoff, Persistent
from towpath.worker.link import Verb

ASKED = wire.TargetAsked("vault")


def asker(hub: SiteHub, clock: HandClock) -> tuple[Persistent, asyncio.Event]:
    """One that asks until it has an answer, and what is set when it is refused."""
    refused = asyncio.Event()
    return Persistent(hub, clock, Random(3), refused), refused


def test_the_waits_double_up_to_the_longest_and_are_never_twice_the_same() -> None:
    backoff = Backoff(Random(1))
    waits = [backoff.seconds() for _ in range(10)]
    spans = [min(FIRST * 2**turn, LONGEST) for turn in range(10)]
    assert all(span / 2 <= wait <= span for wait, span in zip(waits, spans, strict=True))
    assert len(set(waits)) == 10


@in_a_loop
async def test_a_hub_that_is_there_again_is_asked_at_once() -> None:
    hub, clock = SiteHub(), HandClock()
    persistent, _ = asker(hub, clock)
    hub.faults.away = True
    asking = asyncio.ensure_future(persistent.ask(Verb.TARGET, ASKED, wire.TargetTold))
    for _ in range(8):
        await until(lambda: clock.waits, "it waits to ask again")
        clock.advance(LONGEST)
        await held_back(3)
    hub.faults.away = False
    await held_back(3)
    assert not asking.done(), "its wait is not over"
    persistent.hint()
    assert (await asking).name == ""


@in_a_loop
async def test_after_a_hint_that_came_for_nothing_the_waits_begin_anew() -> None:
    hub, clock = SiteHub(), HandClock()
    persistent, _ = asker(hub, clock)
    hub.faults.away = True
    asking = asyncio.ensure_future(persistent.ask(Verb.TARGET, ASKED, wire.TargetTold))
    for _ in range(8):
        await until(lambda: clock.waits, "it waits to ask again")
        clock.advance(LONGEST)
        await held_back(3)
    await until(lambda: clock.waits and clock.waits[0] > 1, "it waits for long")
    persistent.hint()
    await until(lambda: clock.waits and clock.waits[0] <= FIRST, "it waits for a moment")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@in_a_loop
async def test_hints_do_not_hurry_on_a_question_that_is_refused() -> None:
    hub, clock = SiteHub(), HandClock()
    persistent, refused = asker(hub, clock)
    hub.faults.refused["target"] = 1
    asking = asyncio.ensure_future(persistent.ask(Verb.TARGET, ASKED, wire.TargetTold))
    await until(lambda: clock.waits, "it waits to ask again")
    for _ in range(20):
        persistent.hint()
        await held_back(1)
    assert (asking.done(), refused.is_set()) == (False, True)
    clock.advance(FIRST)
    assert (await asking).name == ""
