"""The tables of people: users, how they show who they are, and what they did."""

import sqlalchemy as sa

from towpath.store.tables.base import Id, Time, count, flag, metadata

users = sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password", sa.String(200)),
    count("failures"),
    sa.Column("locked_until", Time),
    flag("disabled"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("signed_in_at", Time),
    sa.Column("origin", sa.String(32)),
    sa.Column("subject", sa.String(1000)),
    sa.Index("uq_users_subject", "subject", "origin", unique=True),
)
"""A person. `password` is an Argon2id hash, NULL where none was set; `failures` counts wrong ones in a row.

`origin` is the identity provider that they come from, NULL for the hub's own; `subject` is who they are there.
"""

providers = sa.Table(
    "providers",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("title", sa.String(100), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("created_at", Time, nullable=False),
)
"""Identity providers: `settings` as JSON; `secret` encrypted under the hub's key, NULL where there is none."""

strangers = sa.Table(
    "strangers",
    metadata,
    sa.Column("origin", sa.String(32), primary_key=True),
    sa.Column("subject", sa.String(1000), primary_key=True),
    count("failures"),
    sa.Column("locked_until", Time),
    sa.Column("tried_at", Time, nullable=False),
)
"""People of a directory who have never signed in here, and gave a wrong password last at `tried_at`."""

groups = sa.Table(
    "groups",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("created_at", Time, nullable=False),
)
"""Groups of users."""

members = sa.Table(
    "members",
    metadata,
    sa.Column("user", sa.ForeignKey("users.name"), primary_key=True),
    sa.Column("group", sa.ForeignKey("groups.name"), primary_key=True, index=True),
    flag("mirrored"),
)
"""Which users are in which groups; `mirrored`: because their identity provider says so."""

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("group", sa.ForeignKey("groups.name"), primary_key=True),
    sa.Column("space", sa.String(64), primary_key=True, index=True),
    sa.Column("right", sa.String(20), nullable=False),
)
"""What a group may do in the spaces of a name, at whichever sites these are."""

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("label", sa.String(100), nullable=False, server_default=""),
    sa.Column("start", sa.String(20), nullable=False, server_default=""),
    sa.Column("scopes", sa.String(100)),
    sa.Column("expires_at", Time),
    sa.Column("used_at", Time),
    sa.Column("revoked_at", Time),
)
"""Keys of the API: `name` is their user's; only their SHA-256 is kept (a key is 256 random bits), and how they start.

`scopes` are names of rights with spaces between; NULL = all that the user has.
"""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("via", sa.String(10), nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("used_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Index("ix_sessions_user", "user"),
    sa.Index("ix_sessions_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
"""Where somebody has signed in. Only the SHA-256 of a cookie's secret, or of the id within a token, is kept."""

links = sa.Table(
    "links",
    metadata,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("user", sa.String(100), nullable=False),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("expires_at", Time, nullable=False),
)
"""One-time links with which a user sets a password."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("at", Time, nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("via", sa.String(10), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("thing", sa.String(500), nullable=False),
    sa.Column("asked", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_audit_by", "by", "id"),
    sa.Index("ix_audit_action", "action", "id"),
    sa.Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)
"""Every write that was made through the API, in the same transaction: who, from where, what, on which thing.

`asked` is the body of the request as JSON, its secrets blanked, cut where it is long.
"""
