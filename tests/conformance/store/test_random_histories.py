"""Random histories of jobs on the real engine: whatever is lost, repeated or asked, what is kept stays true."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from tests.conformance.store.audit import audit
from tests.hub_desk import Hub, Node, ended, found, group

from towpath import wire
from towpath.domain.errors import Conflict
from towpath.domain.paths import Code, Kind
from towpath.domain.states import JOB_OVER, IllegalWish, JobState, Wanted
from towpath.engine import nodes
from towpath.engine.retry import Retry
from towpath.store import views
from towpath.store.views import JobFilter

STEPS = 70
CODES = (Code.PROCESSED, Code.PROCESSED, Code.PROCESSED, Code.FAILED, Code.SKIPPED, Code.ABORTED)


@dataclass
class History:
    """One random history: every choice comes from its seed."""

    hub: Hub
    dice: random.Random
    nodes: list[Node]
    sent: list[tuple[Node, wire.Report]] = field(default_factory=list)
    names: int = 0

    def step(self) -> None:
        """Something happens."""
        happenings: list[Callable[[], None]] = [
            self.submit, self.walk, self.claim, self.end, self.end, self.end, self.beat,
            self.wish, self.replay, self.die, self.fall_silent, self.retry, self.hub.upkeep,
        ]  # fmt: skip
        self.dice.choice(happenings)()

    def submit(self) -> None:
        """A job of some shape."""
        if len(self.jobs()) < 5:
            workflow = self.dice.choice(["noop", "two", "across", "delete"])
            if self.dice.random() < 0.3:
                self.hub.given(workflow, self.dice.randint(1, 8), self.dice.randint(1, 3))
            else:
                self.hub.submit(workflow, "d")

    def walk(self) -> None:
        """A walk goes on: it finds something, ends, fails or is handed back; or repeats what it said."""
        node = self.dice.choice(self.nodes)
        node.claim("discovery", 1, self.number_of(node))
        for one in [grant for grant in node.runs.values() if grant.walk is not None]:
            assert one.walk is not None
            at = getattr(self, "cursors", {}).get(one.run, one.walk.cursor)
            event: wire.Event
            match self.dice.randint(0, 5):
                case 0:
                    event = wire.WalkEnded(one.task, one.run, at)
                case 1:
                    event = wire.WalkEnded(one.task, one.run, at, handed_back=True)
                case 2:
                    event = wire.Failed(one.task, one.run, "the walk stumbled")
                case 3:
                    problem = wire.Problem("data", b"d/p%d" % self.fresh(), "no_permission", "may not")
                    event = wire.Found(one.task, one.run, at, self.next_cursor(one), [], [problem])
                case _:
                    event = found(one, at, self.next_cursor(one), *self.some_names())
                    if self.dice.random() < 0.4:
                        event = wire.Found(
                            one.task, one.run, at, event.cursor_to,
                            [*event.groups, group(one, f"d/{self.fresh()}/e", kind=Kind.DIRECTORY)]
                            if any(m.kind in (0, Kind.DIRECTORY) for m in one.walk.matchers) else event.groups,
                        )  # fmt: skip
            self.say(node, event)

    def claim(self) -> None:
        """A node asks for work; the answer may be lost."""
        node = self.dice.choice(self.nodes)
        node.claim("worker", self.dice.randint(1, 6), self.number_of(node))
        if self.dice.random() < 0.2:
            node.runs.clear()

    def end(self) -> None:
        """A task ends: well, badly, half, or with what cannot be."""
        node = self.dice.choice(self.nodes)
        open_runs = [grant for grant in node.runs.values() if grant.walk is None]
        if not open_runs:
            return
        one = self.dice.choice(open_runs)
        event: wire.Event = ended(one, self.dice.choice(CODES))
        match self.dice.randint(0, 9):
            case 0:
                event = wire.Failed(one.task, one.run, "the step stumbled")
            case 1 | 2:
                event = ended(one, self.dice.choice(CODES), only=self.dice.randint(0, 3))
            case 3:
                event = wire.Ended(one.task, one.run, wire.compress(b"\x01" * 99), [])
        self.say(node, event)

    def say(self, node: Node, event: wire.Event) -> None:
        """Report; the report may come again much later."""
        report = wire.Report(node.incarnation, node.sent + 1, [wire.pack(event)])
        node.report(event)
        self.sent.append((node, report))

    def replay(self) -> None:
        """An old report comes again, from whatever life."""
        if self.sent:
            node, report = self.dice.choice(self.sent)
            node.replay(report)

    def beat(self) -> None:
        """A heartbeat."""
        self.dice.choice(self.nodes).beat()

    def die(self) -> None:
        """A node dies and comes back."""
        if self.dice.random() < 0.3:
            self.dice.choice(self.nodes).hello()

    def fall_silent(self) -> None:
        """A node's leases run out; it knows nothing of it."""
        if self.dice.random() < 0.3:
            number = self.dice.randint(1, len(self.nodes))
            self.hub.tell(lambda tx: nodes.silence(tx, number))

    def wish(self) -> None:
        """Somebody asks something of a job."""
        for job in self.dice.sample(self.jobs(), min(1, len(self.jobs()))):
            wanted = self.dice.choice([Wanted.PAUSE, Wanted.RUN, Wanted.RUN, Wanted.RUN, Wanted.CANCEL])
            try:
                self.hub.wish(job.id, wanted, now=self.dice.random() < 0.5)
            except IllegalWish:
                assert self.hub.job(job.id) == job

    def retry(self) -> None:
        """Somebody retries a job that is over."""
        over = [job for job in self.jobs() if JobState(job.state) in JOB_OVER]
        if over and len(self.jobs()) < 7:
            try:
                self.hub.retry(self.dice.choice(over).id, self.dice.choice(list(Retry)))
            except Conflict:
                return

    def play_out(self) -> None:
        """Everything goes well from now on: every job must come to its end."""
        for job in self.jobs():
            if job.state in (JobState.PAUSED, JobState.PAUSING):
                self.hub.wish(job.id, Wanted.RUN)
        for node in self.nodes:
            node.hello()
        for _ in range(200):
            self.hub.upkeep()
            for node in self.nodes:
                for one in node.claim("discovery", 4).grants:
                    assert one.walk is not None
                    node.report(wire.WalkEnded(one.task, one.run, one.walk.cursor))
                node.work()
            if all(JobState(job.state) in JOB_OVER for job in self.jobs()):
                return
        raise AssertionError(f"stuck: {[(job.id, job.state) for job in self.jobs()]}")

    def jobs(self) -> list[views.JobView]:
        """All jobs."""
        with self.hub.database.reading() as conn:
            return views.list_jobs(conn, JobFilter(), 100, None)

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
        cursors = self.__dict__.setdefault("cursors", {})
        cursor = b"c%d" % self.fresh()
        if self.dice.random() < 0.9:
            cursors[one.run] = cursor
        return cursor


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_what_is_kept_stays_true_and_every_job_ends(hub: Hub, seed: int) -> None:
    members = [hub.node("oslo"), hub.node("oslo", "n2"), hub.node("bergen")]
    history = History(hub, random.Random(seed), members)
    for number in range(STEPS):
        history.step()
        if number % 7 == 0:
            with hub.database.reading() as conn:
                audit(conn)
    history.play_out()
