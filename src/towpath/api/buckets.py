"""Buckets: places where data goes, each with the credentials for it."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import Response

from towpath.api.context import Hub
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.errors import NotFound, did_you_mean
from towpath.engine import registry
from towpath.engine.registry import BucketView

router = Router(prefix="/api/buckets", tags=["buckets"])

Credentials = Annotated[
    dict[str, SecretStr],
    Field(
        description="Kept encrypted, sealed to the nodes that need them, and never shown.",
        examples=[{"access_key_id": "…"}],
    ),
]


class Bucket(BaseModel):
    """A place; its credentials are never shown."""

    name: str = Field(examples=["cloud"])
    url: str = Field(examples=["s3://archive?endpoint=https://s3.example.org"])
    has_credentials: bool
    targets: list[str] = Field(description="Those that lie in it.")
    created_at: datetime

    @classmethod
    def of(cls, bucket: BucketView) -> Self:
        """The bucket as the API shows it."""
        return cls(
            name=bucket.name,
            url=bucket.url,
            has_credentials=bucket.has_credentials,
            targets=list(bucket.targets),
            created_at=at(bucket.created_at),
        )


class Buckets(BaseModel):
    """All buckets."""

    count: int
    results: list[Bucket]


class NewBucket(BaseModel):
    """A bucket to add: secrets go into `credentials`, never into the URL."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["cloud"])
    url: str = Field(examples=["s3://archive?endpoint=https://s3.example.org"])
    credentials: Credentials = {}


def plain(credentials: dict[str, SecretStr]) -> dict[str, str]:
    """The credentials themselves: from here on they are secrets that nobody prints."""
    return {name: secret.get_secret_value() for name, secret in credentials.items()}


async def _bucket(hub: Hub, name: str) -> Bucket:
    buckets = {bucket.name: bucket for bucket in await hub.database.read(registry.list_buckets)}
    if name not in buckets:
        raise NotFound(f"no bucket '{name}'{did_you_mean(name, buckets)}")
    return Bucket.of(buckets[name])


@router.get("/", summary="List buckets")
async def list_buckets(hub: Hub) -> Buckets:
    """All buckets by name."""
    found = [Bucket.of(bucket) for bucket in await hub.database.read(registry.list_buckets)]
    return Buckets(count=len(found), results=found)


@router.post("/", status_code=HTTPStatus.CREATED, summary="Add a bucket")
async def add_bucket(asked: NewBucket, hub: Hub) -> Bucket:
    """Any number of targets may then be added in it."""
    credentials = plain(asked.credentials)
    await hub.write(lambda tx: registry.add_bucket(tx, asked.name, asked.url, credentials, hub.hub_key))
    return await _bucket(hub, asked.name)


@router.get("/{name}/", summary="Show a bucket")
async def show_bucket(name: str, hub: Hub) -> Bucket:
    """A bucket, without its credentials."""
    return await _bucket(hub, name)


@router.put("/{name}/credentials/", summary="Give a bucket other credentials")
async def set_credentials(name: str, credentials: dict[str, SecretStr], hub: Hub) -> Bucket:
    """For all targets in it; nodes that have opened one take them within five minutes."""
    fresh = plain(credentials)
    await hub.write(lambda tx: registry.set_credentials(tx, name, fresh, hub.hub_key))
    return await _bucket(hub, name)


@router.delete("/{name}/", status_code=HTTPStatus.NO_CONTENT, summary="Remove a bucket")
async def remove_bucket(name: str, hub: Hub) -> Response:
    """Only where no target lies in it; what stands there stays."""
    await hub.write(lambda tx: registry.remove_bucket(tx, name))
    return Response(status_code=HTTPStatus.NO_CONTENT)
