"""Random histories of a job, driven by nothing but the rules in `domain/states`."""

from collections import Counter
from dataclasses import dataclass, field, replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from towpath.domain.states import (
    CAUSE_OF,
    DISCOVERY_STAGE,
    JOB_OVER,
    TERMINAL,
    WISHES,
    Cause,
    Census,
    Due,
    JobState,
    Phase,
    Release,
    TaskEvent,
    TaskState,
    Wanted,
    chain_stages,
    job_state,
    move,
    phase_of,
    settle,
    stage,
    succession,
)


@dataclass
class Task:
    """A task of the model; `before` is the one it follows in its chain, `paths` how many it was given."""

    stage: int
    before: "Task | None" = None
    paths: int = 0
    blocked: bool = False
    parked: bool = False
    state: TaskState = TaskState.PENDING
    cause: Cause = Cause.NONE
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def is_discovery(self) -> bool:
        return self.stage == DISCOVERY_STAGE

    @property
    def over(self) -> bool:
        return self.state in TERMINAL

    def happen(self, event: TaskEvent) -> None:
        """Let something happen to the task, by the table of moves."""
        self.state = move(self.state, event)
        self.cause = CAUSE_OF.get(event, Cause.NONE)


@dataclass
class Job:
    """A job of the model: a wish, its tasks in the order in which they were made, and nothing derived."""

    first_phase: Phase
    tasks: list[Task] = field(default_factory=lambda: [Task(DISCOVERY_STAGE, paths=1)])
    wanted: Wanted = Wanted.RUN
    begun: bool = False
    discovered: int = 0

    @property
    def discovery(self) -> Task:
        return self.tasks[0]

    def census(self) -> Census:
        """How the tasks stand, counted anew."""
        open_stages = [task.stage for task in self.tasks if not task.over and not task.is_discovery]
        return Census(
            counts=Counter(task.state for task in self.tasks),
            cancelled_by_wish=sum(task.cause is Cause.WISH for task in self.tasks),
            begun=self.begun,
            discovery_open=not self.discovery.over,
            lowest_open_stage=min(open_stages, default=None),
        )

    def due(self) -> Due:
        return settle(self.wanted, self.census(), self.first_phase)

    def settle(self) -> None:
        """Do what is due."""
        if self.due().cancel_pending:
            for task in self.tasks:
                if task.state is TaskState.PENDING:
                    task.happen(TaskEvent.CANCEL)
        for task in self.tasks:
            if task.state is TaskState.PENDING and task.blocked and task.before is not None:
                self._follow(task, task.before)

    def _follow(self, task: Task, before: Task) -> None:
        processed = before.outcomes["processed"]
        match succession(before.state, before.cause, processed):
            case Release.UNBLOCK:
                task.blocked, task.paths = False, processed
            case TaskEvent() as event:
                task.happen(event)

    def add_chain(self, phases: tuple[Phase, ...], depth: int | None, paths: int) -> None:
        """A batch with its whole chain, as a discovery brings it."""
        before = None
        for number in chain_stages(phases, depth):
            before = Task(number, before, 0 if before else paths, blocked=before is not None)
            self.tasks.append(before)
        self.discovered += paths

    def grantable(self) -> list[Task]:
        """The tasks that may be granted now."""
        open_stage = self.due().open_stage
        return [
            t
            for t in self.tasks
            if t.state is TaskState.PENDING and not (t.blocked or t.parked) and t.stage <= open_stage
        ]

    def started(self) -> list[Task]:
        return [task for task in self.tasks if task.state is TaskState.STARTED]

    def grant(self, task: Task) -> None:
        task.happen(TaskEvent.START)
        self.begun = self.begun or not task.is_discovery


OUTCOMES = st.sampled_from(["processed", "processed", "failed", "skipped"])
CHAINS = st.lists(st.sampled_from([Phase.MOVES, Phase.TRANSFERS, Phase.DELETES]), min_size=1, max_size=3)


class Histories(RuleBasedStateMachine):
    """Anything that can happen to a job, in any order; after each thing the job is settled once."""

    chains = Bundle("chains")

    @initialize(target=chains, chains=st.lists(CHAINS, min_size=1, max_size=3))
    def begin(self, chains: list[list[Phase]]) -> list[tuple[Phase, ...]]:
        self.job = Job(min(chain[0] for chain in chains))
        self.ended: dict[int, TaskState] = {}
        return [tuple(chain) for chain in chains]

    def at_work(self) -> list[Task]:
        """The running tasks, discovery apart."""
        return [task for task in self.job.started() if not task.is_discovery]

    @precondition(lambda self: self.job.discovery.state is TaskState.PENDING and bool(self.job.grantable()))
    @rule()
    def the_walk_begins(self) -> None:
        self.job.grant(self.job.discovery)
        self.job.settle()

    @precondition(lambda self: self.job.discovery.state is TaskState.STARTED)
    @rule(event=st.sampled_from([TaskEvent.SUCCEED, TaskEvent.SUCCEED, TaskEvent.ERR, TaskEvent.FAIL]))
    def the_walk_ends(self, event: TaskEvent) -> None:
        self.job.discovery.happen(event)
        self.job.settle()

    def pick(self, tasks: list[Task], draw: st.DataObject) -> Task:
        return tasks[draw.draw(st.integers(0, len(tasks) - 1))]

    # What can happen ------------------------------------------------------------------------------------------

    @precondition(lambda self: self.job.discovery.state is TaskState.STARTED)
    @rule(chains=chains, draw=st.data(), paths=st.integers(1, 4))
    def a_batch_is_found(self, chains: list[tuple[Phase, ...]], draw: st.DataObject, paths: int) -> None:
        for _ in range(draw.draw(st.integers(1, 3))):
            depth = draw.draw(st.none() | st.integers(0, 3))
            self.job.add_chain(draw.draw(st.sampled_from(chains)), depth, paths)
        self.job.settle()

    @precondition(lambda self: bool(self.job.grantable()))
    @rule(draw=st.data())
    def a_task_is_granted(self, draw: st.DataObject) -> None:
        task = self.pick(self.job.grantable(), draw)
        assert self.job.wanted is Wanted.RUN
        if task.stage > stage(self.job.first_phase):
            assert self.job.discovery.over
            assert not [t for t in self.job.tasks if not t.over and t.stage < task.stage]
        self.job.grant(task)
        self.job.settle()

    @precondition(lambda self: bool(self.job.started()))
    @rule(draw=st.data())
    def a_task_ends(self, draw: st.DataObject) -> None:
        task = self.pick(self.job.started(), draw)
        outcomes = draw.draw(
            st.lists(st.sampled_from(["processed", "failed", "skipped"]), min_size=task.paths)
        )
        self.end(task, Counter(outcomes[: task.paths]))
        self.job.settle()

    @precondition(lambda self: bool(self.at_work()))
    @rule(draw=st.data())
    def a_step_raises(self, draw: st.DataObject) -> None:
        task = self.pick(self.at_work(), draw)
        task.happen(TaskEvent.FAIL)
        task.outcomes = Counter(unknown=task.paths)
        self.job.settle()

    @precondition(lambda self: any(t.paths > 1 for t in self.job.started()))
    @rule(draw=st.data())
    def a_task_is_split(self, draw: st.DataObject) -> None:
        task = self.pick([t for t in self.job.started() if t.paths > 1], draw)
        done = draw.draw(st.integers(1, task.paths - 1))
        self.copy_of_the_chain_from(task, task.paths - done)
        task.paths = done
        self.end(task, Counter(processed=done))
        self.job.settle()

    @precondition(lambda self: bool(self.at_work()))
    @rule(draw=st.data())
    def a_task_is_put_off(self, draw: st.DataObject) -> None:
        """All of its paths, or some of them; in the same moment others may have ended."""
        task = self.pick(self.at_work(), draw)
        later = draw.draw(st.integers(1, task.paths))
        if later == task.paths:
            task.happen(TaskEvent.PUT_OFF)
            assert task.state is TaskState.PENDING
            task.parked = True
        else:
            self.copy_of_the_chain_from(task, later).parked = True
            task.paths -= later
            self.end(task, Counter(processed=task.paths))
        self.job.settle()

    @precondition(lambda self: any(task.parked for task in self.job.tasks))
    @rule(draw=st.data())
    def the_time_has_come_for_a_task_that_was_put_off(self, draw: st.DataObject) -> None:
        self.pick([task for task in self.job.tasks if task.parked], draw).parked = False
        self.job.settle()

    @precondition(lambda self: bool(self.at_work()))
    @rule(draw=st.data())
    def a_task_takes_its_worker_with_it(self, draw: st.DataObject) -> None:
        """It is halved until it has one path, which has failed then."""
        task = self.pick(self.at_work(), draw)
        if task.paths == 1:
            task.outcomes = Counter(failed=1)
            task.happen(TaskEvent.BLAME)
            assert task.state is TaskState.ERROR
        else:
            task.happen(TaskEvent.LOSE_LEASE)
            self.copy_of_the_chain_from(task, task.paths // 2)
            task.paths -= task.paths // 2
        self.job.settle()

    @precondition(lambda self: bool(self.job.started()))
    @rule(
        draw=st.data(),
        event=st.sampled_from([TaskEvent.LOSE_LEASE, TaskEvent.LOSE_GRANT, TaskEvent.HAND_BACK]),
    )
    def a_run_is_lost(self, draw: st.DataObject, event: TaskEvent) -> None:
        task = self.pick(self.job.started(), draw)
        task.happen(event)
        assert task.state is TaskState.PENDING
        self.job.settle()

    @precondition(
        lambda self: any(t.state is TaskState.PENDING and not t.blocked for t in self.job.tasks[1:])
    )
    @rule(draw=st.data())
    def a_task_can_never_run(self, draw: st.DataObject) -> None:
        doomed = [t for t in self.job.tasks[1:] if t.state is TaskState.PENDING and not t.blocked]
        task = self.pick(doomed, draw)
        task.happen(TaskEvent.DOOM)
        task.outcomes = Counter(unknown=task.paths)
        self.job.settle()

    @precondition(lambda self: self.job.wanted is Wanted.CANCEL and bool(self.job.started()))
    @rule(draw=st.data())
    def a_running_task_is_given_up(self, draw: st.DataObject) -> None:
        self.pick(self.job.started(), draw).happen(TaskEvent.CANCEL)
        self.job.settle()

    @precondition(lambda self: Wanted.PAUSE in WISHES[self.job.due().state])
    @rule()
    def people_pause_it(self) -> None:
        self.job.wanted = Wanted.PAUSE
        self.job.settle()

    @precondition(lambda self: Wanted.RUN in WISHES[self.job.due().state])
    @rule()
    def people_resume_it(self) -> None:
        self.job.wanted = Wanted.RUN
        self.job.settle()

    @precondition(lambda self: Wanted.CANCEL in WISHES[self.job.due().state])
    @rule(certain=st.integers(0, 3))
    def people_cancel_it(self, certain: int) -> None:
        # Most histories should go on for longer than to an early cancel.
        if certain == 3:
            self.job.wanted = Wanted.CANCEL
            self.job.settle()

    @precondition(lambda self: self.job.due().state in JOB_OVER)
    @rule(wanted=st.sampled_from(Wanted))
    def a_job_that_is_over_takes_no_wish(self, wanted: Wanted) -> None:
        assert wanted not in WISHES[self.job.due().state]
        assert not self.job.grantable()

    def end(self, task: Task, outcomes: Counter[str]) -> None:
        task.outcomes = outcomes
        task.happen(TaskEvent.ERR if outcomes["failed"] else TaskEvent.SUCCEED)

    def copy_of_the_chain_from(self, task: Task, paths: int) -> Task:
        """The sibling that a split leaves: the rest of the paths, and a copy of what follows in the chain."""
        first = sibling = replace(task, state=TaskState.PENDING, before=None, paths=paths, outcomes=Counter())
        self.job.tasks.append(sibling)
        after: Task | None = task
        while after is not None:
            after = next((t for t in self.job.tasks if t.before is after), None)
            if after is not None:
                sibling = replace(after, before=sibling, outcomes=Counter())
                self.job.tasks.append(sibling)
        return first

    # What always holds ----------------------------------------------------------------------------------------

    @invariant()
    def settling_twice_changes_nothing_more(self) -> None:
        before = [(t.state, t.blocked, t.cause, t.paths) for t in self.job.tasks], self.job.due()
        self.job.settle()
        assert before == ([(t.state, t.blocked, t.cause, t.paths) for t in self.job.tasks], self.job.due())

    @invariant()
    def a_job_is_never_stuck(self) -> None:
        moving = self.job.started() or self.job.grantable()
        awaits_people = self.job.wanted is Wanted.PAUSE
        awaits_a_time = any(task.parked for task in self.job.tasks)
        assert self.job.due().state in JOB_OVER or moving or awaits_people or awaits_a_time

    @invariant()
    def nothing_leaves_a_terminal_state(self) -> None:
        for index, task in enumerate(self.job.tasks):
            if index in self.ended:
                assert task.state is self.ended[index]
            elif task.over:
                self.ended[index] = task.state

    @invariant()
    def the_census_adds_up(self) -> None:
        census = self.job.census()
        assert sum(census.counts.values()) == len(self.job.tasks)
        assert census.over == all(task.over for task in self.job.tasks)
        assert census.cancelled_by_wish <= census[TaskState.CANCELLED]
        assert not census.cancelled_by_wish or self.job.wanted is Wanted.CANCEL

    @invariant()
    def the_state_of_the_job_means_what_its_sentence_says(self) -> None:
        tasks, ran = self.job.tasks, self.job.begun
        states = Counter(task.state for task in tasks)
        by_wish = [task for task in tasks if task.cause is Cause.WISH]
        over = all(task.over for task in tasks)
        match self.job.due().state:
            case JobState.PENDING:
                assert not over
                assert not ran
                assert all(task.state not in {TaskState.STARTED, TaskState.SUCCESS} for task in tasks[1:])
            case JobState.STARTED:
                assert not over
                assert ran
            case JobState.SUCCESS:
                assert over
                assert not by_wish
                assert states.keys() <= {TaskState.SUCCESS, TaskState.SKIPPED}
            case JobState.FAILURE:
                assert over
                assert not by_wish
                assert states[TaskState.FAILURE] or states[TaskState.ERROR]
            case JobState.PAUSING:
                assert self.job.wanted is Wanted.PAUSE
                assert states[TaskState.STARTED]
            case JobState.PAUSED:
                assert self.job.wanted is Wanted.PAUSE
                assert not states[TaskState.STARTED]
                assert {Wanted.RUN, Wanted.CANCEL} <= WISHES[JobState.PAUSED]
            case JobState.CANCELLED:
                assert over
                assert by_wish
            case JobState.DEQUEUING:
                assert self.job.wanted is Wanted.CANCEL
                assert not over
                assert not states[TaskState.PENDING]

    @invariant()
    def a_task_of_a_later_phase_has_not_started_before_all_earlier_ones_were_over(self) -> None:
        for task in self.job.started():
            if not task.is_discovery and phase_of(task.stage) > self.job.first_phase:
                assert self.job.discovery.over

    # How it ends ----------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        """Whatever has happened, a job that is left to run comes to its end, and each path has one outcome."""
        if not hasattr(self, "job"):
            return
        if self.job.wanted is Wanted.PAUSE:
            self.job.wanted = Wanted.RUN
        for task in self.job.tasks:
            task.parked = False
        while self.job.due().state not in JOB_OVER:
            for task in self.job.grantable():
                self.job.grant(task)
            assert self.job.started()
            for task in self.job.started():
                if self.job.wanted is Wanted.CANCEL:
                    task.happen(TaskEvent.CANCEL)
                else:
                    self.end(task, Counter(processed=task.paths))
            self.job.settle()
        assert self.paths_accounted_for() == self.job.discovered
        assert job_state(self.job.wanted, self.job.census()) in JOB_OVER

    def paths_accounted_for(self) -> int:
        """Each path counted where its way ended: at the last task that was given it."""
        followed = {
            id(task.before) for task in self.job.tasks if task.before and not self.was_never_given(task)
        }
        total = 0
        for task in self.job.tasks[1:]:
            if self.was_never_given(task):
                continue
            ended_here = task.outcomes.total() - task.outcomes["processed"]
            went_no_further = 0 if id(task) in followed else task.outcomes["processed"]
            not_run = task.paths if not task.outcomes else 0
            total += ended_here + went_no_further + not_run
        return total

    def was_never_given(self, task: Task) -> bool:
        return task.paths == 0


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=150, stateful_step_count=40)
