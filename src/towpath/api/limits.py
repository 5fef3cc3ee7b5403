"""Limits: how many tasks of all jobs of one user may run at once."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from towpath.api.context import Caller, Hub
from towpath.api.forms import MaxTasks
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.engine import turns
from towpath.engine.turns import LimitView

router = Router(prefix="/api/limits", tags=["limits"])


class Limit(BaseModel):
    """How many tasks of all jobs of a user may run at once, and how many do; discoveries are not counted."""

    owner: str = Field(description="The name of an API key: who starts the jobs.", examples=["ana"])
    max_tasks: int
    running: int
    set_by: str
    set_at: datetime

    @classmethod
    def of(cls, limit: LimitView) -> Self:
        """The limit as the API shows it."""
        return cls(
            owner=limit.owner,
            max_tasks=limit.max_tasks,
            running=limit.running,
            set_by=limit.set_by,
            set_at=at(limit.set_at),
        )


class Limits(BaseModel):
    """All limits."""

    count: int
    results: list[Limit]


class LimitAsked(BaseModel):
    """How many tasks may run at once."""

    model_config = ConfigDict(extra="forbid")

    max_tasks: MaxTasks


async def _limits(hub: Hub) -> Limits:
    found = await hub.database.read(turns.list_limits)
    return Limits(count=len(found), results=[Limit.of(limit) for limit in found])


@router.get("/", summary="List limits")
async def list_limits(hub: Hub) -> Limits:
    """All limits by user; who has none may run any number of tasks."""
    return await _limits(hub)


@router.get("/{owner}/", summary="Show a user's limit")
async def show_limit(owner: str, hub: Hub) -> Limit:
    """How many tasks of the user may run at once, and how many do."""
    return Limit.of(await hub.database.read(lambda conn: turns.get_limit(conn, owner)))


@router.put("/{owner}/", summary="Limit a user")
async def set_limit(owner: str, body: LimitAsked, hub: Hub, caller: Caller) -> Limits:
    """All jobs of the user together run no more tasks than that; what runs beyond it now ends in its own time."""
    await hub.write(lambda tx: turns.set_limit(tx, owner, body.max_tasks, caller))
    return await _limits(hub)


@router.delete("/{owner}/", status_code=204, summary="Lift a user's limit")
async def lift_limit(owner: str, hub: Hub) -> None:
    """The jobs of the user may run any number of tasks again."""
    await hub.write(lambda tx: turns.lift_limit(tx, owner))
