"""The houses of a simulated world: a hub's and nodes', each through all lives of its process."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from tests.simulation.bus import Bus, HubEnd, NodeEnd
from tests.simulation.clockwork import Clockwork
from tests.simulation.disk import Disk
from tests.simulation.files import ROOT, SPECS, STEPS, Ground, SimulatedWalk, Tree, roots
from tests.simulation.processes import Condition, Hands, Process
from tests.simulation.truth import Desktop, Truth

from towpath import wire
from towpath.config import HubSettings
from towpath.domain.paths import ErrorClass
from towpath.hub.desk import Desk
from towpath.hub.desk import Machine as HubMachine
from towpath.steps.protocol import Site, Target
from towpath.storage.protocol import StorageError
from towpath.worker.clock import BootClock
from towpath.worker.crew import Crew
from towpath.worker.fence import Hold
from towpath.worker.loop import Machine, Worker
from towpath.worker.outbox import SCHEMA, Bounds, Outbox
from towpath.worker.runs import Means
from towpath.worker.targets import Targets

HEARTBEAT = 2.0
LEASE_BEATS = 3
GRACE = 2.0
DIRECTORY = "/srv/data"
BOUNDS = Bounds(events=6, bytes=64 * 1024)
"""Of an outbox: so few that walks wait for room now and then."""

SUPERVISED = 1.0
"""Seconds after which a process that ended by itself is started again, at most."""


class VirtualClock(BootClock):
    """The clock of a node: whoever looks at it may be interrupted."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> float:
        """Seconds since the beginning of the history."""
        self._process.interrupt()
        return self._process.clockwork.now


class NoTargets(Targets):
    """No step of the simulation has a target."""

    def __init__(self) -> None:
        """Nothing to keep."""

    def named(self, name: str, hold: Hold) -> Target:
        """None."""
        raise StorageError("no target", ErrorClass.PERMANENT)


@cache
def _empty_outbox() -> bytes:
    with closing(sqlite3.connect(":memory:")) as made:
        made.executescript(SCHEMA)
        return made.serialize()


@dataclass
class Notes:
    """`worker.begun.Begun` on a simulated disk."""

    process: Process
    kept: set[bytes]
    before: list[bytes] | None

    def note(self, run: bytes) -> None:
        """A run begins."""
        self.kept.add(run)

    def clear(self, run: bytes) -> None:
        """A run has ended; where the process has died, it has not."""
        if self.process.alive:
            self.kept.discard(run)

    def forget(self) -> None:
        """Nothing of what is noted says anything any more."""
        if self.process.alive:
            self.kept.clear()


@dataclass
class NodeHouse:
    """A node: its outbox stays, its processes come and go."""

    clockwork: Clockwork
    bus: Bus
    ground: Ground
    tree: Tree
    name: str
    dice: Random
    process: Process | None = None
    worker: Worker | None = None
    gone: bool = False
    """It is not started again."""
    drained: bool = False
    """Its process ended in good order."""
    lives: int = 0
    begun: set[bytes] | None = None
    """The runs that are noted on its disk as begun; None: nothing is known of an earlier life."""
    harmed: bool = False
    """Something was done to it that may cost its tasks an attempt."""

    def __post_init__(self) -> None:
        self.outbox = sqlite3.connect(":memory:")
        self.lose_outbox()

    @property
    def is_at_work(self) -> bool:
        """Whether it holds a run that has not ended."""
        return self.worker is not None and bool(self.worker._held.open())

    @property
    def site(self) -> str:
        """Its site."""
        return self.tree.site

    def lose_outbox(self, image: bytes | None = None) -> None:
        """The disk with the outbox is replaced by another one, empty or with what it had some time ago."""
        self.begun = None
        self.outbox.close()
        self.outbox = sqlite3.connect(":memory:", isolation_level=None)
        self.outbox.deserialize(image or _empty_outbox())

    def start(self) -> None:
        """Begin a life, unless there is one."""
        if self.process is not None or self.gone:
            return
        self.lives += 1
        self.process = process = Process(self.clockwork, self.name)
        process.loop.disk = Disk(process, 0.01)
        process.on_death = self._died
        self.clockwork.note(f"{self.name} begins life {self.lives}")
        process.start(self._life(process))

    async def _life(self, process: Process) -> None:
        outbox = Outbox(Path("outbox.db"), self.dice.randbytes(16), BOUNDS, lambda path: self.outbox)
        clock = VirtualClock(process)
        crew = Crew(Hands(process, 2), 2)
        steps = {step.spec.name: step(self.ground, self.tree, process) for step in STEPS}
        walks = {"recursive": SimulatedWalk(self.ground, self.tree, process)}
        site = Site(self.site, bytes(32), unguarded=True)
        means = Means(site, roots(), steps, walks, NoTargets(), crew, clock.now)
        machine = Machine(
            clock,
            Random(self.dice.random()),
            outbox,
            process.loop.disk,  # type: ignore[arg-type]  # its loop takes it for an executor
            lambda name, size: Hands(process, size),
            lambda: Condition(process),
            self._notes(process),
        )
        self.worker = Worker(NodeEnd(self.bus, process, self.site), machine, means, said(outbox), GRACE)
        await self.worker.run()
        self.drained = True
        process.doom()

    def _notes(self, process: Process) -> "Notes":
        before = None if self.begun is None else sorted(self.begun)
        self.begun = set()
        return Notes(process, self.begun, before)

    def _died(self) -> None:
        if self.outbox.in_transaction:
            self.outbox.rollback()
        self.harmed = self.harmed or not self.drained
        self.process, self.worker, self.drained = None, None, False
        self.clockwork.after(0.2 + SUPERVISED * self.dice.random(), self.start)

    def crash(self) -> None:
        """Kill it, whatever it is at."""
        if self.process is not None:
            self.process.kill()


def said(outbox: Outbox) -> wire.Hello:
    """The hello of a life."""
    queues = {"default": {"worker": 2, "discovery": 1}}
    return wire.Hello(
        wire.VERSION, outbox.incarnation, {ROOT: DIRECTORY}, queues, list(SPECS), bytes(32), unguarded=True
    )


@dataclass
class HubHouse:
    """A hub: the truth stays, its processes come and go."""

    clockwork: Clockwork
    bus: Bus
    truth: Truth
    name: str
    dice: Random
    process: Process | None = None
    database: Desktop | None = None
    lives: int = 0
    down_for: float = 0.0
    """Seconds that it is to stay away at its next death."""

    @property
    def settings(self) -> HubSettings:
        """What it is told from outside."""
        home = Path("/nowhere") / self.name
        return HubSettings(home, "sqlite://", "nats://x", heartbeat=HEARTBEAT, lease_beats=LEASE_BEATS)

    def start(self) -> None:
        """Begin a life, unless there is one."""
        if self.process is not None:
            return
        self.lives += 1
        self.process = process = Process(self.clockwork, self.name)
        process.on_death = self._died
        self.clockwork.note(f"{self.name} begins life {self.lives}")
        process.start(self._life(process))

    async def _life(self, process: Process) -> None:
        self.database = database = Desktop(self.truth, process)
        machine = HubMachine(lambda: self.clockwork.now, self._run_ids, examine=None)
        await Desk(database, HubEnd(self.bus, process), self.settings, bytes(32), machine).start()

    def _run_ids(self, number: int) -> list[bytes]:
        return [self.dice.randbytes(16) for _ in range(number)]

    def _died(self) -> None:
        self.process = self.database = None
        self.clockwork.after(0.2 + self.down_for + SUPERVISED * self.dice.random(), self.start)
        self.down_for = 0.0

    def crash(self, seconds: float) -> None:
        """Kill it, whatever it is at; it stays away for so long."""
        if self.process is not None:
            self.down_for = seconds
            self.process.kill()
