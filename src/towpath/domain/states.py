"""The states of jobs and tasks, and the one table of legal moves: read this first.

A *wish* (`Wanted`) is what people asked of a job. Task states are facts. The state of a job is derived from
both by `job_state`; nobody sets it. What is due next is said by `settle` (for a job) and `succession` (for the
next task of a chain): both look at how things stand, never at what just happened, so that repair after a crash
is the same call.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from itertools import accumulate
from types import MappingProxyType


class TaskState(StrEnum):
    """What a task is doing, or how it ended."""

    PENDING = "PENDING"
    """Created, and not yet picked up by a site."""
    STARTED = "STARTED"
    """Granted to a node of a site, and running there."""
    SUCCESS = "SUCCESS"
    """Ended; no path failed."""
    FAILURE = "FAILURE"
    """Ended by an uncaught error: what became of each of its paths is unknown."""
    ERROR = "ERROR"
    """Ended; some paths failed, each with its reason; those processed go on down the chain."""
    SKIPPED = "SKIPPED"
    """Ended without running: nothing was left for it to do."""
    CANCELLED = "CANCELLED"
    """Ended without finishing: an earlier task of its chain failed, or somebody cancelled the job."""


class JobState(StrEnum):
    """What a job is doing, as people see it."""

    PENDING = "PENDING"
    """Its discovery collects paths; no task has begun."""
    STARTED = "STARTED"
    """Some of its tasks have begun."""
    SUCCESS = "SUCCESS"
    """Every task has completed, and no path failed."""
    FAILURE = "FAILURE"
    """Every task is over, and at least one failed or had a path that failed."""
    PAUSING = "PAUSING"
    """A pause was asked for; tasks that were running still finish."""
    PAUSED = "PAUSED"
    """A pause was asked for; nothing runs. It can be resumed or cancelled."""
    CANCELLED = "CANCELLED"
    """It was cancelled, and every remaining task is over."""
    DEQUEUING = "DEQUEUING"
    """It was cancelled; its tasks are being taken from the queue."""


class Wanted(StrEnum):
    """What people asked of a job."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class TaskEvent(StrEnum):
    """What can happen to a task."""

    START = "start"
    """A node was granted the task."""
    SUCCEED = "succeed"
    """The node reported an outcome for each path, none of them failed."""
    ERR = "err"
    """The node reported an outcome for each path, some of them failed."""
    FAIL = "fail"
    """The step ended by an uncaught error."""
    SKIP = "skip"
    """The task before it left no path to work on."""
    ABANDON = "abandon"
    """An earlier task of the chain failed or was itself abandoned."""
    CANCEL = "cancel"
    """The job was cancelled; a running task only once its node gave it up or was fenced."""
    DOOM = "doom"
    """It can never run: its site, step or target is gone."""
    LOSE_LEASE = "lose_lease"
    """The node fell silent or came back as a new process; an attempt is spent."""
    LOSE_GRANT = "lose_grant"
    """The grant never reached the node; no attempt is spent."""
    HAND_BACK = "hand_back"
    """The node gave the task back untouched because it was asked to; no attempt is spent."""
    PUT_OFF = "put_off"
    """Each of its paths met an error that may pass, or a full place: it is parked for a while; no attempt is spent."""
    BLAME = "blame"
    """Its worker was lost once too often while it worked on the one path of the task: that path failed."""


class Cause(StrEnum):
    """Why a task was cancelled: it decides whether its job ends CANCELLED or FAILURE."""

    NONE = ""
    WISH = "wish"
    FAILURE = "failure"


PENDING, STARTED = TaskState.PENDING, TaskState.STARTED

MOVES: Mapping[tuple[TaskState, TaskEvent], TaskState] = MappingProxyType(
    {
        (PENDING, TaskEvent.START): STARTED,
        (PENDING, TaskEvent.SKIP): TaskState.SKIPPED,
        (PENDING, TaskEvent.ABANDON): TaskState.CANCELLED,
        (PENDING, TaskEvent.CANCEL): TaskState.CANCELLED,
        (PENDING, TaskEvent.DOOM): TaskState.FAILURE,
        (STARTED, TaskEvent.SUCCEED): TaskState.SUCCESS,
        (STARTED, TaskEvent.ERR): TaskState.ERROR,
        (STARTED, TaskEvent.FAIL): TaskState.FAILURE,
        (STARTED, TaskEvent.CANCEL): TaskState.CANCELLED,
        (STARTED, TaskEvent.LOSE_LEASE): PENDING,
        (STARTED, TaskEvent.LOSE_GRANT): PENDING,
        (STARTED, TaskEvent.HAND_BACK): PENDING,
        (STARTED, TaskEvent.PUT_OFF): PENDING,
        (STARTED, TaskEvent.BLAME): TaskState.ERROR,
    }
)
"""Every legal move of a task. What is not here cannot happen: SQL guards, errors and diagrams derive from it."""

TERMINAL = frozenset(TaskState) - {state for state, _ in MOVES}
"""The states that nothing leaves."""

SPENDS_ATTEMPT = frozenset({TaskEvent.LOSE_LEASE, TaskEvent.BLAME})
"""The events that count against a task's attempts."""

CAUSE_OF: Mapping[TaskEvent, Cause] = MappingProxyType(
    {TaskEvent.CANCEL: Cause.WISH, TaskEvent.ABANDON: Cause.FAILURE}
)


class IllegalMove(ValueError):
    """That event cannot happen to a task in that state."""

    def __init__(self, state: TaskState, event: TaskEvent) -> None:
        legal = ", ".join(sorted(legal_event for s, legal_event in MOVES if s is state)) or "none"
        super().__init__(f"task is {state}: expected one of the events ({legal}), found '{event}'")


def move(state: TaskState, event: TaskEvent) -> TaskState:
    """The state that follows; raises `IllegalMove` for a pair that the table does not have."""
    try:
        return MOVES[state, event]
    except KeyError:
        raise IllegalMove(state, event) from None


def sources(event: TaskEvent) -> frozenset[TaskState]:
    """The states in which an event may happen: the guard of the SQL update that records it."""
    return frozenset(state for state, legal in MOVES if legal is event)


# Phases -------------------------------------------------------------------------------------------------------


class Phase(IntEnum):
    """The order in which a job's kinds of task may run."""

    MOVES = 0
    TRANSFERS = 1
    DELETES = 2
    FINISH = 3


NOTHING_OPEN = -2
"""Below every stage."""
DISCOVERY_STAGE = -1
"""The stage of discovery tasks: below every phase, so open whenever anything is."""
STAGES_PER_PHASE = 10_000
DEEPEST = 5_000


def stage(phase: Phase, depth: int | None = None) -> int:
    """A phase as a number, finer for the deletion of directories: the deepest directories come first.

    `depth` is the number of components of a directory's path, given only where order by depth matters; such
    stages come after the plain stage of the same phase. A path has at most 2,048 components (PATH_MAX 4,096).
    """
    base = phase * STAGES_PER_PHASE
    return base if depth is None else base + max(1, DEEPEST - depth)


def depth_of(number: int) -> int | None:
    """The depth of the directories that a stage deletes; None for any other stage."""
    finer = number - Phase.DELETES * STAGES_PER_PHASE
    return DEEPEST - finer if 0 < finer <= DEEPEST else None


def chain_stages(phases: Sequence[Phase], depth: int | None = None) -> list[int]:
    """The stage of each task of a chain; `depth` where its paths are directories, all of that depth.

    Only deletes need the order by depth. A stage never falls along a chain: a task would else hold the stage open
    below the one that it waits for, and neither could ever run.
    """
    own = (stage(phase, depth if phase is Phase.DELETES else None) for phase in phases)
    return list(accumulate(own, max))


def phase_of(number: int) -> Phase:
    """The phase a stage belongs to."""
    return Phase(number // STAGES_PER_PHASE)


# How a job stands ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Census:
    """How many tasks of a job are in each state, and what else its state depends on."""

    counts: Mapping[TaskState, int] = field(default_factory=dict)
    cancelled_by_wish: int = 0
    begun: bool = False
    """Sticky: a task other than discovery has been started once."""
    discovery_open: bool = False
    """A discovery task is not over."""
    lowest_open_stage: int | None = None
    """The lowest stage of a task, discovery apart, that is not over; None where all are."""
    running: int = 0
    """Tasks that are STARTED, discovery apart."""

    def __getitem__(self, state: TaskState) -> int:
        return self.counts.get(state, 0)

    @property
    def open(self) -> int:
        """Tasks that are not over, discovery included."""
        return self[PENDING] + self[STARTED]

    @property
    def over(self) -> bool:
        """Every task is over, discovery too."""
        return self.open == 0 and not self.discovery_open


def job_state(wanted: Wanted, census: Census) -> JobState:
    """What a job is doing, from what people asked and how its tasks stand."""
    if census.over:
        return ending(census)
    match wanted:
        case Wanted.CANCEL:
            return JobState.DEQUEUING
        case Wanted.PAUSE:
            return JobState.PAUSING if census[STARTED] else JobState.PAUSED
        case Wanted.RUN:
            return JobState.STARTED if census.begun else JobState.PENDING


def ending(census: Census) -> JobState:
    """How a job whose tasks are all over has ended."""
    if census.cancelled_by_wish:
        return JobState.CANCELLED
    if census[TaskState.FAILURE] or census[TaskState.ERROR]:
        return JobState.FAILURE
    return JobState.SUCCESS


JOB_OVER = frozenset({JobState.SUCCESS, JobState.FAILURE, JobState.CANCELLED})

WISHES: Mapping[JobState, frozenset[Wanted]] = MappingProxyType(
    {
        JobState.PENDING: frozenset({Wanted.PAUSE, Wanted.CANCEL}),
        JobState.STARTED: frozenset({Wanted.PAUSE, Wanted.CANCEL}),
        JobState.PAUSING: frozenset({Wanted.PAUSE, Wanted.RUN, Wanted.CANCEL}),
        JobState.PAUSED: frozenset({Wanted.PAUSE, Wanted.RUN, Wanted.CANCEL}),
        JobState.DEQUEUING: frozenset({Wanted.CANCEL}),
        JobState.SUCCESS: frozenset(),
        JobState.FAILURE: frozenset(),
        JobState.CANCELLED: frozenset(),
    }
)
"""What may be wished of a job in each state; what the buttons of the UI and the errors of the API derive from."""


class IllegalWish(ValueError):
    """That cannot be asked of a job in that state."""

    VERBS: Mapping[Wanted, str] = MappingProxyType(
        {Wanted.RUN: "resumed", Wanted.PAUSE: "paused", Wanted.CANCEL: "cancelled"}
    )

    def __init__(self, job_id: int, state: JobState, wanted: Wanted) -> None:
        allowing = ", ".join(s for s in JobState if wanted in WISHES[s])
        super().__init__(
            f"job {job_id} is {state}: only a job that is {allowing} can be {self.VERBS[wanted]}"
        )


@dataclass(frozen=True, slots=True)
class Due:
    """What is due for a job, given how it stands."""

    state: JobState
    open_stage: int
    """Tasks of this stage and of lower ones may be granted; `NOTHING_OPEN` while nothing may be."""
    cancel_pending: bool
    """Its pending tasks are to be cancelled."""


def settle(wanted: Wanted, census: Census, first_phase: Phase, max_tasks: int | None = None) -> Due:
    """What is due for a job: idempotent, the same after an event as after a crash.

    While discovery runs, only the first phase that the workflow uses is open; after it, the lowest stage that
    has open tasks is: so every later phase waits for discovery and for the phases before it. While as many tasks
    run as may (`max_tasks`; None = any number), only discovery is open.
    """
    state = job_state(wanted, census)
    runs = wanted is Wanted.RUN and not census.over
    first = stage(first_phase)
    if not runs:
        open_stage = NOTHING_OPEN
    elif max_tasks is not None and census.running >= max_tasks:
        open_stage = DISCOVERY_STAGE
    elif census.discovery_open or census.lowest_open_stage is None:
        open_stage = first
    else:
        open_stage = max(first, census.lowest_open_stage)
    return Due(state, open_stage, wanted is Wanted.CANCEL and census[PENDING] > 0)


# Chains -------------------------------------------------------------------------------------------------------


class Release(StrEnum):
    """The next task of a chain may be granted: it has paths to work on."""

    UNBLOCK = "unblock"


def succession(before: TaskState, cause: Cause, processed: int) -> TaskEvent | Release | None:
    """What is due for a pending task, given the task before it in its chain; None while that one is open.

    `processed` is the number of paths that the task before it processed; `cause` says why it was cancelled.
    """
    match before:
        case TaskState.PENDING | TaskState.STARTED:
            return None
        case TaskState.SUCCESS | TaskState.ERROR:
            return Release.UNBLOCK if processed else TaskEvent.SKIP
        case TaskState.SKIPPED:
            return TaskEvent.SKIP
        case TaskState.FAILURE:
            return TaskEvent.ABANDON
        case TaskState.CANCELLED:
            return TaskEvent.CANCEL if cause is Cause.WISH else TaskEvent.ABANDON
