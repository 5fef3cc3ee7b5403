"""Reports become moves: many events in one transaction, each guarded by its run, the unusable ones set aside."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
import zstandard

from towpath.domain.paths import OUTCOME_OF, Code
from towpath.domain.states import STARTED, TaskEvent
from towpath.domain.stopping import Record
from towpath.engine import chains, node_events, orphans, parking, room, stopping
from towpath.engine.found import Unacceptable, accept_found, bounded
from towpath.engine.nodes import Node, find_node
from towpath.store import batches, notes, walks
from towpath.store.database import Tx
from towpath.store.ledger import Ledger
from towpath.store.notes import NoteRow
from towpath.store.tables import quarantine, streams
from towpath.store.tasks import LARGEST_ID, Task
from towpath.wire import (
    Applied,
    Ended,
    Event,
    Failed,
    Found,
    Malformed,
    Refusal,
    Report,
    WalkEnded,
    decompress,
    unpack,
)

KNOWN = frozenset(Code)
OUTCOMES = {int(code): str(outcome) for code, outcome in OUTCOME_OF.items()}
LONGEST_ERROR = 4000


@dataclass(slots=True)
class _Receipt:
    """One report being applied."""

    ledger: Ledger
    node: Node
    report: Report
    tasks: dict[int, Task]
    refusals: list[Refusal] = field(default_factory=list)
    ended: list[Task] = field(default_factory=list)
    carries: dict[int, bytes] = field(default_factory=dict)
    noted: list[NoteRow] = field(default_factory=list)
    judged: dict[int, Record] = field(default_factory=dict)
    """How paths of jobs ended that stop where too many fail."""


_STREAM = (
    streams.c.node_id == sa.bindparam("of_node"),
    streams.c.incarnation == sa.bindparam("of_life"),
)
_APPLIED = sa.select(streams.c.applied).where(*_STREAM).with_for_update(key_share=True)
_BEGIN_STREAM = sa.insert(streams)
_SET_APPLIED = (
    sa.update(streams).where(*_STREAM).values(applied=sa.bindparam("number"), touched_at=sa.bindparam("now"))
)


def receive(tx: Tx, site: str, name: str, report: Report) -> Applied:
    """Apply a report's events, in order and each once; the answer is the hub's promise that they are kept."""
    node = find_node(tx, site, name)
    applied = _applied(tx, node, report.incarnation)
    last = report.first + len(report.events) - 1
    if last <= applied:
        return Applied(applied)
    fresh = report.events[max(0, applied + 1 - report.first) :]
    events = [_decode(packed) for packed in fresh]
    with Ledger(tx) as ledger:
        tasks = ledger.load(_named(events))
        receipt = _Receipt(ledger, node, report, tasks)
        for number, (event, packed) in enumerate(zip(events, fresh, strict=True), last - len(fresh) + 1):
            _apply(receipt, event, number, packed)
        chains.follow(ledger, receipt.ended, receipt.carries)
        if receipt.judged:
            stopping.look(ledger, receipt.judged, receipt.noted)
    # Notes refer to tasks, so they come after them.
    notes.insert(tx.conn, receipt.noted)
    _set_applied(tx, node, report.incarnation, last)
    return Applied(last, receipt.refusals)


def _applied(tx: Tx, node: Node, incarnation: bytes) -> int:
    stream = {"of_node": node.id, "of_life": incarnation}
    found = tx.conn.execute(_APPLIED, stream).scalar()
    if found is None:
        start = {"node_id": node.id, "incarnation": incarnation, "applied": 0, "touched_at": tx.now}
        tx.conn.execute(_BEGIN_STREAM, [start])
    return found or 0


def _set_applied(tx: Tx, node: Node, incarnation: bytes, number: int) -> None:
    stream = {"of_node": node.id, "of_life": incarnation}
    tx.conn.execute(_SET_APPLIED, stream | {"number": number, "now": tx.now})


def _decode(packed: bytes) -> Event | Malformed:
    try:
        return unpack(packed, Event)  # type: ignore[arg-type]  # a union is a type to msgspec
    except Malformed as error:
        return error


def _named(events: Sequence[Event | Malformed]) -> set[int]:
    """The tasks that events name; a number that no task can have is none's."""
    named = {event.task for event in events if not isinstance(event, Malformed)}
    return {number for number in named if 0 < number <= LARGEST_ID}


def _apply(receipt: _Receipt, event: Event | Malformed, number: int, packed: bytes) -> None:
    """Apply one event; one that cannot be is set aside, its task fails, and the rest goes on."""
    if isinstance(event, Malformed):
        _set_aside(receipt, number, packed, str(event))
        return
    task = receipt.tasks.get(event.task)
    if task is None or not _is_held(task, event, receipt):
        receipt.refusals.append(Refusal(event.run, "this run no longer holds the task"))
        return
    try:
        _check_kind(task, event)
        match event:
            case Found():
                _found(receipt, task, event)
            case Ended():
                _ended(receipt, task, event)
            case WalkEnded():
                _walk_ended(receipt, task, event)
            case Failed():
                _fail(receipt, task, event.error)
    except (Unacceptable, Malformed) as error:
        _set_aside(receipt, number, packed, str(error))
        _fail(receipt, task, f"its report could not be applied: {error}")


def _check_kind(task: Task, event: Event) -> None:
    """A walk is told of by what it finds, any other task by its outcomes; both may fail."""
    if not isinstance(event, Failed) and task.is_discovery is isinstance(event, Ended):
        kind = "what a walk found" if task.is_discovery else "the outcomes of a step"
        raise Unacceptable(f"expected {kind}, found {type(event).__name__}")


def _is_held(task: Task, event: Event, receipt: _Receipt) -> bool:
    return task.state is STARTED and task.run == event.run and task.node_id == receipt.node.id


def _set_aside(receipt: _Receipt, number: int, packed: bytes, error: str) -> None:
    row = {"node_id": receipt.node.id, "incarnation": receipt.report.incarnation, "number": number}
    row |= {"event": packed, "error": notes.kept_text(error, LONGEST_ERROR), "at": receipt.ledger.tx.now}
    receipt.ledger.tx.conn.execute(sa.insert(quarantine).values(row))
    node_events.refused(receipt.ledger.tx, receipt.node.site, receipt.node.name, error)


def _fail(receipt: _Receipt, task: Task, error: str) -> None:
    task.error = notes.kept_text(error, LONGEST_ERROR)
    receipt.ledger.move(task, TaskEvent.FAIL)
    receipt.ended.append(task)


# What was found -----------------------------------------------------------------------------------------------


def _found(receipt: _Receipt, task: Task, event: Found) -> None:
    walk = walks.load(receipt.ledger.tx.conn, task.id)
    if event.cursor_from != walk.cursor:
        receipt.refusals.append(Refusal(event.run, "the walk has come to another place", walk.cursor))
        return
    noted = accept_found(receipt.ledger, task, walk, event)
    receipt.noted += noted
    walk.cursor = event.cursor_to
    walks.advance(receipt.ledger.tx.conn, walk)


def _walk_ended(receipt: _Receipt, task: Task, event: WalkEnded) -> None:
    walk = walks.load(receipt.ledger.tx.conn, task.id)
    if event.handed_back:
        receipt.ledger.move(task, TaskEvent.HAND_BACK)
    elif event.cursor != walk.cursor:
        receipt.refusals.append(Refusal(event.run, "the walk has come to another place", walk.cursor))
    else:
        receipt.ledger.move(task, TaskEvent.ERR if walk.problems else TaskEvent.SUCCEED)


# Outcomes -----------------------------------------------------------------------------------------------------


def _ended(receipt: _Receipt, task: Task, event: Ended) -> None:
    codes = _codes(event)
    # A task without a mask has every path of its batch.
    mask = batches.unpack_bytes(task.mask, task.paths)
    done = batches.done_mask(codes)
    _check(task, codes, mask, done, event)
    if event.notes:
        judged = parking.judge(receipt.ledger, task, codes, event.notes)
        left = parking.put_off(receipt.ledger, task, mask, judged)
        if left is None:
            return
        mask, codes, event = left, *parking.without_put_off(codes, event, judged)
        done = batches.done_mask(codes)
    if done != mask:
        if not any(done):
            receipt.ledger.move(task, TaskEvent.HAND_BACK)
            return
        chains.split(receipt.ledger, task, done, mask)
    _record(receipt, task, codes, event)


def _codes(event: Ended) -> bytes:
    """The outcomes, a byte a path. Nothing at all is no shorthand here, as it is for a mask: they are never assumed."""
    try:
        return decompress(event.codes, batches.LARGEST)
    except zstandard.ZstdError as error:
        raise Unacceptable(f"expected compressed outcomes, found bytes that are none: {error}") from error


def _check(task: Task, codes: bytes, mask: bytes, done: bytes, event: Ended) -> None:
    """Outcomes name only this task's paths, once each, and all of them unless the task was handed back."""
    if len(event.carry) > room.CARRY:
        raise Unacceptable(f"expected at most {room.CARRY} bytes to be handed on, found {len(event.carry)}")
    if len(codes) != len(mask):
        raise Unacceptable(f"expected outcomes for {len(mask)} paths, found {len(codes)}")
    if not batches.is_within(done, mask):
        raise Unacceptable("expected outcomes for this task's own paths, found one for another path")
    if done != mask and not event.handed_back:
        raise Unacceptable(f"expected an outcome for each of {mask.count(1)} paths, found {done.count(1)}")
    if strange := set(codes) - KNOWN:
        raise Unacceptable(f"expected known outcomes, found {sorted(strange)}")
    unexplained = [n.index for n in event.notes if not 0 <= n.index < len(codes) or not codes[n.index]]
    if unexplained or len({note.index for note in event.notes}) != len(event.notes):
        raise Unacceptable("expected one note for a path that has an outcome, found another")


def _record(receipt: _Receipt, task: Task, codes: bytes, event: Ended) -> None:
    ledger, job = receipt.ledger, receipt.ledger.jobs[task.job_id]
    found = dict.fromkeys(OUTCOMES.values(), 0)
    for code in set(codes) - {Code.NONE}:
        found[OUTCOMES[code]] += codes.count(code)
    task.processed, task.failed = found["processed"], found["failed"]
    task.skipped, task.aborted = found["skipped"], found["aborted"]
    task.codes, task.bytes = event.codes, bounded(event.bytes)
    ledger.move(task, TaskEvent.ERR if task.failed else TaskEvent.SUCCEED)
    for outcome, number in found.items():
        ledger.count(task, outcome, number)
        if number and outcome != "processed":
            ledger.total(task, outcome, number)
    if chains.is_last(ledger, task):
        ledger.total(task, "done", task.processed)
    ledger.count(task, "bytes", task.bytes)
    job.add("bytes_done", task.bytes)
    if found["processed"] < task.paths:
        receipt.noted += _notes(task, codes, event)
    orphans.heard(ledger, task, codes)
    receipt.ended.append(task)
    if job.plan.stop_on_error_rate is not None:
        receipt.judged[job.id] = receipt.judged.get(job.id, Record()).and_then(task.paths, task.failed)
    if event.carry:
        receipt.carries[task.id] = event.carry


def _notes(task: Task, codes: bytes, event: Ended) -> Sequence[NoteRow]:
    """A row for each path that did not succeed, also where the node gave no reason."""
    reasons = {note.index: note for note in event.notes}
    rows = []
    for index, code in enumerate(codes):
        if code > Code.ALREADY:
            note = reasons.get(index)
            why = (note.error_class, note.reason) if note else ("permanent", "no reason was given")
            rows.append(NoteRow(task.id, index, task.job_id, OUTCOMES[code], *why))
    return rows
