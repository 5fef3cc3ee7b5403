"""The one table of moves, held by the store: what it has happens, what it has not changes nothing."""

import pytest
from tests.hub_desk import Hub, Node, ended

from towpath.domain.states import MOVES, IllegalMove, TaskEvent, TaskState
from towpath.store import tasks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import GuardBroken

WAY: dict[TaskState, tuple[TaskEvent, ...]] = {
    TaskState.PENDING: (),
    TaskState.STARTED: (TaskEvent.START,),
    TaskState.SUCCESS: (TaskEvent.START, TaskEvent.SUCCEED),
    TaskState.ERROR: (TaskEvent.START, TaskEvent.ERR),
    TaskState.FAILURE: (TaskEvent.START, TaskEvent.FAIL),
    TaskState.SKIPPED: (TaskEvent.SKIP,),
    TaskState.CANCELLED: (TaskEvent.CANCEL,),
}


def task_in(hub: Hub, state: TaskState) -> int:
    """A discovery task (it has no paths to account for) in that state."""
    job = hub.submit("noop")

    def bring(tx: Tx) -> int:
        with Ledger(tx) as ledger:
            (task,) = tasks.load_where(tx.conn, task_rows.c.job_id == job)
            task = ledger.load([task.id])[task.id]
            for event in WAY[state]:
                ledger.move(task, event)
            return task.id

    return hub.tell(bring)


@pytest.mark.parametrize("state", list(TaskState))
@pytest.mark.parametrize("event", list(TaskEvent))
def test_a_move_happens_exactly_where_the_table_has_it(
    hub: Hub, oslo: Node, state: TaskState, event: TaskEvent
) -> None:
    task_id = task_in(hub, state)

    def attempt(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.move(ledger.load([task_id])[task_id], event)

    if (state, event) in MOVES:
        hub.tell(attempt)
    else:
        with pytest.raises(IllegalMove, match=f"task is {state}: expected one of the events"):
            hub.tell(attempt)
    with hub.database.reading() as conn:
        (found,) = tasks.load(conn, [task_id])
    assert found.state is MOVES.get((state, event), state)


def test_a_move_from_a_state_that_is_no_longer_so_is_caught_by_the_database(hub: Hub, oslo: Node) -> None:
    task_id = task_in(hub, TaskState.STARTED)
    with hub.database.reading() as conn:
        (stale,) = tasks.load(conn, [task_id])

    def end(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.move(ledger.load([task_id])[task_id], TaskEvent.SUCCEED)

    hub.tell(end)
    stale.apply(TaskEvent.FAIL, 1)
    with pytest.raises(GuardBroken):
        hub.tell(lambda tx: tasks.update(tx.conn, [(stale, TaskState.STARTED)]))


def test_a_writer_that_raises_changes_nothing(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    before = hub.job(job)

    def half(tx: Tx) -> None:
        with Ledger(tx) as ledger:
            ledger.move(ledger.load([one.task])[one.task], TaskEvent.SUCCEED)
        raise RuntimeError("in the midst")

    with pytest.raises(RuntimeError, match="in the midst"):
        hub.tell(half)
    assert hub.job(job) == before
    oslo.report(ended(one))
    assert hub.job(job).state == "SUCCESS"
