"""Webhooks' deliveries on their way: the hub that conducts sends each until it is taken."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import httpx
import structlog
from sqlalchemy.engine import Connection

from towpath import __version__
from towpath.domain.events import Event
from towpath.domain.webhooks import headers_of
from towpath.engine import webhooks
from towpath.engine.webhooks import Answer, Due
from towpath.hub.conductor import Conductor
from towpath.hub.courier import Courier
from towpath.store.database import Database, Tx

log = structlog.get_logger()

WITHIN: Final = 15.0
"""Seconds that a receiver has to answer."""

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[Answer]]
"""Sends (URL, body, headers) once; whatever goes wrong on the way is an answer too."""


@dataclass(frozen=True, slots=True)
class Postage:
    """What deliveries need."""

    hub_key: bytes
    shown_url: str
    """What links to the hub begin with."""
    post: Post
    send: Callable[[str, str, str, str], Answer]
    """Sends a notice: see `hub.notices.Send`."""


@cache
def _trusted() -> ssl.SSLContext:
    """Whose certificates are believed: read once, since to read them takes longer than to send a message."""
    return httpx.create_ssl_context(trust_env=False)


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a message; a redirection is not followed, and nothing of the answer but its status is read."""
    sent = {**headers, "user-agent": f"towpath/{__version__}"}
    try:
        async with (
            httpx.AsyncClient(timeout=WITHIN, trust_env=False, verify=_trusted()) as client,
            asyncio.timeout(2 * WITHIN),
            client.stream("POST", url, content=body, headers=sent) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(None, f"{type(error).__name__}: {error}".removesuffix(": "))
    return Answer(status, "" if 200 <= status < 300 else f"expected a status of 200 to 299, found {status}")


class Webhooks:
    """What webhooks are sent, for a courier."""

    def __init__(self, database: Database, postage: Postage) -> None:
        self._database = database
        self._postage = postage

    def waits(self, conn: Connection) -> bool:
        """Whether any delivery waits."""
        return webhooks.waits(conn)

    def receivers(self, conn: Connection) -> Sequence[int]:
        """All webhooks, by number."""
        return [webhook.id for webhook in webhooks.list_webhooks(conn)]

    def due(self, tx: Tx, receiver: int, limit: int) -> list[Due]:
        """What is to be tried now."""
        return webhooks.due(tx, receiver, self._postage.hub_key, limit)

    async def send(self, one: Due) -> Answer:
        """Post it once, signed."""
        body = body_of(one.event, self._postage.shown_url)
        now = await self._database.write(_now)
        answer = await self._postage.post(one.url, body, headers_of(one.secret, one.message, now, body))
        log.info(
            "webhook", webhook=one.webhook_id, message=one.message, status=answer.status, job=one.event.job
        )
        return answer

    def tried(self, tx: Tx, number: int, answer: Answer, dice: float) -> None:
        """Keep what came of it."""
        webhooks.tried(tx, number, answer, dice)


class Posting(Courier[int, Due]):
    """The round that webhooks' deliveries take, where this hub conducts."""

    def __init__(self, database: Database, conductor: Conductor, postage: Postage) -> None:
        super().__init__(database, conductor, Webhooks(database, postage))


def body_of(event: Event, url: str) -> bytes:
    """What a receiver is sent: the event as the API shows it, with a link to the report that can be followed."""
    at = datetime.fromtimestamp(event.at / 1_000_000, UTC).isoformat().replace("+00:00", "Z")
    details: dict[str, Any] = dict(event.details)
    if "report" in details:
        details["report"] = url + details["report"]
    told: dict[str, Any] = {"number": event.number, "job": event.job, "site": event.site, "node": event.node}
    told |= {"workflow": event.workflow, "details": details}
    return json.dumps({"type": event.kind, "timestamp": at, "data": told}, ensure_ascii=False).encode()


def _now(tx: Tx) -> int:
    """The database's clock, in seconds."""
    return tx.now // 1_000_000
