"""Hints that there is something to do: a round rests until one comes, or until it looks without one."""

import asyncio
from contextlib import suppress
from typing import Final

LOOK_EVERY: Final = 5.0
"""Seconds until a round looks for what nobody has given a hint of: a hint may be lost."""


class Hint:
    """What wakes a round. It is given in the loop that the round runs in."""

    def __init__(self) -> None:
        self._given = asyncio.Event()

    def give(self) -> None:
        """There may be something to do: look at once."""
        self._given.set()

    async def rest(self, least: float = 0.0, most: float = LOOK_EVERY) -> None:
        """Return `least` seconds from now where a hint has come until then, else once one comes, or at `most`."""
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(most - least):
                await self._given.wait()
        self._given.clear()
