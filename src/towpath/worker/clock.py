"""The clock of a node: what it measures leases with, and how its loops wait."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Time as a node needs it; passed in, so that a test or a simulation owns it."""

    def now(self) -> float:
        """Seconds since some fixed moment, counted while the machine is suspended too."""

    async def wait(self, seconds: float | None, event: asyncio.Event) -> None:
        """Return once the event is set, or so much time has passed (None: however long it takes)."""


class BootClock:
    """The machine's own clock: CLOCK_BOOTTIME goes on during a suspend and is never set back.

    With CLOCK_MONOTONIC a laptop, or a virtual machine that was frozen for an hour, would believe in its leases.
    """

    def now(self) -> float:
        """Seconds since the machine was started."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    async def wait(self, seconds: float | None, event: asyncio.Event) -> None:
        """Return once the event is set, or so many seconds have passed."""
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return
