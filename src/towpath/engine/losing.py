"""What becomes of the tasks of a node that was lost: they run again, and one that ends its workers is found."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa

from towpath.domain.paths import Code, ErrorClass, Outcome
from towpath.domain.patience import apart, spread
from towpath.domain.states import SPENDS_ATTEMPT, STARTED, TaskEvent, Wanted
from towpath.domain.suspicion import SUSPECT, WALKS, is_to_blame
from towpath.engine import chains
from towpath.store import batches, notes
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.notes import NoteRow
from towpath.store.tables import tasks as task_rows
from towpath.store.tasks import LOST, Parking, Task


def lose(tx: Tx, held: Collection[Task], event: TaskEvent, begun: Collection[bytes] | None = None) -> None:
    """Take running tasks from their node. Those of a cancelled job end; a suspect is halved, or its one path failed.

    `held` are the tasks as they were found: one that has ended since, or runs anew, is left alone.
    `begun` are the runs that the node knows to have begun, None where nobody can say: one that only lay in front of
    the slots had no part in what ended the worker, and has lost but its grant.
    """
    if not held:
        return
    with Ledger(tx) as ledger:
        runs = {task.id: task.run for task in held}
        lost = [t for t in ledger.load(runs).values() if t.state is STARTED and t.run == runs[t.id]]
        again = [task for task in lost if ledger.jobs[task.job_id].wanted is not Wanted.CANCEL]
        for task in lost:
            if task not in again:
                chains.give_up(ledger, task, TaskEvent.CANCEL)
        took_part = [task for task in again if begun is None or task.run in begun]
        if event not in SPENDS_ATTEMPT:
            took_part = []
        for task in again:
            if task not in took_part:
                ledger.move(task, TaskEvent.LOSE_GRANT)
        _suspect(ledger, took_part, is_known=begun is not None)


def _suspect(ledger: Ledger, lost: Sequence[Task], *, is_known: bool) -> None:
    """Tasks that ran when their node was lost: one of them may be why. `is_known`: they did, and no others."""
    company = [task for task in lost if not task.is_discovery]
    suspects = [task for task in company if task.attempts + 1 >= SUSPECT]
    for task in lost:
        has_one = task.paths == 1 and not task.is_discovery
        if has_one and is_to_blame(task.attempts + 1, alone=len(company) == 1):
            _blame(ledger, task)
            continue
        task.lost_run = task.run
        ledger.move(task, TaskEvent.LOSE_LEASE)
        ledger.touch(task)
        if task.is_discovery:
            _give_up_walk(ledger, task)
        elif task in suspects:
            parts = _halve(ledger, task) if task.paths > 1 else [task]
            if len(suspects) > 1 and not is_known:
                _part(ledger, parts)


def _give_up_walk(ledger: Ledger, task: Task) -> None:
    if task.attempts >= WALKS:
        reason = f"its worker was lost {task.attempts} times while it ran"
        chains.give_up(ledger, task, TaskEvent.DOOM, reason)


def _halve(ledger: Ledger, task: Task) -> list[Task]:
    """Each half is a suspect again as soon as it loses one worker more."""
    mask = batches.unpack_bytes(task.mask, task.paths)
    sibling = chains.split(ledger, task, _first_half(mask), mask)
    for half in (task, sibling):
        half.attempts = SUSPECT - 1
    return [task, sibling]


def _first_half(mask: bytes) -> bytes:
    """The mask of the first half of a mask's paths."""
    left = mask.count(1) // 2
    middle = next(place for place in range(len(mask) + 1) if mask.count(1, 0, place) == left)
    return mask[:middle] + bytes(len(mask) - middle)


def _part(ledger: Ledger, suspects: Sequence[Task]) -> None:
    """Have suspects come back at different times: an old node can run none alone, nor tell which had begun."""
    for task in suspects:
        wait = apart(task.attempts + 1, spread(task.id, task.attempts))
        why = "its worker was lost while it ran, and other tasks with it: they are tried one by one"
        ledger.park(task, Parking(ledger.tx.now + wait, LOST, why))


def _blame(ledger: Ledger, task: Task) -> None:
    """Fail the one path of a task: it has its outcome, though no node could report it."""
    mask = batches.unpack_bytes(task.mask, 1)
    index = mask.index(1)
    task.codes = batches.pack_bytes(bytes(Code.FAILED if mine else Code.NONE for mine in mask))
    task.failed = 1
    ledger.move(task, TaskEvent.BLAME)
    ledger.touch(task)
    ledger.count(task, Outcome.FAILED, 1)
    ledger.total(task, Outcome.FAILED, 1)
    reason = f"its worker was lost {task.attempts} times while it worked on this path"
    note = NoteRow(task.id, index, task.job_id, Outcome.FAILED, ErrorClass.PERMANENT, reason)
    ledger.after(lambda: notes.insert(ledger.tx.conn, [note]))
    chains.follow(ledger, [task], {})


_LOST_RUNS = sa.select(task_rows.c.id).where(task_rows.c.lost_run.in_(sa.bindparam("runs", expanding=True)))


def pardon(tx: Tx, runs: Collection[bytes]) -> None:
    """A node that had fallen silent is alive, and so was its worker: those runs of it cost their tasks nothing."""
    found = list(tx.conn.scalars(_LOST_RUNS, {"runs": list(runs)}))
    if not found:
        return
    with Ledger(tx) as ledger:
        for task in ledger.load(found).values():
            if task.lost_run in runs and not task.is_over:
                task.attempts, task.lost_run = max(0, task.attempts - 1), None
                ledger.touch(task)
