"""Random histories of jobs on the real engine: whatever is lost, repeated or asked, what is kept stays true."""

import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from tests.conformance.store.audit import audit, audit_throughput
from tests.hub_desk import Hub, Node, ended, found, group, mask_of

from towpath import wire
from towpath.domain.errors import Conflict
from towpath.domain.paths import Code, Kind
from towpath.domain.patience import SECOND
from towpath.domain.plan import plan_from_document
from towpath.domain.states import JOB_OVER, TERMINAL, IllegalWish, JobState, Wanted, stage
from towpath.engine import nodes, upkeep
from towpath.engine.retry import Retry
from towpath.store import batches, holds, tables, views
from towpath.store.tasks import DISCOVERY, FINISH_STAGE
from towpath.store.views import JobFilter

SOON = 5
"""Seeds that are played by `make test`."""
STEPS = 90
MOST_JOBS = 8
MOST_OPEN = 4
CODES = (
    Code.PROCESSED,
    Code.PROCESSED,
    Code.PROCESSED,
    Code.ALREADY,
    Code.FAILED,
    Code.SKIPPED,
    Code.ABORTED,
)
FINAL = (Code.SKIPPED, Code.ABORTED)
DONE = (Code.PROCESSED, Code.ALREADY)


@dataclass
class History:
    """One random history: every choice comes from its seed."""

    hub: Hub
    dice: random.Random
    nodes: list[Node]
    sent: list[tuple[Node, wire.Report]] = field(default_factory=list)
    cursors: dict[bytes, bytes] = field(default_factory=dict)
    names: int = 0
    anew: set[int] = field(default_factory=set)
    """The retries of whole jobs."""

    def step(self) -> None:
        """Something happens."""
        happenings: list[Callable[[], None]] = [
            self.submit, self.wish, self.retry, self.beat, self.replay, self.die, self.fall_silent,
            self.pass_time, self.hold, self.take_back,
            self.hub.upkeep,
        ]  # fmt: skip
        self.dice.choice([self.walk, self.claim, self.end, self.end, self.dice.choice(happenings)])()

    # Jobs -----------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """A job of some shape, where there are not too many."""
        jobs = self.jobs()
        if len(jobs) < MOST_JOBS and sum(job.ended_at is None for job in jobs) < MOST_OPEN:
            workflow = self.dice.choice(["noop", "two", "two", "across", "delete", "clear", "told"])
            if self.dice.random() < 0.5:
                self.hub.given(workflow, self.dice.randint(4, 12), self.dice.randint(2, 5))
            else:
                self.hub.submit(workflow, "d")

    def wish(self) -> None:
        """Somebody asks something of a job."""
        for job in self.dice.sample(self.jobs(), min(1, len(self.jobs()))):
            wanted = self.dice.choice([Wanted.PAUSE, Wanted.RUN, Wanted.RUN, Wanted.CANCEL])
            try:
                self.hub.wish(job.id, wanted, self.dice.random() < 0.5, self.some_end(wanted))
            except IllegalWish:
                assert self.hub.job(job.id) == job
            if self.dice.random() < 0.5:
                self.hub.upkeep()

    def some_end(self, wanted: Wanted) -> int | None:
        """When a pause ends by itself, if it does."""
        ends = wanted is Wanted.PAUSE and self.dice.random() < 0.4
        return self.hub.clock.at + self.dice.choice([1, 10, 300]) * SECOND if ends else None

    def hold(self) -> None:
        """Somebody pauses the site oslo, or one queue of it, or resumes it."""
        queue, wanted = self.dice.choice(["", "default"]), self.dice.choice([Wanted.PAUSE, Wanted.RUN])
        states = [job.state for job in self.jobs()]
        with suppress(Conflict):
            self.hub.hold(wanted, queue, self.dice.random() < 0.5, self.some_end(wanted))
        assert [job.state for job in self.jobs()] == states

    def take_back(self) -> None:
        """A heartbeat's time passes; what nodes keep of cancelled jobs may be taken from them."""
        beats = self.dice.randint(1, 4)
        self.hub.tell(lambda tx: upkeep.take_back(tx, beats))

    def retry(self) -> None:
        """Somebody retries a job that is over."""
        over = [job for job in self.jobs() if JobState(job.state) in JOB_OVER]
        if over and len(self.jobs()) < MOST_JOBS + 4:
            before = self.jobs()
            try:
                which = self.dice.choice(list(Retry))
                made = self.hub.retry(self.dice.choice(over).id, which)
                if which is Retry.ALL:
                    self.anew.add(made)
            except Conflict:
                assert self.jobs() == before

    # What nodes do --------------------------------------------------------------------------------------------

    def walk(self) -> None:
        """A walk goes on: it finds something, ends, fails or is handed back; or repeats what it said."""
        node = self.dice.choice(self.nodes[:2])
        number = self.number_of(node)
        self.check_held(node, node.claim("discovery", 1, number), is_new=number is None)
        for one in [grant for grant in node.runs.values() if grant.walk is not None]:
            self.say(node, *self.of_a_walk(one))

    def of_a_walk(self, one: wire.Grant) -> list[wire.Event]:
        """What a walk says now."""
        assert one.walk is not None
        at = self.cursors.get(one.run, one.walk.cursor)
        match self.dice.randint(0, 9):
            case 0:
                return [wire.WalkEnded(one.task, one.run, at)]
            case 1:
                return [wire.WalkEnded(one.task, one.run, at, handed_back=True)]
            case 2:
                return [wire.Failed(one.task, one.run, "the walk stumbled")]
            case 3:
                problem = wire.Problem("data", b"d/p%d" % self.fresh(), "no_permission", "may not")
                return [wire.Found(one.task, one.run, at, self.next_cursor(one), [], [problem], 2)]
            case 4:
                return [found(one, b"elsewhere", b"there", f"d/{self.fresh()}")]
            case 5:
                return [found(one, at, self.next_cursor(one), f"e/{self.fresh()}")]
        event = found(one, at, self.next_cursor(one), *self.some_names())
        if any(m.kind in (0, Kind.DIRECTORY) for m in one.walk.matchers) and self.dice.random() < 0.6:
            event = wire.Found(one.task, one.run, at, event.cursor_to, [*event.groups, self.directories(one)])
        return [event, event] if self.dice.random() < 0.2 else [event]

    def directories(self, one: wire.Grant) -> wire.Group:
        """Directories of several depths."""
        depths = [self.dice.randint(0, 3) for _ in range(self.dice.randint(1, 4))]
        return group(one, *("d/" + f"{self.fresh()}/" * depth + "e" for depth in depths), kind=Kind.DIRECTORY)

    def claim(self) -> None:
        """A node asks for work; the answer may be lost, or come twice."""
        node = self.dice.choice(self.nodes)
        number = self.number_of(node)
        answer = node.claim("worker", self.dice.randint(1, 6), number)
        self.check_order(answer)
        self.check_held(node, answer, is_new=number is None)
        if self.dice.random() < 0.2:
            again = node.claim("worker", 3, number=answer.number)
            assert {one.run for one in again.grants} <= {one.run for one in answer.grants}
        if self.dice.random() < 0.1:
            node.runs.clear()

    def check_order(self, answer: wire.Grants) -> None:
        """Nothing is granted before what must come before it is over."""
        t = tables.tasks.c
        with self.hub.database.reading() as conn:
            for one in [granted for granted in answer.grants if granted.walk is None]:
                row = conn.execute(sa.select(t.stage, t.site).where(t.id == one.task)).one()
                opened = sa.select(t.stage, t.position).where(t.job_id == one.job, t.state.not_in(TERMINAL))
                others = conn.execute(opened).all()
                plan = conn.execute(sa.select(tables.jobs.c.plan).where(tables.jobs.c.id == one.job)).scalar()
                first = stage(plan_from_document(plan).first_phase) if plan else 0
                walking = any(other.position == DISCOVERY for other in others)
                earlier = any(other.stage < row.stage for other in others if other.position != DISCOVERY)
                assert row.stage == first or not (walking or earlier), f"task {one.task} before its time"

    def check_held(self, node: Node, answer: wire.Grants, *, is_new: bool) -> None:
        """Nothing new is granted where a pause stands."""
        with self.hub.database.reading() as conn:
            held = any(hold.keeps("default") for hold in holds.list_holds(conn, node.site))
        assert not (is_new and held and answer.grants), f"granted though site {node.site} is paused"

    def end(self) -> None:
        """A task ends: well, badly, half, or with what cannot be."""
        open_runs = [(node, one) for node in self.nodes for one in node.runs.values() if one.walk is None]
        if open_runs:
            node, one = self.dice.choice(open_runs)
            self.say(node, *self.of_a_step(one))

    def of_a_step(self, one: wire.Grant) -> list[wire.Event]:
        """What a step says at its end."""
        mixed = self.mixed(one)
        match self.dice.randint(0, 19):
            case 0 | 1:
                return [wire.Failed(one.task, one.run, "the step stumbled")]
            case 2 | 3 | 4:
                return [ended(one, self.dice.choice(CODES), only=self.dice.randint(0, 3))]
            case 5:
                return [wire.Ended(one.task, one.run, wire.compress(b"\x01" * 99), [])]
            case 6:
                everybody = bytes([Code.PROCESSED] * len(mask_of(one)))
                return [wire.Ended(one.task, one.run, wire.compress(everybody), [])]
            case 7:
                return [wire.Ended(one.task, one.run, b"", [])]
            case 8:
                return [wire.Ended(one.task, b"another run", mixed.codes, [])]
            case 9:
                return [mixed, mixed]
        return [mixed]

    def mixed(self, one: wire.Grant) -> wire.Ended:
        """Any outcome for each path, and something to hand on."""
        codes = bytes(self.dice.choice(CODES) if mine else Code.NONE for mine in mask_of(one))
        classes = ["permanent", "no_permission", "transient", "no_space"]
        noted = [
            wire.Note(i, self.dice.choice(classes), "because", self.dice.choice(["", "EIO", "503"]))
            for i, code in enumerate(codes)
            if code > Code.ALREADY
        ]
        back = self.dice.random() < 0.1
        if back:
            codes = bytes(code if self.dice.random() < 0.5 else Code.NONE for code in codes)
            noted = [note for note in noted if codes[note.index]]
        size = self.dice.randint(0, 99)
        return wire.Ended(one.task, one.run, wire.compress(codes), noted, b"carry", size, handed_back=back)

    def say(self, node: Node, *events: wire.Event) -> None:
        """Report; the report may come again much later, and its answer may be lost."""
        report = wire.Report(node.incarnation, node.sent + 1, [wire.pack(event) for event in events])
        answer = node.report(*events)
        assert answer.up_to == node.sent
        self.sent.append((node, report))

    def replay(self) -> None:
        """An old report comes again, from whatever life: nothing changes."""
        if self.sent:
            node, report = self.dice.choice(self.sent)
            before = self.hub.rows()
            node.replay(report)
            assert self.hub.rows() == before

    def beat(self) -> None:
        """A heartbeat; some runs may not be in it, though their claim was answered."""
        node = self.dice.choice(self.nodes)
        if self.dice.random() < 0.3:
            node.runs = {run: one for run, one in node.runs.items() if self.dice.random() < 0.7}
        node.beat(answered=self.dice.choice([node.claims, max(0, node.claims - 1)]))

    def die(self) -> None:
        """A node dies and comes back, perhaps several times; it may know what it had begun."""
        if self.dice.random() < 0.3:
            node = self.dice.choice(self.nodes)
            for _ in range(self.dice.choice([1, 1, 1, 4])):
                begun = [run for run in node.runs if self.dice.random() < 0.5]
                node.hello(begun=self.dice.choice([None, begun, begun[:1]]))
                node.claim("worker", 3)

    def pass_time(self) -> None:
        """Time goes by, and what was put off until then may go on."""
        self.hub.pass_time(self.dice.choice([1, 10, 300]) * SECOND)

    def fall_silent(self) -> None:
        """A node's leases run out; it knows nothing of it."""
        if self.dice.random() < 0.3:
            number = self.dice.randint(1, len(self.nodes))
            self.hub.tell(lambda tx: nodes.silence(tx, number))

    # The end --------------------------------------------------------------------------------------------------

    def play_out(self) -> None:
        """Everything goes well from now on: every job must come to its end."""
        for job in self.jobs():
            if job.state in (JobState.PAUSED, JobState.PAUSING):
                self.hub.wish(job.id, Wanted.RUN)
        for queue in ("", "default"):
            with suppress(Conflict):
                self.hub.hold(Wanted.RUN, queue)
        for node in self.nodes:
            node.hello()
        for _ in range(200):
            self.hub.pass_time(300 * SECOND)
            self.hub.upkeep()
            for node in self.nodes:
                for one in node.claim("discovery", 4).grants:
                    assert one.walk is not None
                    node.report(wire.WalkEnded(one.task, one.run, one.walk.cursor))
                node.work()
            if all(JobState(job.state) in JOB_OVER for job in self.jobs()):
                return
        raise AssertionError(f"stuck: {[(job.id, job.state) for job in self.jobs()]}")

    def finish(self, job: int) -> list[int]:
        """Retry what is unfinished of a job and of what was retried of it before, until nothing is: all these jobs.

        A retry of the whole job begins anew, and belongs to no family but its own.
        """
        family = [job]
        for member in family:
            with suppress(Conflict):
                self.hub.retry(member, Retry.UNFINISHED)
                self.play_out()
            family += [j.id for j in self.jobs() if j.retry_of == member and j.id not in self.anew]
            assert len(family) < 30, "a retry in which all goes well leaves nothing unfinished"
        return family

    def jobs(self) -> list[views.JobView]:
        """All jobs."""
        with self.hub.database.reading() as conn:
            return views.list_jobs(conn, JobFilter(), 100, None)

    # Dice -----------------------------------------------------------------------------------------------------

    def number_of(self, node: Node) -> int | None:
        """The next number of a claim, or now and then the last one again."""
        return node.claims if node.claims and self.dice.random() < 0.15 else None

    def fresh(self) -> int:
        """A number not used before."""
        self.names += 1
        return self.names

    def some_names(self) -> list[str]:
        """Names not used before."""
        return [f"d/f{self.fresh()}" for _ in range(self.dice.randint(1, 5))]

    def next_cursor(self, one: wire.Grant) -> bytes:
        """A cursor behind the present one; mostly the walk remembers it."""
        cursor = b"c%d" % self.fresh()
        if self.dice.random() < 0.9:
            self.cursors[one.run] = cursor
        return cursor


def check_family(hub: Hub, family: list[int]) -> None:
    """Every path that any of these jobs had came to one final outcome in one of them, and to no second one."""
    t = tables.tasks
    seen: set[tuple[int, int, int]] = set()
    final: Counter[tuple[int, int, int]] = Counter()
    with hub.database.reading() as conn:
        sizes = {
            row[0]: row[1] for row in conn.execute(sa.select(tables.batches.c.id, tables.batches.c.count))
        }
        plans = dict(tuple(row) for row in conn.execute(sa.select(tables.jobs.c.id, tables.jobs.c.plan)))
        rows = conn.execute(sa.select(t).where(t.c.job_id.in_(family), t.c.paths > 0)).all()
    for row in (
        row for row in rows if row.stage < FINISH_STAGE
    ):  # Those of the last phase are each job's own.
        size = sizes[row.batch_id]
        last = row.position == len(plans[row.job_id]["branches"][row.rule]["chain"]) - 1
        codes = batches.unpack_bytes(row.codes, size) if row.codes else bytes(size)
        for index, mine in enumerate(batches.unpack_bytes(row.mask, size)):
            if mine:
                seen.add((row.batch_id, row.rule, index))
                if codes[index] in FINAL or (last and codes[index] in DONE):
                    final[row.batch_id, row.rule, index] += 1
    assert final == Counter(seen), f"family {family}"


@pytest.mark.parametrize("seed", range(SOON))
def test_whatever_happens_what_is_kept_stays_true_and_every_job_ends(hub: Hub, seed: int) -> None:
    play(hub, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(SOON, 50))
def test_whatever_else_happens_the_same_holds(hub: Hub, seed: int) -> None:
    play(hub, seed)


def play(hub: Hub, seed: int) -> None:
    """The history of a seed, judged after each step."""
    hub.define("clear", {"name": "checksum"}, {"name": "delete"})
    hub.define("told", {"name": "checksum"}, {"name": "notify"}, {"name": "manifest"})
    members = [hub.node("oslo"), hub.node("oslo", "n2"), hub.node("bergen")]
    history = History(hub, random.Random(seed), members)
    for number in range(STEPS):
        if number < MOST_OPEN:
            history.submit()
        else:
            history.step()
        with hub.database.reading() as conn:
            audit(conn)
    history.play_out()
    with hub.database.reading() as conn:
        audit_throughput(conn)
    for job in history.jobs():
        if job.retry_of is None or job.id in history.anew:
            check_family(hub, history.finish(job.id))
