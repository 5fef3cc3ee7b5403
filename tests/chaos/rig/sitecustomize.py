"""Lets a test shift the clocks that Towpath's processes read, at any moment, without touching the machine's.

Python runs a module of this name at its start where one lies on its path: the tests put it there, and only there. The
variable TOWPATH_TEST_CLOCK names a file of two numbers (see `tests/chaos/clocks.py`): nanoseconds by which the wall
clock, and seconds by which the clock that goes on during a suspend, are ahead of the machine's.
"""

import datetime as dates
import mmap
import os
import struct
import time

real = dates.datetime
FILE = os.environ.get("TOWPATH_TEST_CLOCK")


def shift(path: str) -> None:
    """Read the clocks through the file from now on."""
    # The reader of the hub's answers knows times by their class alone: these shapes name the real one.
    import towpath.client.shapes  # noqa: F401

    with open(path, "rb") as file:
        shifts = mmap.mmap(file.fileno(), 16, access=mmap.ACCESS_READ)
    time_ns, clock_gettime = time.time_ns, time.clock_gettime

    def ahead() -> tuple[int, float]:
        return struct.unpack("<qd", shifts[:])

    def shifted_time_ns() -> int:
        return time_ns() + ahead()[0]

    def shifted_clock_gettime(clock: int) -> float:
        return clock_gettime(clock) + (ahead()[1] if clock == time.CLOCK_BOOTTIME else 0.0)

    class OfAll(type):
        def __instancecheck__(cls, found: object) -> bool:
            return isinstance(found, real)

    class Shifted(real, metaclass=OfAll):
        @classmethod
        def now(cls, tz: dates.tzinfo | None = None) -> dates.datetime:  # type: ignore[override]
            return real.now(tz) + dates.timedelta(microseconds=ahead()[0] // 1000)

    time.time_ns = shifted_time_ns
    time.time = lambda: shifted_time_ns() / 1e9
    time.clock_gettime = shifted_clock_gettime
    dates.datetime = Shifted  # type: ignore[misc]


if FILE and os.path.exists(FILE):
    shift(FILE)
