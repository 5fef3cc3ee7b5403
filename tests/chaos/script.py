"""What happens in a round, drawn from its seed: blows, wishes and edits, in an order, each with what it waits for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

SITES = ("oslo", "bergen")


class When(StrEnum):
    """What a turn waits for."""

    AT_ONCE = "at once"
    BACK = "once all is up again"
    FURTHER = "once the jobs have come further"
    LATER = "a while later"


class Deed(StrEnum):
    """What can be done to a hub, its sites and its jobs."""

    KILL = "kill"
    WIPE = "kill, and delete the files of,"
    KILL_ALL = "kill everything, and start again:"
    STOP = "stop, for longer than a lease,"
    FILL = "fill the disk of"
    FREE = "free the disk of"
    SET_CLOCK = "set the wall clock"
    SUSPEND = "suspend"
    PAUSE = "pause"
    PAUSE_NOW = "pause --now"
    RESUME = "resume"
    CANCEL = "cancel"
    EDIT = "edit files of"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that happens, to whom or what, and when."""

    when: When
    deed: Deed
    whom: str

    def __str__(self) -> str:
        return f"{self.when}: {self.deed} {self.whom}"


HUB, NATS, POSTGRES, SECOND, MACHINE = "hub", "nats", "postgres", "second", "machine"
HOME, VAULT = DISKS = ("home", "vault")
"""The directories that stand on small disks of their own."""
WORKERS = (*(f"worker {site}" for site in SITES), SECOND)

HAUL, KEEP, SHIP, DROP, DOOMED = JOBS = ("haul", "keep", "ship", "drop", "doomed")
"""The jobs of a round: see `errands`."""
EDITED = (HAUL, KEEP)

MOST_LOSSES = 6
"""How often a round takes a worker away: a path is given up that takes its worker with it too often."""
DAY = 86_400
CLOCKS = (-DAY, -3600, -1, 3600, 40 * DAY)
"""Seconds by which the wall clock is set off."""
ASLEEP = "3600"
"""Seconds that the machine is suspended for."""


def on_postgres(seed: int) -> bool:
    """Whether the round of a seed keeps its truth in PostgreSQL: each third does, the others in SQLite."""
    return seed % 3 == 0


def script(seed: int, kills: int) -> list[Turn]:
    """The turns of a round with at least so many kills; the same for the same seed."""
    chance = Random(f"chaos {seed}")
    deeds = list(_blows(chance, kills, on_postgres(seed)))
    chance.shuffle(deeds)
    for pair in (*_troubles(chance), *_wishes(chance)):
        _insert(chance, deeds, pair)
    # Early, so that there is something left to cancel.
    deeds.insert(chance.randrange(len(deeds) // 3), (Deed.CANCEL, DOOMED))
    return [Turn(_when(chance, deed), deed, whom) for deed, whom in deeds]


Act = tuple[Deed, str]


def _blows(chance: Random, kills: int, with_postgres: bool) -> Iterator[Act]:
    """The kills: some of workers, as many as a round may have, the rest of what has no tasks to lose."""
    each = min(MOST_LOSSES, max(3, kills // 6))
    losses = [*WORKERS] * each
    chance.shuffle(losses)
    if chance.random() < 0.3:
        # It takes every worker away, once.
        yield Deed.KILL_ALL, MACHINE
        losses = [*WORKERS] * (each - 1)
    of_workers = losses[: min(len(losses) - 1, kills // 2)]
    yield from ((Deed.KILL, worker) for worker in of_workers)
    yield Deed.STOP, losses[-1]
    yield Deed.STOP, chance.choice((HUB, NATS))
    others = [(Deed.KILL, HUB), (Deed.KILL, HUB), (Deed.KILL, NATS), (Deed.WIPE, NATS)]
    if with_postgres:
        others += [(Deed.KILL, POSTGRES)] * 2
    for _ in range(kills - len(of_workers)):
        yield chance.choice(others)


def _troubles(chance: Random) -> Iterator[Sequence[Act]]:
    """What the machine does: each a sequence whose order holds."""
    for disk in DISKS:
        yield [(Deed.FILL, disk), (Deed.FREE, disk)]
    yield [(Deed.SET_CLOCK, str(ahead)) for ahead in chance.sample(CLOCKS, 2)]
    yield [(Deed.SUSPEND, ASLEEP)]
    for job in EDITED:
        yield [(Deed.EDIT, job)]


def _wishes(chance: Random) -> Iterator[Sequence[Act]]:
    """What people ask."""
    for job in chance.sample((HAUL, KEEP, SHIP, DROP), 3):
        yield [(chance.choice((Deed.PAUSE, Deed.PAUSE_NOW)), job), (Deed.RESUME, job)]


def _insert(chance: Random, deeds: list[Act], acts: Sequence[Act]) -> None:
    """Put acts in between, in their order, the later ones soon after the earlier."""
    place = chance.randrange(len(deeds))
    for act in acts:
        deeds.insert(place, act)
        place = min(len(deeds), place + chance.randint(1, 4))


def _when(chance: Random, deed: Deed) -> When:
    if deed is Deed.FREE:
        return When.LATER
    return chance.choices((When.AT_ONCE, When.BACK, When.FURTHER), (1, 2, 3))[0]
