"""Paths that met an error which may pass, or a full place, are put off without holding a slot, and come back."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs
from sqlalchemy.engine import Connection

from towpath.domain.paths import Code, ErrorClass
from towpath.domain.patience import Bearing, spread
from towpath.domain.states import TaskEvent
from towpath.engine import chains
from towpath.store import batches, notes, tasks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.tasks import Parking, Task
from towpath.wire import Ended, Note

UNPARKED = 1000
"""Tasks that are let go on in one transaction: others get their turn in between."""

KNOWN = frozenset(ErrorClass)

WAITED_FOR = frozenset({ErrorClass.NO_SPACE, ErrorClass.ARCHIVED})
"""What is waited for without end."""


@dataclass(slots=True)
class Judged:
    """A report's notes with the class that each error has for the step, and the paths of each kind of delay."""

    notes: list[Note]
    put_off: dict[ErrorClass, bytearray]
    why: dict[ErrorClass, str]


def judge(ledger: Ledger, task: Task, codes: bytes, said: Sequence[Note]) -> Judged:
    """What is to be done with each path that failed: the hub decides, by the table and what the workflow says."""
    bearing = bearing_of(ledger, task)
    judged = Judged([], {}, {})
    last_try = task.tries + 1 >= bearing.patient().tries
    for note in said:
        if codes[note.index] != Code.FAILED:
            judged.notes.append(note)
            continue
        cls = (
            bearing.class_of(ErrorClass(note.error_class), note.error_name)
            if note.error_class in KNOWN
            else ""
        )
        if cls in WAITED_FOR or (cls == ErrorClass.TRANSIENT and not last_try):
            kind = ErrorClass(cls)
            judged.put_off.setdefault(kind, bytearray(len(codes)))[note.index] = 1
            judged.why.setdefault(kind, note.reason)
        else:
            judged.notes.append(_final(note, str(cls), task.tries + 1))
    return judged


def _final(note: Note, cls: str, tries: int) -> Note:
    reason = note.reason
    if cls == ErrorClass.TRANSIENT and tries > 1:
        reason = f"{reason} (after {tries} tries)"
    return Note(note.index, cls or note.error_class, reason, note.error_name)


def bearing_of(ledger: Ledger, task: Task) -> Bearing:
    """How the step of a task bears errors."""
    return ledger.jobs[task.job_id].plan.branches[task.rule].chain[task.position].bearing


def put_off(ledger: Ledger, task: Task, mask: bytes, judged: Judged) -> bytes | None:
    """Split off what is put off, each kind to a sibling of its own; the mask that is left to the running task.

    None where nothing is left to it: then the task itself is put off.
    """
    for kind, paths in judged.put_off.items():
        delayed = bytes(paths)
        if delayed == mask:
            ledger.move(task, TaskEvent.PUT_OFF)
            _park(ledger, task, kind, judged.why[kind])
            return None
        left = batches.without(mask, delayed)
        _park(ledger, chains.split(ledger, task, left, mask), kind, judged.why[kind])
        mask = left
    return mask


def _park(ledger: Ledger, task: Task, kind: ErrorClass, why: str) -> None:
    now, patience = ledger.tx.now, bearing_of(ledger, task).patient()
    if kind is ErrorClass.TRANSIENT:
        task.tries += 1
        wait = patience.back_off(task.tries, spread(task.id, task.tries))
    else:
        waited = now - task.parked_at if task.parked == kind and task.parked_at else 0
        again = patience.look if kind is ErrorClass.ARCHIVED else patience.probe
        wait = again(waited, spread(task.id, waited))
    ledger.park(task, Parking(now + wait, kind, notes.kept_text(why, notes.LONGEST)))


def without_put_off(codes: bytes, event: Ended, judged: Judged) -> tuple[bytes, Ended]:
    """The outcomes of a report, plain and as an event, less those of what is put off."""
    if not judged.put_off:
        return codes, structs.replace(event, notes=judged.notes)
    for paths in judged.put_off.values():
        codes = bytes(0 if delayed else code for code, delayed in zip(codes, paths, strict=True))
    return codes, structs.replace(event, codes=batches.pack_bytes(codes), notes=judged.notes)


def is_any_parked(conn: Connection) -> bool:
    """Whether any task is put off."""
    return tasks.is_any_parked(conn)


def unpark(tx: Tx) -> bool:
    """Let tasks go on whose time has come; True once no more are due."""
    due = tasks.parked_until(tx.conn, tx.now, UNPARKED)
    if due:
        with Ledger(tx) as ledger:
            ledger.lock_jobs({job_id for _, job_id in due})
            ledger.unpark([task_id for task_id, _ in due])
    return len(due) < UNPARKED
