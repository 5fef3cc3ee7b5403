"""A history: a script of deeds drawn from a seed, played in a world, and judged."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.simulation import surprises
from tests.simulation.deeds import DEEDS
from tests.simulation.truth import raw
from tests.simulation.watch import Wrong, open_jobs
from tests.simulation.world import World

from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import control, holds, node_wishes
from towpath.engine.retry import Retry, retry

TROUBLE = 10.0
"""Seconds in which deeds are done."""

COMMON = 0.6
"""How often a seed has a kind of deed."""

RETRIED = 5
"""Of so many seeds one retries a job until nothing of it is left to do."""

MOST_RETRIES = 4

RESUME = Wish(Wanted.RUN, "ana")

AFTERWARDS = 600.0
"""Seconds within which every job must have ended, once all trouble is over."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed of a script; `number` seeds what it draws."""

    at: float
    name: str
    number: int

    def __str__(self) -> str:
        return f"{self.at:7.3f} s  {self.name} ({self.number})"


def script(seed: int) -> list[Entry]:
    """The deeds of a seed, in order."""
    dice = Random(f"{seed} script")
    # Each seed does without some kinds of deed: what one of them would cover up, others show.
    kinds = {name: kind for name, kind in DEEDS.items() if dice.random() < COMMON}
    names, weights = list(kinds), [kind.weight for kind in kinds.values()]
    chosen = [("submit", 0.2 + 4.0 * dice.random()) for _ in range(dice.randint(2, 3))]
    drawn = dice.choices(names, weights, k=dice.randint(4, 16))
    chosen += [(name, 1.0 + (TROUBLE - 1.0) * dice.random()) for name in drawn]
    return [Entry(at, name, dice.getrandbits(32)) for name, at in sorted(chosen, key=lambda pair: pair[1])]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a history went: `wrong` is None where every law held."""

    seed: int
    digest: str
    turns: int
    commits: int
    wrong: str | None = None


def play(
    seed: int, kept: Collection[int] | None = None, aloud: Callable[[str], None] | None = None
) -> Verdict:
    """Play a seed's script, or only its entries of these numbers, and judge it."""
    surprises.FOUND.clear()
    world = World(seed, aloud)
    wrong = None
    try:
        _play(world, [entry for n, entry in enumerate(script(seed)) if kept is None or n in kept])
        if surprises.FOUND:
            raise Wrong(f"nobody expected this: {surprises.FOUND[0]}")
    except Exception as error:  # A boundary: whatever breaks in a history is what it found.
        wrong = f"{type(error).__name__}: {error}"
        world.clockwork.note(wrong)
    finally:
        world.close()
    clockwork = world.clockwork
    return Verdict(seed, clockwork.digest, clockwork.turns, world.truth.commits, wrong)


def _play(world: World, entries: list[Entry]) -> None:
    world.start()
    for entry in entries:
        world.run(entry.at)
        world.clockwork.note(f"deed: {entry.name}")
        DEEDS[entry.name].act(world, Random(entry.number))
    world.run(max(world.trouble_until, world.clockwork.now) + 1.0)
    world.watch.end()
    world.heal()
    _let_all_end(world)
    world.watch.end()
    if world.seed % RETRIED == 0:
        _retry_to_the_end(world)


def _let_all_end(world: World) -> None:
    """Once all trouble is over and nothing is paused, every job ends in time."""
    end = world.clockwork.now + AFTERWARDS
    while world.clockwork.now < end:
        _resume_all(world)
        world.run(min(end, world.clockwork.now + 10.0), _Once(world))
        if not open_jobs():
            return
    raise Wrong(f"stuck: {open_jobs()}")


def _retry_to_the_end(world: World) -> None:
    """Retry what is unfinished of a job, now that no file is ill: each path comes to one outcome, in one job."""
    world.ground.malice = 0.0
    retried = "SELECT retry_of FROM jobs WHERE retry_of IS NOT NULL"
    untouched = f"SELECT id FROM jobs WHERE retry_of IS NULL AND id NOT IN ({retried})"
    family = [
        row[0] for row in raw().execute(f"{untouched} ORDER BY failed + not_run + unknown DESC LIMIT 1")
    ]
    while 0 < len(family) < MOST_RETRIES:
        known = world.jobs()
        again = partial(retry, job_id=family[-1], which=Retry.UNFINISHED, by="ana")
        world.ask(f"retry what is unfinished of job {family[-1]}", again)
        world.run(world.clockwork.now + 0.5)
        if world.jobs() == known:
            break
        family.append(world.jobs()[-1])
        _let_all_end(world)
    world.watch.end()
    world.watch.check_family(family)


def _resume_all(world: World) -> None:
    """Nobody wishes that anything waits."""
    for job, wanted, _ in open_jobs():
        if wanted == Wanted.PAUSE:
            world.ask(f"resume job {job}", partial(control.wish, job_id=job, asked=RESUME))
    for site, queue in raw().execute("SELECT site, queue FROM holds WHERE ended_at IS NULL").fetchall():
        world.ask(f"resume {site}/{queue}", partial(holds.resume, site=site, queue=queue, asked=RESUME))
    for site, name in raw().execute("SELECT site, name FROM nodes WHERE drain_at IS NOT NULL").fetchall():
        world.ask(f"undrain {name}", partial(node_wishes.undrain, site=site, name=name))


class _Once:
    """Whether all jobs are over, looked up once for each commit."""

    def __init__(self, world: World) -> None:
        self._world, self._at, self._over = world, -1, False

    def __call__(self) -> bool:
        commits = self._world.truth.commits
        if commits != self._at:
            self._at, self._over = commits, not open_jobs()
        return self._over
