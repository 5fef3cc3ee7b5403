"""The smallest job in which all can happen that happens to jobs: walked through, it tells how states of jobs follow."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from towpath.domain.states import (
    CAUSE_OF,
    DISCOVERY_STAGE,
    MOVES,
    PENDING,
    STARTED,
    TERMINAL,
    WISHES,
    Cause,
    Census,
    JobState,
    Phase,
    TaskEvent,
    TaskState,
    Wanted,
    job_state,
    settle,
    stage,
    succession,
)

Change = TaskEvent | Wanted
"""What changes a job: something that happens to one of its tasks, or a wish."""

FOLLOWS = frozenset({TaskEvent.SKIP, TaskEvent.ABANDON})
"""Events that only ever follow from what happened to the task before."""


@dataclass(frozen=True, slots=True)
class Task:
    """A task, as far as its job's state depends on it."""

    state: TaskState = PENDING
    cause: Cause = Cause.NONE

    def after(self, event: TaskEvent) -> "Task":
        """The task once that has happened to it."""
        return Task(MOVES[self.state, event], CAUSE_OF.get(event, Cause.NONE))


@dataclass(frozen=True, slots=True)
class Small:
    """A job whose discovery may find one batch, which goes down a chain of two tasks."""

    wanted: Wanted = Wanted.RUN
    discovery: Task = Task()
    chain: tuple[Task, ...] = ()
    begun: bool = False

    @property
    def census(self) -> Census:
        """How its tasks stand."""
        tasks = (self.discovery, *self.chain)
        return Census(
            counts={state: sum(task.state is state for task in tasks) for state in TaskState},
            cancelled_by_wish=sum(task.cause is Cause.WISH for task in tasks),
            begun=self.begun,
            discovery_open=self.discovery.state not in TERMINAL,
            lowest_open_stage=stage(Phase.MOVES)
            if any(t.state not in TERMINAL for t in self.chain)
            else None,
        )

    @property
    def state(self) -> JobState:
        """What people see."""
        return job_state(self.wanted, self.census)

    def next(self) -> Iterator[tuple[Change | None, "Small"]]:
        """All that can happen to it now, and how it stands then; None: its walk found something."""
        for wanted in WISHES[self.state]:
            yield wanted, replace(self, wanted=wanted)
        for event in self._possible(self.discovery, DISCOVERY_STAGE):
            yield event, replace(self, discovery=self.discovery.after(event))
        if self.discovery.state is STARTED and not self.chain:
            yield None, replace(self, chain=(Task(), Task()))
        for position in range(len(self.chain)):
            yield from self._in_chain(position)

    def _in_chain(self, position: int) -> Iterator[tuple[TaskEvent, "Small"]]:
        task = self.chain[position]
        is_blocked = position > 0 and self.chain[position - 1].state not in TERMINAL
        for event in self._possible(task, stage(Phase.MOVES)):
            if event is TaskEvent.START and is_blocked:
                continue
            moved = task.after(event)
            begun = self.begun or event is TaskEvent.START
            if position > 0:
                yield event, replace(self, chain=(self.chain[0], moved), begun=begun)
                continue
            for processed in (0, 1):
                last = _followed(moved, self.chain[1], processed)
                yield event, replace(self, chain=(moved, last), begun=begun)

    def _possible(self, task: Task, at_stage: int) -> Iterator[TaskEvent]:
        """The events of the table that can happen to a task, as its job is wanted and stands."""
        due = settle(self.wanted, self.census, Phase.MOVES)
        for state, event in MOVES:
            is_held_up = event is TaskEvent.START and at_stage > due.open_stage
            is_unasked = event is TaskEvent.CANCEL and self.wanted is not Wanted.CANCEL
            if state is task.state and event not in FOLLOWS and not is_held_up and not is_unasked:
                yield event


def _followed(before: Task, task: Task, processed: int) -> Task:
    """The second task of the chain, once what is due for it was done."""
    due = succession(before.state, before.cause, processed)
    return task.after(due) if isinstance(due, TaskEvent) and task.state is PENDING else task


def job_moves() -> Mapping[tuple[JobState, JobState], frozenset[Change]]:
    """(state, state that can follow) → what brings it about, found by walking through all that can happen."""
    found: dict[tuple[JobState, JobState], set[Change]] = defaultdict(set)
    seen = {Small()}
    ahead = [Small()]
    while ahead:
        job = ahead.pop()
        for reason, then in job.next():
            if reason is not None and then.state is not job.state:
                found[job.state, then.state].add(reason)
            if then not in seen:
                seen.add(then)
                ahead.append(then)
    return {pair: frozenset(reasons) for pair, reasons in found.items()}
