"""The ground of a round: a hub with two sites, whose processes, disk and clocks can be struck."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from tests.acceptance.world import World, plant_rig
from tests.chaos.clocks import Clocks
from tests.chaos.script import DISKS, NATS, POSTGRES, SECOND, SITES, VAULT
from tests.chaos.second import SecondNode
from tests.fixtures_postgres import Postgres, postgres_server

from towpath.cli.home import Home
from towpath.cli.running import Child, Status, read_status, supervisor_of

HEARTBEAT = 1 / 3
LEASE = 6 * HEARTBEAT
"""Seconds: so a node that is silent for two loses its tasks."""
NAP = 1.5 * LEASE
"""Seconds that a stopped process stays so."""
DISK, PER_FILE = 96 * 2**20, 16 * 2**10
"""Bytes of a disk that can be filled, and more of them for each file of a round."""
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
    postgres: Postgres | None = None
    """Where the truth is kept; None: in the home."""
    asleep: dict[tuple[int, int], float] = field(default_factory=dict)
    """(pid, born) of each stopped process → when it is to be woken, on the monotonic clock."""

    second: SecondNode = field(init=False)
    """Another node of bergen, which nobody keeps alive but we."""

    def __post_init__(self) -> None:
        self.second = SecondNode(Home(self.home), "bergen", self.site("bergen"))
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
        if self.postgres is not None:
            self.more = (f"--database={self.database}",)

    @property
    def database(self) -> str:
        """The URL of the database."""
        return Home(self.home).database_url if self.postgres is None else self.postgres.url("postgres")

    # Processes ------------------------------------------------------------------------------------------------

    def status(self) -> Status | None:
        """What the supervisor keeps alive; None where it does not run, or has not said so yet."""
        return read_status(Home(self.home))

    def child(self, whom: str) -> Child | None:
        """A process by its name, `hub`, `nats`, `worker SITE` or `second`, if it lives."""
        if whom == SECOND:
            return self.second.child()
        role, _, site = whom.partition(" ")
        children = found.children if (found := self.status()) else []
        alive = (c for c in children if c.pid is not None and (c.role, c.site or "") == (role, site))
        return next(alive, None)

    def lives(self, whom: str) -> bool:
        """Whether a process lives."""
        if whom == POSTGRES:
            return self.postgres is not None and self.postgres.process is not None
        return self.child(whom) is not None

    def all_up(self) -> bool:
        """Whether every process lives and is awake."""
        found = self.status()
        ours = self.lives(SECOND) and (self.postgres is None or self.lives(POSTGRES))
        return ours and found is not None and all(child.pid for child in found.children) and not self.asleep

    def kill(self, whom: str) -> bool:
        """Kill a process; False where it was dead already."""
        if whom == POSTGRES and self.postgres is not None:
            return self._kill_postgres(self.postgres)
        child = self.child(whom)
        if child is None or child.pid is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
            self.asleep.pop((child.pid, child.born), None)
        return True

    def _kill_postgres(self, postgres: Postgres) -> bool:
        """Nobody keeps it alive but we: it is started again once we come to that."""
        if postgres.process is None:
            return False
        postgres.kill()
        return True

    def revive(self) -> None:
        """Start what nobody else does, if it is dead; what cannot start yet is tried again."""
        if self.postgres is not None and self.postgres.process is None:
            try:
                self.postgres.start()
            except AssertionError:
                # Those of its processes that still end hold its memory.
                self.postgres.process = None
        if self.lives(NATS) or self.second.process is None:
            self.second.start(self.environment())

    def wipe(self) -> bool:
        """Kill NATS, and take away all that it kept."""
        struck = self.kill(NATS)
        shutil.rmtree(self.home / "nats", ignore_errors=True)
        return struck

    def kill_all(self) -> int:
        """Kill the supervisor, and so everything; the number of processes that died. Then start again."""
        found = self.status()
        self.asleep.clear()
        struck = self.kill(SECOND)
        pid = supervisor_of(Home(self.home))
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        alive = sum(child.pid is not None for child in found.children) if found else 0
        self.revive()
        self.up(*SITES)
        return alive + (pid is not None) + struck

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
        """Wake those that have slept long enough, and start what nobody else does."""
        self.revive()
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

    def filler(self, disk: str) -> Path:
        """The file that takes all that is left of a disk."""
        return self.root / disk / ".towpath-filler"

    def fill(self, disk: str) -> bool:
        """Let a disk be full: the home's, with database, outboxes and logs; or the target's. False where it is not a
        disk of its own: nobody else's is filled."""
        if not os.path.ismount(self.root / disk):
            return False
        with self.filler(disk).open("wb") as file:
            size = 2**30
            while size >= 512:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
                except OSError:
                    size //= 2
        return True

    def free(self, disk: str) -> None:
        """Let there be room again."""
        self.filler(disk).unlink(missing_ok=True)

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
def standing(root: Path, files: int, with_postgres: bool) -> Iterator[Ground]:
    """A hub with both sites in an empty directory; home and target have small disks of their own, where that can be."""
    size = DISK + files * PER_FILE
    with postgres_server() if with_postgres else nullcontext() as postgres:
        ground = Ground(root, postgres=postgres)
        with _small_disk(ground.home, size), _small_disk(ground.root / VAULT, size):
            try:
                ground.second.admit(ground.database)
                ground.up(*SITES)
                ground.revive()
                yield ground
            finally:
                for disk in DISKS:
                    ground.free(disk)
                ground.revive()
                ground.wake_all()
                ground.second.end()
                ground.down()


@contextmanager
def _small_disk(place: Path, size: int) -> Iterator[None]:
    """A new directory that can be full; it stands on the disk around it in the end."""
    place.mkdir()
    if not has_own_mounts():
        yield
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", place.name, place], check=True)
    try:
        yield
    finally:
        # Nobody but us and our children sees the small disk: what it holds goes where it can be looked at.
        shutil.copytree(place, place.with_name("copy"))
        subprocess.run(["umount", place], check=True)
        place.with_name("copy").replace(place)
