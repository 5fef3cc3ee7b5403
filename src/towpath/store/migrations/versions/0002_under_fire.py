"""What version 0.2 adds to the tables."""

import sqlalchemy as sa
from alembic import op

from towpath.store.tables.base import Id

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# A number that SQLite hands out itself only where the column says INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it, part by part."""
    _parking()
    _limits_and_small_jobs()
    _wishes_for_nodes()
    _jobs_stay_small_and_counted()
    _holds()
    _wishes_that_end()
    _keys_of_owners()
    _numbers_without_waiting()
    _one_conductor()
    _jobs_that_stop()
    _lives()


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


def _lives() -> None:
    """How many lives of each node have begun."""
    op.add_column("nodes", sa.Column("life", sa.BigInteger(), server_default="0", nullable=False))


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)


def _jobs_that_stop() -> None:
    """How the newest paths of a job ended, where it is to stop once too many fail."""
    op.create_table(
        "error_rates",
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("paths", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_error_rates_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_error_rates")),
    )


def _limits_and_small_jobs() -> None:
    """How many tasks may run at once, of a job and of an owner; which lanes are those of small jobs."""
    op.create_table(
        "limits",
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("max_tasks", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.String(length=100), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_limits")),
    )
    op.add_column("jobs", sa.Column("max_tasks", sa.Integer(), nullable=True))
    _partial_index("ix_jobs_owned", "jobs", ["owner"], "ended_at IS NULL")
    op.add_column("lanes", sa.Column("owner", sa.String(length=100), server_default="", nullable=False))
    op.add_column("lanes", sa.Column("small", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_index(
        "ix_lanes_small",
        "lanes",
        ["site", "queue", "function", sa.literal_column("priority DESC"), "turn"],
        unique=False,
        sqlite_where=sa.text("open = 1 AND ready > 0 AND small = 1"),
        postgresql_where=sa.text("open AND ready > 0 AND small"),
    )
    op.execute("UPDATE lanes SET owner = (SELECT jobs.owner FROM jobs WHERE jobs.id = lanes.job_id)")


def _wishes_for_nodes() -> None:
    """Whether a node is to drain, and how many slots it is to have; whether it counts as offline."""
    op.add_column("nodes", sa.Column("silent", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("nodes", sa.Column("slots", sa.JSON(), nullable=True))
    op.add_column("nodes", sa.Column("drain_at", sa.BigInteger(), nullable=True))
    op.add_column("nodes", sa.Column("drain_by", sa.String(length=100), nullable=True))
    op.add_column("nodes", sa.Column("drain_why", sa.Text(), nullable=True))


def _jobs_stay_small_and_counted() -> None:
    """A job's inputs leave its row, jobs are counted by kind, and old ones can be pruned."""
    op.create_table(
        "job_inputs",
        sa.Column("job_id", Id, sa.ForeignKey("jobs.id", name="fk_job_inputs_job_id"), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_job_inputs"),
    )
    op.execute("INSERT INTO job_inputs (job_id, inputs) SELECT id, inputs FROM jobs")
    op.execute("ALTER TABLE jobs DROP COLUMN inputs")
    op.create_table(
        "job_counts",
        sa.Column("workflow", sa.String(100), nullable=False),
        sa.Column("site", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("noop", sa.Boolean(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workflow", "site", "state", "noop", name="pk_job_counts"),
    )
    op.execute(
        "INSERT INTO job_counts (workflow, site, state, noop, jobs)"
        " SELECT workflow, site, state, state = 'SUCCESS' AND discovered = 0, count(*) FROM jobs"
        " GROUP BY workflow, site, state, state = 'SUCCESS' AND discovered = 0"
    )
    op.add_column("jobs", sa.Column("pruned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_jobs_workflow", "jobs", ["workflow", "id"])
    op.create_index("ix_jobs_ended", "jobs", ["ended_at"])
    _partial_index("ix_jobs_pruned", "jobs", ["id"], "pruned")
    op.create_index("ix_tasks_batch", "tasks", ["batch_id"])


def downgrade() -> None:
    """A database goes forward only: an older form is restored from a backup."""
    raise NotImplementedError("expected a backup of the older form, found a request to go back to it")


def _holds() -> None:
    """The pause of a site or a queue."""
    op.create_table(
        "holds",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("hand_back", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_by", sa.String(length=100), nullable=True),
        sa.Column("ended_why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_holds_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
    )
    standing = sa.text("ended_at IS NULL")
    op.create_index(
        "ix_holds_standing",
        "holds",
        ["site", "queue"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )


def _wishes_that_end() -> None:
    """A pause that ends by itself, and a cancel that waits for a node no longer than a lease."""
    op.add_column("jobs", sa.Column("resume_at", sa.BigInteger(), nullable=True))
    op.add_column("jobs", sa.Column("beats_waited", sa.Integer(), server_default="0", nullable=False))
    op.add_column("wishes", sa.Column("resume_at", sa.BigInteger(), nullable=True))
    timed = sa.text("resume_at IS NOT NULL")
    op.create_index("ix_jobs_resume_at", "jobs", ["resume_at"], sqlite_where=timed, postgresql_where=timed)


def _keys_of_owners() -> None:
    """Idempotency keys belong to whoever used them: two owners may draw the same."""
    op.execute(
        "CREATE TEMPORARY TABLE kept AS SELECT jobs.owner, i.key, i.digest, i.job_id, i.created_at"
        " FROM idempotency AS i JOIN jobs ON jobs.id = i.job_id"
    )
    op.drop_table("idempotency")
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_idempotency_job_id")),
        sa.PrimaryKeyConstraint("owner", "key", name=op.f("pk_idempotency")),
    )
    op.execute(
        "INSERT INTO idempotency (owner, key, digest, job_id, created_at)"
        " SELECT owner, key, digest, job_id, created_at FROM kept"
    )
    op.execute("DROP TABLE kept")
    op.create_index("ix_idempotency_job_id", "idempotency", ["job_id"])


def _numbers_without_waiting() -> None:
    """PostgreSQL hands out numbers from sequences."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for kind in ("tasks", "batches", "turns"):
        op.execute(f"CREATE SEQUENCE ids_{kind}")
        last = sa.text(
            "SELECT setval(CAST(:sequence AS regclass), last) FROM ids WHERE name = :kind AND last > 0"
        )
        op.execute(last.bindparams(sequence=f"ids_{kind}", kind=kind))


def _one_conductor() -> None:
    """Which of several hubs does the upkeep, and how any of them sees that a node is silent."""
    op.add_column("nodes", sa.Column("beats", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "conductor",
        sa.Column("epoch", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("holder", sa.String(length=300), nullable=False),
        sa.Column("beats", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("epoch", name=op.f("pk_conductor")),
    )
    op.execute("INSERT INTO conductor (epoch, holder, beats, since) VALUES (0, '', 0, 0)")
