"""Orphans, which are objects that nothing refers to, and the sweeps that find and collect them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from fastapi import Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from towpath.api.context import Caller, Hub
from towpath.api.forms import Flag, Number, Share
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.lives import DAY, LONGEST_GRACE
from towpath.domain.paths import as_base64, printable
from towpath.engine import orphans, sweep_views, sweeps
from towpath.engine.orphans import Filter, OrphanView
from towpath.engine.sweep_views import SweepView
from towpath.engine.sweeps import Order

router = Router(prefix="/api", tags=["orphans"])


class Orphan(BaseModel):
    """An object that no file refers to."""

    id: int
    target: str
    site: str = Field(description="Whose object it is.")
    key: str = Field(examples=["oslo/data/a/b.txt@0123456789abcdef"])
    size: int
    root: str
    path: str = Field(description="Where the file was, relative to its root, for people.")
    path_b64: str
    recorded: bool = Field(description="Whether a record names it; else a copy to it never came to its end.")
    modified_at: datetime
    first_seen_at: datetime = Field(description="When the sweep began that first found it.")
    due_at: datetime = Field(description="From when on it may be collected.")

    @classmethod
    def of(cls, orphan: OrphanView) -> Self:
        """The orphan as the API shows it."""
        return cls(
            id=orphan.id,
            target=orphan.target,
            site=orphan.site,
            key=orphan.key,
            size=orphan.size,
            root=orphan.root,
            path=printable(orphan.path),
            path_b64=as_base64(orphan.path),
            recorded=bool(orphan.entry),
            modified_at=at(orphan.modified_at),
            first_seen_at=at(orphan.first_seen_at),
            due_at=at(orphan.due_at),
        )


class Sweep(BaseModel):
    """A sweep of a target: what it found, and, where it collects, what it has deleted."""

    id: int
    target: str
    state: str = Field(description="open, done, blocked or asks.", examples=["done"])
    stage: str = Field(description="begin, walk, compare or collect.", examples=["compare"])
    why: str = Field(description="What it waits for, or what ended it.")
    collects: bool
    owner: str
    created_at: datetime
    ended_at: datetime | None
    objects: int = Field(description="That were looked at.")
    orphans: int
    due: int = Field(description="Orphans that have been so for the grace time.")
    due_bytes: int
    deleted: int
    jobs: list[int] = Field(description="Those of its present stage.")

    @classmethod
    def of(cls, sweep: SweepView) -> Self:
        """The sweep as the API shows it."""
        times = {"created_at": at(sweep.created_at), "ended_at": sweep.ended_at and at(sweep.ended_at)}
        names = [name for name in cls.model_fields if name not in times]
        return cls.model_validate({name: getattr(sweep, name) for name in names} | times)


class SweepAsked(BaseModel):
    """Which target to sweep."""

    model_config = ConfigDict(extra="forbid")

    target: str = Field(examples=["tape"])


class CollectAsked(SweepAsked):
    """Which target to sweep, and what is to be deleted beside what is plainly due."""

    unrecorded: Flag = Field(default=False, description="Also objects that no record names.")
    force: Flag = Field(default=False, description="Also where it would stop and ask.")


class GraceAsked(BaseModel):
    """For how long an object stays an orphan before it may be collected."""

    model_config = ConfigDict(extra="forbid")

    days: Share | None = Field(ge=0, le=LONGEST_GRACE, description="null: as usual, 30 days.")


Target = Annotated[str | None, Query(description="Only those of this target.")]


@router.get("/orphans/", response_model=Page[Orphan], responses=AS_LINES, summary="List orphans")
async def list_orphans(
    request: Request, hub: Hub, paging: Asked, target: Target = None, site: str | None = None
) -> Page[Orphan] | Response:
    """Objects that nothing referred to when their target was swept last, those known longest first."""
    which = Filter(target, site)

    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[OrphanView]:
        numbers = numbers_of(cursor, 1)
        return orphans.list_orphans(conn, which, numbers[0] if numbers else None, limit, skip)

    listing = Listing(read, lambda orphan: str(orphan.id), Orphan.of)
    return await answer_with(
        request, hub.database, paging, listing, lambda conn: orphans.count_orphans(conn, which)[0]
    )


@router.get("/orphans/{number:int}/", summary="Show an orphan")
async def show_orphan(number: Number, hub: Hub) -> Orphan:
    """One of them."""
    return Orphan.of(await hub.database.read(lambda conn: orphans.get_orphan(conn, number)))


@router.post("/sweeps/", status_code=201, summary="Sweep a target")
async def start_sweep(asked: SweepAsked, hub: Hub, caller: Caller) -> Sweep:
    """All sites are walked for what refers to its objects; what nothing refers to is listed. Nothing is deleted."""
    number = await hub.write(lambda tx: sweeps.start(tx, Order(asked.target, caller)))
    return await show_sweep(number, hub)


@router.post("/sweeps/collect/", status_code=201, summary="Sweep a target, and collect its orphans")
async def collect_orphans(asked: CollectAsked, hub: Hub, caller: Caller) -> Sweep:
    """What nothing has referred to for the target's grace time is deleted, each object after a last look."""
    order = Order(asked.target, caller, True, asked.unrecorded, asked.force)
    number = await hub.write(lambda tx: sweeps.start(tx, order))
    return await show_sweep(number, hub)


@router.get(
    "/sweeps/", response_model=Page[Sweep], responses=AS_LINES, summary="List sweeps, the newest first"
)
async def list_sweeps(
    request: Request, hub: Hub, paging: Asked, target: Target = None
) -> Page[Sweep] | Response:
    """Sweeps of a target, or of all."""

    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[SweepView]:
        numbers = numbers_of(cursor, 1)
        return sweep_views.list_sweeps(conn, target, numbers[0] if numbers else None, limit + skip)[skip:]

    listing = Listing(read, lambda sweep: str(sweep.id), Sweep.of)
    return await answer_with(
        request, hub.database, paging, listing, lambda conn: sweep_views.count_sweeps(conn, target)
    )


@router.get("/sweeps/{number:int}/", summary="Show a sweep")
async def show_sweep(number: Number, hub: Hub) -> Sweep:
    """How it stands."""
    return Sweep.of(await hub.database.read(lambda conn: sweep_views.find_sweep(conn, number)))


@router.post("/sweeps/{number:int}/stop/", summary="Stop a sweep")
async def stop_sweep(number: Number, hub: Hub, caller: Caller) -> Sweep:
    """What it runs is cancelled; it ends once that is over."""
    await hub.write(lambda tx: sweeps.stop(tx, number, caller))
    return await show_sweep(number, hub)


@router.put("/targets/{name}/grace/", status_code=204, summary="Set a target's grace time")
async def set_grace(name: str, asked: GraceAsked, hub: Hub) -> None:
    """For how long an object stays an orphan before it may be collected."""
    grace = None if asked.days is None else int(asked.days * DAY)
    await hub.write(lambda tx: sweeps.set_grace(tx, name, grace))
