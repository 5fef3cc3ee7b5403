"""A wish: what somebody asks of a job, of many, of a site or a queue, with who, why and until when."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from towpath.domain.errors import Mistake
from towpath.domain.states import Wanted

LONGEST_NAME = 100
"""Characters of a name that are kept."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted, by whom and why. Of a pause also: `hand_back` has running tasks given back rather than
    finished, and at `resume_at` (microseconds since 1970, UTC) it ends by itself."""

    wanted: Wanted
    by: str
    why: str = ""
    hand_back: bool = False
    resume_at: int | None = None

    def check(self, now: int) -> None:
        """Raise `Mistake` for a pause that would end before it begins."""
        if self.resume_at is not None and self.resume_at <= now:
            found, at = moment(self.resume_at), moment(now)
            raise Mistake(f"resume_at: expected a time to come, found {found} (now it is {at})")


def by_the_time_set(by: str) -> str:
    """Who resumes what was paused until a time: the time that somebody set."""
    return f"the time set by {by}"[:LONGEST_NAME]


def paused(what: str, by: str | None, why: str | None, until: int | None) -> str:
    """Why something waits that was paused: `site oslo paused by ana until 2026-11-24 14:00:00 UTC: no tapes`."""
    named = f"{what} paused" if what else "paused"
    end = f" until {moment(until)}" if until is not None else ""
    return f"{named} by {by}{end}{f': {why}' if why else ''}"


def moment(microseconds: int) -> str:
    """A time, for people."""
    return f"{_EPOCH + timedelta(microseconds=microseconds):%Y-%m-%d %H:%M:%S} UTC"
