"""Webhooks' deliveries on their way: the hub that conducts sends each until it is taken."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import httpx
import structlog

from towpath import __version__
from towpath.domain.errors import Mistake
from towpath.domain.events import Event
from towpath.domain.webhooks import headers_of
from towpath.engine import webhooks
from towpath.engine.webhooks import Answer, Due
from towpath.hub.conductor import Conductor
from towpath.store.conductor import Deposed
from towpath.store.database import Database, Tx
from towpath.store.engines import Away

log = structlog.get_logger()

AT_ONCE: Final = 4
"""Deliveries of one webhook that are under way at the same time: a receiver that hangs holds up no other."""
WITHIN: Final = 15.0
"""Seconds that a receiver has to answer."""
LOOK_EVERY: Final = 1.0

Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[Answer]]
"""Sends (URL, body, headers) once; whatever goes wrong on the way is an answer too."""


@dataclass(frozen=True, slots=True)
class Postage:
    """What deliveries need."""

    hub_key: bytes
    shown_url: str
    """What links to the hub begin with."""
    post: Post


async def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Send a message; a redirection is not followed, and nothing of the answer but its status is read."""
    sent = {**headers, "user-agent": f"towpath/{__version__}"}
    try:
        async with (
            httpx.AsyncClient(timeout=WITHIN, trust_env=False) as client,
            asyncio.timeout(2 * WITHIN),
            client.stream("POST", url, content=body, headers=sent) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Answer(None, f"{type(error).__name__}: {error}".removesuffix(": "))
    return Answer(status, "" if 200 <= status < 300 else f"expected a status of 200 to 299, found {status}")


class Posting:
    """The round that deliveries take, where this hub conducts."""

    def __init__(self, database: Database, conductor: Conductor, postage: Postage) -> None:
        self._database = database
        self._conductor = conductor
        self._postage = postage
        self._dice = random.Random()  # noqa: S311  it only spreads tries
        self._hint = asyncio.Event()
        self._flying: dict[int, asyncio.Task[None]] = {}
        self._busy: Counter[int] = Counter()

    def nudge(self) -> None:
        """Something may have to be sent: look at once."""
        self._hint.set()

    async def close(self) -> None:
        """Give up what is under way: it is sent again by whoever conducts next."""
        flying = list(self._flying.values())
        for task in flying:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)

    async def deliver(self) -> None:
        """Send what is due."""
        await self._conductor.in_office()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hint.wait(), timeout=LOOK_EVERY)
        self._hint.clear()
        if not await self._database.read(webhooks.waits):
            return
        for webhook in await self._database.read(webhooks.list_webhooks):
            room = AT_ONCE - self._busy[webhook.id]
            if room > 0:
                await self._send_some(webhook.id, room)

    async def _send_some(self, webhook_id: int, room: int) -> None:
        # Those under way are due too, and come first: they are asked for, and left out.
        take = partial(webhooks.due, webhook_id=webhook_id, hub_key=self._postage.hub_key, limit=2 * AT_ONCE)
        # One that lands while the answer is on its way is told as due, and is not any more.
        under_way = set(self._flying)
        try:
            found = await self._conductor.do(take)
        except Mistake as error:
            log.error("a webhook cannot be served", webhook=webhook_id, error=str(error))
            return
        for one in [due for due in found if due.id not in under_way][:room]:
            self._busy[webhook_id] += 1
            task = asyncio.create_task(self._send(one), name=f"delivery {one.id}")
            self._flying[one.id] = task
            task.add_done_callback(partial(self._landed, one))

    async def _send(self, one: Due) -> None:
        body = body_of(one.event, self._postage.shown_url)
        now = await self._database.write(_now)
        answer = await self._postage.post(one.url, body, headers_of(one.secret, one.message, now, body))
        log.info(
            "webhook", webhook=one.webhook_id, message=one.message, status=answer.status, job=one.event.job
        )
        keep = partial(webhooks.tried, delivery_id=one.id, answer=answer, dice=self._dice.random())
        # Where another hub conducts by now, or the database is away, it is sent once more.
        with suppress(Deposed, Away):
            await self._conductor.do(keep)

    def _landed(self, one: Due, task: asyncio.Task[None]) -> None:
        self._flying.pop(one.id, None)
        self._busy[one.webhook_id] -= 1
        self._hint.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error(
                "a delivery failed within the hub; it is sent again", delivery=one.id, error=repr(error)
            )


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
