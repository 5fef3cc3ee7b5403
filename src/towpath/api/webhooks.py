"""Webhooks: who is sent events, and what became of each delivery."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Self

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection
from starlette.responses import Response

from towpath.api.context import Caller, Hub
from towpath.api.forms import EXACT, MOST_EXACT, Flag, Number
from towpath.api.pages import AS_LINES, Asked, Listing, Page, answer_with, numbers_of
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at
from towpath.domain.webhooks import shown_secret
from towpath.engine import webhooks
from towpath.engine.webhooks import DeliveryView, State, WebhookView
from towpath.store.database import Tx

router = Router(prefix="/api/webhooks", tags=["events"])

MOST_COUNTED: Final = 10_000


class Webhook(BaseModel):
    """Where events are sent; its secret is never shown again."""

    id: int
    url: str = Field(examples=["https://example.org/towpath"])
    events: list[str] = Field(description="Kinds, or `job.*`; empty: all.", examples=[["job.ended"]])
    job_workflow: str | None = Field(description="Only events of jobs of that workflow.")
    disabled: bool = Field(description="Nothing is sent there; what comes meanwhile waits.")
    made_by: str
    created_at: datetime

    @classmethod
    def of(cls, hook: WebhookView) -> Self:
        """The webhook as the API shows it."""
        return cls(
            id=hook.id,
            url=hook.url,
            events=list(hook.kinds),
            job_workflow=hook.workflow,
            disabled=hook.disabled,
            made_by=hook.made_by,
            created_at=at(hook.created_at),
        )


class Webhooks(BaseModel):
    """All webhooks."""

    count: int
    results: list[Webhook]


class NewWebhook(BaseModel):
    """A webhook to add."""

    model_config = ConfigDict(extra="forbid")

    url: str = Field(examples=["https://example.org/towpath"])
    events: list[str] = Field(default=[], max_length=50, examples=[["job.ended"]])
    job_workflow: str | None = Field(default=None, max_length=100)


class MadeWebhook(BaseModel):
    """A webhook that was just added."""

    webhook: Webhook
    secret: str = Field(description="For the receiver, which checks signatures with it; shown this once.")


class WebhookChange(BaseModel):
    """What to change about a webhook."""

    model_config = ConfigDict(extra="forbid")

    disabled: Flag


class Delivery(BaseModel):
    """An event on its way to a webhook."""

    id: int
    event: int | None = Field(description="The number of the event; null for a test.")
    state: State
    attempts: int
    status: int | None = Field(description="What the receiver answered last; null where it did not.")
    error: str
    due_at: datetime = Field(description="When it is tried next, where it waits.")
    created_at: datetime
    tried_at: datetime | None

    @classmethod
    def of(cls, delivery: DeliveryView) -> Self:
        """The delivery as the API shows it."""
        return cls(
            id=delivery.id,
            event=delivery.number,
            state=delivery.state,
            attempts=delivery.attempts,
            status=delivery.status,
            error=delivery.error,
            due_at=at(delivery.due_at),
            created_at=at(delivery.created_at),
            tried_at=maybe_at(delivery.tried_at),
        )


class Tested(BaseModel):
    """A test that was sent."""

    delivery: int = Field(description="Its number in the list of deliveries, which says what became of it.")


class ReplayAsked(BaseModel):
    """From which event on."""

    model_config = ConfigDict(extra="forbid")

    since: Annotated[int, Field(ge=1, le=MOST_EXACT), EXACT] = Field(
        description="The number of the first event.", examples=[4711]
    )


class Replayed(BaseModel):
    """How many events are sent again."""

    events: int


def _get(webhook_id: int, conn: Connection) -> Webhook:
    return Webhook.of(webhooks.get_webhook(conn, webhook_id))


@router.get("/", summary="List webhooks")
async def list_webhooks(hub: Hub) -> Webhooks:
    """All webhooks, the oldest first."""
    found = await hub.database.read(webhooks.list_webhooks)
    return Webhooks(count=len(found), results=[Webhook.of(hook) for hook in found])


@router.post("/", status_code=HTTPStatus.CREATED, summary="Add a webhook")
async def add_webhook(body: NewWebhook, hub: Hub, caller: Caller) -> MadeWebhook:
    """Events are sent there from now on, signed as Standard Webhooks has it. The hub calls whatever URL is given."""

    def write(tx: Tx) -> MadeWebhook:
        number, secret = webhooks.add_webhook(
            tx, body.url, body.events, body.job_workflow, caller, hub.hub_key
        )
        return MadeWebhook(webhook=_get(number, tx.conn), secret=shown_secret(secret))

    return await hub.write(write)


@router.get("/{webhook_id:int}/", summary="Show a webhook")
async def show_webhook(webhook_id: Number, hub: Hub) -> Webhook:
    """A webhook, without its secret."""
    return await hub.database.read(lambda conn: _get(webhook_id, conn))


@router.patch("/{webhook_id:int}/", summary="Disable a webhook, or enable it again")
async def change_webhook(webhook_id: Number, body: WebhookChange, hub: Hub) -> Webhook:
    """What came while it was disabled is sent once it is enabled."""

    def write(tx: Tx) -> Webhook:
        webhooks.set_disabled(tx, webhook_id, disabled=body.disabled)
        return _get(webhook_id, tx.conn)

    return await hub.write(write)


@router.delete("/{webhook_id:int}/", status_code=HTTPStatus.NO_CONTENT, summary="Remove a webhook")
async def remove_webhook(webhook_id: Number, hub: Hub) -> Response:
    """With all its deliveries."""
    await hub.write(lambda tx: webhooks.remove_webhook(tx, webhook_id))
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.post("/{webhook_id:int}/test/", status_code=HTTPStatus.ACCEPTED, summary="Try a webhook")
async def try_webhook(webhook_id: Number, hub: Hub) -> Tested:
    """An event `webhook.test` is sent at once and only once, also where it is disabled."""
    return Tested(delivery=await hub.write(lambda tx: webhooks.send_test(tx, webhook_id)))


@router.post("/{webhook_id:int}/replay/", status_code=HTTPStatus.ACCEPTED, summary="Send events again")
async def replay_webhook(webhook_id: Number, body: ReplayAsked, hub: Hub) -> Replayed:
    """All that the webhook wants from that number on, as far as it is kept; 10,000 events at most."""
    return Replayed(events=await hub.write(lambda tx: webhooks.replay(tx, webhook_id, body.since)))


def _listing(webhook_id: int, state: State | None) -> Listing[DeliveryView, Delivery]:
    def read(conn: Connection, cursor: str | None, limit: int, skip: int) -> Sequence[DeliveryView]:
        webhooks.get_webhook(conn, webhook_id)
        numbers = numbers_of(cursor, 1)
        behind = numbers[0] if numbers else None
        return webhooks.list_deliveries(conn, webhook_id, state, limit, behind, skip)

    return Listing(read, lambda one: str(one.id), Delivery.of)


@router.get(
    "/{webhook_id:int}/deliveries/",
    response_model=Page[Delivery],
    responses=AS_LINES,
    summary="List a webhook's deliveries",
)
async def list_deliveries(
    webhook_id: Number,
    request: Request,
    hub: Hub,
    paging: Asked,
    state: Annotated[State | None, Query(description="Only those.")] = None,
) -> Page[Delivery] | Response:
    """The newest first; of more than 10,000 `count` says 10,000."""
    listing = _listing(webhook_id, state)
    return await answer_with(
        request,
        hub.database,
        paging,
        listing,
        lambda conn: webhooks.count_deliveries(conn, webhook_id, state, MOST_COUNTED),
    )
