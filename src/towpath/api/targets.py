"""Targets: where data goes."""

from datetime import datetime
from http import HTTPStatus
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from starlette.responses import Response

from towpath.api.buckets import plain
from towpath.api.context import Hub
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.domain.targets import URLS_FOR_PEOPLE, Traits
from towpath.engine import registry
from towpath.engine.registry import TargetView
from towpath.store.database import Tx

router = Router(prefix="/api/targets", tags=["targets"])


class Target(BaseModel):
    """A target; its credentials are never shown."""

    name: str = Field(examples=["tape"])
    url: str = Field(examples=["s3://archive/oslo?endpoint=https://s3.example.org"])
    bucket: str = Field(examples=["cloud"])
    storage_class: str = Field(description="What new objects are put with; empty: the store's default.")
    template: str = Field(description="How keys are made; empty: {site}/{root}/{path}.")
    created_at: datetime

    @classmethod
    def of(cls, target: TargetView) -> Self:
        """The target as the API shows it."""
        return cls(
            name=target.name,
            url=target.url,
            bucket=target.bucket,
            storage_class=target.storage_class,
            template=target.template,
            created_at=at(target.created_at),
        )


class Targets(BaseModel):
    """All targets."""

    count: int
    results: list[Target]


class NewTarget(BaseModel):
    """A target to add: in a `bucket` that is there, or with a `url`, for which a bucket of its name is made too.

    Secrets go into `credentials`, never into the URL.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {
                    "required": ["url"],
                    "properties": {
                        "url": {"type": "string"},
                        "bucket": {"type": "null"},
                        "prefix": {"maxLength": 0},
                    },
                },
                {
                    "required": ["bucket"],
                    "properties": {
                        "bucket": {"type": "string"},
                        "url": {"type": "null"},
                        "credentials": {"maxProperties": 0},
                    },
                },
            ],
            "examples": [
                {
                    "name": "tape",
                    "url": "s3://archive/oslo?endpoint=https://s3.example.org",
                    "credentials": {"access_key_id": "…", "secret_access_key": "…"},
                },
                {"name": "cold", "bucket": "cloud", "prefix": "oslo", "storage_class": "STANDARD_IA"},
                {"name": "dated", "bucket": "cloud", "template": "{site}/2026/{root}/{path}"},
            ],
        },
    )

    name: str
    url: str | None = Field(default=None, description=URLS_FOR_PEOPLE)
    credentials: dict[str, SecretStr] = Field(
        default={}, description="Kept encrypted, sealed to the nodes that need them."
    )
    bucket: str | None = Field(default=None, description="In place of a URL and credentials.")
    prefix: str = Field(default="", description="Beneath what its objects stand in the bucket.")
    storage_class: str = ""
    template: str = ""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.url is None) == (self.bucket is None):
            raise ValueError("expected either a url or a bucket")
        if self.bucket is not None and self.credentials:
            raise ValueError("expected no credentials beside a bucket, which has its own")
        if self.url is not None and self.prefix:
            raise ValueError("expected the prefix within the url")
        return self


async def _target(hub: Hub, name: str) -> Target:
    return Target.of(await hub.database.read(lambda conn: registry.get_target(conn, name)))


@router.get("/", summary="List targets")
async def list_targets(hub: Hub) -> Targets:
    """All targets by name."""
    found = [Target.of(target) for target in await hub.database.read(registry.list_targets)]
    return Targets(count=len(found), results=found)


@router.post("/", status_code=HTTPStatus.CREATED, summary="Add a target")
async def add_target(asked: NewTarget, hub: Hub) -> Target:
    """Nodes learn of it when a task of theirs names it."""
    traits = Traits(asked.storage_class, asked.template)

    def work(tx: Tx) -> None:
        if asked.bucket is not None:
            registry.add_target_in(tx, asked.name, asked.bucket, asked.prefix, traits)
        else:
            secrets = plain(asked.credentials)
            registry.add_target(tx, asked.name, asked.url or "", secrets, hub.hub_key, traits)

    await hub.write(work)
    return await _target(hub, asked.name)


@router.get("/{name}/", summary="Show a target")
async def show_target(name: str, hub: Hub) -> Target:
    """A target without its credentials."""
    return await _target(hub, name)


@router.delete("/{name}/", status_code=HTTPStatus.NO_CONTENT, summary="Delete a target")
async def delete_target(name: str, hub: Hub) -> Response:
    """The objects at the target stay where they are."""
    await hub.write(lambda tx: registry.delete_target(tx, name))
    return Response(status_code=HTTPStatus.NO_CONTENT)
