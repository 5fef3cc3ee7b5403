"""Destinations: who is told of alerts, and what became of each notice."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final, Self

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Caller, Hub
from towpath.api.forms import Flag
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at
from towpath.domain.alerts import AlertKind, Severity
from towpath.engine import destinations
from towpath.engine.destinations import DestinationView, NoticeView, Says, Wanted
from towpath.engine.webhooks import State
from towpath.hub.apprise_urls import LONGEST_URL, address
from towpath.store.database import Tx

router = Router(prefix="/api/alerts/destinations", tags=["alerts"])

MOST_COUNTED: Final = 10_000


class Destination(BaseModel):
    """Who is told of alerts; the URL is never shown again."""

    name: str = Field(examples=["operators"])
    shown: str = Field(description="Its URL without secrets.", examples=["slack://T...2/A...D/T...Q/"])
    kinds: list[AlertKind] = Field(description="Empty: all.")
    least_severity: Severity = Field(description="Those of this severity, and graver ones.")
    disabled: bool = Field(description="Nothing is sent there; what waits goes on waiting.")
    made_by: str
    created_at: datetime

    @classmethod
    def of(cls, one: DestinationView) -> Self:
        """The destination as the API shows it."""
        return cls(
            name=one.name,
            shown=one.shown,
            kinds=[AlertKind(kind) for kind in one.kinds],
            least_severity=one.least,
            disabled=one.disabled,
            made_by=one.made_by,
            created_at=at(one.created_at),
        )


class Destinations(BaseModel):
    """All destinations."""

    count: int
    results: list[Destination]


class NewDestination(BaseModel):
    """Who is to be told of alerts."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=64, examples=["operators"])
    url: str = Field(
        max_length=LONGEST_URL,
        description="A URL of Apprise, which knows over a hundred services; it is encrypted, and never shown again.",
        examples=["jsons://example.org/towpath"],
    )
    kinds: list[AlertKind] = Field(default=[], max_length=50, examples=[["site.offline"]])
    least_severity: Severity = Severity.WARNING


class DestinationChange(BaseModel):
    """What to change of a destination; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    kinds: list[AlertKind] | None = Field(default=None, max_length=50)
    least_severity: Severity | None = None
    disabled: Flag | None = None


class Notice(BaseModel):
    """That an alert was raised or cleared, on its way to a destination."""

    id: int
    alert: int | None = Field(description="null for a test.")
    says: Says
    state: State
    attempts: int
    error: str
    due_at: datetime = Field(description="When it is tried next, where it waits.")
    created_at: datetime
    tried_at: datetime | None

    @classmethod
    def of(cls, notice: NoticeView) -> Self:
        """The notice as the API shows it."""
        return cls(
            id=notice.id,
            alert=notice.alert,
            says=notice.says,
            state=notice.state,
            attempts=notice.attempts,
            error=notice.error,
            due_at=at(notice.due_at),
            created_at=at(notice.created_at),
            tried_at=maybe_at(notice.tried_at),
        )


class NoticeSent(BaseModel):
    """A test that was sent."""

    notice: int = Field(description="Its number in the list of notices, which says what became of it.")


@router.get("/", summary="List destinations of alerts")
async def list_destinations(hub: Hub) -> Destinations:
    """All destinations by name."""
    found = await hub.database.read(destinations.list_destinations)
    return Destinations(count=len(found), results=[Destination.of(one) for one in found])


@router.post("/", status_code=HTTPStatus.CREATED, summary="Add a destination of alerts")
async def add_destination(body: NewDestination, hub: Hub, caller: Caller) -> Destination:
    """Alerts are told there from now on. The hub calls whatever service the URL names."""
    place = address(body.url)
    wanted = Wanted(tuple(body.kinds), body.least_severity)

    def write(tx: Tx) -> Destination:
        return Destination.of(destinations.add_destination(tx, body.name, place, wanted, caller, hub.hub_key))

    return await hub.write(write)


@router.get("/{name}/", summary="Show a destination of alerts")
async def show_destination(name: str, hub: Hub) -> Destination:
    """A destination, without its URL."""
    return await hub.database.read(lambda conn: Destination.of(destinations.get_destination(conn, name)))


@router.patch("/{name}/", summary="Change of what a destination is told")
async def change_destination(name: str, body: DestinationChange, hub: Hub) -> Destination:
    """What waits for it goes on waiting."""

    def write(tx: Tx) -> Destination:
        now = destinations.get_destination(tx.conn, name)
        kinds = now.kinds if body.kinds is None else tuple(body.kinds)
        wanted = Wanted(kinds, body.least_severity or now.least)
        return Destination.of(destinations.change_destination(tx, name, wanted, body.disabled))

    return await hub.write(write)


@router.delete("/{name}/", status_code=HTTPStatus.NO_CONTENT, summary="Remove a destination of alerts")
async def remove_destination(name: str, hub: Hub) -> Response:
    """With all its notices."""
    await hub.write(lambda tx: destinations.remove_destination(tx, name))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{name}/test/", status_code=HTTPStatus.ACCEPTED, summary="Try a destination of alerts")
async def try_destination(name: str, hub: Hub) -> NoticeSent:
    """A test is sent at once and only once, also where it is disabled."""
    return NoticeSent(notice=await hub.write(lambda tx: destinations.send_test(tx, name)))


def _listing(name: str) -> Listing[NoticeView, Notice]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[NoticeView]:
        numbers = numbers_of(cursor, 1)
        return destinations.list_notices(conn, name, limit, numbers[0] if numbers else None, skip)

    return Listing(read, lambda one: str(one.id), Notice.of)


@router.get(
    "/{name}/notices/",
    response_model=Page[Notice],
    responses=AS_LINES,
    summary="List what a destination was told",
)
async def list_notices(name: str, request: Request, hub: Hub, paging: Asked) -> Page[Notice] | Response:
    """The newest first; of more than 10,000 `count` says 10,000."""
    return await answer_with(
        request,
        hub.database,
        paging,
        _listing(name),
        lambda conn: destinations.count_notices(conn, name, MOST_COUNTED),
    )
