"""What lies in a space: counted by a walk, and shown with the time of it."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field

from towpath.api.context import Asking, Caller, Hub
from towpath.api.routers import Router
from towpath.api.times import maybe_at
from towpath.domain.usage import Usage
from towpath.engine import usage
from towpath.engine.usage import Counted, Known

router = Router(prefix="/api/spaces", tags=["spaces"])


class Numbers(BaseModel):
    """What a walk has counted; sizes are bytes, and each name of a file counts."""

    files: int = Field(examples=[120_000])
    folders: int = Field(examples=[1_300])
    others: int = Field(description="Symbolic links, and what is neither a file nor a folder.", examples=[12])
    bytes: int = Field(description="What the files hold, here or at a target.", examples=[7_200_000_000])
    allocated: int = Field(description="What they take on disk at the site.", examples=[1_500_000_000])
    hydrated_files: int = Field(examples=[20_000])
    hydrated_bytes: int = Field(examples=[1_500_000_000])
    dehydrated_files: int = Field(
        description="Files some of whose data is at a target only, as their marks say.", examples=[100_000]
    )
    dehydrated_bytes: int = Field(examples=[5_700_000_000])
    unreadable: int = Field(
        description="Paths that could not be looked at: what lies beneath them is not counted.", examples=[0]
    )

    @classmethod
    def of(cls, counted: Usage) -> Self:
        """The numbers as the API shows them."""
        return cls(
            **counted.document,
            hydrated_files=counted.files - counted.dehydrated_files,
            hydrated_bytes=counted.bytes - counted.dehydrated_bytes,
        )


class SpaceUsage(BaseModel):
    """What was last counted in a space, and when."""

    began_at: datetime | None = Field(description="When the walk began that counted `usage`.")
    ended_at: datetime | None = Field(description="When it ended: what came or went since then is not in it.")
    complete: bool = Field(description="Whether there is a count, and nothing was unreadable.")
    usage: Numbers | None = Field(description="null: it was never counted.")
    job: int | None = Field(description="The job that counts now; null: none does.", examples=[None])
    failure: str = Field(description="Why the last walk told nothing; empty where it did.", examples=[""])

    @classmethod
    def of(cls, counted: Counted) -> Self:
        """What is known as the API shows it."""
        found = None if counted.usage is None else Usage(**counted.usage)
        return cls(
            began_at=maybe_at(counted.began_at),
            ended_at=maybe_at(counted.ended_at),
            complete=found is not None and not found.unreadable,
            usage=None if found is None else Numbers.of(found),
            job=counted.job,
            failure=counted.failure,
        )


class SpaceCounted(SpaceUsage):
    """What was last counted in a space, and which space that is."""

    name: str = Field(examples=["genomes"])
    site: str = Field(examples=["oslo"])
    within: str | None = Field(
        description="The space of its site in which it lies: what is counted here is counted there too."
    )

    @classmethod
    def known(cls, one: Known) -> Self:
        """What is known of a space as the API shows it."""
        counted = SpaceUsage.of(one.counted)
        return cls(name=one.space.name, site=one.space.site, within=one.within, **dict(counted))


class SpacesCounted(BaseModel):
    """What was last counted in all spaces."""

    count: int
    results: list[SpaceCounted]


@router.get("/usage/", summary="List what lies in spaces")
async def list_usage(hub: Hub, asking: Asking) -> SpacesCounted:
    """Of all spaces that the caller may see, as the last walk of each has counted it; nothing is walked for it."""
    known = await hub.database.read(usage.list_usage)
    reach = asking.reach
    mine = [one for one in known if reach is None or (one.space.site, one.space.name) in reach]
    return SpacesCounted(count=len(mine), results=[SpaceCounted.known(one) for one in mine])


@router.get("/{name}/{site}/usage/", summary="Show what lies in a space")
async def show_usage(name: str, site: str, hub: Hub) -> SpaceUsage:
    """As the last walk has counted it, with the times of that walk. Towpath's own files and what spaces exclude do not
    count."""
    return SpaceUsage.of(await hub.database.read(lambda conn: usage.find_usage(conn, name, site)))


@router.post("/{name}/{site}/usage/", status_code=202, summary="Have what lies in a space counted")
async def measure_space(name: str, site: str, hub: Hub, caller: Caller) -> SpaceUsage:
    """A job walks it behind all that people have started; one that counts already goes on."""
    await hub.write(lambda tx: usage.measure(tx, name, site, caller))
    return await show_usage(name, site, hub)
