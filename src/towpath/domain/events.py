"""What the hub tells of: each kind of event, which state of a job is told as which, and who wants to hear what."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.states import JobState

KINDS: Final[Mapping[str, str]] = {
    "job.pending": "A job was submitted, or waits again before anything of it has run.",
    "job.started": "A job has begun to run, or goes on.",
    "job.pausing": "A job is to pause; what runs of it ends, or is handed back.",
    "job.paused": "A job is paused: nothing of it runs.",
    "job.dequeuing": "A job is being cancelled.",
    "job.ended": "A job is over; `state` says how, `report` where its report is.",
    "task.failed": "A task of a job ended in ERROR or FAILURE; the first hundred of each job are told.",
    "node.online": "A node is heard that was not.",
    "node.offline": "A node has missed two heartbeats, or more.",
    "node.lost": "A node was silent for a whole lease: what it held runs again elsewhere.",
    "site.online": "A site has a node that is heard, and had none.",
    "site.offline": "A site has no node any more that is heard.",
    "report.refused": "Something that a node reported could not be applied, and was set aside.",
    "alert.raised": "An alert was raised; `sentence` says why.",
    "alert.cleared": "What an alert was raised for is so no more.",
}
"""Every kind of event, and what it says."""

TEST_KIND: Final = "webhook.test"
"""What a webhook is sent when somebody tries it; it stands in no log."""

JOB_KINDS: Final[Mapping[JobState, str]] = {
    JobState.PENDING: "job.pending",
    JobState.STARTED: "job.started",
    JobState.PAUSING: "job.pausing",
    JobState.PAUSED: "job.paused",
    JobState.DEQUEUING: "job.dequeuing",
    JobState.SUCCESS: "job.ended",
    JobState.FAILURE: "job.ended",
    JobState.CANCELLED: "job.ended",
}
"""As what it is told that a job has come to a state."""

TASKS_TOLD: Final = 100
"""Failed tasks of one job that are told; its report has them all."""

ALL: Final = "*"


def place_of(site: str, space: str) -> str:
    """A space at a site, as events bear it: names have no slash. "" where there is no space."""
    return f"{site}/{space}" if space else ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened; `at` in microseconds since 1970, UTC."""

    number: int
    """Its place among all events of a hub: they are numbered from 1 as they were committed, without a gap."""
    kind: str
    at: int
    job: int | None = None
    site: str = ""
    node: str = ""
    workflow: str = ""
    """That of its job."""
    details: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    place: str = ""
    """The space that its job works in, as `place_of` writes it; "" where that is none, or there is no job."""

    @property
    def line(self) -> str:
        """What it is in order with: events of one job, and those of one site that belong to no job."""
        return f"job:{self.job}" if self.job is not None else f"site:{self.site}"


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants; None = all."""

    kinds: frozenset[str] | None = None
    job: int | None = None
    site: str | None = None
    workflow: str | None = None
    places: frozenset[str] | None = None
    """Only those of jobs that work in these spaces, as `place_of` writes them; None = all, of jobs or not."""

    def matches(self, event: Event) -> bool:
        """Whether this one is wanted."""
        return (
            (self.kinds is None or event.kind in self.kinds)
            and (self.job is None or event.job == self.job)
            and (self.site is None or event.site == self.site)
            and (self.workflow is None or event.workflow == self.workflow)
            and (self.places is None or event.place in self.places)
        )


def kinds_of(patterns: Iterable[str]) -> frozenset[str] | None:
    """The kinds that patterns name: `job.ended`, `job.*` or `*`; None = all. Raises `Mistake` for what names none."""
    found: set[str] = set()
    everything = False
    for pattern in patterns:
        head = pattern.removesuffix(ALL)
        named = {kind for kind in KINDS if kind == pattern or (head.endswith(".") and kind.startswith(head))}
        everything = everything or pattern == ALL
        if not named and pattern != ALL:
            raise Mistake(
                f"kind: expected one of {', '.join(KINDS)}, or the first word and .*, or *, found '{pattern}'"
                f"{did_you_mean(pattern, KINDS)}"
            )
        found |= named
    return None if everything or not found else frozenset(found)
