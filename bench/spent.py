"""What something cost: seconds by the wall clock, and seconds of CPU of the processes that did it."""

import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.ground import Ground

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Spent:
    """Both, in seconds; filled in when the measuring is over."""

    seconds: float = 0.0
    cpu: float = 0.0
    store: float = 0.0
    """CPU of the store that was talked to meanwhile, where there is one: it shares the machine."""


@contextmanager
def by_children() -> Iterator[Spent]:
    """What is spent by processes that are started and waited for inside."""
    return_to = Spent()
    with _measured(return_to, _of_children):
        yield return_to


@contextmanager
def by_towpath(ground: Ground) -> Iterator[Spent]:
    """What the hub, its workers and its bus spend; a store and a peer are none of them."""
    pids = [int(one["pid"]) for one in json.loads(ground.towpath("status", "--json")) if one["pid"]]
    return_to = Spent()
    with _measured(return_to, lambda: sum(map(_of_process, pids))):
        yield return_to


@contextmanager
def beside(pid: int, spent: Spent) -> Iterator[None]:
    """Tell in `spent` what the store's process spends meanwhile."""
    before = _of_process(pid)
    yield
    spent.store = _of_process(pid) - before


@contextmanager
def _measured(spent: Spent, cpu: Callable[[], float]) -> Iterator[None]:
    began, before = time.perf_counter(), cpu()
    yield
    spent.seconds, spent.cpu = time.perf_counter() - began, cpu() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _of_process(pid: int) -> float:
    """Its own CPU time and that of children it has waited for (utime, stime, cutime, cstime of /proc/PID/stat)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS
