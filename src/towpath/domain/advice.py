"""What an administrator is told of the states: who brings each event about, and what to do where a state stays."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from towpath.domain.states import JobState, TaskEvent, TaskState, Wanted
from towpath.domain.waiting import Reason


class Party(StrEnum):
    """Who can bring something about."""

    NODE = "a node"
    HUB = "the hub"
    PERSON = "a person"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who brings an event about, and in what way."""

    parties: tuple[Party, ...]
    how: str


_NODE, _HUB, _PERSON = (Party.NODE,), (Party.HUB,), (Party.PERSON,)

ORIGIN: Mapping[TaskEvent, Origin] = MappingProxyType(
    {
        TaskEvent.START: Origin(_NODE, "it asks for work, and the hub grants its claim"),
        TaskEvent.SUCCEED: Origin(_NODE, "its report"),
        TaskEvent.ERR: Origin(_NODE, "its report"),
        TaskEvent.FAIL: Origin((Party.NODE, Party.HUB), "the report, or that it could not be applied"),
        TaskEvent.SKIP: Origin(_HUB, "in the transaction that ends the task before it"),
        TaskEvent.ABANDON: Origin(_HUB, "in the transaction that ends the task before it"),
        TaskEvent.CANCEL: Origin(_PERSON, "a wish; the hub's upkeep empties the queue and frees what runs"),
        TaskEvent.DOOM: Origin(_HUB, "it sees that the task can never run"),
        TaskEvent.LOSE_LEASE: Origin(
            (Party.HUB, Party.NODE), "four heartbeats missed, or a hello in a new life"
        ),
        TaskEvent.LOSE_GRANT: Origin(_NODE, "its heartbeat, which does not list the task"),
        TaskEvent.HAND_BACK: Origin(
            (Party.PERSON, Party.NODE), "the node's report after a wish, or as it drains"
        ),
        TaskEvent.PUT_OFF: Origin(
            _NODE, "its report, and the class that the table of errors gives each error"
        ),
        TaskEvent.BLAME: Origin(_HUB, "it loses the node for the third time while the task runs"),
    }
)
"""What makes each event happen to a task."""

COMMAND: Mapping[Wanted, str] = MappingProxyType(
    {Wanted.RUN: "resume", Wanted.PAUSE: "pause", Wanted.CANCEL: "cancel"}
)
"""The command, `towpath job …`, by which a person says each wish."""

STAYING_TASK: Mapping[TaskState, str] = MappingProxyType(
    {
        TaskState.PENDING: (
            "`towpath job tasks ID --state PENDING` says of each in one sentence why it waits, and for whom; the table"
            " of reasons below says what to do about each."
        ),
        TaskState.STARTED: (
            "A large file or a slow target can take its time: `towpath site show SITE` says whether the node is heard."
            " A node that is not heard loses its tasks by itself after four heartbeats, and others run them again."
            " Where the node is heard and the task does not move, look at the worker's log and at its storage;"
            " `towpath job pause --now ID` takes the task back at its next path. Killing the worker is safe: nothing"
            " that it reported is lost, and what it had begun is done again."
        ),
        TaskState.SUCCESS: "There is nothing to do: it is over.",
        TaskState.FAILURE: (
            "It is over, and stays so. `towpath job tasks ID --state FAILURE --json` has the error. Mend the cause,"
            " then `towpath job retry --unfinished ID` runs in a new job what was not accounted for."
        ),
        TaskState.ERROR: (
            "It is over, and stays so. `towpath job paths ID --outcome failed` has a reason for each path. Mend the"
            " cause, then `towpath job retry ID` runs those paths in a new job from the step where they failed."
        ),
        TaskState.SKIPPED: "There is nothing to do: no path was left for it.",
        TaskState.CANCELLED: (
            "It is over, and stays so. Where an earlier task of its chain failed, mend that; `towpath job retry"
            " --unfinished ID` runs in a new job what was not run."
        ),
    }
)
"""What an administrator should do where a task stays in a state."""

STAYING_JOB: Mapping[JobState, str] = MappingProxyType(
    {
        JobState.PENDING: (
            "Its walk has found nothing yet, or what it found waits: `towpath job show ID` says why, in one sentence"
            " (see the table of reasons). A walk of a slow file system takes its time; the count of discovered paths"
            " grows."
        ),
        JobState.STARTED: (
            "`towpath job show ID` shows which step moves and which does not, and why what waits does. A step whose"
            " tasks run and do not end waits for its storage (see STARTED of tasks)."
        ),
        JobState.SUCCESS: "There is nothing to do: it is over.",
        JobState.FAILURE: (
            "It is over, and stays so. `towpath job report ID` writes every path with its outcome and reason; `towpath"
            " job retry ID` runs what failed in a new job, with `--unfinished` also what was not run."
        ),
        JobState.PAUSING: (
            "Tasks that ran when it was paused still run; `towpath job show ID` says which nodes hold them. `towpath"
            " job pause --now ID` makes them stop at their next path, or at the next part of a large file. A node that"
            " is not heard loses them after four heartbeats; then the job is PAUSED. One that is heard while its step"
            " hangs keeps them: restart that worker, or cancel the job."
        ),
        JobState.PAUSED: (
            "It stays so until somebody says otherwise, or until the time that was set: `towpath job show ID` tells"
            " who paused it, when, why and until when; `towpath job resume ID` or `towpath job cancel ID`."
        ),
        JobState.CANCELLED: (
            "There is nothing to do: it is over. `towpath job retry --unfinished ID` runs what was not run in a new"
            " job."
        ),
        JobState.DEQUEUING: (
            "Its pending tasks are taken from the queue at tens of thousands a second; tasks that run stop at their"
            " next path, or at the next part of a large file. What a node has not given back after eight heartbeats"
            " (four to do so, four for its fence to close) is taken from it, whether it is heard or not. It ends by"
            " itself as long as the hub runs; where it does not, look at the hub's log."
        ),
    }
)
"""What an administrator should do where a job stays in a state."""

_BY_ITSELF = "Nothing: it goes on by itself."

WAITING: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.PAUSED: "`towpath job resume ID`, once the reason that was given for the pause is gone.",
        Reason.CANCELLED: _BY_ITSELF,
        Reason.HELD: "`towpath site resume SITE`, with `--queue` where only a queue was paused.",
        Reason.CHAIN: "See why the task before it does not end.",
        Reason.DISCOVERY: "See why the walk does not end; a large tree takes its time.",
        Reason.PHASE: "See why the tasks of the earlier phase do not end.",
        Reason.BACK_OFF: "Nothing; where it comes again and again, mend what its error (`towpath errors`) names.",
        Reason.NO_SPACE: "Make room at the place that it names; then it goes on by itself.",
        Reason.ARCHIVED: "Nothing: archives take hours; it goes on by itself.",
        Reason.APART: _BY_ITSELF,
        Reason.JOB_CAP: "`towpath job max-tasks ID N`, if the job may have more.",
        Reason.OWNER_CAP: "`towpath limit`, if the owner may have more.",
        Reason.NO_NODE: "Start a worker for the site.",
        Reason.SITE_OFFLINE: "Look at the site's workers: `towpath node list`, their logs, their way to the bus.",
        Reason.NOT_SERVED: "Start a worker with that queue, or give a node slots for it: `towpath node slots`.",
        Reason.DRAINING: "`towpath node undrain` or `towpath site undrain`, or start another worker.",
        Reason.BUSY: "Nothing; more slots (`towpath node slots`) or another worker make it sooner.",
        Reason.TURN: "Nothing; `towpath job priority ID N` lets a job go before others.",
        Reason.HUB: _BY_ITSELF,
        Reason.DUE: _BY_ITSELF,
    }
)
"""What an administrator should do about each reason for which something waits."""
