"""How the code of a process that runs for long is loaded: out of the way of Python's collector."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
