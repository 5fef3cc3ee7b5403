"""When a job stops by itself, so that a person decides: too large a share of its newest paths failed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

LEAST = 100
"""Paths that must have ended before a share of them says anything."""

WINDOW = 500
"""Paths that are looked back upon, about: at twice as many, the older half is forgotten."""

SHOWN = 3
"""Reasons that a sentence gives."""


@dataclass(frozen=True, slots=True)
class Record:
    """How the newest paths of a job ended."""

    paths: int = 0
    failed: int = 0

    def and_then(self, paths: int, failed: int) -> "Record":
        """With those that have ended since; what lies long ago counts less and less."""
        record = Record(self.paths + paths, self.failed + failed)
        while record.paths > 2 * WINDOW:
            record = Record(record.paths // 2, record.failed // 2)
        return record

    def is_too_much(self, rate: float) -> bool:
        """Whether so large a share of them failed that the job is to stop."""
        return self.paths >= LEAST and self.failed >= rate * self.paths


def why(record: Record, reasons: Iterable[str]) -> str:
    """The sentence for people: `62 % of the last 500 paths failed: Permission denied (310)`."""
    share = f"{100 * record.failed // record.paths} % of the last {record.paths} paths failed"
    most = Counter(reasons).most_common(SHOWN + 1)
    if not most:
        return share
    said = ", ".join(f"{reason} ({number})" for reason, number in most[:SHOWN])
    return f"{share}: {said}{', …' if len(most) > SHOWN else ''}"
