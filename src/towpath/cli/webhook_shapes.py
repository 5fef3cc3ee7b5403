"""What the command line reads of webhooks and their deliveries."""

import msgspec


class Webhook(msgspec.Struct, frozen=True):
    """A webhook."""

    id: int
    url: str
    events: list[str]
    job_workflow: str | None
    disabled: bool
    created_at: str


class MadeWebhook(msgspec.Struct, frozen=True):
    """A webhook that was just added."""

    webhook: Webhook
    secret: str


class Delivery(msgspec.Struct, frozen=True):
    """An event on its way to a webhook."""

    id: int
    event: int | None
    state: str
    attempts: int
    status: int | None
    error: str
    tried_at: str | None


class Tested(msgspec.Struct, frozen=True):
    """A test that was sent."""

    delivery: int


class Replayed(msgspec.Struct, frozen=True):
    """How many events are sent again."""

    events: int
