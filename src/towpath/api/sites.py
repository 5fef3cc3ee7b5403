"""Sites: their nodes, their health, and where they send data by default."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from towpath.api.context import Caller, Hub
from towpath.api.nodes import DrainAsked, Node
from towpath.api.pages import NEXT, AskedPart, Narrowed, link_behind
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at
from towpath.api.wishes import QueuePause, QueueWish, Wished, wish_all
from towpath.domain.alerts import Severity
from towpath.domain.errors import Mistake
from towpath.domain.nodes import Health
from towpath.domain.states import Wanted
from towpath.engine import alerts, holds, node_wishes, registry, site_views
from towpath.engine.bulk import Which
from towpath.engine.site_views import SitePart, SiteView, Sought
from towpath.store.holds import Hold

router = Router(prefix="/api/sites", tags=["sites"])
Order = Literal["name", "health"]


class Paused(BaseModel):
    """A pause of a site, or of one queue of it, that stands."""

    queue: str = Field(description='The queue; "" is the whole site.')
    by: str
    why: str
    at: datetime
    resume_at: datetime | None
    now: bool = Field(description="What ran there was asked back.")

    @classmethod
    def of(cls, hold: Hold) -> Self:
        """The pause as the API shows it."""
        return cls(
            queue=hold.queue,
            by=hold.by,
            why=hold.why,
            at=at(hold.at),
            resume_at=maybe_at(hold.until),
            now=hold.hand_back,
        )


class Site(BaseModel):
    """A site: all nodes that bear its name."""

    name: str = Field(examples=["oslo"])
    health: Health = Field(
        description="ok: all nodes are online; warning: some are not; critical: none is heard.",
        examples=["ok"],
    )
    roots: dict[str, str] = Field(description="Name of each root → its directory.")
    default_target: str | None = Field(description="Where steps send data that name no endpoint.")
    unguarded: bool = Field(
        description="Stubs may be made although no recall daemon guards them: root reads zeros there."
    )
    nodes: list[Node]
    paused: list[Paused] = Field(
        description="Nothing is granted here, or on these queues, until it is resumed."
    )
    alerts: dict[Severity, int] = Field(
        description="How many alerts of it stand that are not muted, by severity; what there is none of is left out.",
        examples=[{"warning": 1}],
    )

    @classmethod
    def of(cls, site: SiteView, alerts: Mapping[Severity, int]) -> Self:
        """The site as the API shows it."""
        return cls(
            name=site.name,
            health=site.health,
            roots=dict(site.roots),
            default_target=site.default_target,
            unguarded=site.unguarded,
            nodes=[Node.of(node) for node in site.nodes],
            paused=[Paused.of(hold) for hold in site.holds],
            alerts=dict(alerts),
        )


class SiteStats(BaseModel):
    """How the sites with the words that were asked for stand."""

    health: dict[Health, int] = Field(description="How many sites are so; those without nodes are left out.")
    running: int = Field(description="Tasks that run there.")

    @classmethod
    def of(cls, stats: site_views.SiteStats) -> Self:
        """The same as the API shows it."""
        return cls(health=dict(stats.health), running=stats.running)


class Sites(BaseModel):
    """All sites, or a part of them."""

    count: int = Field(description="How many have the words that were asked for.")
    next: str | None = NEXT
    stats: SiteStats | None = Field(default=None, description="Of all of them, where it was asked for.")
    results: list[Site]


class SiteChange(BaseModel):
    """What to change about a site; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    default_target: str | None = Field(description="The name of a target, or null for none.")


async def _site(hub: Hub, name: str) -> Site:
    now = hub.context.clock()

    def read(conn: Connection) -> Site:
        found = registry.get_site(conn, name)
        return Site.of(found, alerts.count_by_site(conn, [name], now).get(name, {}))

    return await hub.database.read(read)


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read for a list of sites."""

    part: SitePart
    stats: site_views.SiteStats | None
    alerts: Mapping[str, Mapping[Severity, int]]
    """Those that stand and are not muted, by site."""


def _sought(part: Narrowed, needy_first: bool) -> Sought:
    if part.cursor is None:
        return Sought(part.page_size, part.search, needy_first)
    need, _, name = part.cursor.partition(".")
    if not (need.isascii() and need.isdigit() and len(need) == 1 and name):
        raise Mistake(f"expected a cursor that a page gave, found '{part.cursor}'")
    return Sought(part.page_size, part.search, needy_first, (int(need), name))


@router.get("/", summary="List sites")
async def list_sites(
    request: Request,
    hub: Hub,
    part: AskedPart,
    sort: Annotated[Order, Query(description="`health`: those that need somebody first.")] = "name",
    stats: Annotated[bool, Query(description="Count how all of them stand, too.")] = False,
) -> Sites:
    """All sites, each with its nodes; `search` looks into names."""
    sought, now = _sought(part, sort == "health"), hub.context.clock()

    def read(conn: Connection) -> _Found:
        told = site_views.site_stats(conn, part.search) if stats else None
        shown = site_views.find_sites(conn, sought)
        return _Found(shown, told, alerts.count_by_site(conn, [site.name for site in shown.views], now))

    found = await hub.read(read)
    last = found.part.last
    return Sites(
        count=found.part.count,
        next=None if last is None else link_behind(request, f"{last[0]}.{last[1]}"),
        stats=SiteStats.of(found.stats) if found.stats else None,
        results=[Site.of(site, found.alerts.get(site.name, {})) for site in found.part.views],
    )


class NewSite(BaseModel):
    """A site to add."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["rome"])


@router.post("/", status_code=201, summary="Add a site")
async def add_site(body: NewSite, hub: Hub) -> Site:
    """It has no nodes yet: each comes with a token of `POST /api/join/tokens/`."""
    await hub.write(lambda tx: registry.add_new_site(tx, body.name))
    return await _site(hub, body.name)


@router.get("/{name}/", summary="Show a site")
async def show_site(name: str, hub: Hub) -> Site:
    """A site and its nodes."""
    return await _site(hub, name)


@router.patch("/{name}/", summary="Change a site")
async def change_site(name: str, change: SiteChange, hub: Hub) -> Site:
    """Sets the site's default target."""
    await hub.write(lambda tx: registry.set_default_target(tx, name, change.default_target))
    return await _site(hub, name)


@router.post("/{name}/drain/", summary="Drain all nodes of a site")
async def drain_site(name: str, hub: Hub, caller: Caller, body: DrainAsked | None = None) -> Site:
    """None of them is granted anything more; what runs ends."""
    why = (body or DrainAsked()).reason
    await hub.write(lambda tx: node_wishes.drain_site(tx, name, caller, why))
    return await _site(hub, name)


@router.post("/{name}/undrain/", summary="Let all nodes of a site work again")
async def undrain_site(name: str, hub: Hub) -> Site:
    """They are granted tasks again."""
    await hub.write(lambda tx: node_wishes.undrain_site(tx, name))
    return await _site(hub, name)


@router.post("/{name}/pause/", summary="Pause a site or a queue")
async def pause_site(name: str, hub: Hub, caller: Caller, body: QueuePause | None = None) -> Site:
    """Nothing more starts there, whatever job it is of; jobs keep their states, and say what they wait for."""
    asked = body or QueuePause()
    await hub.write(lambda tx: holds.pause(tx, name, asked.queue, asked.wish(caller)))
    return await _site(hub, name)


@router.post("/{name}/resume/", summary="Resume a site or a queue")
async def resume_site(name: str, hub: Hub, caller: Caller, body: QueueWish | None = None) -> Site:
    """Ends the pause of the site, or of that queue; a pause of the other stays."""
    asked = body or QueueWish()
    wish = asked.wish(Wanted.RUN, caller)
    await hub.write(lambda tx: holds.resume(tx, name, asked.queue, wish))
    return await _site(hub, name)


@router.post("/{name}/cancel/", summary="Cancel all jobs of a site or a queue")
async def cancel_site(name: str, hub: Hub, caller: Caller, body: QueueWish | None = None) -> Wished:
    """Cancels each job that was started at the site, or on that queue of it, and is not over."""
    asked = body or QueueWish()
    which = Which(site=name, queue=asked.queue)
    return await wish_all(hub, which, asked.wish(Wanted.CANCEL, caller))
