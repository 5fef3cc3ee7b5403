"""Whether the hub works: for people, load balancers and supervisors."""

from http import HTTPStatus
from typing import Literal

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from towpath import __version__
from towpath.api.context import Hub
from towpath.api.routers import Router
from towpath.store import schema
from towpath.store.engines import Away

router = Router(prefix="/api", tags=["health"])

Word = Literal["ok", "down"]


class Health(BaseModel):
    """The hub's parts; `ok` if all are."""

    status: Word
    database: Word
    bus: Word
    version: str


class Alive(BaseModel):
    """That the process answers."""

    status: Word


class Ready(Health):
    """The same, and whether the database has the form that this hub works with."""

    migrations: Word


async def _database(hub: Hub) -> Word:
    try:
        await hub.database.read(lambda conn: conn.execute(sa.select(1)).scalar_one())
    except (SQLAlchemyError, Away):
        return "down"
    return "ok"


@router.get("/health", responses={503: {"model": Health}}, summary="Ask whether the hub works")
async def show_health(hub: Hub, response: Response) -> Health:
    """Needs no key; answers 503 where a part is down."""
    database = await _database(hub)
    bus: Word = "ok" if await hub.hears_bus() else "down"
    status: Word = "ok" if database == bus == "ok" else "down"
    if status == "down":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Health(status=status, database=database, bus=bus, version=__version__)


@router.get("/health/live", summary="Ask whether the hub's process answers")
async def show_alive() -> Alive:
    """Needs no key, and asks nothing else: where it does not answer, the process is to be started anew."""
    return Alive(status="ok")


@router.get(
    "/health/ready", responses={503: {"model": Ready}}, summary="Ask whether the hub can do its work now"
)
async def show_ready(hub: Hub, response: Response) -> Ready:
    """Needs no key; answers 503 while it should be given no calls: a part is down, or migrations are not done."""
    health = await show_health(hub, response)
    migrations: Word = "down"
    if health.database == "ok":
        form = await hub.database.read(schema.form_of)
        migrations = "ok" if form == schema.newest() else "down"
    if migrations == "down":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    status: Word = "ok" if health.status == migrations == "ok" else "down"
    return Ready(**{**dict(health), "status": status}, migrations=migrations)
