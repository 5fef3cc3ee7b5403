"""What version 0.3 adds to the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A number that SQLite hands out itself only where the column says INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it, part by part."""
    _questions()
    _buckets()
    _lives()
    _spaces()


def _buckets() -> None:
    """Places and their credentials, apart from targets: each target that is there gets a bucket of its own name."""
    op.create_table(
        "buckets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_buckets")),
    )
    for name, longest in (("bucket", 64), ("storage_class", 64), ("template", 128)):
        op.add_column(
            "targets", sa.Column(name, sa.String(length=longest), server_default="", nullable=False)
        )
    op.execute(
        "INSERT INTO buckets (name, url, secret, created_at) SELECT name, url, secret, created_at FROM targets"
    )
    op.execute("UPDATE targets SET bucket = name")
    op.drop_column("targets", "secret")


def _questions() -> None:
    """What people ask the nodes of a site."""
    op.create_table(
        "questions",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("node_id", NUMBER, nullable=True),
        sa.Column("answered", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_questions_site")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_questions_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questions")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_questions_site", "questions", ["site"], unique=False)


def _lives() -> None:
    """Sweeps of targets, what refers to objects there, and what nothing does."""
    op.add_column("targets", sa.Column("grace", sa.BigInteger(), nullable=True))
    op.add_column("sites", _flag("trusted"))
    op.create_table(
        "uses",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("target", "site", name=op.f("pk_uses")),
    )
    _sweeps()
    op.create_table(
        "referrers",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        _count("files"),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("target", "site", "root", name=op.f("pk_referrers")),
    )
    _orphans()


def _count(name: str) -> "sa.Column[int]":
    return sa.Column(name, sa.BigInteger(), server_default="0", nullable=False)


def _flag(name: str) -> "sa.Column[bool]":
    return sa.Column(name, sa.Boolean(), server_default=sa.false(), nullable=False)


def _sweeps() -> None:
    op.create_table(
        "sweeps",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), server_default="1", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        _flag("collects"),
        _flag("unrecorded"),
        _flag("force"),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        _count("objects"),
        _count("orphans"),
        _count("due"),
        _count("due_bytes"),
        _count("deleted"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.UniqueConstraint("name", name=op.f("uq_sweeps_name")),
    )
    op.create_index("ix_sweeps_target", "sweeps", ["target"], unique=False)
    is_open = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_sweeps_open", "sweeps", ["target"], unique=True, sqlite_where=is_open, postgresql_where=is_open
    )
    op.create_table(
        "sweep_jobs",
        sa.Column("job", NUMBER, autoincrement=False, nullable=False),
        sa.Column("sweep_id", NUMBER, nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("root", sa.String(length=64), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["sweep_id"], ["sweeps.id"], name=op.f("fk_sweep_jobs_sweep_id")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_sweep_jobs")),
    )
    op.create_index("ix_sweep_jobs_sweep_id", "sweep_jobs", ["sweep_id"], unique=False)


def _orphans() -> None:
    op.create_table(
        "orphans",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("sweep_id", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphans")),
        sa.UniqueConstraint("target", "key", name=op.f("uq_orphans_target_key")),
    )
    op.create_index("ix_orphans_due", "orphans", ["target", "site", "sweep_id", "id"], unique=False)
    op.create_index("ix_orphans_path", "orphans", ["site", "root", "path"], unique=False)
    op.create_table(
        "orphan_counts",
        sa.Column("target", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        _count("orphans"),
        _count("bytes"),
        sa.PrimaryKeyConstraint("target", "site", name=op.f("pk_orphan_counts")),
    )


def _spaces() -> None:
    """Directories of sites that bear names."""
    op.create_table(
        "spaces",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("default_target", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_spaces_site")),
        sa.PrimaryKeyConstraint("name", "site", name=op.f("pk_spaces")),
    )
