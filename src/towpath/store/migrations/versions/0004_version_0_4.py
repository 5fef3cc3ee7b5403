"""What version 0.4 adds to the tables."""

import sqlalchemy as sa
from alembic import op

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
    _job_counts()


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
        sa.PrimaryKeyConstraint("name", name=op.f("pk_users")),
    )
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
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "workflow", "site", "state", "noop", "queue", "owner", "day", name=op.f("pk_job_counts")
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
