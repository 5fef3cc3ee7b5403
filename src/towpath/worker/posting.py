"""The way of events from the threads of runs into the outbox: many at a time, in the order in which they come."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import NamedTuple, TypeVar

import structlog

from towpath.worker.clock import Clock
from towpath.worker.fence import Fence
from towpath.worker.held import Run
from towpath.worker.outbox import Outbox, Unwritable

AGAIN = 1.0
"""Seconds before an outbox that could not be written is tried again."""

T = TypeVar("T")

log = structlog.get_logger()


class Said(NamedTuple):
    """What a run has to say: a packed event or, at its end, nothing."""

    run: Run
    event: bytes | None
    ends: bool


class Kept(NamedTuple):
    """What was said, and the number that its event got in the outbox."""

    said: Said
    number: int | None


class Disk:
    """All access to the outbox: in one thread of its own, so that a slow disk delays no heartbeat."""

    def __init__(self, outbox: Outbox, executor: Executor, clock: Clock) -> None:
        self.outbox = outbox
        self._executor, self._clock = executor, clock
        self._never = asyncio.Event()

    async def run(self, work: Callable[[], T]) -> T:
        """Do that to the outbox; waits, for as long as it takes, where it cannot be written now."""
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._executor, work)
            except Unwritable as error:
                log.error("the outbox cannot be written; trying again", reason=str(error), seconds=AGAIN)
            await self._clock.wait(AGAIN, self._never)


class Posting:
    """Takes what runs say, and tells of it once the outbox has it."""

    def __init__(self, disk: Disk, fence: Fence, kept: Callable[[Sequence[Kept]], None]) -> None:
        self._disk, self._fence, self._kept = disk, fence, kept
        self._said: deque[Said] = deque()
        self._loop = asyncio.get_running_loop()
        self._bell = asyncio.Event()
        self._rung = False
        self._under_way = 0

    def say(self, said: Said) -> None:
        """Hand something in, from any thread; returns at once."""
        self._said.append(said)
        if not self._rung:
            self._rung = True
            # A loop that is closed belongs to a node that has left: nobody listens to its runs any more.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._bell.set)

    def put_out(self, run: Run, event: bytes) -> None:
        """Hand in an event before the end of a run, once there is room; raises `Stopped` if the run is lost first.

        Who makes room, by forgetting what the outbox has, notifies the fence.
        """
        run.hold.wait(self.has_room)
        self.say(Said(run, event, ends=False))

    def has_room(self) -> bool:
        """Whether the outbox takes more, what is on its way there counted in."""
        return self._disk.outbox.room(len(self._said) + self._under_way)

    async def run(self) -> None:
        """Bring what is said into the outbox, for ever."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            self._rung = False
            # Before it is taken out, so that it takes room all the way. For a moment it is counted twice, and a walk
            # may wait for that: hence the notification.
            self._under_way = len(self._said)
            said = [self._said.popleft() for _ in range(self._under_way)]
            kept = await self._numbered(said)
            self._under_way = 0
            with self._fence.changed:
                self._fence.changed.notify_all()
            self._kept(kept)

    async def _numbered(self, said: Sequence[Said]) -> list[Kept]:
        events = [s.event for s in said if s.event is not None]
        number = await self._disk.run(lambda: self._disk.outbox.append(events)) if events else 0
        kept = []
        for one in said:
            if one.event is None:
                kept.append(Kept(one, None))
            else:
                kept.append(Kept(one, number))
                number += 1
        return kept
