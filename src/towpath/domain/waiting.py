"""Why something waits: from what is known of a job, a task and the slots it needs, one reason and one sentence.

The first reason that holds is told: what people asked for, then what must be over before it, then who could run it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from towpath.domain.fairness import kept
from towpath.domain.nodes import NodeState
from towpath.domain.states import DISCOVERY_STAGE, Phase, phase_of
from towpath.domain.wishes import moment


class Reason(StrEnum):
    """Why something waits."""

    PAUSED = "paused"
    """Somebody paused the job."""
    CANCELLED = "cancelled"
    """Somebody cancelled the job; it is being taken from the queue."""
    HELD = "held"
    """Somebody paused the site or the queue."""
    CHAIN = "chain"
    """The task before it in its chain is not over."""
    DISCOVERY = "discovery"
    """The job's discovery is not over, and later phases wait for it."""
    PHASE = "phase"
    """Tasks of an earlier phase are not over."""
    BACK_OFF = "back_off"
    """An error that may pass put it off until a time."""
    NO_SPACE = "no_space"
    """There was no space left; it is tried again at a time."""
    ARCHIVED = "archived"
    """An object lies in an archive, and was asked for; it is looked at again at a time."""
    APART = "apart"
    """It lost its worker together with others, and runs apart from them at a time."""
    JOB_CAP = "job_cap"
    """The job runs as many tasks as it may."""
    OWNER_CAP = "owner_cap"
    """The jobs of its owner run as many tasks as they may."""
    NO_NODE = "no_node"
    """The site has no node."""
    SITE_OFFLINE = "site_offline"
    """No node of the site is heard."""
    NOT_SERVED = "not_served"
    """No node of the site that is heard serves its queue and function."""
    DRAINING = "draining"
    """The nodes that serve it take nothing more."""
    BUSY = "busy"
    """All slots for it have tasks."""
    TURN = "turn"
    """Others are before it in line."""
    HUB = "hub"
    """The hub does it itself, as soon as it comes to it."""
    DUE = "due"
    """A node with a free slot will ask for it at any moment."""


class Kind(StrEnum):
    """What stands in the way."""

    JOB = "job"
    TASK = "task"
    SITE = "site"
    NODE = "node"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Blocker:
    """What stands in the way, to look at: the id of a job or task, the name of a site or user, `SITE/NODE`."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why something waits, in one sentence."""

    reason: Reason
    sentence: str
    blocker: Blocker | None = None
    since: int | None = None
    """Microseconds since 1970, UTC; None where it is not known."""
    position: int | None = None
    """How many tasks are before it in line, where it is in one."""


# The slots that something needs -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task can run."""

    site: str
    queue: str
    function: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node of the site, as one place needs it."""

    name: str
    state: NodeState
    slots: int
    heard_at: int | None
    holds: Mapping[int, int]
    """How many tasks of which jobs it holds at this place."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A pause of the site or the queue: the whole sentence, and since when."""

    sentence: str
    since: int


@dataclass(frozen=True, slots=True)
class Line:
    """What is known of a place, and of who waits there."""

    place: Place
    nodes: Sequence[NodeFacts]
    hold: Hold | None
    before: int
    """Tasks that are before it in line; above `FAR`, no longer counted."""
    small: bool
    """It may have the slots that are kept for small jobs."""


FAR = 10_000
"""Tasks before something in line that are counted."""


def in_line(line: Line) -> Waiting:
    """Why something that may be granted is not."""
    place = line.place
    site, where = Blocker(Kind.SITE, place.site), f"queue {place.queue} ({place.function})"
    if line.hold:
        return Waiting(Reason.HELD, line.hold.sentence, site, line.hold.since)
    if not line.nodes:
        return Waiting(Reason.NO_NODE, f"site {place.site} has no node", site)
    heard = [node for node in line.nodes if node.state is not NodeState.OFFLINE]
    if not heard:
        return _offline(place.site, line.nodes)
    serving = [node for node in heard if node.slots > 0]
    if not serving:
        return Waiting(Reason.NOT_SERVED, f"no node of site {place.site} serves {where}", site)
    working = [node for node in serving if node.state is NodeState.ONLINE]
    if not working:
        names = ", ".join(node.name for node in serving)
        blocker = Blocker(Kind.NODE, f"{place.site}/{serving[0].name}")
        return Waiting(Reason.DRAINING, f"every node that serves {where} drains: {names}", blocker)
    return _for_a_slot(line, working)


def _offline(site: str, nodes: Sequence[NodeFacts]) -> Waiting:
    last = max((node.heard_at for node in nodes if node.heard_at is not None), default=None)
    since = "no node was ever heard" if last is None else f"no node was heard since {moment(last)}"
    return Waiting(Reason.SITE_OFFLINE, f"site {site} is offline: {since}", Blocker(Kind.SITE, site), last)


def only_kept_free(nodes: Sequence[NodeFacts]) -> bool:
    """Whether the nodes that take tasks have no free slot but those kept for small jobs."""
    working = [node for node in nodes if node.state is NodeState.ONLINE]
    return sum(_held(working).values()) >= sum(node.slots - kept(node.slots) for node in working)


def _held(nodes: Sequence[NodeFacts]) -> dict[int, int]:
    """How many tasks of which jobs these nodes hold."""
    held: dict[int, int] = {}
    for node in nodes:
        for job, count in node.holds.items():
            held[job] = held.get(job, 0) + count
    return held


def _for_a_slot(line: Line, working: Sequence[NodeFacts]) -> Waiting:
    place = line.place
    slots = sum(node.slots for node in working)
    reserved = 0 if line.small else sum(kept(node.slots) for node in working)
    held = _held(working)
    if sum(held.values()) >= slots - reserved > 0:
        aside = f", and {reserved} kept for small jobs" if reserved else ""
        largest = sorted(held, key=lambda job: (-held[job], job))
        text = (
            f"waits for a slot of queue {place.queue} at site {place.site}:"
            f" {slots - reserved} busy with {_jobs(largest)}{aside}{_behind(line.before)}"
        )
        return Waiting(Reason.BUSY, text, Blocker(Kind.JOB, str(largest[0])), position=_counted(line.before))
    if line.before:
        text = f"waits for its turn in queue {place.queue} at site {place.site}{_behind(line.before)}"
        return Waiting(Reason.TURN, text, position=_counted(line.before))
    text = f"about to be granted: site {place.site} has a free slot, and asks within seconds"
    return Waiting(Reason.DUE, text, position=0)


MOST_NAMED = 3


def _jobs(numbers: Sequence[int]) -> str:
    named = ", ".join(str(number) for number in numbers[:MOST_NAMED])
    more = f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
    return f"tasks of job{'s' if len(numbers) > 1 else ''} {named}{more}"


def _behind(before: int) -> str:
    if before > FAR:
        return f"; more than {FAR:,} tasks before it"
    return f"; {tasks_of(before)} before it" if before else ""


def _counted(before: int) -> int | None:
    return before if before <= FAR else None


def tasks_of(count: int) -> str:
    """A number of tasks, for people."""
    return f"{count:,} task{'' if count == 1 else 's'}"


# Jobs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A pause or a cancel of the job: the whole sentence, and since when."""

    reason: Reason
    sentence: str
    since: int | None


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tasks of all jobs of an owner may run at once."""

    owner: str
    max_tasks: int
    running: int


@dataclass(frozen=True, slots=True)
class Parked:
    """What a task was put off for."""

    kind: str
    why: str
    until: int
    since: int | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is known of a job that is not over."""

    id: int
    asked: Asked | None = None
    discovering: bool = False
    """Its discovery is not over."""
    first_stage: int = 0
    """The stage that is open during discovery."""
    left: Mapping[int, int] = field(default_factory=dict)
    """How many tasks are not over, discovery apart, by stage."""
    running: int = 0
    """Tasks that are STARTED, discovery apart."""
    walking: bool = False
    """A discovery is STARTED."""
    max_tasks: int | None = None
    limit: Limit | None = None

    @property
    def at_cap(self) -> bool:
        """It runs as many tasks as it may."""
        return self.max_tasks is not None and self.running >= self.max_tasks


def why_job(job: JobFacts, line: Line | None, by_hub: bool, parked: Parked | None) -> Waiting | None:
    """Why nothing of a job moves; None where something does.

    `line`: where its first task that may be granted is; `by_hub`: the hub has something to do for it.
    """
    if job.asked:
        return _asked(job)
    if job.running or job.walking:
        return None
    if by_hub:
        return Waiting(Reason.HUB, "the hub is about to list its paths")
    if line is not None:
        walks = line.place.function == "discovery"
        return (None if walks else _owner_cap(job)) or in_line(line)
    return _parked(parked) if parked else None


def _asked(job: JobFacts) -> Waiting:
    assert job.asked is not None
    return Waiting(job.asked.reason, job.asked.sentence, Blocker(Kind.JOB, str(job.id)), job.asked.since)


def _owner_cap(job: JobFacts) -> Waiting | None:
    limit = job.limit
    if limit is None or limit.running < limit.max_tasks:
        return None
    text = f"jobs of {limit.owner} may run {tasks_of(limit.max_tasks)} at once, and run {limit.running:,}"
    return Waiting(Reason.OWNER_CAP, text, Blocker(Kind.LIMIT, limit.owner))


PARKED: Mapping[str, tuple[Reason, str]] = MappingProxyType(
    {
        "transient": (Reason.BACK_OFF, "put off until {until} by an error that may pass: {why}"),
        "no_space": (Reason.NO_SPACE, "there was no space; tried again at {until}: {why}"),
        "archived": (Reason.ARCHIVED, "an archive brings it back; looked at again at {until}: {why}"),
        "lost": (Reason.APART, "runs again at {until}, apart from others that lost their worker with it"),
    }
)
"""What a task may be put off for: the reason, and how it is told."""


def _parked(parked: Parked) -> Waiting:
    reason, text = PARKED.get(parked.kind, PARKED["transient"])
    told = text.format(until=moment(parked.until), why=parked.why or "no reason was given")
    return Waiting(reason, told, since=parked.since)


# Tasks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """What is known of a pending task."""

    id: int
    stage: int
    behind: tuple[int, str] | None = None
    """The task before it in its chain, which is not over: its id and its step."""
    parked: Parked | None = None
    by_hub: bool = False
    """It is the hub's own to do."""


def why_task(task: TaskFacts, job: JobFacts, line: Line | None) -> Waiting:
    """Why a pending task does not run. `line`: where it would, once its stage is open."""
    if job.asked:
        return _asked(job)
    if task.by_hub:
        return Waiting(Reason.HUB, "the hub is about to do it")
    if task.behind:
        number, step = task.behind
        text = f"waits for task {number} ({step}) before it in its chain"
        return Waiting(Reason.CHAIN, text, Blocker(Kind.TASK, str(number)))
    if task.parked:
        return _parked(task.parked)
    is_walk = task.stage == DISCOVERY_STAGE
    if not is_walk and (earlier := _earlier(task, job)):
        return earlier
    if not is_walk and job.at_cap:
        text = f"job {job.id} may run {tasks_of(job.max_tasks or 0)} at once, and runs {job.running:,}"
        return Waiting(Reason.JOB_CAP, text, Blocker(Kind.JOB, str(job.id)))
    if not is_walk and (capped := _owner_cap(job)):
        return capped
    return in_line(line) if line else Waiting(Reason.DUE, "about to be granted", position=0)


NAMES: Mapping[Phase, str] = MappingProxyType(
    {Phase.MOVES: "moves", Phase.TRANSFERS: "transfers", Phase.DELETES: "deletes", Phase.FINISH: "last steps"}
)
SAME: Mapping[Phase, str] = MappingProxyType(
    {**NAMES, Phase.DELETES: "deletes of deeper directories", Phase.FINISH: "the last steps before it"}
)
"""The same where a task waits for others of its own phase."""


def _earlier(task: TaskFacts, job: JobFacts) -> Waiting | None:
    """What must be over before a task's stage is open."""
    blocker = Blocker(Kind.JOB, str(job.id))
    lower = {stage: count for stage, count in job.left.items() if stage < task.stage}
    if job.discovering and task.stage > job.first_stage:
        return Waiting(Reason.DISCOVERY, "waits for the discovery of its job to be over", blocker)
    if not lower:
        return None
    mine, before = phase_of(task.stage), phase_of(min(lower))
    of_phase = sum(count for stage, count in lower.items() if phase_of(stage) is before)
    what = SAME[before] if mine is before else NAMES[before]
    text = f"waits until {what} are over: {tasks_of(of_phase)} left"
    return Waiting(Reason.PHASE, text, blocker)
