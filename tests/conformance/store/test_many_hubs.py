"""Two hubs on one PostgreSQL: nodes, people and upkeep at both at the same time, and what is kept stays true."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import pytest
import sqlalchemy as sa
from tests.conformance.store.audit import audit
from tests.fixtures_postgres import Databases
from tests.hub_desk import Hub, Node, Numbers, ended, found, furnish, mask_of

from towpath import wire
from towpath.domain.errors import Mistake
from towpath.domain.fairness import Turn
from towpath.domain.paths import Code
from towpath.domain.states import JOB_OVER, STARTED, IllegalWish, Wanted
from towpath.engine import nodes, registry, turns
from towpath.engine.retry import Retry
from towpath.store.database import Database, Tx
from towpath.store.tables import jobs, tasks

T = TypeVar("T")

ROUNDS = 60
NODES = (("oslo", "n1"), ("oslo", "n2"), ("bergen", "n1"))
PEOPLE = 2
HOUR = 3600 * 1_000_000


@dataclass
class Both(Hub):
    """Two hubs' databases: each call goes to one of them, and is run again where the other was in its way."""

    other: Database = field(kw_only=True)
    loop: asyncio.AbstractEventLoop = field(kw_only=True)
    dice: random.Random = field(default_factory=lambda: random.Random(7), kw_only=True)

    def tell(self, work: Callable[[Tx], T]) -> T:
        """Run something in a transaction of one of them."""
        hub = self.dice.choice((self.database, self.other))
        return asyncio.run_coroutine_threadsafe(hub.write(work), self.loop).result(60)

    def is_over(self) -> bool:
        """Whether no job is open."""
        with self.database.reading() as conn:
            return conn.execute(sa.select(jobs.c.id).where(jobs.c.ended_at.is_(None))).first() is None


@pytest.fixture
def both(databases: Databases) -> Iterator[Both]:
    """Two hubs on one database; whatever was done, what they kept must equal what is counted anew."""
    clock = Numbers()
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    running.start()
    with databases.lend() as url:
        first, second = Database(url, clock), Database(url, clock)
        furnish(first, clock)
        for database in (first, second):
            database.start()
        yield Both(first, clock, other=second, loop=loop)
        with first.reading() as conn:
            audit(conn)
        for database in (first, second):
            database.stop()
    loop.call_soon_threadsafe(loop.stop)
    running.join()
    loop.close()


def together(*works: Callable[[], object]) -> None:
    """Do all that at the same time, each in a thread; the first error of one is raised."""
    errors: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def act(node: Node, dice: random.Random) -> None:
    """One thing that a node does: it claims, reports, says something twice, beats, or begins a new life."""
    held = list(node.runs.values())
    what = dice.choice(("claim", "claim", "report", "report", "report", "beat", "again", "hello"))
    if what == "claim" or not held:
        node.claim(dice.choice(("worker", "worker", "discovery")), slots=dice.randint(1, 8))
    elif what == "report":
        events = [event for one in dice.sample(held, min(3, len(held))) for event in told(one, dice)]
        report = wire.Report(node.incarnation, node.sent + 1, [wire.pack(event) for event in events])
        node.report(*events)
        if dice.random() < 0.3:
            node.replay(report)
    elif what == "beat":
        node.beat()
    elif what == "again":
        node.claim(number=node.claims)
    elif dice.random() < 0.3:
        node.hello()


def told(one: wire.Grant, dice: random.Random) -> list[wire.Event]:
    """How a task ends: with outcomes for all of its paths or for some, or uncaught; a walk by what it finds."""
    if one.walk is not None:
        names = [f"f{number}" for number in range(dice.randint(1, 6))]
        start = one.walk.cursor
        if start:
            return [wire.WalkEnded(one.task, one.run, start)]
        return [found(one, start, b"end", *names), wire.WalkEnded(one.task, one.run, b"end")]
    if dice.random() < 0.1:
        return [wire.Failed(one.task, one.run, "uncaught")]
    code = dice.choice((Code.PROCESSED, Code.PROCESSED, Code.FAILED))
    mine = mask_of(one).count(1)
    only = dice.randint(0, mine) if dice.random() < 0.3 else None
    return [ended(one, code, only if only != mine else None)]


def ask(hub: Both, dice: random.Random) -> None:
    """One thing that a person asks, of which some is not allowed as things stand."""
    with hub.database.reading() as conn:
        known = list(conn.scalars(sa.select(jobs.c.id)))
    what = dice.choice(("submit", "given", "wish", "wish", "retry"))
    with suppress(Mistake, IllegalWish):
        if what == "submit" or not known:
            hub.submit(dice.choice(("two", "across")), f"d{dice.randint(0, 9)}")
        elif what == "given":
            hub.given("two", dice.randint(1, 12), dice.randint(1, 3), site=dice.choice(("oslo", "bergen")))
        elif what == "wish":
            wanted = dice.choice((Wanted.PAUSE, Wanted.RUN, Wanted.RUN, Wanted.CANCEL))
            hub.wish(dice.choice(known), wanted, now=dice.random() < 0.5)
        else:
            hub.retry(dice.choice(known), dice.choice(list(Retry)))


def conduct(hub: Both, dice: random.Random) -> None:
    """What is due unasked; now and then a node's leases run out, though it lives."""
    hub.upkeep()
    if dice.random() < 0.2:
        silent = dice.choice(list(hub.tell(lambda tx: nodes.watched(tx.conn))) or [0])
        hub.tell(partial(nodes.silence, node_id=silent))


def finish(hub: Both, node: Node) -> None:
    """Work until no job is open."""
    node.hello()
    while not hub.is_over():
        hub.clock.at += HOUR
        hub.upkeep()
        for function in ("discovery", "worker"):
            for one in node.claim(function).grants:
                node.report(*(told(one, random.Random(0)) if one.walk else [ended(one)]))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))])
def test_whatever_is_done_at_two_hubs_at_once_what_is_kept_stays_true(both: Both, seed: int) -> None:
    played = [both.node(site, name) for site, name in NODES]
    ask(both, random.Random(seed))

    def playing(number: int, deed: Callable[[random.Random], None]) -> None:
        dice = random.Random(seed * 100 + number)
        for _ in range(ROUNDS):
            deed(dice)

    deeds: list[Callable[[random.Random], None]] = [partial(act, node) for node in played]
    deeds += [partial(ask, both)] * PEOPLE + [partial(conduct, both)] * 2
    together(*(partial(playing, number, deed) for number, deed in enumerate(deeds)))
    with both.database.reading() as conn:
        audit(conn)
        known = list(conn.scalars(sa.select(jobs.c.id)))
    for job in known:
        with suppress(IllegalWish):
            both.wish(job, Wanted.RUN)
    together(*(partial(finish, both, node) for node in played))
    with both.database.reading() as conn:
        assert set(conn.scalars(sa.select(jobs.c.state))) <= {str(state) for state in JOB_OVER}


CAP, LIMIT = 3, 5


def test_claims_at_two_hubs_at_once_overshoot_neither_a_cap_nor_a_limit(both: Both) -> None:
    played = [both.node("oslo", f"n{number}") for number in range(4)]
    both.tell(lambda tx: registry.make_api_key(tx, "ana"))
    both.tell(lambda tx: turns.set_limit(tx, "ana", LIMIT, "root"))
    capped = both.given("noop", 60, turn=Turn(max_tasks=CAP))
    free = both.given("noop", 60)
    running = (
        sa.select(tasks.c.job_id, sa.func.count()).where(tasks.c.state == STARTED).group_by(tasks.c.job_id)
    )
    most: dict[int | str, int] = {}

    def work(node: Node) -> None:
        while not both.is_over():
            granted = node.claim(slots=4).grants
            with both.database.reading() as conn:
                found: dict[int | str, int] = {row[0]: row[1] for row in conn.execute(running)}
            found["ana"] = sum(found.values())
            for name, count in found.items():
                most[name] = max(most.get(name, 0), count)
            node.report(*map(ended, granted))

    together(*(partial(work, node) for node in played))
    assert most[capped] == CAP
    assert most["ana"] == LIMIT
    assert most[free] <= LIMIT
