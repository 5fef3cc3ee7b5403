"""The ground of a round: a hub with two sites, whose processes, disk and clocks can be struck."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.acceptance.world import World, plant_rig
from tests.chaos.clocks import Clocks
from tests.chaos.script import NATS, SITES

from towpath.cli.home import Home
from towpath.cli.running import Child, Status, read_status, supervisor_of

HEARTBEAT = 1 / 3
LEASE = 6 * HEARTBEAT
"""Seconds: so a node that is silent for two loses its tasks."""
NAP = 1.5 * LEASE
"""Seconds that a stopped process stays so."""
DISK = 96 * 2**20
"""Bytes of the disk that can be filled."""
ANSWER = 1.0
"""Seconds that an answer of the API may take: the hub may be dead, or stopped."""
LULL = 0.05
RIG = Path(__file__).parent / "rig"


class Failed(Exception):
    """The round found something that must not be."""


@dataclass
class Ground(World):
    """A running hub, and what can be done to it."""

    clocks: Clocks = field(init=False)
    asleep: dict[tuple[int, int], float] = field(default_factory=dict)
    """(pid, born) of each stopped process → when it is to be woken, on the monotonic clock."""

    def __post_init__(self) -> None:
        self.clocks = Clocks(self.root / "clocks")
        self.clocks.write()
        (self.root / "rig").mkdir()
        shutil.copy(RIG / "sitecustomize.py", plant_rig(self.root / "rig"))
        above = [str(self.root / "rig"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.env = {
            "TOWPATH_HEARTBEAT": f"{HEARTBEAT:.4f}",
            "TOWPATH_TEST_CLOCK": str(self.clocks.file),
            "PYTHONPATH": os.pathsep.join(above),
        }

    # Processes ------------------------------------------------------------------------------------------------

    def status(self) -> Status | None:
        """What the supervisor keeps alive; None where it does not run, or has not said so yet."""
        return read_status(Home(self.home))

    def child(self, whom: str) -> Child | None:
        """A process by its name, `hub`, `nats` or `worker SITE`, if it lives."""
        role, _, site = whom.partition(" ")
        children = found.children if (found := self.status()) else []
        alive = (c for c in children if c.pid is not None and (c.role, c.site or "") == (role, site))
        return next(alive, None)

    def all_up(self) -> bool:
        """Whether every process lives and is awake."""
        found = self.status()
        return found is not None and all(child.pid for child in found.children) and not self.asleep

    def kill(self, whom: str) -> bool:
        """Kill a process; False where it was dead already."""
        child = self.child(whom)
        if child is None or child.pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
            self.asleep.pop((child.pid, child.born), None)
        return True

    def wipe(self) -> bool:
        """Kill NATS, and take away all that it kept."""
        struck = self.kill(NATS)
        shutil.rmtree(self.home / "nats", ignore_errors=True)
        return struck

    def kill_all(self) -> int:
        """Kill the supervisor, and so everything; the number of processes that died. Then start again."""
        found = self.status()
        self.asleep.clear()
        pid = supervisor_of(Home(self.home))
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        alive = sum(child.pid is not None for child in found.children) if found else 0
        self.up(*SITES)
        return alive + (pid is not None)

    def stop(self, whom: str) -> bool:
        """Stop a process for longer than a lease; False where it is dead, or stopped already."""
        child = self.child(whom)
        if child is None or child.pid is None or (child.pid, child.born) in self.asleep:
            return False
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGSTOP)
            self.asleep[child.pid, child.born] = time.monotonic() + NAP
        return True

    def tend(self) -> None:
        """Wake those that have slept long enough."""
        now = time.monotonic()
        for (pid, born), until in list(self.asleep.items()):
            if now >= until:
                self._wake(pid, born)

    def wake_all(self) -> None:
        """Wake every sleeper."""
        for pid, born in list(self.asleep):
            self._wake(pid, born)

    def _wake(self, pid: int, born: int) -> None:
        del self.asleep[pid, born]
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    # The disk -------------------------------------------------------------------------------------------------

    @property
    def filler(self) -> Path:
        """The file that takes all that is left of the home's disk."""
        return self.home / "filler"

    def fill(self) -> None:
        """Let the disk that holds the home, with its database, its outboxes and its logs, be full."""
        with self.filler.open("wb") as file:
            size = DISK
            while size >= 512:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError:
                    size //= 2

    def free(self) -> None:
        """Let there be room again."""
        self.filler.unlink(missing_ok=True)

    # Asking ---------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, body: object = None) -> httpx.Response | None:
        """What the API answers, if it does soon."""
        try:
            return self.api.request(method, path, json=body, timeout=ANSWER)
        except httpx.TransportError:
            return None


def has_own_mounts() -> bool:
    """Whether this process may mount what only it and its children see."""
    return os.environ.get("TOWPATH_CHAOS_MOUNTS") == "1"


@contextmanager
def standing(root: Path) -> Iterator[Ground]:
    """A hub with both sites in an empty directory, its home on a small disk of its own where that can be."""
    ground = Ground(root)
    ground.home.mkdir()
    if has_own_mounts():
        options = f"size={DISK},mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "home", ground.home], check=True)
    try:
        ground.up(*SITES)
        yield ground
    finally:
        ground.free()
        ground.wake_all()
        ground.down()
        if has_own_mounts():
            # Nobody but us and our children sees the small disk: what it holds goes where it can be looked at.
            shutil.copytree(ground.home, root / "was-home")
            subprocess.run(["umount", ground.home], check=True)
            (root / "was-home").replace(ground.home)
