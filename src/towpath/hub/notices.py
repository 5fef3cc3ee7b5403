"""Notices of alerts on their way: the hub that conducts sends each until it is taken."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy.engine import Connection

from towpath.domain.wishes import moment
from towpath.engine import destinations
from towpath.engine.destinations import Notice, Says
from towpath.engine.webhooks import Answer
from towpath.hub.conductor import Conductor
from towpath.hub.courier import AT_ONCE, Courier
from towpath.store.database import Database, Tx

log = structlog.get_logger()

WITHIN: Final = 60.0
"""Seconds after which a try that has not ended counts as failed."""

Send = Callable[[str, str, str, str], Answer]
"""Sends (URL, title, body, kind of Apprise) once, and blocks meanwhile."""

_KINDS: Final = {"info": "info", "warning": "warning", "critical": "failure"}


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; `kind` as Apprise names it, by which services choose colour and sound."""

    title: str
    body: str
    kind: str


def message_of(notice: Notice, url: str) -> Message:
    """What a notice says; `url` is what links to the hub begin with."""
    if notice.says is Says.TEST or notice.alert is None:
        return Message("Towpath: a test", f"Alerts of the hub at {url} are told here.", "info")
    alert: Any = notice.alert
    if notice.says is Says.CLEARED:
        until = moment(alert.cleared_at or alert.raised_at)
        body = f"No more, since {until}: {alert.sentence}\n\n{url}/api/alerts/{alert.id}/"
        return Message(f"Towpath: cleared: {alert.kind}, {alert.thing}", body, "success")
    title = f"Towpath: {alert.severity}: {alert.kind}, {alert.thing}"
    body = f"{alert.sentence}\n\nSince {moment(alert.raised_at)}. {url}/api/alerts/{alert.id}/"
    return Message(title, body, _KINDS.get(alert.severity, "warning"))


class Notices:
    """What destinations are sent, for a courier; each try blocks a thread of its own, and never the hub's loop."""

    def __init__(self, hub_key: bytes, shown_url: str, send: Send) -> None:
        self._hub_key = hub_key
        self._url = shown_url
        self._send = send
        self._threads = ThreadPoolExecutor(2 * AT_ONCE, thread_name_prefix="notices")

    def waits(self, conn: Connection) -> bool:
        """Whether any notice waits."""
        return destinations.waits(conn)

    def receivers(self, conn: Connection) -> Sequence[str]:
        """The destinations for which something waits."""
        return destinations.names(conn)

    def due(self, tx: Tx, receiver: str, limit: int) -> list[Notice]:
        """What is to be sent now."""
        return destinations.due(tx, receiver, self._hub_key, limit)

    async def send(self, one: Notice) -> Answer:
        """Send it once."""
        said = message_of(one, self._url)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(WITHIN):
                answer = await loop.run_in_executor(
                    self._threads, self._send, one.url, said.title, said.body, said.kind
                )
        except TimeoutError:
            answer = Answer(None, f"no answer within {WITHIN:g} s")
        log.info(
            "notice", destination=one.destination, notice=one.id, says=one.says, error=answer.error or None
        )
        return answer

    def tried(self, tx: Tx, number: int, answer: Answer, dice: float) -> None:
        """Keep what came of it."""
        destinations.tried(tx, number, answer, dice)

    def close(self) -> None:
        """Begin no further try."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Noticing(Courier[str, Notice]):
    """The round that notices take, where this hub conducts."""

    def __init__(self, database: Database, conductor: Conductor, notices: Notices) -> None:
        super().__init__(database, conductor, notices)
        self._notices = notices

    async def close(self) -> None:
        """Give up what is under way."""
        await super().close()
        self._notices.close()
