"""What version 0.2 adds to the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it, part by part."""
    _parking()


def _parking() -> None:
    """What a task that waits for a better moment is kept with, and how a silent node's runs are known again."""
    for column in (
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parked", sa.String(length=16), server_default="", nullable=False),
        sa.Column("parked_why", sa.Text(), nullable=True),
        sa.Column("parked_at", sa.BigInteger(), nullable=True),
        sa.Column("lost_run", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("tasks", column)
    _partial_index("ix_tasks_parked", "tasks", ["not_before"], "state = 'PENDING' AND blocked = 2")
    _partial_index("ix_tasks_lost_run", "tasks", ["lost_run"], "lost_run IS NOT NULL")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """A database goes forward only: an older form is restored from a backup."""
    raise NotImplementedError("expected a backup of the older form, found a request to go back to it")
