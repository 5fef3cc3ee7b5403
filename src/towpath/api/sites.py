"""Sites: their nodes, their health, and where they send data by default."""

from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Caller, Hub
from towpath.api.nodes import DrainAsked, Node
from towpath.domain.errors import NotFound, did_you_mean
from towpath.domain.nodes import Health
from towpath.engine import node_wishes, registry
from towpath.engine.registry import SiteView

router = APIRouter(prefix="/api/sites", tags=["sites"])


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


@router.post("/{name}/drain/", summary="Drain all nodes of a site")
async def drain_site(name: str, hub: Hub, caller: Caller, body: DrainAsked | None = None) -> Site:
    """None of them is granted anything more; what runs ends."""
    why = (body or DrainAsked()).reason
    await hub.database.write(lambda tx: node_wishes.drain_site(tx, name, caller, why))
    return await _site(hub, name)


@router.post("/{name}/undrain/", summary="Let all nodes of a site work again")
async def undrain_site(name: str, hub: Hub) -> Site:
    """They are granted tasks again."""
    await hub.database.write(lambda tx: node_wishes.undrain_site(tx, name))
    return await _site(hub, name)
