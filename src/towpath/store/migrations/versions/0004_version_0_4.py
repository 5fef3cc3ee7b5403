"""What version 0.4 adds to the tables."""

import sqlalchemy as sa
from alembic import op

from towpath.store.migrations import alerts_0_4

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A number that SQLite hands out itself only where the column says INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it, part by part."""
    _users()
    _keys()
    _sessions()
    _audit()
    _groups()
    _providers()
    _strangers()
    _job_space()
    _job_counts()
    _indexes()
    _events()
    _webhooks()
    _joining()
    _spaces()
    alerts_0_4.create()
    _settings()
    _throughput()


def _users() -> None:
    """People, who until now were but names of keys: whoever holds a key may go on doing everything."""
    op.create_table(
        "users",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password", sa.String(length=200), nullable=True),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("signed_in_at", sa.BigInteger(), nullable=True),
        sa.Column("origin", sa.String(length=32), nullable=True),
        sa.Column("subject", sa.String(length=1000), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
    op.create_index("uq_users_subject", "users", ["subject", "origin"], unique=True)
    op.execute(
        "INSERT INTO users (name, role, created_at)"
        " SELECT name, 'administrator', min(created_at) FROM api_keys GROUP BY name"
    )


def _keys() -> None:
    """What a key may do and until when, and when it was last used."""
    for column in (
        sa.Column("label", sa.String(length=100), server_default="", nullable=False),
        sa.Column("start", sa.String(length=20), server_default="", nullable=False),
        sa.Column("scopes", sa.String(length=100), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("api_keys", column)


def _sessions() -> None:
    """Where people have signed in, and the links by which they set a password."""
    op.create_table(
        "sessions",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("digest", name=op.f("uq_sessions_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sessions_user", "sessions", ["user"], unique=False)
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"], unique=False)
    op.create_table(
        "links",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_links")),
    )


def _audit() -> None:
    """What people did."""
    op.create_table(
        "audit",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("thing", sa.String(length=500), nullable=False),
        sa.Column("asked", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_by", "audit", ["by", "id"], unique=False)
    op.create_index("ix_audit_action", "audit", ["action", "id"], unique=False)
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)


def _groups() -> None:
    """Groups of people, and what they may do in spaces."""
    op.create_table(
        "groups",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_groups")),
    )
    op.create_table(
        "members",
        sa.Column("user", sa.String(length=100), nullable=False),
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("mirrored", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_members_user")),
        sa.ForeignKeyConstraint(["group"], ["groups.name"], name=op.f("fk_members_group")),
        sa.PrimaryKeyConstraint("user", "group", name=op.f("pk_members")),
    )
    op.create_index("ix_members_group", "members", ["group"], unique=False)
    op.create_table(
        "grants",
        sa.Column("group", sa.String(length=100), nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("right", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["group"], ["groups.name"], name=op.f("fk_grants_group")),
        sa.PrimaryKeyConstraint("group", "space", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_space", "grants", ["space"], unique=False)


def _providers() -> None:
    """Who else says who somebody is."""
    op.create_table(
        "providers",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_providers")),
    )


def _strangers() -> None:
    """Wrong passwords of people whom a directory knows, and the hub not yet."""
    op.create_table(
        "strangers",
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=1000), nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("tried_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("origin", "subject", name=op.f("pk_strangers")),
    )


def _job_space() -> None:
    """In which space a job works; of those that are there already, it is not known."""
    op.add_column("jobs", sa.Column("space", sa.String(length=64), server_default="", nullable=False))
    op.create_index(
        "ix_jobs_space",
        "jobs",
        ["space", "site", "id"],
        unique=False,
        sqlite_where=sa.text("space != ''"),
        postgresql_where=sa.text("space != ''"),
    )


def _job_counts() -> None:
    """Jobs are counted by queue, owner and day too: whatever their list is narrowed to, its count is kept."""
    op.drop_table("job_counts")
    op.create_table(
        "job_counts",
        sa.Column("workflow", sa.String(length=100), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("noop", sa.Boolean(), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(length=64), server_default="", nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workflow", "site", "state", "noop", "queue", "owner", "day", "space", name=op.f("pk_job_counts")
        ),
    )
    op.execute(
        "INSERT INTO job_counts (workflow, site, state, noop, queue, owner, day, jobs)"
        " SELECT workflow, site, state, state = 'SUCCESS' AND discovered = 0, queue, owner,"
        " created_at / 86400000000, count(*) FROM jobs WHERE NOT pruned"
        " GROUP BY workflow, site, state, state = 'SUCCESS' AND discovered = 0, queue, owner,"
        " created_at / 86400000000"
    )
    op.create_index("ix_jobs_created_at", "jobs", ["created_at"], unique=False)


def _indexes() -> None:
    """Retries, jobs that failed, and what is old are found without a look at all else."""
    op.drop_index("ix_jobs_retry_of", "jobs")
    retries, failed = sa.text("retry_of IS NOT NULL"), sa.text("state = 'FAILURE'")
    op.create_index("ix_jobs_retry_of", "jobs", ["retry_of"], sqlite_where=retries, postgresql_where=retries)
    op.create_index(
        "ix_jobs_failed", "jobs", ["state", "ended_at"], sqlite_where=failed, postgresql_where=failed
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"])
    op.create_index("ix_quarantine_at", "quarantine", ["at"])


def _events() -> None:
    """What happened, for those who want to be told."""
    op.create_table(
        "events",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("job", NUMBER, nullable=True),
        sa.Column("site", sa.String(length=64), server_default="", nullable=False),
        sa.Column("node", sa.String(length=64), server_default="", nullable=False),
        sa.Column("workflow", sa.String(length=100), server_default="", nullable=False),
        sa.Column("details", sa.Text(), server_default="{}", nullable=False),
        sa.Column("place", sa.String(length=129), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("number", name=op.f("uq_events_number")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_job", "events", ["job", "number"], unique=False)
    op.create_index("ix_events_site", "events", ["site", "number"], unique=False)
    op.create_index("ix_events_kind", "events", ["kind", "number"], unique=False)
    op.create_index("ix_events_place", "events", ["place", "number"], unique=False)
    unnumbered = sa.text("number IS NULL")
    op.create_index(
        "ix_events_new", "events", ["id"], unique=False, sqlite_where=unnumbered, postgresql_where=unnumbered
    )
    cursors = op.create_table(
        "event_cursors",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_cursors")),
    )
    op.bulk_insert(cursors, [{"name": name, "number": 0} for name in ("last", "log", "rights")])


def _webhooks() -> None:
    """Who is sent events, and what is on its way to them."""
    op.create_table(
        "webhooks",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("kinds", sa.Text(), server_default="", nullable=False),
        sa.Column("workflow", sa.String(length=100), nullable=True),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "deliveries",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("webhook_id", NUMBER, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("line", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name=op.f("fk_deliveries_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("webhook_id", "number", name=op.f("uq_deliveries_webhook_id_number")),
        sqlite_autoincrement=True,
    )
    waiting = sa.text("state = 'waiting'")
    for name, columns in (
        ("ix_deliveries_waiting", ["webhook_id", "line", "number"]),
        ("ix_deliveries_due", ["webhook_id", "due_at"]),
        ("ix_deliveries_awaited", ["number"]),
    ):
        op.create_index(
            name, "deliveries", columns, unique=False, sqlite_where=waiting, postgresql_where=waiting
        )
    ended = sa.text("state != 'waiting'")
    op.create_index(
        "ix_deliveries_ended", "deliveries", ["created_at"], sqlite_where=ended, postgresql_where=ended
    )
    op.create_index("ix_deliveries_list", "deliveries", ["webhook_id", "id"], unique=False)


def _joining() -> None:
    """Nodes come with a token, and can be removed."""
    op.add_column("nodes", sa.Column("removed_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "join_tokens",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=True),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.Column("used_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_join_tokens_site_sites")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_join_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_join_tokens_digest")),
    )


def _spaces() -> None:
    """What spaces leave out, and what lies in them."""
    op.add_column("spaces", sa.Column("excluded", sa.Text(), server_default="[]", nullable=False))
    op.add_column("spaces", sa.Column("usage_every", sa.Integer(), nullable=True))
    op.add_column("walks", sa.Column("excluded", sa.LargeBinary(), nullable=True))
    op.create_table(
        "space_usage",
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("job", NUMBER, nullable=True),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("failure", sa.Text(), server_default="", nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("counted", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_space_usage_site")),
        sa.PrimaryKeyConstraint("space", "site", name=op.f("pk_space_usage")),
    )


def _settings() -> None:
    """What is changed while hubs run."""
    op.create_table(
        "settings",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_settings")),
    )


def _throughput() -> None:
    """What the jobs of each site get done in each minute, from now on."""
    op.create_table(
        "throughput",
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("space", sa.String(length=64), nullable=False),
        sa.Column("part", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("minute", "site", "space", "part", name=op.f("pk_throughput")),
    )
