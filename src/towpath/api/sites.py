"""Sites: their nodes, their health, and where they send data by default."""

from datetime import datetime
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Hub
from towpath.api.times import maybe_at
from towpath.domain.errors import NotFound, did_you_mean
from towpath.engine import registry
from towpath.engine.registry import NodeView, SiteView

router = APIRouter(prefix="/api/sites", tags=["sites"])


class Node(BaseModel):
    """A node: one worker of a site."""

    name: str
    online: bool
    draining: bool = Field(description="It finishes what it has and takes no more.")
    heard_at: datetime | None
    queues: dict[str, dict[str, int]] = Field(description="Queue → function → slots.")
    software: str

    @classmethod
    def of(cls, node: NodeView) -> Self:
        """The node as the API shows it."""
        return cls(
            name=node.name,
            online=node.online,
            draining=node.draining,
            heard_at=maybe_at(node.heard_at),
            queues={queue: dict(functions) for queue, functions in node.queues.items()},
            software=node.software,
        )


class Site(BaseModel):
    """A site: all nodes that bear its name."""

    name: str = Field(examples=["oslo"])
    health: str = Field(
        description="ok: all nodes are heard; warning: some are not; critical: none is.", examples=["ok"]
    )
    roots: dict[str, str] = Field(description="Name of each root → its directory.")
    default_target: str | None = Field(description="Where steps send data that name no endpoint.")
    unguarded: bool = Field(
        description="Stubs may be made although no recall daemon guards them: root reads zeros there."
    )
    nodes: list[Node]

    @classmethod
    def of(cls, site: SiteView) -> Self:
        """The site as the API shows it."""
        return cls(
            name=site.name,
            health=site.health,
            roots=dict(site.roots),
            default_target=site.default_target,
            unguarded=site.unguarded,
            nodes=[Node.of(node) for node in site.nodes],
        )


class Sites(BaseModel):
    """All sites."""

    count: int
    results: list[Site]


class SiteChange(BaseModel):
    """What to change about a site; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    default_target: str | None = Field(description="The name of a target, or null for none.")


async def _site(hub: Hub, name: str) -> Site:
    sites = {site.name: site for site in await hub.database.read(registry.list_sites)}
    if name not in sites:
        raise NotFound(f"no site '{name}'{did_you_mean(name, sites)}")
    return Site.of(sites[name])


@router.get("/", summary="List sites")
async def list_sites(hub: Hub) -> Sites:
    """All sites by name, each with its nodes."""
    found = [Site.of(site) for site in await hub.database.read(registry.list_sites)]
    return Sites(count=len(found), results=found)


@router.get("/{name}/", summary="Show a site")
async def show_site(name: str, hub: Hub) -> Site:
    """A site and its nodes."""
    return await _site(hub, name)


@router.patch("/{name}/", summary="Change a site")
async def change_site(name: str, change: SiteChange, hub: Hub) -> Site:
    """Sets the site's default target."""
    await hub.database.write(lambda tx: registry.set_default_target(tx, name, change.default_target))
    return await _site(hub, name)
