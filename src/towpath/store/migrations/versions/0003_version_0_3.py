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
