"""Traces: which spans a job's way is told in, and how they hang together.

A job is one trace. Its id, and those of the spans that the hub tells of, follow from the hub's key, the job's number
and the names of its runs: nothing is kept for it, and every hub, before and after a restart, finds the same ones.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

_HEADER = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A span, as others refer to it: its trace (16 bytes), its own id (8 bytes), and whether it is told of at all."""

    trace: bytes
    span: bytes
    sampled: bool

    @property
    def header(self) -> str:
        """As `traceparent` of W3C Trace Context, version 00."""
        return f"00-{self.trace.hex()}-{self.span.hex()}-{self.sampled:02x}"


def place_in(header: str) -> Place | None:
    """The place that a `traceparent` names; None for text that is none."""
    found = _HEADER.fullmatch(header)
    if found is None:
        return None
    trace, span = bytes.fromhex(found[1]), bytes.fromhex(found[2])
    return Place(trace, span, bool(int(found[3], 16) & 1)) if any(trace) and any(span) else None


@dataclass(frozen=True, slots=True)
class Span:
    """Something that was done, from `began` to `ended` (nanoseconds since 1970); `parent` is 8 bytes, b"" = none."""

    name: str
    place: Place
    parent: bytes
    began: int
    ended: int
    facts: Mapping[str, str | int] = field(default_factory=dict)
    """By the names of the semantic conventions of OpenTelemetry where there is one, else below `towpath.`."""
    error: str = ""
    """What went wrong, in a sentence; "" where nothing did."""
    caller: Place | None = None
    """The span of another program that asked for it: in a trace of its own, which this one is linked to."""


class Telling(Protocol):
    """Where spans are told of. All of it may be called from any thread, and waits for nobody."""

    def now(self) -> int:
        """Nanoseconds since 1970."""

    def samples(self, trace: bytes) -> bool:
        """Whether the spans of a trace are told of."""

    def fresh(self) -> bytes:
        """The id of a new span: 8 bytes."""

    def tell(self, span: Span) -> None:
        """Tell of a span that has ended."""


@dataclass(frozen=True, slots=True)
class Traces:
    """The traces of a hub's jobs, by its key."""

    key: bytes
    told: Telling

    def trace_of(self, job: int) -> bytes:
        """The id of a job's trace."""
        return self._named("trace", str(job).encode(), 16)

    def of_job(self, job: int) -> Place:
        """The span in which a job was submitted: the root of its trace."""
        trace = self.trace_of(job)
        return Place(trace, self._named("job", trace, 8), self.told.samples(trace))

    def of_claim(self, job: int, run: bytes) -> Place:
        """The span in which a run was granted."""
        trace = self.trace_of(job)
        return Place(trace, self._named("claim", run, 8), self.told.samples(trace))

    def of_report(self, job: int, run: bytes) -> Place:
        """The span in which the end of a run was received."""
        trace = self.trace_of(job)
        return Place(trace, self._named("report", run, 8), self.told.samples(trace))

    def _named(self, what: str, name: bytes, length: int) -> bytes:
        return hmac.digest(self.key, f"towpath {what} ".encode() + name, hashlib.sha256)[:length]
