"""Throughput: what jobs got done in each step of a time, by site."""

from datetime import datetime
from typing import Annotated, Final, Self

from fastapi import Query
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection

from towpath.api.context import Asking, Hub
from towpath.api.forms import Moment
from towpath.api.routers import Router
from towpath.api.times import at, microseconds
from towpath.domain.errors import Mistake
from towpath.store import throughput
from towpath.store.throughput import MINUTE, Asked, Row

router = Router(prefix="/api/throughput", tags=["throughput"])

MOST_STEPS: Final = 1_500
MOST_APART: Final = 12
"""Sites that have points of their own; the others share some."""
USUAL: Final = 60
"""Minutes that are told where nobody says since when."""


class Point(BaseModel):
    """What was done in one step."""

    at: datetime = Field(description="When the step begins.")
    done: int = Field(description="Paths that came to the end of their chain.", examples=[1200])
    failed: int = Field(description="Paths that failed.", examples=[0])
    bytes: int = Field(description="Bytes that steps have moved.", examples=[7_200_000_000])


class SiteThroughput(BaseModel):
    """What the jobs of a site got done."""

    site: str | None = Field(
        description="null: all sites together that have no line here.", examples=["oslo"]
    )
    done: int = Field(examples=[48_000])
    failed: int = Field(examples=[3])
    bytes: int = Field(examples=[288_000_000_000])
    points: list[Point] = Field(description="The steps in which there was anything; the others are nought.")


class Throughput(BaseModel):
    """What jobs got done, by the site that each was submitted for, whichever site its steps run at."""

    since: datetime
    until: datetime = Field(description="The last step may end behind it.")
    step: int = Field(description="Seconds.", examples=[60])
    done: int = Field(description="Of all sites, as are the next two.", examples=[48_000])
    failed: int = Field(examples=[3])
    bytes: int = Field(examples=[288_000_000_000])
    results: list[SiteThroughput] = Field(
        description=f"The {MOST_APART} sites that moved most, the most first, then the others together."
    )

    @classmethod
    def of(cls, asked: Asked, until: datetime, sums: list[Row], points: list[Row]) -> Self:
        """What was read as the API shows it."""
        rest = sums[MOST_APART:]
        lines = [(row.site, [row]) for row in sums[:MOST_APART]] + ([("", rest)] if rest else [])
        begins = [at((asked.since + row.step * asked.step) * MINUTE) for row in points]
        results = [
            SiteThroughput(
                site=site or None,
                **_sum(rows),
                points=[
                    Point(at=begin, done=row.done, failed=row.failed, bytes=row.bytes)
                    for begin, row in zip(begins, points, strict=True)
                    if row.site == site
                ],
            )
            for site, rows in lines
        ]
        since = at(asked.since * MINUTE)
        return cls(since=since, until=until, step=asked.step * 60, **_sum(sums), results=results)


def _sum(rows: list[Row]) -> dict[str, int]:
    return {name: sum(getattr(row, name) for row in rows) for name in ("done", "failed", "bytes")}


def _asked(now: int, since: datetime | None, until: datetime | None, minutes: int) -> Asked:
    """Whole steps, from one that is a multiple of its length on; raises `Mistake` for too many, or for none."""
    # Nothing was done yet of what is to come, nor before there was a hub.
    end = now if until is None else max(0, min(now, microseconds(until)))
    begin = max(0, end - USUAL * MINUTE if since is None else microseconds(since))
    if begin >= end:
        raise Mistake(
            f"since: expected a time before `until`, {at(end).isoformat()}, found {at(begin).isoformat()}"
        )
    first = begin // MINUTE // minutes * minutes
    last = -(-end // MINUTE)
    if (steps := -(-(last - first) // minutes)) > MOST_STEPS:
        raise Mistake(f"step: expected at most {MOST_STEPS} steps of the time asked for, found {steps}")
    return Asked(first, last, minutes)


@router.get("/", summary="Show the throughput of the last hours")
async def show_throughput(
    hub: Hub,
    asking: Asking,
    since: Annotated[Moment | None, Query(description="Left out: an hour before `until`.")] = None,
    until: Annotated[Moment | None, Query(description="Left out: now.")] = None,
    step: Annotated[int, Query(ge=60, le=86_400, multiple_of=60, description="Seconds.")] = 60,
    site: Annotated[str | None, Query(description="Only of jobs of a site.")] = None,
) -> Throughput:
    """Kept by the minute, for two days; counted with the outcomes themselves, each once. Those who may see some spaces
    only are told of jobs in these."""
    asked = _asked(hub.context.clock(), since, until, step // 60)
    sites = None if site is None else (site,)
    asked = Asked(asked.since, asked.until, asked.step, sites, asking.reach)

    def read(conn: Connection) -> Throughput:
        sums = throughput.sums(conn, asked)
        points = throughput.series(conn, asked, [row.site for row in sums[:MOST_APART]])
        return Throughput.of(asked, at(asked.until * MINUTE), sums, points)

    return await hub.database.read(read)
