"""Whether the hub works: for people, load balancers and supervisors."""

from http import HTTPStatus
from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from towpath import __version__
from towpath.api.context import Hub
from towpath.store.engines import Away

router = APIRouter(prefix="/api", tags=["health"])

Word = Literal["ok", "down"]


class Health(BaseModel):
    """The hub's parts; `ok` if all are."""

    status: Word
    database: Word
    bus: Word
    version: str


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
