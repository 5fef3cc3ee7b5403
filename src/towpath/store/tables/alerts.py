"""The tables of alerts: what stands, from where on it is told, who is told, and what is on its way to them."""

import sqlalchemy as sa

from towpath.store.tables.base import Count, Id, Time, count, flag, metadata

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("thing", sa.String(320), nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("site", sa.String(64), nullable=False, server_default=""),
    sa.Column("node", sa.String(64), nullable=False, server_default=""),
    sa.Column("job", Id),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("raised_at", Time, nullable=False),
    sa.Column("gone_at", Time),
    sa.Column("cleared_at", Time),
    flag("told"),
    sqlite_autoincrement=True,
)
"""An alert stands until `cleared_at`; `gone_at` is since when its cause is not found any more. `told`: notices of it
were made, which is not so while it is muted."""
IS_OPEN = alerts.c.cleared_at.is_(None)
"""It stands."""
sa.Index(
    "ix_alerts_open",
    alerts.c.kind,
    alerts.c.thing,
    unique=True,
    sqlite_where=IS_OPEN,
    postgresql_where=IS_OPEN,
)
sa.Index("ix_alerts_cleared", alerts.c.cleared_at)

alert_rules = sa.Table(
    "alert_rules",
    metadata,
    sa.Column("kind", sa.String(32), primary_key=True),
    sa.Column("enabled", sa.Boolean, nullable=False),
    sa.Column("severity", sa.String(10), nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("set_by", sa.String(100), nullable=False),
    sa.Column("set_at", Time, nullable=False),
)
"""Rules that people have changed; the others are as `domain.alerts.RULES` has them."""

alert_mutes = sa.Table(
    "alert_mutes",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.String(32), nullable=False, server_default=""),
    sa.Column("thing", sa.String(320), nullable=False, server_default=""),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("until", Time),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("at", Time, nullable=False),
    sqlite_autoincrement=True,
)
"""Of which alerts nobody is told: `kind` and `thing` "" = any; `until` NULL = until it is taken back."""

destinations = sa.Table(
    "alert_destinations",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("url", sa.LargeBinary, nullable=False),
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("kinds", sa.Text, nullable=False, server_default=""),
    sa.Column("least", sa.String(10), nullable=False),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    flag("disabled"),
)
"""Who is told. `url` is encrypted under the hub's key, `shown` is it without its secrets; `kinds` has commas between,
"" = all; `least` is the lowest severity that is told."""

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("destination", sa.ForeignKey("alert_destinations.name"), nullable=False),
    sa.Column("alert", Id),
    sa.Column("says", sa.String(10), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    count("attempts"),
    sa.Column("due_at", Time, nullable=False),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("tried_at", Time),
    sa.Index("ix_notices_list", "destination", "id"),
    sa.Index("ix_notices_alert", "alert"),
    sqlite_autoincrement=True,
)
"""That an alert was `raised` or `cleared`, on its way to a destination; `alert` NULL is a `test`."""
IS_UNSENT = notices.c.state == sa.literal_column("'waiting'")
"""It was not sent yet, nor given up."""
sa.Index(
    "ix_notices_due",
    notices.c.destination,
    notices.c.due_at,
    sqlite_where=IS_UNSENT,
    postgresql_where=IS_UNSENT,
)

hubs = sa.Table(
    "hubs",
    metadata,
    sa.Column("name", sa.String(300), primary_key=True),
    sa.Column("seen_at", Time, nullable=False),
    sa.Column("disk_free", Count),
    sa.Column("disk_total", Count),
    sa.Column("certificate_ends_at", Time),
)
"""What each hub has said of itself last: its home's file system (bytes), and when its certificate ends."""

watches = sa.Table(
    "job_watches",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("mark", sa.String(100), nullable=False),
    sa.Column("since", Time, nullable=False),
)
"""How far each running job had come at the last look, and since when it has come no further."""
