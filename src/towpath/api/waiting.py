"""Why a job or a task waits, as the API shows it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from urllib.parse import quote

from pydantic import BaseModel, Field

from towpath.api.times import maybe_at
from towpath.domain.waiting import Blocker, Kind, Reason, Waiting

PLACES: Mapping[Kind, Callable[[str], str]] = MappingProxyType(
    {
        Kind.JOB: "/api/jobs/{}/".format,
        Kind.TASK: "/api/tasks/{}/".format,
        Kind.SITE: "/api/sites/{}/".format,
        Kind.NODE: "/api/nodes/{}/".format,
        Kind.LIMIT: "/api/limits/".format,
    }
)
"""Where each kind of thing is to be looked at."""


class InTheWay(BaseModel):
    """What stands in the way, and where to look at it."""

    kind: Kind
    name: str = Field(description="The id of a job or task, the name of a site or user, SITE/NODE.")
    url: str = Field(examples=["/api/jobs/3/"])

    @classmethod
    def of(cls, blocker: Blocker) -> "InTheWay":
        """The blocker as the API shows it."""
        return cls(kind=blocker.kind, name=blocker.name, url=PLACES[blocker.kind](quote(blocker.name)))


class WaitingFor(BaseModel):
    """Why a job or a task waits; `waiting` is the same as a sentence."""

    reason: Reason = Field(examples=["busy"])
    position: int | None = Field(
        description="Tasks before it in line; null where it is in none, or more than 10,000 are."
    )
    since: datetime | None
    blocker: InTheWay | None

    @classmethod
    def of(cls, waiting: Waiting | None) -> "WaitingFor | None":
        """The reason as the API shows it."""
        if waiting is None:
            return None
        return cls(
            reason=waiting.reason,
            position=waiting.position,
            since=maybe_at(waiting.since),
            blocker=InTheWay.of(waiting.blocker) if waiting.blocker else None,
        )
