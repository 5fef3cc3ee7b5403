"""A hub without a bus: the engine on a real database, asked by nodes that the test plays."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from msgspec import structs

from towpath import wire
from towpath.domain.fairness import ANY_TURN, Turn
from towpath.domain.paths import Code, Kind
from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import control, grant, holds, nodes, parking, receive, registry, retry, upkeep, workflows
from towpath.engine.inputs import Asked
from towpath.store import schema, views
from towpath.store.database import Database, Tx
from towpath.store.tables import metadata
from towpath.store.tables import nodes as node_rows
from towpath.store.views import JobView

T = TypeVar("T")
ROOT = "/srv/data"
LEASE_BEATS = 4


@dataclass
class Numbers:
    """A clock that counts: every look at it is a microsecond later."""

    at: int = 1_700_000_000_000_000

    def __call__(self) -> int:
        """The time now."""
        self.at += 1
        return self.at


@dataclass
class Hub:
    """The engine's functions, each in a transaction of its own."""

    database: Database
    clock: Numbers
    lives: int = 0

    def tell(self, work: Callable[[Tx], T]) -> T:
        """Run something in a transaction."""
        with self.database.writing() as tx:
            return work(tx)

    def submit(self, workflow: str, *paths: str, site: str = "oslo", **fields: object) -> int:
        """Start a job over paths beneath the root."""
        asked = tuple(Asked(os.fsencode(f"{ROOT}/{path}".rstrip("/"))) for path in paths or ("",))
        order = control.Submission(workflow, site, "default", asked, fields, "ana")
        return self.tell(lambda tx: control.submit(tx, order)).job_id

    def given(
        self,
        workflow: str,
        count: int,
        per_task: int = 1,
        site: str = "oslo",
        queue: str = "default",
        owner: str = "ana",
        turn: Turn = ANY_TURN,
    ) -> int:
        """Start a job over that many paths, as they are."""
        asked = tuple(Asked(b"%s/f%06d" % (ROOT.encode(), number)) for number in range(count))
        order = control.Submission(workflow, site, queue, asked, {}, owner, None, per_task, turn=turn)
        return self.tell(lambda tx: control.submit(tx, order)).job_id

    def define(self, name: str, *chain: Mapping[str, object], kind: str = "all") -> None:
        """Make a workflow of one rule."""
        rule = {"type": kind, "state": "all", "action": list(chain)}
        self.define_document({"name": name, "filter_rules": [rule]})

    def define_document(self, document: object) -> None:
        """Make a workflow."""
        self.tell(partial(workflows.define_workflow, document=document))

    def wish(self, job: int, wanted: Wanted, now: bool = False, resume_at: int | None = None) -> None:
        """Ask something of a job."""
        asked = Wish(wanted, "ana", "why not", now, resume_at)
        self.tell(lambda tx: control.wish(tx, job, asked))

    def hold(self, wanted: Wanted, queue: str = "", now: bool = False, resume_at: int | None = None) -> None:
        """Pause or resume the site oslo, or one queue of it."""
        asked = Wish(wanted, "ana", "no tapes", now, resume_at)
        act = holds.pause if wanted is Wanted.PAUSE else holds.resume
        self.tell(lambda tx: act(tx, "oslo", queue, asked))

    def retry(self, job: int, which: retry.Retry = retry.Retry.FAILED) -> int:
        """Retry a job."""
        return self.tell(lambda tx: retry.retry(tx, job, which, "ana"))

    def upkeep(self) -> None:
        """Do all that is due unasked."""
        while not self.tell(upkeep.resume_due):
            pass
        while not self.tell(parking.unpark):
            pass
        for job in self.tell(upkeep.cancelled_jobs):
            while not self.tell(partial(upkeep.dequeue, job_id=job)):
                pass
        for task in self.tell(upkeep.own_discoveries):
            while not self.tell(partial(upkeep.discover, task_id=task)):
                pass
        last: int | None = 0
        while last is not None:
            last = self.tell(partial(upkeep.repair, after=last))

    def job(self, job: int) -> JobView:
        """A job as people see it."""
        with self.database.reading() as conn:
            view = views.find_job(conn, job)
        assert view is not None
        return view

    def silence(self, name: str) -> None:
        """The leases of the nodes of that name run out."""
        query = sa.select(node_rows.c.id).where(node_rows.c.name == name)
        with self.database.reading() as conn:
            silent = conn.scalars(query).all()
        for node_id in silent:
            self.tell(partial(nodes.silence, node_id=node_id))

    def pass_time(self, microseconds: int) -> None:
        """Let time pass."""
        self.clock.at += microseconds

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """All that the database has."""
        with self.database.reading() as conn:
            return {t.name: [tuple(row) for row in conn.execute(t.select())] for t in metadata.sorted_tables}

    def node(self, site: str, name: str = "n1", **slots: int) -> "Node":
        """A node that has said hello."""

        def register(tx: Tx) -> None:
            registry.add_site(tx, site)
            registry.register_node(tx, site, name, f"U{site}{name}")

        self.tell(register)
        node = Node(self, site, name)
        node.hello()
        return node


@dataclass
class Node:
    """A node that the test plays."""

    hub: Hub
    site: str
    name: str
    incarnation: bytes = b""
    claims: int = 0
    sent: int = 0
    runs: dict[bytes, wire.Grant] = field(default_factory=dict)

    def hello(self, box_key: bytes = bytes(32), begun: Sequence[bytes] | None = None) -> None:
        """Begin a new life; `begun` are the runs that the one before had begun, None: it cannot say."""
        self.hub.lives += 1
        self.incarnation = b"life%012d" % self.hub.lives
        self.claims = self.sent = 0
        self.runs.clear()
        self.hello_again(box_key, begun)

    def hello_again(self, box_key: bytes = bytes(32), begun: Sequence[bytes] | None = None) -> None:
        """Say hello in the life that it has."""
        queues = {"default": {"worker": 8, "discovery": 2}}
        said = wire.Hello(wire.VERSION, self.incarnation, {"data": ROOT}, queues, [], box_key, True)
        said = structs.replace(said, begun=None if begun is None else list(begun))
        self.hub.tell(lambda tx: nodes.hello(tx, self.site, self.name, said))

    def claim(
        self,
        function: str = "worker",
        slots: int = 8,
        number: int | None = None,
        queue: str = "default",
        for_small: int = 0,
    ) -> wire.Grants:
        """Ask for work."""
        if number is None:
            self.claims += 1
            number = self.claims
        asked = wire.Claim(self.incarnation, number, [wire.Want(queue, function, slots, for_small)])
        grants = self.hub.tell(lambda tx: grant.claim(tx, self.site, self.name, asked))
        self.runs.update({one.run: one for one in grants.grants})
        return grants

    def beat(
        self, runs: Sequence[bytes] | None = None, answered: int | None = None, jobs: Sequence[int] = ()
    ) -> wire.Verdicts:
        """A heartbeat that lists what this node holds."""
        listed = list(self.runs) if runs is None else list(runs)
        said = wire.Beat(
            self.incarnation, self.claims if answered is None else answered, listed, jobs=list(jobs)
        )
        verdicts = self.hub.tell(lambda tx: nodes.beat(tx, self.site, self.name, said, LEASE_BEATS))
        for run in verdicts.drop:
            self.runs.pop(run, None)
        return verdicts

    def report(self, *events: wire.Event) -> wire.Applied:
        """Report events, as the next of this life."""
        report = wire.Report(self.incarnation, self.sent + 1, [wire.pack(event) for event in events])
        self.sent += len(events)
        for event in events:
            if not isinstance(event, wire.Found):
                self.runs.pop(event.run, None)
        return self.replay(report)

    def replay(self, report: wire.Report) -> wire.Applied:
        """Send a report as it is."""
        return self.hub.tell(lambda tx: receive.receive(tx, self.site, self.name, report))

    def walk(self, *names: str, kind: Kind = Kind.FILE) -> None:
        """Do a whole discovery that finds these paths."""
        (one,) = self.claim("discovery", 1).grants
        assert one.walk is not None
        events: list[wire.Event] = []
        if names:
            events.append(found(one, one.walk.cursor, b"end", *names, kind=kind))
        self.report(*events, wire.WalkEnded(one.task, one.run, b"end" if names else one.walk.cursor))

    def work(self, codes: Code = Code.PROCESSED, function: str = "worker") -> int:
        """Do all that can be claimed, with that outcome for each path; how many tasks that were."""
        done = 0
        while grants := self.claim(function).grants:
            self.report(*(ended(one, codes) for one in grants))
            done += len(grants)
        return done


def group(one: wire.Grant, *names: str, kind: Kind = Kind.FILE, rule: int | None = None) -> wire.Group:
    """A group of paths for the first rule that takes the kind."""
    assert one.walk is not None
    rules = [m.rule for m in one.walk.matchers if m.kind in (0, kind)]
    batch = wire.Batch(
        "data", [os.fsencode(n) for n in names], bytes([kind] * len(names)), [10] * len(names), ["x"]
    )
    return wire.Group(rules[0] if rule is None else rule, wire.pack(batch), len(names), 10 * len(names))


def found(one: wire.Grant, start: bytes, end: bytes, *names: str, kind: Kind = Kind.FILE) -> wire.Found:
    """What a walk found."""
    return wire.Found(one.task, one.run, start, end, [group(one, *names, kind=kind)])


def mask_of(one: wire.Grant) -> bytes:
    """Which paths of its batch are a task's own."""
    count = len(wire.unpack(one.batch, wire.Batch).paths)
    return wire.decompress(one.mask, 1_000_000) if one.mask else b"\x01" * count


def ended(one: wire.Grant, code: Code = Code.PROCESSED, only: int | None = None) -> wire.Ended:
    """The end of a task with that outcome for its paths, or for the first few of them (handed back)."""
    mask = mask_of(one)
    left = mask.count(1) if only is None else only
    codes = bytearray(len(mask))
    for index, mine in enumerate(mask):
        if mine and left:
            codes[index] = code
            left -= 1
    noted = [wire.Note(i, "permanent", "because") for i, c in enumerate(codes) if c > Code.ALREADY]
    return wire.Ended(one.task, one.run, wire.compress(bytes(codes)), noted, handed_back=only is not None)


TWO_STEPS = {
    "name": "two",
    "filter_rules": [{"type": "all", "state": "all", "action": [{"name": "noop"}, {"name": "checksum"}]}],
}
ACROSS = {
    "name": "across",
    "filter_rules": [
        {"type": "file", "state": "all", "action": [{"name": "noop"}, {"name": "noop", "site": "bergen"}]}
    ],
}


def furnish(database: Database, clock: Numbers) -> Hub:
    """A hub with two sites, a target, and workflows of several shapes; `clock` is the database's."""
    with database.writing() as tx:
        workflows.install(tx)
        for site in ("oslo", "bergen"):
            registry.add_site(tx, site)
        registry.add_target(tx, "vault", "file:///srv/vault", {}, bytes(32))
        for document in (TWO_STEPS, ACROSS):
            workflows.define_workflow(tx, document)
    return Hub(database, clock)


def make_hub(directory: Path) -> Hub:
    """Such a hub on a new database in that directory."""
    url = f"sqlite:///{directory / 'hub.db'}"
    schema.upgrade(url)
    clock = Numbers()
    return furnish(Database(url, clock), clock)
