"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A number that SQLite hands out itself only where the column says INTEGER.
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    for part in (
        _api_keys_and_ids,
        _jobs,
        _sites,
        _targets,
        _workflows,
        _batches,
        _idempotency,
        _lanes,
        _nodes,
        _path_tallies,
        _tallies,
        _wishes,
        _quarantine_and_streams,
        _tasks,
        _notes_and_walks,
    ):
        part()
    for kind in ("tasks", "batches", "turns"):
        op.execute(sa.text("INSERT INTO ids (name, last) VALUES (:kind, 0)").bindparams(kind=kind))


def downgrade() -> None:
    """There is nothing before these."""
    raise NotImplementedError("the first form of the tables has none before it")


def _api_keys_and_ids() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_keys_digest")),
    )
    op.create_table(
        "ids",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ids")),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("workflow", sa.String(length=100), nullable=False),
        sa.Column("workflow_version", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.Column("retry_of", NUMBER, nullable=True),
        sa.Column("wanted", sa.String(length=10), nullable=False),
        sa.Column("wish_by", sa.String(length=100), nullable=True),
        sa.Column("wish_why", sa.Text(), nullable=True),
        sa.Column("wish_at", sa.BigInteger(), nullable=True),
        sa.Column("hand_back", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("begun", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("open_stage", sa.Integer(), nullable=False),
        sa.Column("discovered", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("aborted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("not_run", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unmatched", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes_found", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes_done", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["retry_of"], ["jobs.id"], name=op.f("fk_jobs_retry_of")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_retry_of", ["retry_of"], unique=False)
        batch_op.create_index("ix_jobs_site", ["site", "id"], unique=False)
        batch_op.create_index("ix_jobs_state", ["state", "id"], unique=False)


def _sites() -> None:
    op.create_table(
        "sites",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("default_target", sa.String(length=64), nullable=True),
        sa.Column("roots", sa.JSON(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("unguarded", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sites")),
    )


def _targets() -> None:
    op.create_table(
        "targets",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_targets")),
        sa.UniqueConstraint("tag", name=op.f("uq_targets_tag")),
    )


def _workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.Column("current", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("installed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workflows")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_workflows_name_version")),
    )


def _batches() -> None:
    op.create_table(
        "batches",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("paths", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_batches_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_batches_job_id"), ["job_id"], unique=False)


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_idempotency_job_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_idempotency")),
    )


def _lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("function", sa.String(length=16), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("ready", sa.BigInteger(), nullable=False),
        sa.Column("open", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_lanes_job_id")),
        sa.PrimaryKeyConstraint("job_id", "site", "queue", "function", "stage", name=op.f("pk_lanes")),
    )
    with op.batch_alter_table("lanes", schema=None) as batch_op:
        batch_op.create_index(
            "ix_lanes_due",
            ["site", "queue", "function", sa.literal_column("priority DESC"), "turn"],
            unique=False,
            sqlite_where=sa.text("open = 1 AND ready > 0"),
            postgresql_where=sa.text("open AND ready > 0"),
        )


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("box_key", sa.LargeBinary(), nullable=True),
        sa.Column("incarnation", sa.LargeBinary(), nullable=True),
        sa.Column("queues", sa.JSON(), nullable=False),
        sa.Column("last_claim", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("heard_at", sa.BigInteger(), nullable=True),
        sa.Column("lost", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("draining", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("software", sa.String(length=100), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_nodes_site")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_nodes")),
        sa.UniqueConstraint("site", "name", name=op.f("uq_nodes_site_name")),
    )


def _path_tallies() -> None:
    op.create_table(
        "path_tallies",
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("reached", sa.BigInteger(), nullable=False),
        sa.Column("processed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("skipped", sa.BigInteger(), nullable=False),
        sa.Column("aborted", sa.BigInteger(), nullable=False),
        sa.Column("unknown", sa.BigInteger(), nullable=False),
        sa.Column("not_run", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_path_tallies_job_id")),
        sa.PrimaryKeyConstraint("job_id", "rule", "position", name=op.f("pk_path_tallies")),
    )


def _tallies() -> None:
    op.create_table(
        "tallies",
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("cause", sa.String(length=10), nullable=False),
        sa.Column("tasks", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tallies_job_id")),
        sa.PrimaryKeyConstraint(
            "job_id", "rule", "position", "stage", "state", "cause", name=op.f("pk_tallies")
        ),
    )


def _wishes() -> None:
    op.create_table(
        "wishes",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("wanted", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=100), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_wishes_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wishes")),
    )
    with op.batch_alter_table("wishes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_wishes_job_id"), ["job_id"], unique=False)


def _quarantine_and_streams() -> None:
    op.create_table(
        "quarantine",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("node_id", NUMBER, nullable=False),
        sa.Column("incarnation", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("event", sa.LargeBinary(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_quarantine_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "streams",
        sa.Column("node_id", NUMBER, nullable=False),
        sa.Column("incarnation", sa.LargeBinary(), nullable=False),
        sa.Column("applied", sa.BigInteger(), nullable=False),
        sa.Column("touched_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_streams_node_id")),
        sa.PrimaryKeyConstraint("node_id", "incarnation", name=op.f("pk_streams")),
    )


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("chain_id", NUMBER, nullable=False),
        sa.Column("batch_id", NUMBER, nullable=True),
        sa.Column("rule", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=100), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("site", sa.String(length=64), nullable=False),
        sa.Column("queue", sa.String(length=64), nullable=False),
        sa.Column("function", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("blocked", sa.SmallInteger(), nullable=False),
        sa.Column("cause", sa.String(length=10), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("run", sa.LargeBinary(), nullable=True),
        sa.Column("node_id", NUMBER, nullable=True),
        sa.Column("incarnation", sa.LargeBinary(), nullable=True),
        sa.Column("claim", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=True),
        sa.Column("mask", sa.LargeBinary(), nullable=True),
        sa.Column("carry", sa.LargeBinary(), nullable=True),
        sa.Column("codes", sa.LargeBinary(), nullable=True),
        sa.Column("split_of", NUMBER, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("paths", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("processed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failed", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("skipped", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("aborted", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unknown", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("not_run", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name=op.f("fk_tasks_batch_id")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_tasks_job_id")),
        sa.ForeignKeyConstraint(["node_id"], ["nodes.id"], name=op.f("fk_tasks_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tasks")),
    )
    _task_indexes()


def _task_indexes() -> None:
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index("ix_tasks_chain", ["chain_id", "position"], unique=False)
        batch_op.create_index(
            "ix_tasks_held",
            ["node_id"],
            unique=False,
            sqlite_where=sa.text("state = 'STARTED'"),
            postgresql_where=sa.text("state = 'STARTED'"),
        )
        batch_op.create_index("ix_tasks_job", ["job_id", "id"], unique=False)
        batch_op.create_index(
            "ix_tasks_pending",
            ["job_id", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'PENDING'"),
            postgresql_where=sa.text("state = 'PENDING'"),
        )
        batch_op.create_index(
            "ix_tasks_ready",
            ["job_id", "site", "queue", "function", "stage", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'PENDING' AND blocked = 0"),
            postgresql_where=sa.text("state = 'PENDING' AND blocked = 0"),
        )


def _notes_and_walks() -> None:
    op.create_table(
        "notes",
        sa.Column("task_id", NUMBER, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("job_id", NUMBER, nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("error_class", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=True),
        sa.Column("path", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_notes_job_id")),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_notes_task_id")),
        sa.PrimaryKeyConstraint("task_id", "index", name=op.f("pk_notes")),
    )
    op.create_index("ix_notes_job", "notes", ["job_id", "outcome", "task_id", "index"], unique=False)
    op.create_table(
        "walks",
        sa.Column("task_id", NUMBER, nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.Column("discovery", sa.String(length=64), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.Column("cursor", sa.LargeBinary(), nullable=False),
        sa.Column("problems", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_walks_task_id")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_walks")),
    )
