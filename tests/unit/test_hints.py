"""Rounds rest until there is a hint, and no hint is lost."""

import asyncio

from tests.site_node import in_a_loop

from towpath.hub.hints import Hint

LONG = 3600.0


@in_a_loop
async def test_a_rest_ends_with_a_hint_also_with_one_that_came_before_it_began() -> None:
    hint = Hint()
    hint.give()
    await hint.rest(most=LONG)
    resting = asyncio.create_task(hint.rest(most=LONG))
    await asyncio.sleep(0)
    assert not resting.done()
    hint.give()
    await resting


@in_a_loop
async def test_a_hint_that_comes_too_soon_ends_the_rest_once_the_least_time_is_over() -> None:
    hint = Hint()
    began = asyncio.get_running_loop().time()
    hint.give()
    await hint.rest(0.01, LONG)
    assert asyncio.get_running_loop().time() - began >= 0.01


@in_a_loop
async def test_a_rest_ends_without_a_hint_too() -> None:
    await Hint().rest(0.01, 0.02)
    await Hint().rest(0.01, 0.01)


@in_a_loop
async def test_a_hint_ends_one_rest() -> None:
    hint = Hint()
    hint.give()
    await hint.rest(most=LONG)
    resting = asyncio.create_task(hint.rest(most=LONG))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not resting.done()
    resting.cancel()
