"""How the code of a process that runs for long is loaded: out of the way of Python's collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

YOUNG: Final = 10_000
"""How many more things are made than thrown away until the collector looks at the young ones. Python's own 700 are few
where a request makes ten thousand: it looked at all there is while that was read, a tenth of a second each time, in
which nobody else was answered."""


@contextmanager
def loading() -> Iterator[None]:
    """What is imported herein stays for good: the collector rests meanwhile, which is a tenth quicker, and passes over
    it thereafter, since its looks would hold up whoever asks something just then."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()


def stay() -> None:
    """All that there is now stays for good; the collector looks less often at what comes."""
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
