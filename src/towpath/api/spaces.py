"""Spaces: directories of sites that bear a name, each with a default target and what is left alone in it."""

from dataclasses import replace
from http import HTTPStatus
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from towpath.api.context import Asking, Hub
from towpath.api.forms import EXACT
from towpath.api.routers import Router
from towpath.domain.exclusions import MOST_GLOBS
from towpath.domain.usage import LEAST_EVERY, MOST_EVERY
from towpath.engine import spaces
from towpath.store.database import Tx

router = Router(prefix="/api/spaces", tags=["spaces"])

Excluded = Annotated[
    list[str],
    Field(
        max_length=MOST_GLOBS,
        description="Globs of what is left alone in it, as those of rules: without a slash they are held against names,"
        " at any depth, else against the path from the space's directory on. What matches, and all beneath it, is not"
        " walked, shown or taken into jobs, and belongs to no space.",
        examples=[["*.tmp", ".snapshots", "scratch/**"]],
    ),
]
UsageEvery = Annotated[int, Field(ge=LEAST_EVERY, le=MOST_EVERY), EXACT] | None
EVERY = "After how many seconds what lies in it is counted again; null: only when somebody asks."
TARGET = "Where steps send data of it that name no endpoint; null: what the site says."


class Space(BaseModel):
    """A directory of a site that bears a name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["genomes"])
    site: str = Field(examples=["oslo"])
    path: str = Field(description="Absolute, beneath a root of the site.", examples=["/data/genomes"])
    default_target: str | None = Field(default=None, description=TARGET)
    excluded: Excluded = []
    usage_every: UsageEvery = Field(default=None, description=EVERY)

    @classmethod
    def of(cls, space: spaces.Space) -> Self:
        """The space as the API shows it."""
        return cls(
            name=space.name,
            site=space.site,
            path=space.path,
            default_target=space.default_target,
            excluded=list(space.excluded),
            usage_every=space.usage_every,
        )


class Spaces(BaseModel):
    """All spaces."""

    count: int
    results: list[Space]


class SpaceChange(BaseModel):
    """What to change about a space; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    default_target: str | None = Field(default=None, description=TARGET)
    excluded: Excluded = []
    usage_every: UsageEvery = Field(default=None, description=EVERY)

    def of(self, space: spaces.Space) -> spaces.Space:
        """The space with what was asked for in place of its own."""
        told = self.model_fields_set
        return replace(
            space,
            default_target=self.default_target if "default_target" in told else space.default_target,
            excluded=tuple(self.excluded) if "excluded" in told else space.excluded,
            usage_every=self.usage_every if "usage_every" in told else space.usage_every,
        )


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
    excluded, every = tuple(asked.excluded), asked.usage_every
    space = spaces.Space(asked.name, asked.site, asked.path, asked.default_target, excluded, every)
    await hub.write(lambda tx: spaces.add_space(tx, space))
    return await _space(hub, asked.name, asked.site)


@router.get("/{name}/{site}/", summary="Show a space")
async def show_space(name: str, site: str, hub: Hub) -> Space:
    """A space at one site."""
    return await _space(hub, name, site)


@router.patch("/{name}/{site}/", summary="Change a space")
async def change_space(name: str, site: str, change: SpaceChange, hub: Hub) -> Space:
    """Jobs that are there keep its default target, and what was left alone when they were started."""

    def write(tx: Tx) -> None:
        spaces.change_space(tx, change.of(spaces.get_space(tx.conn, name, site)))

    await hub.write(write)
    return await _space(hub, name, site)


@router.delete("/{name}/{site}/", status_code=HTTPStatus.NO_CONTENT, summary="Remove a space")
async def remove_space(name: str, site: str, hub: Hub) -> Response:
    """The directory and what lies in it stay."""
    await hub.write(lambda tx: spaces.remove_space(tx, name, site))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _space(hub: Hub, name: str, site: str) -> Space:
    return Space.of(await hub.database.read(lambda conn: spaces.get_space(conn, name, site)))
