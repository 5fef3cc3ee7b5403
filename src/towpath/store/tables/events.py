"""The tables of events: what happened, and how far those who are told have come."""

import sqlalchemy as sa

from towpath.store.tables.base import Count, Id, Time, flag, metadata

events = sa.Table(
    "events",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("number", Count),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("job", Id),
    sa.Column("site", sa.String(64), nullable=False, server_default=""),
    sa.Column("node", sa.String(64), nullable=False, server_default=""),
    sa.Column("workflow", sa.String(100), nullable=False, server_default=""),
    sa.Column("details", sa.Text, nullable=False, server_default="{}"),
    sa.Column("place", sa.String(129), nullable=False, server_default=""),
    sa.UniqueConstraint("number"),
    sa.Index("ix_events_job", "job", "number"),
    sa.Index("ix_events_site", "site", "number"),
    sa.Index("ix_events_kind", "kind", "number"),
    sa.Index("ix_events_place", "place", "number"),
    sqlite_autoincrement=True,
)
"""Written in the transaction of the change that they tell of. `number` is given afterwards, by the hub that conducts,
to what is committed: until then nobody is told. `place` is the space of its job, as `domain.events.place_of` writes
it."""
sa.Index(
    "ix_events_new",
    events.c.id,
    sqlite_where=events.c.number.is_(None),
    postgresql_where=events.c.number.is_(None),
)

event_cursors = sa.Table(
    "event_cursors",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("number", Count, nullable=False),
)
"""`last`: the last number that was given; `log`: the last event that stands in the log of the bus; `rights`: how often
somebody's rights may have changed, so that whoever listens is asked anew."""

webhooks = sa.Table(
    "webhooks",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False, server_default=""),
    sa.Column("workflow", sa.String(100)),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    flag("disabled"),
    sqlite_autoincrement=True,
)
"""Who is sent events. `kinds` has commas between, "" = all; `secret` is encrypted under the hub's key."""

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("webhook_id", sa.ForeignKey("webhooks.id"), nullable=False),
    sa.Column("number", Count),
    sa.Column("line", sa.String(80), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", Time, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("tried_at", Time),
    sa.UniqueConstraint("webhook_id", "number"),
    sqlite_autoincrement=True,
)
"""An event on its way to a webhook; `number` NULL is a test. Of one `line` (a job, a site) one is sent at a time, in
order of their numbers."""
IS_WAITING = deliveries.c.state == sa.literal_column("'waiting'")
"""It was not taken yet, nor given up."""
sa.Index(
    "ix_deliveries_waiting",
    deliveries.c.webhook_id,
    deliveries.c.line,
    deliveries.c.number,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
sa.Index(
    "ix_deliveries_due",
    deliveries.c.webhook_id,
    deliveries.c.due_at,
    sqlite_where=IS_WAITING,
    postgresql_where=IS_WAITING,
)
sa.Index("ix_deliveries_awaited", deliveries.c.number, sqlite_where=IS_WAITING, postgresql_where=IS_WAITING)
sa.Index(
    "ix_deliveries_ended", deliveries.c.created_at, sqlite_where=~IS_WAITING, postgresql_where=~IS_WAITING
)
sa.Index("ix_deliveries_list", deliveries.c.webhook_id, deliveries.c.id)
