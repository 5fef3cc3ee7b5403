"""The tables of alerts, which version 0.4 adds."""

import sqlalchemy as sa
from alembic import op

# A number that SQLite hands out itself only where the column says INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def create() -> None:
    """Add them, part by part."""
    _alerts()
    _alerts_set()
    _alerts_sent()
    _watched()


def _alerts() -> None:
    """What people are told of unasked."""
    op.create_table(
        "alerts",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("thing", sa.String(length=320), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("site", sa.String(length=64), server_default="", nullable=False),
        sa.Column("node", sa.String(length=64), server_default="", nullable=False),
        sa.Column("job", NUMBER, nullable=True),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.Column("cleared_at", sa.BigInteger(), nullable=True),
        sa.Column("told", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
        sqlite_autoincrement=True,
    )
    is_open = sa.text("cleared_at IS NULL")
    op.create_index(
        "ix_alerts_open",
        "alerts",
        ["kind", "thing"],
        unique=True,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_index("ix_alerts_cleared", "alerts", ["cleared_at"], unique=False)


def _alerts_set() -> None:
    """From where on things are told, and of what nobody is."""
    op.create_table(
        "alert_rules",
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.String(length=10), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_alert_rules")),
    )
    op.create_table(
        "alert_mutes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), server_default="", nullable=False),
        sa.Column("thing", sa.String(length=320), server_default="", nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_mutes")),
        sqlite_autoincrement=True,
    )


def _alerts_sent() -> None:
    """Who is told of alerts, and what is on its way to them."""
    op.create_table(
        "alert_destinations",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), server_default="", nullable=False),
        sa.Column("least", sa.String(length=10), nullable=False),
        sa.Column("made_by", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_alert_destinations")),
    )
    op.create_table(
        "notices",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("alert", NUMBER, nullable=True),
        sa.Column("says", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("attempts", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("tried_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["destination"], ["alert_destinations.name"], name=op.f("fk_notices_destination")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_notices_list", "notices", ["destination", "id"], unique=False)
    op.create_index("ix_notices_alert", "notices", ["alert"], unique=False)
    unsent = sa.text("state = 'waiting'")
    op.create_index(
        "ix_notices_due", "notices", ["destination", "due_at"], sqlite_where=unsent, postgresql_where=unsent
    )


def _watched() -> None:
    """What hubs and nodes say of themselves, and how far running jobs had come: alerts are made from it."""
    op.create_table(
        "hubs",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("disk_free", sa.BigInteger(), nullable=True),
        sa.Column("disk_total", sa.BigInteger(), nullable=True),
        sa.Column("certificate_ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_hubs")),
    )
    op.create_table(
        "job_watches",
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("mark", sa.String(length=100), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_watches_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_watches")),
    )
    op.add_column("nodes", sa.Column("disks", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("nodes", sa.Column("disks_at", sa.BigInteger(), nullable=True))
    op.add_column("nodes", sa.Column("progress", sa.JSON(none_as_null=True), nullable=True))
