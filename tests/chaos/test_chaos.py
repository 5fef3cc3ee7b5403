"""Whatever dies, sleeps or finds no room in the midst of jobs: they end as they must, and each path has one outcome."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.chaos.script import Deed, script

from towpath.bus import tether

TOP = Path(__file__).resolve().parents[2]


def rounds(*arguments: str) -> str:
    """What `make chaos` prints; nothing must have been found."""
    command = [sys.executable, "-m", "tests.chaos", *arguments]
    # Ends with the tests, however they end.
    tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command]
    played = subprocess.run(tied, cwd=TOP, capture_output=True, text=True, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    return played.stdout


# Rounds in which the hub, the slowest to start, is killed but once: two with SQLite, and one with PostgreSQL.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [20, 28, 105])
def test_jobs_at_two_sites_end_as_they_must_whatever_happens_in_their_midst(seed: int) -> None:
    assert "; ok\n" in rounds("--seed", str(seed), "--files", "1000")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_fifty_thousand_files_are_worked_through_while_everything_dies() -> None:
    rounds("--seed", "4", "--files", "50000", "--kills", "20")


def test_a_seed_tells_all_that_happens() -> None:
    assert script(7, 10) == script(7, 10) != script(8, 10)


def test_a_round_has_as_many_kills_as_were_asked_for_and_every_kind_of_trouble() -> None:
    for seed in range(50):
        deeds = [turn.deed for turn in script(seed, 12)]
        assert sum(deed in (Deed.KILL, Deed.WIPE, Deed.KILL_ALL) for deed in deeds) >= 12
        troubles = {Deed.STOP, Deed.FILL, Deed.FREE, Deed.SET_CLOCK, Deed.SUSPEND, Deed.EDIT}
        wishes = {Deed.RESUME, Deed.CANCEL}
        assert troubles | wishes <= set(deeds)
        assert deeds.index(Deed.FILL) < deeds.index(Deed.FREE)
