"""What a discovery found becomes chains of tasks, once it was checked: beneath the inputs, and counted right."""

import os
from collections import defaultdict
from collections.abc import Sequence

from towpath.domain.exclusions import Exclusions
from towpath.domain.paths import Kind, depth, is_beneath, is_clean, printable
from towpath.domain.plan import Branch
from towpath.domain.states import Phase
from towpath.engine import orphans, room
from towpath.engine.chains import NewChain, create
from towpath.engine.inputs import roots_of
from towpath.store import batches, tasks
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.notes import NoteRow
from towpath.store.tasks import Task
from towpath.store.walks import WalkRow
from towpath.wire import Batch, Found, Group, Input, Problem, unpack

LARGEST_BATCH = 8 * 1024 * 1024
DISCOVERY_RULE = -1
MOST_COUNTED = 2**50
"""Bytes that one event can add to a counter: a sparse file may claim to have 8 EiB, and no sum may ever overflow."""


class Unacceptable(ValueError):
    """An event says what cannot be: what was expected, and what was found."""


def accept_found(ledger: Ledger, task: Task, walk: WalkRow, event: Found) -> list[NoteRow]:
    """Make the chains for what was found; returns the notes for what could not be looked at."""
    job = ledger.jobs[task.job_id]
    if len(event.cursor_to) > room.CURSOR:
        raise Unacceptable(f"expected a cursor of at most {room.CURSOR} bytes, found {len(event.cursor_to)}")
    found = [(group, _checked(job, walk.inputs, group)) for group in event.groups]
    if walk.excluded:
        _check_left_out(ledger, job, walk, [batch for _, batch in found])
    for problem in event.problems:
        _check_place(walk.inputs, problem.root, [problem.path])
    add_batches(ledger, job, found)
    orphans.note(ledger.tx, job.id, event.orphans)
    job.add("unmatched", bounded(event.unmatched))
    noted = _problems(ledger, task, walk, event.problems)
    walk.problems += len(event.problems)
    return noted


def add_batches(ledger: Ledger, job: Job, found: Sequence[tuple[Group, Batch]]) -> None:
    """Keep batches, and make the chains that they go down."""
    if not found:
        return
    first_id = tasks.next_ids(ledger.tx.conn, "batches", len(found))
    rows, new = [], []
    for batch_id, (group, batch) in enumerate(found, first_id):
        rows.append(batches.BatchRow(batch_id, job.id, group.count, group.batch, bounded(group.bytes)))
        new += _chains(job.plan.branches[group.rule], group, batch, batch_id)
        job.add("discovered", group.count)
        job.add("bytes_found", bounded(group.bytes))
    batches.insert(ledger.tx.conn, rows)
    create(ledger, job, new)


def bounded(number: int) -> int:
    """What a node counted, as it is added to a counter."""
    return min(max(0, number), MOST_COUNTED)


def _chains(branch: Branch, group: Group, batch: Batch, batch_id: int) -> list[NewChain]:
    """One chain; for directories that are to be deleted one per depth, so that the deepest can go first."""
    deletes = Kind.DIRECTORY in batch.kinds and any(call.phase is Phase.DELETES for call in branch.chain)
    if not deletes:
        return [NewChain(group.rule, batch_id, group.count)]
    by_depth: defaultdict[int | None, list[int]] = defaultdict(list)
    for index, path in enumerate(batch.paths):
        by_depth[depth(path) if batch.kinds[index] == Kind.DIRECTORY else None].append(index)
    chains = []
    for level, indexes in by_depth.items():
        mask = bytearray(group.count)
        for index in indexes:
            mask[index] = 1
        packed = batches.pack_bytes(bytes(mask))
        chains.append(NewChain(group.rule, batch_id, len(indexes), packed, depth=level))
    return chains


def _checked(job: Job, inputs: Sequence[Input], group: Group) -> Batch:
    rules = len(job.plan.taking)
    if not 0 <= group.rule < rules:
        raise Unacceptable(f"expected one of {rules} rules, found {group.rule}")
    if len(group.batch) > room.BATCH:
        raise Unacceptable(f"expected batches of at most {room.BATCH} bytes, found {len(group.batch)}")
    batch = unpack(group.batch, Batch, LARGEST_BATCH)
    lengths = {len(batch.paths), len(batch.kinds), len(batch.sizes), group.count}
    if lengths != {group.count} or group.count == 0 or len(batch.states) not in (1, group.count):
        raise Unacceptable(
            f"expected {group.count} paths with a kind, a size and a state each, found {lengths}"
        )
    if not set(batch.kinds) <= set(Kind):
        raise Unacceptable("expected known kinds of path, found another")
    _check_place(inputs, batch.root, batch.paths)
    return batch


def _check_place(inputs: Sequence[Input], root: str, paths: Sequence[bytes]) -> None:
    """Every path is clean, and beneath one of the job's inputs."""
    starts = [given.path for given in inputs if given.root == root]
    if not starts:
        raise Unacceptable(f"expected a root that the job's inputs name, found '{root}'")
    everything = b"" in starts
    for path in paths:
        if not is_clean(path) or not (everything or any(is_beneath(path, start) for start in starts)):
            raise Unacceptable(f"expected paths beneath the job's inputs, found {printable(path[:200])}")


def _check_left_out(ledger: Ledger, job: Job, walk: WalkRow, found: Sequence[Batch]) -> None:
    """Nothing is taken up that a space leaves out, whatever a node tells of."""
    exclusions, roots = Exclusions(walk.excluded), roots_of(ledger.tx.conn, job.site)
    for batch in found:
        directory = os.fsencode(roots[batch.root]).rstrip(b"/") + b"/"
        left_out = next((path for path in batch.paths if exclusions.match(directory + path)), None)
        if left_out is not None:
            raise Unacceptable(
                f"expected no paths that a space leaves out, found {printable(left_out[:200])}; is the node of this"
                " release?"
            )


def _problems(ledger: Ledger, task: Task, walk: WalkRow, problems: Sequence[Problem]) -> list[NoteRow]:
    """Each place that could not be looked at counts as a path that was found and failed."""
    job = ledger.jobs[task.job_id]
    number = len(problems)
    if not number:
        return []
    # A discovery has no paths of its own that could be left undone: only what failed counts.
    task.failed += number
    ledger.touch(task)
    for what in ("reached", "failed"):
        ledger.count(task, what, number)
    job.add("discovered", number)
    job.add("failed", number)
    return [
        NoteRow(task.id, walk.problems + place, job.id, "failed", p.error_class, p.reason, p.root, p.path)
        for place, p in enumerate(problems)
    ]
