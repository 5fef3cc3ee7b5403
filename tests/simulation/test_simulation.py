"""Whatever a seed lets go wrong, every law holds, and the same seed always tells the same story."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.simulation.__main__ import quietly, shrunk
from tests.simulation.bugs import BUGS
from tests.simulation.history import play
from tests.simulation.shrink import shrink

TOP = Path(__file__).parents[2]
SEEDS, SHARE = 500, 10


@pytest.mark.parametrize("first", range(0, SEEDS, SHARE))
def test_every_law_holds_whatever_goes_wrong(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quietly()
    verdicts = [play(seed) for seed in range(first, first + SHARE)]
    failed = [verdict.seed for verdict in verdicts if verdict.wrong is not None]
    assert not failed, "\n".join(shrunk(seed) for seed in failed[:1])


def test_a_seed_tells_the_same_story_in_another_process() -> None:
    quietly()
    seeds = range(3)
    code = (
        "from tests.simulation.__main__ import quietly\n"
        "from tests.simulation.history import play\n"
        f"quietly(); print(*(play(seed).digest for seed in range({len(seeds)})))"
    )
    other = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": f"{TOP / 'src'}{os.pathsep}{TOP}"}
    told = subprocess.run([sys.executable, "-c", code], env=other, cwd=TOP, capture_output=True, check=True)
    assert told.stdout.split() == [play(seed).digest.encode() for seed in seeds]


def test_two_seeds_tell_two_stories() -> None:
    quietly()
    assert play(0).digest != play(1).digest


def test_a_script_that_fails_is_shrunk_to_what_it_needs() -> None:
    tried = []

    def fails(kept: Sequence[int]) -> bool:
        tried.append(kept)
        return {3, 11} <= set(kept)

    assert shrink(range(20), fails) == [3, 11]
    assert len(tried) < 60


def test_a_seed_that_fails_comes_with_a_short_script_and_the_command_that_replays_it() -> None:
    quietly()
    name = "a_paused_job_is_granted"
    with BUGS[name]():
        seed = next(seed for seed in range(100) if play(seed).wrong)
    told = shrunk(seed, name)
    assert told.startswith(f"seed {seed}: ")
    numbers = told.partition("KEEP=")[2].partition(" ")[0]
    assert f"make simulate SEED={seed} KEEP={numbers} BUG={name}" in told
    assert len(numbers.split(",")) <= 4
    with BUGS[name]():
        again = play(seed, [int(number) for number in numbers.split(",")])
    assert again.wrong is not None
    assert again.wrong in told
