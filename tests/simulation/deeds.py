"""What people ask and what goes wrong: each a small function of the world and of dice of its own."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random

from tests.simulation.bus import Weather
from tests.simulation.houses import HubHouse, NodeHouse
from tests.simulation.truth import Fate
from tests.simulation.watch import open_jobs
from tests.simulation.world import WORKFLOWS, World, asked

from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import control, holds, node_wishes
from towpath.engine.retry import Retry, retry
from towpath.store.database import Tx
from towpath.worker.link import Verb

Deed = Callable[[World, Random], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of deed, and how often it is drawn beside others."""

    weight: int
    act: Deed


DEEDS: dict[str, Kind] = {}
"""All kinds, by name. To add one: write a function and say how often it is to be drawn."""


def deed(weight: int) -> Callable[[Deed], Deed]:
    """Make a function a kind of deed."""

    def add(act: Deed) -> Deed:
        DEEDS[act.__name__] = Kind(weight, act)
        return act

    return add


# What people ask ----------------------------------------------------------------------------------------------


@deed(6)
def submit(world: World, dice: Random) -> None:
    """A job: over a tree, or over paths as they are."""
    name, site = dice.choice(list(WORKFLOWS)), dice.choice(("oslo", "oslo", "bergen"))
    files = sorted(path for path in world.trees[site].files if b"." in path)
    if dice.random() < 0.3 and files:
        chosen = asked(*(path.decode() for path in dice.sample(files, min(len(files), dice.randint(1, 8)))))
        order = control.Submission(name, site, "default", chosen, {}, "ana", None, dice.randint(1, 4))
    else:
        order = control.Submission(name, site, "default", asked("d"), {}, "ana")
    world.ask(f"submit {name} at {site}", lambda tx: control.submit(tx, order).job_id)


def wish(world: World, dice: Random, wanted: Wanted, *, now: bool = False) -> None:
    """Wish something of one of the jobs."""
    if jobs := world.jobs():
        opened = [job for job, was, _ in open_jobs() if was != wanted]
        job = dice.choice(opened if opened and dice.random() < 0.9 else jobs)
        what = f"{wanted}{' --now' if now else ''} job {job}"
        world.ask(what, lambda tx: control.wish(tx, job, Wish(wanted, "ana", "why not", now)))


@deed(3)
def pause(world: World, dice: Random) -> None:
    """What runs may finish; mostly the job goes on after a while."""
    wish(world, dice, Wanted.PAUSE)
    world.clockwork.after(4.0 * dice.random(), partial(wish, world, dice, Wanted.RUN))


@deed(5)
def pause_now(world: World, dice: Random) -> None:
    """What runs is handed back; mostly the job goes on after a while."""
    wish(world, dice, Wanted.PAUSE, now=True)
    world.clockwork.after(2.0 * dice.random(), partial(wish, world, dice, Wanted.RUN))


@deed(4)
def resume(world: World, dice: Random) -> None:
    """A job goes on."""
    wish(world, dice, Wanted.RUN)


@deed(2)
def cancel(world: World, dice: Random) -> None:
    """A job is to end."""
    wish(world, dice, Wanted.CANCEL)


@deed(2)
def pause_until(world: World, dice: Random) -> None:
    """A pause that ends by itself."""
    if jobs := [job for job, was, _ in open_jobs() if was == Wanted.RUN]:
        job, seconds, now = dice.choice(jobs), 4.0 * dice.random(), dice.random() < 0.5

        def pausing(tx: Tx) -> None:
            end = tx.now + int(seconds * 1e6) + 1
            control.wish(tx, job, Wish(Wanted.PAUSE, "ana", "for a while", now, end))

        world.ask(f"pause job {job} for {seconds:.1f} s", pausing)


@deed(3)
def pause_a_place(world: World, dice: Random) -> None:
    """A site, or a queue of one, is paused, mostly for a while."""
    site, queue = dice.choice(("oslo", "bergen")), dice.choice(("", "default"))
    asked = Wish(Wanted.PAUSE, "ana", "no tapes", dice.random() < 0.5)
    world.ask(f"pause {site}/{queue}", partial(holds.pause, site=site, queue=queue, asked=asked))
    let_go = partial(holds.resume, site=site, queue=queue, asked=Wish(Wanted.RUN, "ana"))
    world.clockwork.after(4.0 * dice.random(), partial(world.ask, f"resume {site}/{queue}", let_go))


@deed(2)
def wish_a_node_to_drain(world: World, dice: Random) -> None:
    """People ask a node to take nothing more, mostly for a while."""
    node = somebody(world, dice)
    drain = partial(node_wishes.drain, site=node.site, name=node.name, by="ana")
    world.ask(f"drain {node.name}", drain)
    undrain = partial(node_wishes.undrain, site=node.site, name=node.name)
    world.clockwork.after(5.0 * dice.random(), partial(world.ask, f"undrain {node.name}", undrain))


@deed(3)
def try_again(world: World, dice: Random) -> None:
    """A retry of a job."""
    opened = [job for job, _, _ in open_jobs()]
    if jobs := [job for job in world.jobs() if job not in opened or dice.random() < 0.1]:
        job, which = dice.choice(jobs), dice.choice(list(Retry))
        world.ask(f"retry {which} of job {job}", lambda tx: retry(tx, job, which, "ana"))


# What goes wrong ----------------------------------------------------------------------------------------------


def somebody(world: World, dice: Random) -> NodeHouse:
    """A node, mostly one that is at work."""
    at_work = [node for node in world.nodes if node.is_at_work]
    return dice.choice(at_work if at_work and dice.random() < 0.8 else world.nodes)


@deed(3)
def kill_a_node(world: World, dice: Random) -> None:
    """A node dies, and is started again."""
    somebody(world, dice).crash()


@deed(1)
def lose_a_node(world: World, dice: Random) -> None:
    """A node dies, and stays away until all trouble is over."""
    node = somebody(world, dice)
    node.gone = True
    node.crash()


@deed(1)
def lose_an_outbox(world: World, dice: Random) -> None:
    """A node dies with its disk."""
    node = somebody(world, dice)
    node.crash()
    node.lose_outbox()


@deed(1)
def cut_the_power(world: World, dice: Random) -> None:
    """A node dies, and its outbox forgets the newest of what was written to it."""
    node = somebody(world, dice)
    synced = node.outbox.serialize()

    def go_out() -> None:
        node.crash()
        node.lose_outbox(synced)

    world.clockwork.after(2.0 * dice.random(), go_out)


@deed(2)
def drain_a_node(world: World, dice: Random) -> None:
    """A node is told to stop; it is started again when it has."""
    node = somebody(world, dice)
    if node.process is not None and node.worker is not None:
        world.clockwork.note(f"{node.name} drains")
        node.process.loop.call_soon(node.worker.drain)


@deed(1)
def kill_the_hub(world: World, dice: Random) -> None:
    """The hub dies, and stays away for a while."""
    dice.choice(world.hubs).crash(dice.choice((0.0, 0.5, 7.0)))


@deed(2)
def kill_the_hub_at_a_commit(world: World, dice: Random) -> None:
    """The hub dies just before or just after one of the next commits."""
    fate = dice.choice((Fate.BEFORE, Fate.AFTER))
    world.truth.fates.append((world.truth.commits + dice.randint(1, 12), fate))


@deed(6)
def put_to_sleep(world: World, dice: Random) -> None:
    """A node sleeps, maybe for longer than a lease lasts, and wakes."""
    node = somebody(world, dice)
    node.harmed = True
    sleep(world, node, dice.choice((0.3, 3.0, 9.0, 11.0)))


@deed(1)
def put_the_hub_to_sleep(world: World, dice: Random) -> None:
    """The hub sleeps, and wakes."""
    sleep(world, dice.choice(world.hubs), dice.choice((0.3, 2.0, 5.0, 12.0)))


def sleep(world: World, house: NodeHouse | HubHouse, seconds: float) -> None:
    """A process does nothing for so long."""
    process = house.process
    if process is not None:
        world.clockwork.note(f"{process.name} sleeps for {seconds:g} s")
        process.frozen = True
        world.lasts(seconds)
        world.clockwork.after(seconds, partial(setattr, process, "frozen", False))


@deed(6)
def cut_a_node_off(world: World, dice: Random) -> None:
    """A node hears nobody and is heard by nobody."""
    node = somebody(world, dice)
    node.harmed = True
    cut(world, node.name, dice.choice((0.5, 3.0, 9.0, 11.0)))


@deed(3)
def cut_the_hub_off(world: World, dice: Random) -> None:
    """The hub hears nobody and is heard by nobody."""
    cut(world, dice.choice(world.hubs).name, dice.choice((0.5, 9.0, 11.0)))


def cut(world: World, name: str, seconds: float) -> None:
    """No message comes to or from a process for so long."""
    world.clockwork.note(f"{name} is cut off for {seconds:g} s")
    world.bus.cut.add(name)
    world.lasts(seconds)
    world.clockwork.after(seconds, partial(world.bus.cut.discard, name))


@deed(3)
def storm(world: World, dice: Random) -> None:
    """The bus is bad for a while."""
    weather = Weather(
        lost=dice.choice((0.0, 0.1, 0.4)),
        twice=dice.choice((0.0, 0.3)),
        late=dice.choice((0.0, 0.3)),
        latest=dice.choice((0.3, 2.0, 8.0)),
    )
    world.clockwork.note(f"storm: {weather}")
    world.bus.weather = weather
    for node in world.nodes:
        node.harmed = True
    world.clockwork.after(dice.choice((2.0, 6.0)), partial(setattr, world.bus, "weather", Weather()))


@deed(4)
def replay(world: World, dice: Random) -> None:
    """Letters of long ago come again."""
    archive = world.bus.archive
    first_words = [letter for letter in archive if letter.verb == Verb.HELLO]
    letters = dice.sample(archive, min(len(archive), dice.randint(1, 12)))
    letters += dice.sample(first_words, min(len(first_words), 3))
    for letter in letters:
        world.clockwork.after(3.0 * dice.random(), partial(world.bus.replay, letter))


@deed(3)
def edit_files(world: World, dice: Random) -> None:
    """Somebody changes, makes and deletes files."""
    tree = world.trees[dice.choice(("oslo", "bergen"))]
    files = sorted(path for path in tree.files if b"." in path)
    for path in dice.sample(files, min(len(files), 4)):
        if dice.random() < 0.2:
            tree.remove(path)
        else:
            tree.write(path)
    tree.write(b"d/new%02d.dat" % dice.randint(0, 9))


@deed(2)
def fill_a_disk(world: World, dice: Random) -> None:
    """The disk of an outbox is full for a while."""
    node = dice.choice(world.nodes)
    outbox = node.outbox
    (pages,) = outbox.execute("PRAGMA page_count").fetchone()
    outbox.execute(f"PRAGMA max_page_count = {pages}")
    world.clockwork.note(f"the disk of {node.name} is full")
    world.clockwork.after(dice.choice((1.0, 4.0)), partial(_room_again, node.outbox))


def _room_again(outbox: sqlite3.Connection) -> None:
    with suppress(sqlite3.ProgrammingError):
        outbox.execute("PRAGMA max_page_count = 100000")


@deed(1)
def set_the_clock(world: World, dice: Random) -> None:
    """Somebody sets the wall clock of the hub."""
    world.truth.jump += dice.choice((-20.0, -5.0, 5.0, 7200.0))
