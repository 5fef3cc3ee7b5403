"""Waiting for a job, through times in which the hub is away."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from towpath.client.errors import Answered, Unreachable, WaitedTooLong
from towpath.client.plans import Ask, Nap, Plan, Retries, good
from towpath.client.shapes import JobFacts

Progress: TypeAlias = Callable[[JobFacts], object]
Away: TypeAlias = Callable[[Unreachable], object]
RESTING: Final = frozenset({"SUCCESS", "FAILURE", "CANCELLED", "PAUSED"})
"""States in which nothing more happens by itself."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for a hub, in seconds."""

    poll: float = 0.25
    """Between two looks at a job."""
    answer: float = 5.0
    """For one answer, until the hub counts as away."""
    silence: float = 5.0
    """Until it is said that the hub is away: a restart is no news."""
    away: float = 120.0
    """Until waiting for it is given up."""


USUAL: Final = Patience()


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a job is waited for."""

    progress: Progress | None = None
    away: Away | None = None
    timeout: float | None = None
    through_pauses: bool = False
    patience: Patience = USUAL


def waited(job_id: int, how: Waiting, retries: Retries) -> Plan[bytes]:
    """The job's document once it is over, or paused; a hub that is away for a while is no error."""
    begun = heard = retries.clock()
    patience = how.patience
    while True:
        reply = yield Ask("GET", f"/api/jobs/{job_id}/", seconds=patience.answer)
        try:
            answer = good(reply)
        except Unreachable as error:
            _miss(how, error, retries.clock() - heard)
        except Answered as error:
            # Of whoever asks too often it is enough to ask later.
            if error.status != 429:
                raise
        else:
            heard = retries.clock()
            job = msgspec.json.decode(answer.content, type=JobFacts)
            if how.progress is not None:
                how.progress(job)
            if job.is_over or (job.state in RESTING and not how.through_pauses):
                return answer.content
        if how.timeout is not None and retries.clock() - begun >= how.timeout:
            raise WaitedTooLong(
                f"job {job_id}: expected its end within {how.timeout:g} s, found it under way"
            )
        yield Nap(patience.poll)


def _miss(how: Waiting, error: Unreachable, away: float) -> None:
    """The hub did not answer: tell it, or give up."""
    if away > how.patience.away:
        raise Unreachable(f"{error}; gave up after {away:.0f} s") from None
    if away > how.patience.silence - how.patience.poll and how.away is not None:
        how.away(error)
