"""Alerts: what of the hub, its sites and its jobs people are told of unasked, from where on, and how gravely."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from towpath.domain.errors import Mistake

SECOND: Final = 1_000_000
"""Microseconds."""
CALM: Final = 60 * SECOND
"""Microseconds for which an alert's cause must be gone before it is cleared: what comes and goes is one alert."""
MOST_OPEN: Final = 1_000
"""Alerts of one kind that stand at the same time: the things that were first."""
LEAST_PATHS: Final = 100
"""Paths of a job that must have ended before a share of them says anything."""
LONGEST_WHY: Final = 500


class AlertKind(StrEnum):
    """What an alert is of."""

    SITE_OFFLINE = "site.offline"
    NODE_OFFLINE = "node.offline"
    JOB_NOT_STARTED = "job.not_started"
    JOB_STALLED = "job.stalled"
    JOB_FAILING = "job.failing"
    JOB_FAILED = "job.failed"
    DISK_HIGH = "disk.high"
    CERTIFICATE_ENDING = "certificate.ending"
    REPORT_REFUSED = "report.refused"


class Severity(StrEnum):
    """How grave an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        """The higher, the graver."""
        return tuple(Severity).index(self)


class Unit(StrEnum):
    """What a threshold counts."""

    SECONDS = "seconds"
    PERCENT = "percent"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Rule:
    """From where on things of one kind are told, and how gravely; `lowest` and `highest` bound the threshold."""

    says: str
    """What the threshold means, for people."""
    severity: Severity
    threshold: float
    unit: Unit
    lowest: float
    highest: float
    enabled: bool = True


_YEAR: Final = 365 * 86_400.0
RULES: Final[Mapping[AlertKind, Rule]] = {
    AlertKind.SITE_OFFLINE: Rule(
        "No node of a site was heard for so long.", Severity.CRITICAL, 120, Unit.SECONDS, 0, _YEAR
    ),
    AlertKind.NODE_OFFLINE: Rule(
        "A node was not heard for so long, of a site with others that are, and nobody asked it to drain.",
        Severity.WARNING, 300, Unit.SECONDS, 0, _YEAR,
    ),
    AlertKind.JOB_NOT_STARTED: Rule(
        "Nothing of a job has begun so long after it was submitted, and nobody has paused it or its site.",
        Severity.WARNING, 1800, Unit.SECONDS, 1, _YEAR,
    ),
    AlertKind.JOB_STALLED: Rule(
        "A job that runs came no further for so long: no path, no byte, no entry of its walk.",
        Severity.WARNING, 1800, Unit.SECONDS, 1, _YEAR,
    ),
    AlertKind.JOB_FAILING: Rule(
        f"So large a share of a job's paths failed, of {LEAST_PATHS} that ended at least, and it is not over.",
        Severity.WARNING, 20, Unit.PERCENT, 1, 100,
    ),
    AlertKind.JOB_FAILED: Rule(
        "A job ended in FAILURE, and was not retried; told for so long.",
        Severity.WARNING, 86_400, Unit.SECONDS, 60, _YEAR,
    ),
    AlertKind.DISK_HIGH: Rule(
        "So much of the file system of a site's root, or of a hub's home, is used.",
        Severity.WARNING, 90, Unit.PERCENT, 1, 100,
    ),
    AlertKind.CERTIFICATE_ENDING: Rule(
        "A hub's certificate ends within so many days.", Severity.WARNING, 14, Unit.DAYS, 1, 3650
    ),
    AlertKind.REPORT_REFUSED: Rule(
        "Something that a node reported could not be applied, and was set aside; told for so long.",
        Severity.CRITICAL, 86_400, Unit.SECONDS, 60, _YEAR,
    ),
}  # fmt: skip
"""The rule of each kind, as it is until people change it."""

KEEPS: Final[Mapping[AlertKind, float]] = {AlertKind.DISK_HIGH: 0.95, AlertKind.JOB_FAILING: 0.8}
"""The share of the threshold down to which an alert that stands is kept, where what is measured goes up and down."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is so now: `raises` an alert where none stands, or only keeps one that does."""

    kind: AlertKind
    thing: str
    """`site/NAME`, `node/SITE/NAME`, `job/ID`, `root/SITE/NAME` or `hub/NAME`."""
    sentence: str
    raises: bool = True
    site: str = ""
    node: str = ""
    job: int | None = None


@dataclass(frozen=True, slots=True)
class Mute:
    """Which alerts nobody is told of for a while: "" = any kind, any thing."""

    kind: str
    thing: str

    def covers(self, kind: str, thing: str) -> bool:
        """Whether an alert of that kind and thing is meant."""
        return self.kind in ("", kind) and self.thing in ("", thing)


def kind_of(text: str) -> AlertKind:
    """The kind of that name; raises `Mistake`."""
    try:
        return AlertKind(text)
    except ValueError:
        raise Mistake(f"kind: expected one of {', '.join(AlertKind)}, found '{text}'") from None


def check_threshold(kind: AlertKind, threshold: float) -> None:
    """Raises `Mistake` for a threshold that a kind cannot have."""
    rule = RULES[kind]
    if not rule.lowest <= threshold <= rule.highest:
        raise Mistake(
            f"threshold: expected {rule.lowest:g} to {rule.highest:g} {rule.unit} for {kind}, found {threshold:g}"
        )


def span(seconds: float) -> str:
    """A time that has passed, for people: `45 s`, `12 min`, `3 h`, `2 days`."""
    for unit, size in (("days", 2 * 86_400), ("h", 2 * 3600), ("min", 120)):
        if seconds >= size:
            return f"{int(seconds // {'days': 86_400, 'h': 3600, 'min': 60}[unit])} {unit}"
    return f"{int(seconds)} s"
