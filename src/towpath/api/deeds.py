"""The audit log: `GET /api/audit/`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Hub
from towpath.api.forms import Moment
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at, microseconds
from towpath.engine import audit
from towpath.engine.audit import DeedFilter, DeedView

router = Router(prefix="/api/audit", tags=["people"])


class Deed(BaseModel):
    """Something that was done, or an attempt to sign in."""

    id: int
    at: datetime
    by: str = Field(examples=["ana"])
    via: str = Field(
        description="key, session, token or link; empty for who was not let in.", examples=["key"]
    )
    address: str = Field(description="From where.", examples=["127.0.0.1"])
    action: str = Field(description="The operation of this API.", examples=["pause"])
    thing: str = Field(description="On what: the URL's path.", examples=["/api/jobs/12/pause/"])
    asked: str = Field(description="The body of the request; secrets are blanked.")

    @classmethod
    def of(cls, deed: DeedView) -> "Deed":
        """The row as the API shows it."""
        return cls(
            id=deed.id,
            at=at(deed.at),
            by=deed.by,
            via=deed.via,
            address=deed.address,
            action=deed.action,
            thing=deed.thing,
            asked=deed.asked,
        )


def _listing(wanted: DeedFilter) -> Listing[DeedView, Deed]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[DeedView]:
        numbers = numbers_of(cursor, 1)
        return audit.list_deeds(conn, wanted, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda deed: str(deed.id), Deed.of)


async def _wanted(
    by: str | None = None,
    action: str | None = None,
    thing: Annotated[str | None, Query(description="A part of the URL's path.")] = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> DeedFilter:
    first = None if since is None else microseconds(since)
    last = None if until is None else microseconds(until)
    return DeedFilter(by, action, thing, first, last)


@router.get(
    "/", response_model=Page[Deed], responses=AS_LINES, summary="List what was done, the newest first"
)
async def list_deeds(
    request: Request, hub: Hub, paging: Asked, wanted: Annotated[DeedFilter, Depends(_wanted)]
) -> Page[Deed] | Response:
    """Every write, in whose name and from where; of more than 10,000 rows `count` says 10,000."""
    listing = _listing(wanted)
    return await answer_with(
        request, hub.database, paging, listing, lambda conn: audit.count_deeds(conn, wanted)
    )
