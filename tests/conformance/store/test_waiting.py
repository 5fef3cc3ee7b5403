"""Why jobs and tasks wait: each reason, made true, and told in one sentence with what stands in the way."""

from collections.abc import Callable
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from tests.hub_desk import Hub, Node, ended, found

from towpath import wire
from towpath.domain.fairness import SMALL, Turn
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.domain.waiting import FAR, Blocker, Kind, Reason, Waiting
from towpath.domain.wishes import Wish
from towpath.engine import holds, node_wishes, registry, turns
from towpath.engine.node_wishes import SlotsWished
from towpath.engine.retry import Retry
from towpath.store import views
from towpath.store.views import TaskView


def of_job(hub: Hub, job: int) -> Waiting:
    """Why a job waits."""
    why = hub.job(job).why
    assert why is not None
    return why


def tasks(hub: Hub, job: int) -> list[TaskView]:
    """The tasks of a job."""
    with hub.database.reading() as conn:
        return views.list_tasks(conn, job, None, 1000, None)


def of_tasks(hub: Hub, job: int) -> list[Waiting]:
    """Why each pending task of a job waits."""
    pending = [task.why for task in tasks(hub, job) if task.state == "PENDING"]
    assert all(why is not None for why in pending)
    return [why for why in pending if why is not None]


def both(hub: Hub, job: int) -> Waiting:
    """Why a job waits, which is why its first pending task does."""
    why = of_job(hub, job)
    assert of_tasks(hub, job)[0] == why
    return why


# What people asked for ----------------------------------------------------------------------------------------


def test_a_job_that_is_paused(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    hub.wish(job, Wanted.PAUSE)
    why = both(hub, job)
    assert (why.reason, why.sentence) == (Reason.PAUSED, "paused by ana: why not")
    assert (why.blocker, why.since is not None) == (Blocker(Kind.JOB, str(job)), True)


def test_a_job_that_is_being_cancelled_and_who_still_holds_its_tasks(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    oslo.claim(slots=1)
    hub.wish(job, Wanted.CANCEL)
    why = both(hub, job)
    assert why.reason is Reason.CANCELLED
    assert why.sentence == "cancelled by ana: why not; waits for node n1 of site oslo to stop"


def test_a_site_or_queue_that_is_paused(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    hub.tell(lambda tx: holds.pause(tx, "oslo", "default", Wish(Wanted.PAUSE, "ben", "no tapes")))
    why = both(hub, job)
    assert (why.reason, why.blocker) == (Reason.HELD, Blocker(Kind.SITE, "oslo"))
    assert why.sentence == "queue default of site oslo paused by ben: no tapes"
    assert why.since is not None


# What must be over before -------------------------------------------------------------------------------------


def test_a_task_behind_another_of_its_chain(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 1)
    first, second = tasks(hub, job)[-2:]
    assert second.why is not None
    assert (second.why.reason, second.why.blocker) == (Reason.CHAIN, Blocker(Kind.TASK, str(first.id)))
    assert second.waiting == f"waits for task {first.id} (noop) before it in its chain"


def clear(hub: Hub, oslo: Node) -> tuple[int, wire.Grant]:
    """A job that checks files and then deletes them, whose first file is checked while its discovery goes on."""
    hub.define("clear", {"name": "checksum"}, {"name": "delete"}, kind="file")
    job = hub.submit("clear")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    oslo.work()
    return job, walk


def test_a_later_phase_behind_the_discovery(hub: Hub, oslo: Node) -> None:
    job, _ = clear(hub, oslo)
    (why,) = of_tasks(hub, job)
    assert (why.reason, why.sentence) == (Reason.DISCOVERY, "waits for the discovery of its job to be over")
    assert hub.job(job).why is None, "its discovery moves"


def test_a_later_phase_behind_the_tasks_of_an_earlier_one(hub: Hub, oslo: Node) -> None:
    job, walk = clear(hub, oslo)
    oslo.report(
        found(walk, b"1", b"2", "b"), found(walk, b"2", b"3", "c"), wire.WalkEnded(walk.task, walk.run, b"3")
    )
    whys = of_tasks(hub, job)
    delete = whys[0]
    assert (delete.reason, delete.blocker) == (Reason.PHASE, Blocker(Kind.JOB, str(job)))
    assert delete.sentence == "waits until transfers are over: 2 tasks left"


def test_a_step_of_the_last_phase_behind_all_others_and_behind_one_before_it(hub: Hub, oslo: Node) -> None:
    hub.define("told", {"name": "noop"}, {"name": "manifest"}, {"name": "notify"}, kind="file")
    job = hub.submit("told", "d")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "d/a"))
    waits = {task.step: task.waiting for task in tasks(hub, job)}
    assert waits["notify"] == waits["manifest"] == "waits for the discovery of its job to be over"
    oslo.report(wire.WalkEnded(walk.task, walk.run, b"1"))
    waits = {task.step: task.waiting for task in tasks(hub, job)}
    assert waits["manifest"] == "waits until transfers are over: 1 task left"
    (one,) = oslo.claim().grants
    oslo.report(ended(one))
    waits = {task.step: task.waiting for task in tasks(hub, job)}
    assert waits["notify"] == "waits until the last steps before it are over: 1 task left"


def failing(hub: Hub, oslo: Node, error_class: str) -> int:
    """A job whose one task met an error of that class."""
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    codes = wire.compress(bytes([Code.FAILED]))
    oslo.report(wire.Ended(one.task, one.run, codes, [wire.Note(0, error_class, "the line broke")]))
    return job


def test_a_task_that_is_put_off(hub: Hub, oslo: Node) -> None:
    why = both(hub, failing(hub, oslo, "transient"))
    assert why.reason is Reason.BACK_OFF
    assert why.sentence.startswith("put off until 20")
    assert why.sentence.endswith("UTC by an error that may pass: the line broke")
    assert why.since is not None


def test_a_task_without_space(hub: Hub, oslo: Node) -> None:
    why = both(hub, failing(hub, oslo, "no_space"))
    assert why.reason is Reason.NO_SPACE
    assert why.sentence.startswith("there was no space; tried again at 20")


def test_a_task_whose_object_lies_in_an_archive(hub: Hub, oslo: Node) -> None:
    why = both(hub, failing(hub, oslo, "archived"))
    assert why.reason is Reason.ARCHIVED
    assert why.sentence.startswith("an archive brings it back; looked at again at 20")


def test_a_task_that_lost_its_worker_runs_apart_from_others(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3, per_task=1)
    for _ in range(2):
        oslo.claim()
        oslo.beat()
        oslo.hello()
    whys = [why for why in of_tasks(hub, job) if why.reason is Reason.APART]
    assert whys
    assert whys[0].sentence.startswith("runs again at 20")


# Caps ---------------------------------------------------------------------------------------------------------


def test_a_job_that_runs_as_much_as_it_may(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3, turn=Turn(max_tasks=1))
    oslo.claim()
    assert hub.job(job).why is None
    assert {why.reason for why in of_tasks(hub, job)} == {Reason.JOB_CAP}
    assert of_tasks(hub, job)[0].sentence == f"job {job} may run 1 task at once, and runs 1"


def test_jobs_of_an_owner_that_run_as_much_as_they_may(hub: Hub, oslo: Node) -> None:
    hub.tell(lambda tx: registry.make_api_key(tx, "ana"))
    hub.tell(lambda tx: turns.set_limit(tx, "ana", 2, "root"))
    hub.given("noop", 3)
    oslo.claim()
    why = both(hub, hub.given("noop", 3))
    assert (why.reason, why.blocker) == (Reason.OWNER_CAP, Blocker(Kind.LIMIT, "ana"))
    assert why.sentence == "jobs of ana may run 2 tasks at once, and run 2"


# Who could run it ---------------------------------------------------------------------------------------------


def test_a_site_without_nodes_or_whose_nodes_are_not_heard(hub: Hub, oslo: Node) -> None:
    why = both(hub, hub.given("across", 1))
    assert why.reason is Reason.DUE
    oslo.work()
    job = hub.given("across", 1)
    oslo.work()
    why = both(hub, job)
    assert (why.reason, why.sentence) == (Reason.NO_NODE, "site bergen has no node")
    assert why.blocker == Blocker(Kind.SITE, "bergen")


def test_a_site_that_is_offline(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    hub.silence("n1")
    why = both(hub, job)
    assert (why.reason, why.blocker) == (Reason.SITE_OFFLINE, Blocker(Kind.SITE, "oslo"))
    assert why.sentence.startswith("site oslo is offline: no node was heard since 20")
    assert why.since is not None


def test_a_queue_that_no_node_serves(hub: Hub, oslo: Node) -> None:
    why = both(hub, hub.given("noop", 1, queue="night"))
    assert (why.reason, why.sentence) == (
        Reason.NOT_SERVED,
        "no node of site oslo serves queue night (worker)",
    )
    job = hub.given("noop", 1)
    hub.tell(lambda tx: node_wishes.set_slots(tx, "oslo", "n1", SlotsWished("default", "worker", 0)))
    assert both(hub, job).reason is Reason.NOT_SERVED


def test_nodes_that_drain(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    hub.tell(lambda tx: node_wishes.drain(tx, "oslo", "n1", "ana"))
    why = both(hub, job)
    assert (why.reason, why.blocker) == (Reason.DRAINING, Blocker(Kind.NODE, "oslo/n1"))
    assert why.sentence == "every node that serves queue default (worker) drains: n1"


def test_slots_that_are_busy_and_with_whom(hub: Hub, oslo: Node) -> None:
    holder = hub.given("noop", 20)
    oslo.claim()
    waiting = hub.given("noop", 3)
    why = both(hub, waiting)
    assert (why.reason, why.blocker, why.position) == (Reason.BUSY, Blocker(Kind.JOB, str(holder)), 0)
    assert (
        why.sentence == f"waits for a slot of queue default at site oslo: 8 busy with tasks of job {holder}"
    )
    behind = of_tasks(hub, waiting)[2]
    assert behind.position == 2 + 2, "two of its own, and two of the other job in its turns"
    assert behind.sentence.endswith("; 4 tasks before it")


def test_a_large_job_waits_although_a_slot_is_free_that_is_kept_for_small_ones(hub: Hub, oslo: Node) -> None:
    large = hub.given("noop", SMALL + 1, per_task=50)
    oslo.claim(slots=8, for_small=1)
    other = hub.given("noop", SMALL + 1, per_task=500)
    assert of_job(hub, other).sentence == (
        f"waits for a slot of queue default at site oslo: 7 busy with tasks of job {large},"
        " and 1 kept for small jobs"
    )
    assert of_job(hub, hub.given("noop", 1)).reason is Reason.DUE


def test_a_turn_that_has_not_come(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 5, turn=Turn(priority=1))
    job = hub.given("noop", 2)
    why = both(hub, job)
    assert (why.reason, why.position) == (Reason.TURN, 5)
    assert why.sentence == "waits for its turn in queue default at site oslo; 5 tasks before it"
    assert of_tasks(hub, job)[1].position == 6


def test_what_is_next_is_about_to_be_granted(hub: Hub, oslo: Node) -> None:
    why = both(hub, hub.given("noop", 1))
    assert (why.reason, why.position) == (Reason.DUE, 0)
    assert why.sentence == "about to be granted: site oslo has a free slot, and asks within seconds"


def test_what_the_hub_does_itself(hub: Hub, oslo: Node) -> None:
    old = hub.given("noop", 1)
    oslo.work(Code.FAILED)
    job = hub.retry(old, Retry.FAILED)
    assert of_job(hub, job).reason is Reason.HUB
    assert of_tasks(hub, job)[0].reason is Reason.HUB
    hub.upkeep()


# Pages --------------------------------------------------------------------------------------------------------


def test_nothing_is_said_of_what_runs_or_is_over(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    assert hub.job(job).why is None
    assert [task.why for task in tasks(hub, job)] == [None, None]
    oslo.report(ended(one))
    assert hub.job(job).why is None


def statements(hub: Hub, read: Callable[[Connection], object]) -> int:
    """How many statements a reader sends."""
    sent: list[str] = []

    def note(_conn: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    sa.event.listen(hub.database.engine, "before_cursor_execute", note)
    try:
        with hub.database.reading() as conn:
            read(conn)
    finally:
        sa.event.remove(hub.database.engine, "before_cursor_execute", note)
    return len(sent)


def test_a_page_takes_as_many_statements_whatever_it_holds(hub: Hub, oslo: Node) -> None:
    first = hub.given("noop", 1)
    listing = partial(views.list_jobs, wanted=views.JobFilter(), limit=100, before=None)
    few_jobs = statements(hub, listing)
    job = hub.given("noop", 300)
    many = partial(views.list_tasks, state=None, after=None)
    few_tasks = statements(hub, partial(many, job_id=first, limit=300))
    for _ in range(20):
        hub.given("noop", 3)
    assert statements(hub, listing) == few_jobs <= 12
    assert statements(hub, partial(many, job_id=job, limit=300)) == few_tasks <= 12


def test_far_back_in_line_the_place_is_no_longer_counted(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", FAR + 3)

    def last(conn: Connection) -> Waiting | None:
        return views.list_tasks(conn, job, None, 10, FAR + 3)[-1].why

    with hub.database.reading() as conn:
        why = last(conn)
    assert why is not None
    assert why.position is None
    assert why.sentence.endswith(f"more than {FAR:,} tasks before it")
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()


def test_each_reason_is_made_true_here() -> None:
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    assert [reason.name for reason in Reason if f"Reason.{reason.name}" not in text] == []
