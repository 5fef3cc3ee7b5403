"""A clock that tests move by hand."""

import asyncio


class HandClock:
    """A `worker.clock.Clock` whose time passes only when told."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._alarms: list[tuple[float, asyncio.Event]] = []

    def now(self) -> float:
        """Seconds since some fixed moment."""
        return self._now

    async def wait(self, seconds: float | None, event: asyncio.Event) -> None:
        """Return once the event is set, or the clock has been moved on by so much."""
        alarm = asyncio.Event()
        entry = (self._now + (seconds or 0.0), alarm)
        if seconds is not None:
            self._alarms.append(entry)
        waits = [asyncio.ensure_future(one.wait()) for one in (event, alarm)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            if entry in self._alarms:
                self._alarms.remove(entry)

    def advance(self, seconds: float) -> None:
        """Let so much time pass at once, as for a machine that was suspended."""
        self._now += seconds
        for due_at, alarm in self._alarms:
            if due_at <= self._now:
                alarm.set()

    @property
    def waits(self) -> list[float]:
        """In how many seconds each of those who wait wants to be woken."""
        return sorted(due_at - self._now for due_at, _ in self._alarms)
