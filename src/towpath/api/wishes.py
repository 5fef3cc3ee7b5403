"""What people wish of jobs, of sites and queues, and of all jobs of one kind: the bodies, and how many are asked."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Hub
from towpath.api.forms import Flag, Moment
from towpath.api.times import microseconds
from towpath.domain.states import Wanted
from towpath.domain.wishes import Wish
from towpath.engine import bulk
from towpath.engine.bulk import Which
from towpath.store.database import Tx


class WishAsked(BaseModel):
    """Why it is wished."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(default="", max_length=1000)

    def wish(self, wanted: Wanted, by: str) -> Wish:
        """The wish that somebody so makes."""
        return Wish(wanted, by, self.reason)


class PauseAsked(BaseModel):
    """How and why to pause, and until when."""

    model_config = ConfigDict(extra="forbid")

    now: Flag = Field(
        default=False,
        description="Running tasks stop at their next path, or at the next part of a large file, and hand back the"
        " rest; else they finish.",
    )
    reason: str = Field(default="", max_length=1000, examples=["tape library down"])
    resume_at: Moment | None = Field(
        default=None,
        description="When it is resumed by itself; null: when somebody does.",
        examples=["2026-11-24T14:00:00Z"],
    )

    def wish(self, by: str) -> Wish:
        """The wish that somebody so makes."""
        until = None if self.resume_at is None else microseconds(self.resume_at)
        return Wish(Wanted.PAUSE, by, self.reason, self.now, until)


class QueueWish(WishAsked):
    """Why it is wished of a site, or of one queue of it."""

    queue: str = Field(default="", description='The queue; "" is the whole site.', examples=["default"])


class QueuePause(PauseAsked):
    """How and why to pause a site, or one queue of it, and until when."""

    queue: str = Field(default="", description='The queue; "" is the whole site.', examples=["default"])


class Wished(BaseModel):
    """Of how many jobs something was asked; those of which it could not be asked, or was before, do not count."""

    jobs: int = Field(examples=[12])


class WishMade(BaseModel):
    """One wish of those that were made of a job."""

    wanted: Wanted
    by: str = Field(examples=["ana", "the time set by ana"])
    why: str
    at: datetime
    resume_at: datetime | None


class WishesMade(BaseModel):
    """What was wished of a job, the oldest first."""

    count: int
    results: list[WishMade]


async def wish_all(hub: Hub, which: Which, asked: Wish) -> Wished:
    """Ask something of all jobs of a kind that there are now, chunk by chunk."""
    through = await hub.database.read(lambda conn: bulk.check(conn, which))
    count, last = 0, 0
    while True:

        def write(tx: Tx, after: int = last) -> bulk.Asked:
            return bulk.wish_some(tx, which, asked, after, through)

        done = await hub.write(write)
        count += done.count
        if done.last is None:
            return Wished(jobs=count)
        last = done.last
