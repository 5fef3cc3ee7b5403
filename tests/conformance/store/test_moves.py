"""The one table of moves, held by the store: what it has happens, what it has not changes nothing."""

from functools import partial

import pytest
from tests.hub_desk import Hub, Node, ended

from towpath import wire
from towpath.domain.states import MOVES, IllegalMove, TaskEvent, TaskState
from towpath.engine.chains import give_up
from towpath.engine.found import add_batches
from towpath.store import tasks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import GuardBroken, Task

WAY: dict[TaskState, tuple[TaskEvent, ...]] = {
    TaskState.PENDING: (),
    TaskState.STARTED: (TaskEvent.START,),
    TaskState.SUCCESS: (TaskEvent.START, TaskEvent.SUCCEED),
    TaskState.ERROR: (TaskEvent.START, TaskEvent.ERR),
    TaskState.FAILURE: (TaskEvent.START, TaskEvent.FAIL),
    TaskState.SKIPPED: (TaskEvent.SKIP,),
    TaskState.CANCELLED: (TaskEvent.CANCEL,),
}


def happen(ledger: Ledger, task: Task, event: TaskEvent) -> None:
    """Let something happen to a task; one that starts is held by somebody."""
    if event is TaskEvent.START:
        task.run, task.node_id, task.incarnation, task.claim = b"run %d" % task.id, 1, b"life", 1
    ledger.move(task, event)


def task_in(hub: Hub, state: TaskState) -> int:
    """A discovery task (it has no paths to account for) in that state."""
    job = hub.submit("noop")

    def bring(tx: Tx) -> int:
        with Ledger(tx) as ledger:
            (task,) = tasks.find_where(tx.conn, task_rows.c.job_id == job)
            task = ledger.load([task.id])[task.id]
            for event in WAY[state]:
                happen(ledger, task, event)
            return task.id

    return hub.tell(bring)


@pytest.mark.parametrize("state", list(TaskState))
def test_a_move_happens_exactly_where_the_table_has_it(hub: Hub, oslo: Node, state: TaskState) -> None:
    for event in TaskEvent:
        try_move(hub, state, event)


def try_move(hub: Hub, state: TaskState, event: TaskEvent) -> None:
    """Let that happen to a task in that state."""
    task_id = task_in(hub, state)

    def attempt(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            happen(ledger, ledger.load([task_id])[task_id], event)

    if (state, event) in MOVES:
        hub.tell(attempt)
    else:
        before = hub.rows()
        with pytest.raises(IllegalMove, match=f"task is {state}: expected one of the events"):
            hub.tell(attempt)
        assert hub.rows() == before, event
    with hub.database.reading() as conn:
        (found,) = tasks.find_where(conn, task_rows.c.id == task_id)
    assert found.state is MOVES.get((state, event), state), event


def test_a_move_from_a_state_that_is_no_longer_so_is_caught_by_the_database(hub: Hub, oslo: Node) -> None:
    task_id = task_in(hub, TaskState.STARTED)
    with hub.database.reading() as conn:
        (stale,) = tasks.find_where(conn, task_rows.c.id == task_id)

    def end(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.move(ledger.load([task_id])[task_id], TaskEvent.SUCCEED)

    hub.tell(end)
    stale.apply(TaskEvent.FAIL, 1)
    before = hub.rows()
    with pytest.raises(GuardBroken, match="expected 1 tasks in the states they were read in, found 0"):
        hub.tell(lambda tx: tasks.update(tx.conn, [(stale, TaskState.STARTED)]))
    assert hub.rows() == before


def test_a_chain_can_be_made_and_ended_in_one_transaction(hub: Hub, oslo: Node) -> None:
    job = hub.submit("two")
    batch = wire.Batch("data", [b"a"], b"\x01", [1], ["x"])

    def make_and_end(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.lock_jobs([job])
            add_batches(ledger, ledger.jobs[job], [(wire.Group(0, wire.pack(batch), 1, 1), batch)])
            (first,) = (task for task in ledger.load([2]).values() if task.position == 0)
            (members,) = ledger.chains([first.chain_id]).values()
            assert members[0] is first
            give_up(ledger, first, TaskEvent.DOOM, "it can never run")

    hub.tell(make_and_end)
    with hub.database.reading() as conn:
        found = tasks.find_where(conn, task_rows.c.id.in_([2, 3]))
    assert [(task.state, task.cause) for task in found] == [("FAILURE", ""), ("CANCELLED", "failure")]


def test_a_writer_that_raises_changes_nothing(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    before = hub.rows()

    def half(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.move(ledger.load([one.task])[one.task], TaskEvent.SUCCEED)
        raise RuntimeError("in the midst")

    with pytest.raises(RuntimeError, match="in the midst"):
        hub.tell(half)
    assert hub.rows() == before
    oslo.report(ended(one))
    assert hub.job(job).state == "SUCCESS"


def test_what_the_database_knows_of_a_task_comes_back_as_it_was_written(hub: Hub, oslo: Node) -> None:
    hub.given("two", 2, per_task=2)
    (one,) = oslo.claim().grants
    with hub.database.reading() as conn:
        (found,) = tasks.find_where(conn, task_rows.c.id == one.task)
    assert (found.run, found.state, found.claim, found.node_id) == (one.run, TaskState.STARTED, 1, 1)
    assert (found.paths, found.attempts, found.cause, found.codes) == (2, 0, "", None)


def next_tasks(tx: Tx, count: int) -> int:
    """That many numbers for tasks."""
    return tasks.next_ids(tx.conn, "tasks", count)


def test_numbers_of_tasks_and_batches_are_given_out_once(hub: Hub) -> None:
    taken: list[int] = []
    for count in (1, 5, 3):
        first = hub.tell(partial(next_tasks, count=count))
        taken += range(first, first + count)
    assert taken == list(range(taken[0], taken[0] + 9))
