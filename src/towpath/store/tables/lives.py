"""The tables of objects' lives: the sweeps of targets, what refers to objects there, and what nothing does."""

import sqlalchemy as sa

from towpath.store.tables.base import Count, Id, Time, count, flag, metadata

uses = sa.Table(
    "uses",
    metadata,
    sa.Column("target", sa.String(64), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
)
"""Which sites have ever asked where a target is: no other can have put objects there."""

sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(32), nullable=False, unique=True),
    sa.Column("target", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("round", sa.Integer, nullable=False, server_default="1"),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    flag("collects"),
    flag("unrecorded"),
    flag("force"),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("begun_at", Time),
    sa.Column("ended_at", Time),
    count("objects"),
    count("orphans"),
    count("due"),
    count("due_bytes"),
    count("deleted"),
)
"""A sweep of a target: `collects` wishes that what is due is deleted, also what no record names (`unrecorded`), and
also where the guard would ask (`force`). `begun_at` is when the first site was told to begin."""
sa.Index(
    "ix_sweeps_open",
    sweeps.c.target,
    unique=True,
    sqlite_where=sweeps.c.ended_at.is_(None),
    postgresql_where=sweeps.c.ended_at.is_(None),
)

sweep_jobs = sa.Table(
    "sweep_jobs",
    metadata,
    sa.Column("job", Id, primary_key=True, autoincrement=False),
    sa.Column("sweep_id", sa.ForeignKey("sweeps.id"), nullable=False, index=True),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("root", sa.String(64), nullable=False, server_default=""),
)
"""The jobs of each sweep; those of a walk are one for each root of each site. They stay when a job is pruned, so that a
sweep never takes its jobs for ones that it has still to start."""

referrers = sa.Table(
    "referrers",
    metadata,
    sa.Column("target", sa.String(64), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
    sa.Column("root", sa.String(64), primary_key=True),
    count("files"),
    sa.Column("counted_at", Time, nullable=False),
)
"""How many files of each root referred to objects of a target when it was walked last; a count stays where the next
walk finds none, until somebody says that this is right (`force`)."""

orphans = sa.Table(
    "orphans",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("target", sa.String(64), nullable=False),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("key", sa.String(1024), nullable=False),
    sa.Column("size", Count, nullable=False),
    sa.Column("modified_at", Time, nullable=False),
    sa.Column("root", sa.String(64), nullable=False),
    sa.Column("path", sa.LargeBinary, nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("first_seen_at", Time, nullable=False),
    sa.Column("sweep_id", Id, nullable=False),
    sa.UniqueConstraint("target", "key"),
)
"""Objects that nothing refers to: since the sweep that began at `first_seen_at`, and in each one up to `sweep_id`.

`entry` is the record that names it (group and index), empty where none does; `root` and `path` are where the file was.
"""
sa.Index("ix_orphans_due", orphans.c.target, orphans.c.site, orphans.c.sweep_id, orphans.c.id)
sa.Index("ix_orphans_path", orphans.c.site, orphans.c.root, orphans.c.path)

orphan_counts = sa.Table(
    "orphan_counts",
    metadata,
    sa.Column("target", sa.String(64), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
    count("orphans"),
    count("bytes"),
)
"""How many orphans there are of each site at each target: no list counts its rows."""
