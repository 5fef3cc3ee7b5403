"""How names that are too many for memory are sorted."""

import tempfile
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.discovery.sorting import Spill, ascending

NAMES = st.binary(min_size=1, max_size=255).filter(lambda n: b"\0" not in n)


@given(st.lists(st.lists(NAMES, max_size=60), max_size=8))
@settings(max_examples=150)
def test_spilled_runs_come_back_sorted_and_each_name_once(runs: list[list[bytes]]) -> None:
    spill = Spill(merge_buffer=1)
    try:
        for run in runs:
            spill.add(list(run))
        merged = [name for block in spill.blocks() for name in block]
    finally:
        spill.close()
    assert merged == sorted({name for run in runs for name in run})


@given(st.lists(NAMES))
def test_names_in_memory_come_sorted_and_each_once(names: list[bytes]) -> None:
    assert ascending(list(names)) == sorted(set(names))


def test_blocks_stay_small_however_many_runs_there_are() -> None:
    with tempfile.TemporaryDirectory() as directory:
        spill = Spill(directory, merge_buffer=64 * 1024)
        for run in range(16):
            spill.add([b"%08d" % (i * 16 + run) for i in range(5000)])
        sizes = [len(block) for block in spill.blocks()]
        spill.close()
    assert sum(sizes) == 80_000
    assert max(sizes) <= 64 * 1024 // 9 + 16


def test_300_000_names_are_sorted_in_the_memory_of_a_few_thousand() -> None:
    many, room = 300_000, 5_000
    tracemalloc.start()
    try:
        spill = Spill(merge_buffer=256 * 1024)
        for start in range(0, many, room):
            spill.add([b"%08x.dat" % (i * 2654435761 % 2**32) for i in range(start, start + room)])
        last, found = b"", 0
        for block in spill.blocks():
            assert last < block[0]
            last = block[-1]
            found += len(block)
        spill.close()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == many
    assert peak < 4 * 1024 * 1024
