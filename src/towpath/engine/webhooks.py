"""Webhooks: who is sent which events, and what became of each on its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import nacl.exceptions
import nacl.secret
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.events import TEST_KIND, Event, EventFilter, kinds_of
from towpath.domain.webhooks import GONE, MOST_WEBHOOKS, PATIENCE, check_url, make_secret, wait
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.tables import IS_WAITING, deliveries, webhooks

MOST_REPLAYED = 10_000
"""Events that one replay sends again."""
FORGOTTEN_AT_ONCE = 1_000


class State(StrEnum):
    """How a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class WebhookView:
    """A webhook as people see it: never its secret."""

    id: int
    url: str
    kinds: tuple[str, ...]
    """Empty = all."""
    workflow: str | None
    made_by: str
    created_at: int
    disabled: bool

    @property
    def wanted(self) -> EventFilter:
        """Which events it is sent."""
        return EventFilter(kinds_of(self.kinds), workflow=self.workflow)


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """A delivery as people see it; `number` None is a test."""

    id: int
    number: int | None
    state: State
    attempts: int
    status: int | None
    """What the receiver answered last, None where it did not."""
    error: str
    due_at: int
    created_at: int
    tried_at: int | None


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is to be tried now."""

    id: int
    webhook_id: int
    url: str
    secret: bytes
    event: Event
    message: str
    """The same however often it is sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a try: a status, or why there is none."""

    status: int | None
    error: str = ""

    @property
    def taken(self) -> bool:
        """The receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


_VIEW = tuple(
    webhooks.c[name] for name in ("id", "url", "kinds", "workflow", "made_by", "created_at", "disabled")
)


def add_webhook(
    tx: Tx, url: str, kinds: Sequence[str], workflow: str | None, by: str, hub_key: bytes
) -> tuple[int, bytes]:
    """Have events sent there from now on; its number and its secret, which nobody is told again."""
    check_url(url)
    kinds_of(kinds)
    if len(list_webhooks(tx.conn)) >= MOST_WEBHOOKS:
        raise Conflict(f"expected at most {MOST_WEBHOOKS} webhooks, found as many; remove one first")
    secret = make_secret()
    row: dict[str, object] = {
        "url": url,
        "kinds": ",".join(kinds),
        "workflow": workflow,
        "made_by": by,
        "created_at": tx.now,
    }
    row |= {"secret": bytes(nacl.secret.SecretBox(hub_key).encrypt(secret))}
    made = tx.conn.execute(sa.insert(webhooks).values(row).returning(webhooks.c.id))
    return int(made.scalar_one()), secret


_LIST = sa.select(*_VIEW).order_by(webhooks.c.id)


def list_webhooks(conn: Connection) -> list[WebhookView]:
    """All webhooks, the oldest first."""
    return [_view(row) for row in conn.execute(_LIST)]


def get_webhook(conn: Connection, webhook_id: int) -> WebhookView:
    """The webhook of that number; raises `NotFound`."""
    row = conn.execute(sa.select(*_VIEW).where(webhooks.c.id == webhook_id)).first()
    if row is None:
        raise NotFound(f"no webhook {webhook_id}")
    return _view(row)


def _view(row: sa.Row[tuple[object, ...]]) -> WebhookView:
    r = row._asdict()
    kinds = tuple(kind for kind in r.pop("kinds").split(",") if kind)
    return WebhookView(kinds=kinds, **r)


def set_disabled(tx: Tx, webhook_id: int, *, disabled: bool) -> None:
    """Send nothing there for now, or go on: what came meanwhile waits."""
    get_webhook(tx.conn, webhook_id)
    tx.conn.execute(sa.update(webhooks).where(webhooks.c.id == webhook_id).values(disabled=disabled))
    tx.news = True


def remove_webhook(tx: Tx, webhook_id: int) -> None:
    """Send nothing there any more, and forget what was sent."""
    get_webhook(tx.conn, webhook_id)
    tx.conn.execute(sa.delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
    tx.conn.execute(sa.delete(webhooks).where(webhooks.c.id == webhook_id))


# On the way ---------------------------------------------------------------------------------------------------


def hand_out(tx: Tx, numbered: Sequence[Event]) -> None:
    """Have events that were numbered just now wait for each webhook that wants them."""
    if not numbered:
        return
    rows = [
        _row(tx, webhook.id, event)
        for webhook in list_webhooks(tx.conn)
        for event in numbered
        if webhook.wanted.matches(event)
    ]
    if rows:
        tx.conn.execute(sa.insert(deliveries), rows)


def send_test(tx: Tx, webhook_id: int) -> int:
    """Have a test wait for a webhook, disabled or not; the delivery's number."""
    get_webhook(tx.conn, webhook_id)
    row = _row(tx, webhook_id, Event(0, TEST_KIND, tx.now)) | {"number": None, "line": "test"}
    made = tx.conn.execute(sa.insert(deliveries).values(row).returning(deliveries.c.id))
    tx.news = True
    return int(made.scalar_one())


def replay(tx: Tx, webhook_id: int, first: int) -> int:
    """Send all that a webhook wants again, from that number on, as far as it is kept; how many events that are.

    One call takes `MOST_REPLAYED` at most.
    """
    webhook = get_webhook(tx.conn, webhook_id)
    found = events.list_events(tx.conn, webhook.wanted, MOST_REPLAYED, max(0, first - 1))
    if not found:
        return 0
    this = (deliveries.c.webhook_id == webhook_id, deliveries.c.number >= found[0].number)
    upto = deliveries.c.number <= found[-1].number
    again = {"state": State.WAITING, "attempts": 0, "due_at": tx.now, "created_at": tx.now, "error": ""}
    tx.conn.execute(sa.update(deliveries).where(*this, upto).values(again))
    known = set(tx.conn.scalars(sa.select(deliveries.c.number).where(*this, upto)))
    fresh = [_row(tx, webhook_id, event) for event in found if event.number not in known]
    if fresh:
        tx.conn.execute(sa.insert(deliveries), fresh)
    tx.news = True
    return len(found)


def _row(tx: Tx, webhook_id: int, event: Event) -> dict[str, object]:
    row: dict[str, object] = {"webhook_id": webhook_id, "number": event.number, "line": event.line}
    return row | {"state": State.WAITING, "due_at": tx.now, "created_at": tx.now}


_WAITS = sa.select(deliveries.c.id).where(IS_WAITING).limit(1)


def waits(conn: Connection) -> bool:
    """Whether anything waits for any webhook, maybe until later."""
    return conn.execute(_WAITS).first() is not None


_EARLIER = deliveries.alias("earlier")
_BEHIND = sa.exists().where(
    _EARLIER.c.webhook_id == deliveries.c.webhook_id,
    _EARLIER.c.line == deliveries.c.line,
    _EARLIER.c.state == sa.literal_column("'waiting'"),
    _EARLIER.c.number < deliveries.c.number,
)


def due(tx: Tx, webhook_id: int, hub_key: bytes, limit: int) -> list[Due]:
    """What is to be tried now of a webhook: of each line the first that waits, at most so many."""
    # Locked: a receiver that says meanwhile that it has gone must not be sent what comes next.
    this = sa.select(webhooks).where(webhooks.c.id == webhook_id).with_for_update(read=True)
    row = tx.conn.execute(this).first()
    if row is None or limit < 1:
        return []
    query = sa.select(deliveries.c.id, deliveries.c.number, deliveries.c.created_at)
    query = query.where(deliveries.c.webhook_id == webhook_id, IS_WAITING, deliveries.c.due_at <= tx.now)
    if row.disabled:
        query = query.where(deliveries.c.number.is_(None))
    found = tx.conn.execute(query.where(~_BEHIND).order_by(deliveries.c.due_at).limit(limit)).all()
    known = events.find_events(tx.conn, [one.number for one in found if one.number is not None])
    secret = _opened(webhook_id, row.secret, hub_key)
    made = []
    for one in found:
        event = Event(0, TEST_KIND, one.created_at) if one.number is None else known.get(one.number)
        if event is None:  # It was kept for this delivery: somebody has been at the tables.
            _end(tx, one.id, State.GIVEN_UP, Answer(None, "the event is not kept any more"))
            continue
        message = f"test-{one.id}" if one.number is None else f"event-{one.number}"
        made.append(Due(one.id, webhook_id, row.url, secret, event, message))
    return made


def _opened(webhook_id: int, kept: bytes, hub_key: bytes) -> bytes:
    try:
        return bytes(nacl.secret.SecretBox(hub_key).decrypt(kept))
    except nacl.exceptions.CryptoError:
        raise Mistake(
            f"webhook {webhook_id}: its secret cannot be decrypted; was hub.key replaced?"
        ) from None


def tried(tx: Tx, delivery_id: int, answer: Answer, dice: float) -> None:
    """Keep what came of a try: it was taken, or is tried again later, or is given up. `dice` in [0, 1)."""
    row = tx.conn.execute(sa.select(deliveries).where(deliveries.c.id == delivery_id)).first()
    if row is None or row.state != State.WAITING:
        return
    if answer.taken:
        _end(tx, delivery_id, State.DELIVERED, answer)
    elif answer.status == GONE:
        tx.conn.execute(sa.update(webhooks).where(webhooks.c.id == row.webhook_id).values(disabled=True))
        _end(tx, delivery_id, State.GIVEN_UP, answer)
    elif row.number is None or tx.now - row.created_at >= PATIENCE:
        _end(tx, delivery_id, State.GIVEN_UP, answer)
    else:
        later = {"attempts": row.attempts + 1, "due_at": tx.now + wait(row.attempts + 1, dice)}
        later |= {"status": answer.status, "error": answer.error[:500], "tried_at": tx.now}
        tx.conn.execute(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(later))


def _end(tx: Tx, delivery_id: int, state: State, answer: Answer) -> None:
    said = {"state": state, "status": answer.status, "error": answer.error[:500], "tried_at": tx.now}
    ending = sa.update(deliveries).where(deliveries.c.id == delivery_id)
    tx.conn.execute(ending.values(said | {"attempts": deliveries.c.attempts + 1}))
    tx.news = True  # The next of its line may go.


# Looking back -------------------------------------------------------------------------------------------------


def list_deliveries(
    conn: Connection,
    webhook_id: int,
    state: State | None,
    limit: int,
    behind: int | None = None,
    skip: int = 0,
) -> list[DeliveryView]:
    """At most so many deliveries of a webhook, the newest first, behind one."""
    d = deliveries.c
    tests = _of(webhook_id, state)
    if behind is not None:
        tests.append(d.id < behind)
    query = sa.select(
        d.id, d.number, d.state, d.attempts, d.status, d.error, d.due_at, d.created_at, d.tried_at
    )
    rows = conn.execute(query.where(*tests).order_by(d.id.desc()).limit(limit).offset(skip))
    return [DeliveryView(*row[:2], State(row.state), *row[3:]) for row in rows]


def count_deliveries(conn: Connection, webhook_id: int, state: State | None, most: int) -> int:
    """How many deliveries there are, counted as far as `most`."""
    some = sa.select(sa.literal(1)).select_from(deliveries).where(*_of(webhook_id, state)).limit(most)
    return int(conn.execute(sa.select(sa.func.count()).select_from(some.subquery())).scalar_one())


def _of(webhook_id: int, state: State | None) -> list[sa.ColumnElement[bool]]:
    mine: list[sa.ColumnElement[bool]] = [deliveries.c.webhook_id == webhook_id]
    return mine if state is None else [*mine, deliveries.c.state == state]


def forget(tx: Tx, keep: int) -> None:
    """Forget some deliveries that have ended longer ago than so many microseconds."""
    old = sa.select(deliveries.c.id).where(~IS_WAITING, deliveries.c.created_at < tx.now - keep)
    some = old.order_by(deliveries.c.created_at).limit(FORGOTTEN_AT_ONCE)
    tx.conn.execute(sa.delete(deliveries).where(deliveries.c.id.in_(some)))
