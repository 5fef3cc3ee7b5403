"""Chains of tasks: made whole with their batch, divided by `split`, and moved on by what `succession` says is due."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise

from towpath.domain.states import (
    PENDING,
    Phase,
    Release,
    TaskEvent,
    TaskState,
    stage,
    succession,
)
from towpath.store import batches, tasks
from towpath.store.jobs import Job
from towpath.store.ledger import Ledger
from towpath.store.tasks import READY, WAITS_FOR_CHAIN, Task

WORKER = "worker"


@dataclass(frozen=True, slots=True)
class NewChain:
    """A chain to be made: `count` paths of a batch, those in `mask`, from a place in the rule's chain on."""

    rule: int
    batch_id: int
    count: int
    mask: bytes | None = None
    carry: bytes | None = None
    first: int = 0
    depth: int | None = None
    """Given for directories that are to be deleted: the deepest go first."""
    later: int = 0
    """Given for steps of the last phase: each waits for those before it."""


def create(ledger: Ledger, job: Job, chains: Sequence[NewChain]) -> None:
    """Make whole chains at once."""
    lengths = [len(job.plan.branches[chain.rule].chain) - chain.first for chain in chains]
    if not lengths:
        return
    next_id = tasks.next_ids(ledger.tx.conn, "tasks", sum(lengths))
    new: list[Task] = []
    for chain, length in zip(chains, lengths, strict=True):
        new += [_task(ledger, job, chain, next_id, place) for place in range(length)]
        next_id += length
    ledger.add(new)


def _task(ledger: Ledger, job: Job, chain: NewChain, chain_id: int, place: int) -> Task:
    position = chain.first + place
    call = job.plan.branches[chain.rule].chain[position]
    is_first = place == 0
    return Task(
        id=chain_id + place,
        job_id=job.id,
        chain_id=chain_id,
        batch_id=chain.batch_id,
        rule=chain.rule,
        position=position,
        step=call.step,
        stage=stage(call.phase, chain.depth if call.phase is Phase.DELETES else None) + chain.later,
        site=call.site,
        queue=call.queue,
        function=WORKER,
        state=PENDING,
        blocked=READY if is_first else WAITS_FOR_CHAIN,
        mask=chain.mask if is_first else None,
        carry=chain.carry if is_first else None,
        paths=chain.count if is_first else 0,
        created_at=ledger.tx.now,
    )


def follow(ledger: Ledger, ended: Iterable[Task], carries: Mapping[int, bytes]) -> None:
    """Do what is due for the tasks after those that ended; `carries` has what an ended task hands on, by its id."""
    followed = {task.chain_id for task in ended if not is_last(ledger, task)}
    for members in ledger.chains(followed).values():
        for before, task in pairwise(members):
            if not _advance(ledger, before, task, carries.get(before.id)):
                break


def is_last(ledger: Ledger, task: Task) -> bool:
    """Whether no task comes after this one in its chain; a discovery is a chain of its own."""
    return (
        task.is_discovery or task.position == len(ledger.jobs[task.job_id].plan.branches[task.rule].chain) - 1
    )


def _advance(ledger: Ledger, before: Task, task: Task, carry: bytes | None) -> bool:
    """Do what is due for one task, given the one before it; False while that one is open."""
    due = succession(before.state, before.cause, before.processed)
    if due is None:
        return False
    if task.state is PENDING and task.blocked == WAITS_FOR_CHAIN:
        if isinstance(due, Release):
            ledger.release(task, before.processed, _handed_on(before), carry or None)
        else:
            ledger.move(task, due)
    elif task.state is TaskState.CANCELLED and task.paths == 0 and before.processed:
        ledger.turn_away(task, before.processed, _handed_on(before), carry or None)
    return True


def _handed_on(before: Task) -> bytes | None:
    """The mask of the paths that a task processed."""
    if before.codes is None:
        return before.mask
    return batches.pack_bytes(batches.processed_mask(batches.unpack_bytes(before.codes, 0)))


BORNE = ("attempts", "tries", "parked", "parked_why", "parked_at")
"""What a part that is split off keeps of what its paths have been through."""


def split(ledger: Ledger, task: Task, done: bytes, mask: bytes) -> Task:
    """Divide a task: it keeps the paths in `done`, and a sibling with a copy of its chain gets the rest of `mask`.

    The only way to divide work: for what is handed back, for what is put off, and to find the path that takes
    workers with it. Both masks are plain, one byte a path of the batch. Returns the sibling, which may be granted.
    """
    rest = batches.without(mask, done)
    kept, moved = done.count(1), rest.count(1)
    members = [m for m in ledger.chains([task.chain_id])[task.chain_id] if m.position >= task.position]
    first_id = tasks.next_ids(ledger.tx.conn, "tasks", len(members))
    siblings = [
        _sibling(member, first_id + place, first_id, ledger.tx.now) for place, member in enumerate(members)
    ]
    siblings[0].mask, siblings[0].carry = batches.pack_bytes(rest), task.carry
    siblings[0].paths, siblings[0].blocked = moved, READY
    for name in BORNE:
        setattr(siblings[0], name, getattr(task, name))
    ledger.add(siblings)
    # The paths that moved had been counted as having reached this step: they are not counted twice.
    ledger.count(task, "reached", -moved)
    task.mask, task.paths = batches.pack_bytes(done), kept
    ledger.touch(task)
    return siblings[0]


def _sibling(member: Task, task_id: int, chain_id: int, now: int) -> Task:
    copied = ("job_id", "batch_id", "rule", "position", "step", "stage", "site", "queue", "function")
    plain = {f.name: getattr(member, f.name) for f in fields(Task) if f.name in copied}
    return Task(
        **plain,
        id=task_id,
        chain_id=chain_id,
        state=PENDING,
        blocked=WAITS_FOR_CHAIN,
        created_at=now,
        split_of=member.id,
    )


def give_up(ledger: Ledger, task: Task, event: TaskEvent, error: str | None = None) -> None:
    """End a task that has no outcomes, and do what is due for those after it."""
    task.error = error
    ledger.move(task, event)
    follow(ledger, [task], {})
