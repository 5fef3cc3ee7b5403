"""`make chaos`: rounds in which real processes die, sleep, and find no room, each followed by an audit."""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.chaos.ground import Failed, has_own_mounts
from tests.chaos.rounds import Tale, play
from tests.fixtures_hub import reaping

MOUNTS = "TOWPATH_CHAOS_MOUNTS"
NO_MOUNTS = "chaos: NO FULL DISK in these rounds: this machine lets us mount nothing, in no namespace"


def main() -> int:
    """Play the rounds; 0 if nothing was found."""
    asked = _arguments()
    _take_own_mounts()
    first = random.randrange(1_000_000) if asked.seed is None else asked.seed
    kills = failures = 0
    with reaping() as reaper:
        for seed in range(first, first + asked.rounds):
            tale = Tale(seed, asked.files)
            failures += not _one(tale, asked, reaper)
            kills += tale.kills.total()
    print(f"{asked.rounds} rounds from seed {first}: {kills} kills, {failures} failed", flush=True)
    return 1 if failures else 0


def _arguments() -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    asked.add_argument(
        "--rounds", type=int, default=1, help="how many, each with the seed after the one before"
    )
    asked.add_argument("--seed", type=int, help="of the first; any where left out")
    asked.add_argument("--kills", type=int, default=10, help="in a round, at least")
    asked.add_argument("--files", type=int, default=3000, help="in a round")
    asked.add_argument("--verbose", action="store_true", help="tell what happens")
    return asked.parse_args()


def _take_own_mounts() -> None:
    """Go on in a mount namespace of our own, where that can be had: there a small disk can be full."""
    if MOUNTS in os.environ:
        if not has_own_mounts():
            print(NO_MOUNTS, file=sys.stderr, flush=True)
        return
    ways = ["unshare", "--mount", "--propagation=private"]
    if os.geteuid() != 0:
        ways += ["--user", "--map-current-user", "--keep-caps"]
    can = (
        shutil.which("unshare")
        and not subprocess.run(
            [*ways, "mount", "-t", "tmpfs", "tried", "/mnt"], capture_output=True, check=False
        ).returncode
    )
    env = {**os.environ, MOUNTS: "1" if can else "0"}
    command = [*(ways if can else ()), sys.executable, "-m", "tests.chaos", *sys.argv[1:]]
    os.execvpe(command[0], command, env)


def _one(tale: Tale, asked: argparse.Namespace, reaper: Callable[[Path], None]) -> bool:
    """Play one round, and print what came of it; its home is kept where it failed."""
    top = Path(tempfile.mkdtemp(prefix=f"towpath-chaos-{tale.seed}-"))
    reaper(top / "home")
    try:
        play(top, tale, asked.kills)
    except Exception as error:
        # A boundary: whatever a round finds, the next one is played.
        print(tale.digest(f"FAILED: {error}"), flush=True)
        if not isinstance(error, Failed):
            traceback.print_exc()
        print("\n".join(tale.lines))
        print(
            f"  again: make chaos N=1 SEED={tale.seed} FILES={asked.files} KILLS={asked.kills}; kept: {top}",
            flush=True,
        )
        return False
    if asked.verbose:
        print("\n".join(tale.lines))
    print(tale.digest("ok"), flush=True)
    shutil.rmtree(top, ignore_errors=True)
    return True


if __name__ == "__main__":
    raise SystemExit(main())
