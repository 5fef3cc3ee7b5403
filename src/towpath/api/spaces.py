"""Spaces: directories of sites that bear a name, each with a default target."""

from http import HTTPStatus
from typing import Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from towpath.api.context import Asking, Hub
from towpath.engine import spaces

router = APIRouter(prefix="/api/spaces", tags=["spaces"])


class Space(BaseModel):
    """A directory of a site that bears a name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["genomes"])
    site: str = Field(examples=["oslo"])
    path: str = Field(description="Absolute, beneath a root of the site.", examples=["/data/genomes"])
    default_target: str | None = Field(
        default=None,
        description="Where steps send data of it that name no endpoint; null: what the site says.",
    )

    @classmethod
    def of(cls, space: spaces.Space) -> Self:
        """The space as the API shows it."""
        return cls(name=space.name, site=space.site, path=space.path, default_target=space.default_target)


class Spaces(BaseModel):
    """All spaces."""

    count: int
    results: list[Space]


class SpaceChange(BaseModel):
    """What to change about a space."""

    model_config = ConfigDict(extra="forbid")

    default_target: str | None = Field(description="The name of a target, or null for what the site says.")


@router.get("/", summary="List spaces")
async def list_spaces(hub: Hub, asking: Asking) -> Spaces:
    """All spaces that the caller may see, by name and site."""
    known = await hub.database.read(spaces.list_spaces)
    reach = asking.reach
    found = [Space.of(space) for space in known if reach is None or (space.site, space.name) in reach]
    return Spaces(count=len(found), results=found)


@router.post("/", status_code=HTTPStatus.CREATED, summary="Add a space")
async def add_space(asked: Space, hub: Hub) -> Space:
    """The same name may be given at other sites too."""
    space = spaces.Space(asked.name, asked.site, asked.path, asked.default_target)
    await hub.write(lambda tx: spaces.add_space(tx, space))
    return await _space(hub, asked.name, asked.site)


@router.get("/{name}/{site}/", summary="Show a space")
async def show_space(name: str, site: str, hub: Hub) -> Space:
    """A space at one site."""
    return await _space(hub, name, site)


@router.patch("/{name}/{site}/", summary="Change a space")
async def change_space(name: str, site: str, change: SpaceChange, hub: Hub) -> Space:
    """Sets its default target; jobs that are there keep theirs."""
    await hub.write(lambda tx: spaces.set_default_target(tx, name, site, change.default_target))
    return await _space(hub, name, site)


@router.delete("/{name}/{site}/", status_code=HTTPStatus.NO_CONTENT, summary="Remove a space")
async def remove_space(name: str, site: str, hub: Hub) -> Response:
    """The directory and what lies in it stay."""
    await hub.write(lambda tx: spaces.remove_space(tx, name, site))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _space(hub: Hub, name: str, site: str) -> Space:
    return Space.of(await hub.database.read(lambda conn: spaces.get_space(conn, name, site)))
