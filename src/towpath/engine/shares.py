"""Shares: how free slots are divided among jobs: by priority, in turn, and within what a job and its owner may run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.states import DISCOVERY_STAGE
from towpath.store.jobs import Job
from towpath.store.running import RUNNING
from towpath.store.tables import limits

Lane = Any
"""A row of `lanes`."""

FULL = sa.select(limits.c.owner).where(limits.c.max_tasks <= RUNNING)
"""The owners who run as much as they may: nothing is computed where nobody has a limit."""

_OWNERS: sa.BindParameter[Any] = sa.bindparam("owners", expanding=True)
_LOCK = (
    sa.select(limits.c.owner).where(limits.c.owner.in_(_OWNERS)).order_by(limits.c.owner).with_for_update()
)
_ROOM = sa.select(limits.c.owner, limits.c.max_tasks - RUNNING).where(limits.c.owner.in_(_OWNERS))


@dataclass(slots=True)
class Rooms:
    """How many more tasks jobs and owners may run, discoveries apart; who is not named may run any number."""

    jobs: dict[int, int] = field(default_factory=dict)
    owners: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, conn: Connection, locked: Collection[Job]) -> "Rooms":
        """Those of locked jobs. Claims on jobs of one owner go one after the other, so that none overshoots."""
        rooms = cls(
            {job.id: job.max_tasks - job.census().running for job in locked if job.max_tasks is not None}
        )
        if owners := {job.owner for job in locked if job.limited}:
            conn.execute(_LOCK, {"owners": sorted(owners)})
            rooms.owners = {
                owner: int(room) for owner, room in conn.execute(_ROOM, {"owners": sorted(owners)})
            }
        return rooms

    def take(self, lane: Lane, tasks: int) -> None:
        """So many tasks of a lane are granted."""
        if lane.stage == DISCOVERY_STAGE:
            return
        if lane.job_id in self.jobs:
            self.jobs[lane.job_id] -= tasks
        if lane.owner in self.owners:
            self.owners[lane.owner] -= tasks

    def within(self, lanes: Sequence[Lane]) -> list[int]:
        """How many ready tasks of each lane may run as far as its job and its owner go."""
        ready = [int(lane.ready) for lane in lanes]
        for name, rooms in (("job_id", self.jobs), ("owner", self.owners)):
            for key, room in rooms.items():
                mine = [
                    place
                    for place, lane in enumerate(lanes)
                    if getattr(lane, name) == key and lane.stage != DISCOVERY_STAGE
                ]
                given = divide([(lanes[place].priority, ready[place]) for place in mine], max(0, room))
                for place, number in zip(mine, given, strict=True):
                    ready[place] = number
        return ready


def divide(wanting: Sequence[tuple[int, int]], slots: int) -> list[int]:
    """How many of the slots each gets: higher priorities first, and within one, one each in turn.

    Who wants is (priority, tasks that are ready); they come in the order in which they are to be served.
    """
    shares = [0] * len(wanting)
    for priority in sorted({priority for priority, _ in wanting}, reverse=True):
        hungry = [i for i, (p, ready) in enumerate(wanting) if p == priority and ready]
        while hungry and slots:
            each = max(1, slots // len(hungry))
            for i in hungry[:slots] if each == 1 else hungry:
                given = min(each, wanting[i][1] - shares[i], slots)
                shares[i] += given
                slots -= given
            hungry = [i for i in hungry if shares[i] < wanting[i][1]]
    return shares


def shares_of(lanes: Sequence[Lane], rooms: Rooms, slots: int, for_small: int) -> list[int]:
    """How many of the slots each lane gets; `for_small` of them only lanes of small jobs."""
    ready = rooms.within(lanes)
    priorities = [lane.priority for lane in lanes]
    shares = divide(list(zip(priorities, ready, strict=True)), slots - for_small)
    left = [
        number - share if lane.small else 0 for lane, number, share in zip(lanes, ready, shares, strict=True)
    ]
    more = divide(list(zip(priorities, left, strict=True)), for_small)
    return [share + extra for share, extra in zip(shares, more, strict=True)]
