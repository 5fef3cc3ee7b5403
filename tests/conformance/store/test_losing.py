"""Workers that are lost: the path that takes them with it is named, and nothing beside it fails."""

from dataclasses import dataclass

import sqlalchemy as sa
from tests.conformance.store.test_retries import ended_at, paths_of
from tests.hub_desk import Hub, Node, ended

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.domain.suspicion import BLAMED, IN_COMPANY, SUSPECT, WALKS, runs_alone
from towpath.store import tables


def attempts_of(hub: Hub, task: int) -> int:
    """Workers that a task has lost."""
    with hub.database.reading() as conn:
        return int(conn.scalar(sa.select(tables.tasks.c.attempts).where(tables.tasks.c.id == task)) or 0)


@dataclass
class Mortal:
    """A worker that dies of some paths; its next life tells what had begun, and suspects run alone, as real ones do."""

    node: Node
    deadly: frozenset[bytes]
    deaths: int = 0

    def turn(self) -> None:
        """Claim, run side by side what may, then the suspects one by one; die where something kills."""
        granted = list(self.node.claim().grants)
        alone = [one for one in granted if runs_alone(one.attempt)]
        for together in ([one for one in granted if one not in alone], *([one] for one in alone)):
            if any(self.deadly & set(paths_of(one)) for one in together):
                self.node.hello(begun=[one.run for one in together])
                self.deaths += 1
                return
            self.node.report(*map(ended, together))


def run_until_over(hub: Hub, node: Node, job: int, deadly: frozenset[bytes]) -> int:
    """Work until the job is over: how often the worker died."""
    mortal = Mortal(node, deadly)
    while hub.job(job).ended_at is None:
        assert mortal.deaths < 100, "the job does not end"
        mortal.turn()
    return mortal.deaths


def test_one_path_of_a_thousand_that_ends_its_worker_is_found_by_halving(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 1000, per_task=1000)
    deaths = run_until_over(hub, oslo, job, frozenset({b"f000613"}))
    view = hub.job(job)
    assert (view.state, view.totals["done"], view.totals["failed"]) == ("FAILURE", 999, 1)
    assert ended_at(hub, job, "failed") == [("noop", b"f000613")]
    assert deaths <= SUSPECT - 1 + 10 + BLAMED, "a halving each for 2**10 paths"


def test_the_path_says_why_it_failed_and_the_task_keeps_its_outcome(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 1)
    for _ in range(BLAMED):
        (one,) = oslo.claim().grants
        oslo.hello()
    with hub.database.reading() as conn:
        note = conn.execute(sa.select(tables.notes)).one()
        states = conn.scalars(sa.select(tables.tasks.c.state).where(tables.tasks.c.position >= 0)).all()
    assert note.reason == f"its worker was lost {BLAMED} times while it worked on this path"
    assert (note.error_class, note.outcome, note.task_id) == ("permanent", "failed", one.task)
    assert states == ["ERROR", "SKIPPED"]
    assert hub.job(job).state == "FAILURE"


def test_several_deadly_paths_are_all_found_and_all_others_come_through(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 60, per_task=20)
    deadly = frozenset({b"f000003", b"f000004", b"f000025", b"f000059"})
    run_until_over(hub, oslo, job, deadly)
    assert {path for _, path in ended_at(hub, job, "failed")} == deadly
    assert hub.job(job).totals["done"] == 56


def test_tasks_of_one_path_that_run_beside_a_deadly_one_come_through(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 8, per_task=1)
    deaths = run_until_over(hub, oslo, job, frozenset({b"f000005"}))
    assert ended_at(hub, job, "failed") == [("noop", b"f000005")]
    assert (hub.job(job).totals["done"], deaths) == (7, BLAMED)


def test_where_an_old_node_cannot_say_what_had_begun_suspects_come_back_apart(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 8, per_task=1)
    deaths = 0
    while hub.job(job).ended_at is None:
        assert deaths < 50
        granted = oslo.claim().grants
        if any(b"f000005" in paths_of(one) for one in granted):
            oslo.hello()
            deaths += 1
        elif granted:
            oslo.report(*map(ended, granted))
        hub.pass_time(100_000)
        hub.upkeep()
    assert ended_at(hub, job, "failed") == [("noop", b"f000005")]
    assert hub.job(job).totals["done"] == 7


def test_tasks_that_had_not_begun_are_no_suspects(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 4, per_task=1)
    for _ in range(IN_COMPANY + 1):
        waiting = oslo.claim().grants
        assert len(waiting) == 4
        oslo.hello(begun=[])
    assert [attempts_of(hub, one.task) for one in waiting] == [0] * 4


def test_a_node_that_cannot_say_what_had_begun_is_taken_to_have_begun_all(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2, per_task=1)
    held = oslo.claim().grants
    oslo.hello(begun=None)
    assert [attempts_of(hub, one.task) for one in held] == [1, 1]


def test_a_node_that_was_silent_and_lives_has_cost_its_tasks_nothing(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    for _ in range(IN_COMPANY + 1):
        (one,) = oslo.claim().grants
        hub.silence("n1")
        assert attempts_of(hub, one.task) == 1
        assert oslo.beat([one.run]).drop == [one.run]
        assert attempts_of(hub, one.task) == 0


def test_a_node_that_never_comes_back_has_cost_its_tasks_an_attempt(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2, per_task=2)
    for number in range(2, 9):
        node = hub.node("oslo", f"n{number}")
        granted = node.claim().grants
        if len(granted) > 1 or not granted:
            break
        hub.silence(f"n{number}")
    assert len(granted) == 2, "halved"
    assert [one.attempt for one in granted] == [SUSPECT, SUSPECT]
    node.report(*map(ended, granted))
    assert hub.job(job).state == "SUCCESS"


def test_what_a_halved_task_was_handed_goes_with_both_halves(hub: Hub, oslo: Node) -> None:
    hub.given("two", 2, per_task=2)
    (one,) = oslo.claim().grants
    oslo.report(wire.Ended(one.task, one.run, wire.compress(bytes([1, 1])), [], b"handed on"))
    for _ in range(SUSPECT):
        oslo.claim()
        oslo.hello()
    halves = oslo.claim().grants
    assert [(half.step, half.carry) for half in halves] == [("checksum", b"handed on")] * 2
    assert sorted(path for half in halves for path in paths_of(half)) == [b"f000000", b"f000001"]


def test_a_suspect_of_a_cancelled_job_just_ends(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2, per_task=2)
    oslo.claim()
    oslo.hello()
    oslo.claim()
    hub.wish(job, Wanted.CANCEL)
    oslo.hello()
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 2)


def test_a_walk_that_ends_its_workers_is_given_up_with_the_reason(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop", "d")
    for _ in range(WALKS):
        assert oslo.claim("discovery", 1).grants
        oslo.hello()
    assert hub.job(job).state == "FAILURE"
    with hub.database.reading() as conn:
        assert conn.scalars(sa.select(tables.tasks.c.error)).all() == [
            f"its worker was lost {WALKS} times while it ran"
        ]


def test_what_was_handed_back_by_a_suspect_stays_suspected(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 4, per_task=4)
    oslo.claim()
    oslo.hello()
    (one,) = oslo.claim().grants
    oslo.report(ended(one, Code.PROCESSED, only=2))
    assert [rest.attempt for rest in oslo.claim().grants] == [2]


def test_a_grant_says_whether_the_task_may_have_begun_before(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2, per_task=2)
    assert [one.again for one in oslo.claim().grants] == [False]
    oslo.hello()
    halves = oslo.claim().grants
    assert halves
    assert all(one.again for one in halves)


def test_a_pardoned_task_may_have_begun_before_all_the_same(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.pass_time(1)
    hub.silence("n1")
    oslo.beat([one.run])
    assert attempts_of(hub, one.task) == 0
    assert [other.again for other in oslo.claim().grants] == [True]
