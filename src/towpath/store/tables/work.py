"""The tables of jobs: what runs, over which paths, and what became of it."""

import sqlalchemy as sa

from towpath.store.tables.base import Count, Id, Time, count, flag, metadata

ids = sa.Table(
    "ids",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("last", Count, nullable=False),
)
"""The last number given out of each kind: `tasks`, `batches`, `turns`; so that whole chains get theirs at once.

PostgreSQL has a sequence for each instead: nobody may wait there for the commit of another who took some.
"""
KINDS = ("tasks", "batches", "turns")
SEQUENCES = {kind: sa.Sequence(f"ids_{kind}", metadata=metadata) for kind in KINDS}

workflows = sa.Table(
    "workflows",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(100), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
    flag("current"),
    flag("installed"),
    sa.Column("created_at", Time, nullable=False),
    sa.UniqueConstraint("name", "version"),
)
"""Each version of each workflow; at most one of a name is `current`."""

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("workflow", sa.String(100), nullable=False),
    sa.Column("workflow_version", sa.Integer, nullable=False),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("queue", sa.String(64), nullable=False),
    sa.Column("owner", sa.String(100), nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fields", sa.JSON, nullable=False),
    sa.Column("plan", sa.JSON, nullable=False),
    sa.Column("retry_of", sa.ForeignKey("jobs.id")),
    sa.Column("wanted", sa.String(10), nullable=False),
    sa.Column("wish_by", sa.String(100)),
    sa.Column("wish_why", sa.Text),
    sa.Column("wish_at", Time),
    flag("hand_back"),
    sa.Column("state", sa.String(10), nullable=False),
    flag("begun"),
    sa.Column("open_stage", sa.Integer, nullable=False),
    count("discovered"),
    count("done"),
    count("failed"),
    count("skipped"),
    count("aborted"),
    count("not_run"),
    count("unknown"),
    count("unmatched"),
    count("bytes_found"),
    count("bytes_done"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("started_at", Time),
    sa.Column("ended_at", Time),
    sa.Column("max_tasks", sa.Integer),
    flag("pruned"),
    sa.Column("resume_at", Time),
    sa.Column("beats_waited", sa.Integer, nullable=False, server_default="0"),
    sa.Column("space", sa.String(64), nullable=False, server_default=""),
)
"""A run of a workflow. `state` is what `domain.states.job_state` said last; only the store's ledger writes it.

`hand_back` says that running tasks are to be given back (pause --now, cancel); a paused job goes on by itself at
`resume_at`; `beats_waited` counts the heartbeats for which a cancelled one has waited for its nodes. The counts are of
distinct paths.
`max_tasks` is how many of its tasks may run at once, its discovery apart; NULL = any number.
`space` is the deepest space of its site in which all its inputs lay when it was started, "" where there was none.
`pruned`: nobody is shown it any more, and its rows are being taken away.
"""
sa.Index("ix_jobs_state", jobs.c.state, jobs.c.id)
sa.Index("ix_jobs_site", jobs.c.site, jobs.c.id)
sa.Index("ix_jobs_workflow", jobs.c.workflow, jobs.c.id)
sa.Index(
    "ix_jobs_space",
    jobs.c.space,
    jobs.c.site,
    jobs.c.id,
    sqlite_where=jobs.c.space != "",
    postgresql_where=jobs.c.space != "",
)
# Most jobs are no retries: an index that held them too would look to a planner as if it led to all of them, or to few.
sa.Index(
    "ix_jobs_retry_of",
    jobs.c.retry_of,
    sqlite_where=jobs.c.retry_of.is_not(None),
    postgresql_where=jobs.c.retry_of.is_not(None),
)
sa.Index("ix_jobs_created_at", jobs.c.created_at)
sa.Index(
    "ix_jobs_resume_at",
    jobs.c.resume_at,
    sqlite_where=jobs.c.resume_at.is_not(None),
    postgresql_where=jobs.c.resume_at.is_not(None),
)
sa.Index(
    "ix_jobs_owned",
    jobs.c.owner,
    sqlite_where=jobs.c.ended_at.is_(None),
    postgresql_where=jobs.c.ended_at.is_(None),
)
sa.Index("ix_jobs_ended", jobs.c.ended_at)
IS_FAILED = jobs.c.state == sa.literal_column("'FAILURE'")
"""It has ended in FAILURE. The constant stands in the text, as in those of tasks below."""
sa.Index("ix_jobs_failed", jobs.c.state, jobs.c.ended_at, sqlite_where=IS_FAILED, postgresql_where=IS_FAILED)
sa.Index("ix_jobs_pruned", jobs.c.id, sqlite_where=jobs.c.pruned, postgresql_where=jobs.c.pruned)

job_inputs = sa.Table(
    "job_inputs",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("inputs", sa.LargeBinary, nullable=False),
)
"""What each job was asked to work on, packed: beside the job's row, which is written with each report."""

job_counts = sa.Table(
    "job_counts",
    metadata,
    sa.Column("workflow", sa.String(100), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
    sa.Column("state", sa.String(10), primary_key=True),
    sa.Column("noop", sa.Boolean, primary_key=True),
    sa.Column("queue", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(100), primary_key=True),
    sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("space", sa.String(64), primary_key=True, server_default=""),
    sa.Column("jobs", Count, nullable=False),
)
"""How many jobs there are of each kind: no list of jobs counts its rows.

`noop`: SUCCESS, and nothing was found; `day`: when it was submitted, in UTC, as days since 1970.
"""

wishes = sa.Table(
    "wishes",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("wanted", sa.String(10), nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("resume_at", Time),
)
"""Who wished what of a job, when and why; and when a paused one was to go on by itself."""

tallies = sa.Table(
    "tallies",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("rule", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(10), primary_key=True),
    sa.Column("cause", sa.String(10), primary_key=True),
    sa.Column("tasks", Count, nullable=False),
)
"""The census: how many tasks of a job are in each state, per rule, place in the chain (-1 = discovery) and stage."""

path_tallies = sa.Table(
    "path_tallies",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("rule", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("reached", Count, nullable=False),
    sa.Column("processed", Count, nullable=False),
    sa.Column("failed", Count, nullable=False),
    sa.Column("skipped", Count, nullable=False),
    sa.Column("aborted", Count, nullable=False),
    sa.Column("unknown", Count, nullable=False),
    sa.Column("not_run", Count, nullable=False),
    sa.Column("bytes", Count, nullable=False),
)
"""How many paths reached each step of each rule, and what became of them there."""

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("bytes", Count, nullable=False),
    sa.Column("paths", sa.LargeBinary, nullable=False),
)
"""Immutable lists of paths (a packed `wire.Batch`); tasks of any job refer to one through a mask."""

tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("chain_id", Id, nullable=False),
    sa.Column("batch_id", sa.ForeignKey("batches.id")),
    sa.Column("rule", sa.Integer, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("step", sa.String(100), nullable=False),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("site", sa.String(64), nullable=False),
    sa.Column("queue", sa.String(64), nullable=False),
    sa.Column("function", sa.String(16), nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("blocked", sa.SmallInteger, nullable=False),
    sa.Column("cause", sa.String(10), nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("run", sa.LargeBinary),
    sa.Column("node_id", sa.ForeignKey("nodes.id")),
    sa.Column("incarnation", sa.LargeBinary),
    sa.Column("claim", Count),
    sa.Column("not_before", Time),
    sa.Column("mask", sa.LargeBinary),
    sa.Column("carry", sa.LargeBinary),
    sa.Column("codes", sa.LargeBinary),
    sa.Column("split_of", Id),
    sa.Column("error", sa.Text),
    count("paths"),
    count("processed"),
    count("failed"),
    count("skipped"),
    count("aborted"),
    count("unknown"),
    count("not_run"),
    count("bytes"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("started_at", Time),
    sa.Column("ended_at", Time),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("parked", sa.String(16), nullable=False, server_default=""),
    sa.Column("parked_why", sa.Text),
    sa.Column("parked_at", Time),
    sa.Column("lost_run", sa.LargeBinary),
)
"""A step over the paths of a batch. `chain_id` is the id of the first task of its chain; `position` its place there.

`blocked`: 0 may be granted once its stage is open, 1 waits for the task before it, 2 is parked until `not_before`.
`mask` (zstd, a byte a path) says which paths of the batch are its own, NULL = all; `codes` (the same form) what became
of each. `run`, `node_id`, `incarnation` and `claim` say who holds it.

`parked` is the class of error for which it was put off last (an `ErrorClass`, or `lost` where it is kept apart from
others that lost their worker together with it), `parked_why` the reason, `parked_at` since when; `tries` is how often
a transient error has put it off. `lost_run` is the run that was taken from a silent node, which may yet be alive.
"""

# A constant stands in the text of these: given as a parameter, SQLite would plan the statement anew each time that
# it is run, and PostgreSQL, once it has a plan for any parameters, would not use the index.
IS_STARTED = tasks.c.state == sa.literal_column("'STARTED'")
"""A node has it."""
IS_PENDING = tasks.c.state == sa.literal_column("'PENDING'")
"""No node has it, and it is not over."""
IS_READY = sa.and_(IS_PENDING, tasks.c.blocked == sa.literal_column("0"))
"""It may be granted as soon as its stage is open."""
IS_PARKED = sa.and_(IS_PENDING, tasks.c.blocked == sa.literal_column("2"))
"""It waits for a time."""

sa.Index("ix_tasks_batch", tasks.c.batch_id)
sa.Index("ix_tasks_chain", tasks.c.chain_id, tasks.c.position)
sa.Index("ix_tasks_job", tasks.c.job_id, tasks.c.id)
sa.Index(
    "ix_tasks_ready",
    tasks.c.job_id,
    tasks.c.site,
    tasks.c.queue,
    tasks.c.function,
    tasks.c.stage,
    tasks.c.id,
    sqlite_where=IS_READY,
    postgresql_where=IS_READY,
)
sa.Index(
    "ix_tasks_pending",
    tasks.c.job_id,
    tasks.c.id,
    sqlite_where=IS_PENDING,
    postgresql_where=IS_PENDING,
)
sa.Index(
    "ix_tasks_parked",
    tasks.c.not_before,
    sqlite_where=IS_PARKED,
    postgresql_where=IS_PARKED,
)
sa.Index(
    "ix_tasks_lost_run",
    tasks.c.lost_run,
    sqlite_where=tasks.c.lost_run.is_not(None),
    postgresql_where=tasks.c.lost_run.is_not(None),
)
sa.Index(
    "ix_tasks_held",
    tasks.c.node_id,
    sqlite_where=IS_STARTED,
    postgresql_where=IS_STARTED,
)

lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
    sa.Column("queue", sa.String(64), primary_key=True),
    sa.Column("function", sa.String(16), primary_key=True),
    sa.Column("stage", sa.Integer, primary_key=True),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("ready", Count, nullable=False),
    flag("open"),
    sa.Column("turn", Count, nullable=False),
    sa.Column("owner", sa.String(100), nullable=False, server_default=""),
    flag("small"),
)
"""How many tasks of a job could be granted on a queue, per stage: a claim reads lanes, never counts tasks.

`open` is derived by settling: the job is wanted and its stage has come. `turn` orders lanes of the same priority:
the lane served longest ago is next. `small` is what
`domain.fairness.is_small` said last: the slots that are kept for small jobs are open to it.
"""
IS_DUE = sa.and_(lanes.c.open, lanes.c.ready > sa.literal_column("0"))
"""It has tasks that may be granted."""

sa.Index(
    "ix_lanes_due",
    lanes.c.site,
    lanes.c.queue,
    lanes.c.function,
    lanes.c.priority.desc(),
    lanes.c.turn,
    sqlite_where=IS_DUE,
    postgresql_where=IS_DUE,
)
sa.Index(
    "ix_lanes_small",
    lanes.c.site,
    lanes.c.queue,
    lanes.c.function,
    lanes.c.priority.desc(),
    lanes.c.turn,
    sqlite_where=sa.and_(IS_DUE, lanes.c.small),
    postgresql_where=sa.and_(IS_DUE, lanes.c.small),
)

notes = sa.Table(
    "notes",
    metadata,
    sa.Column("task_id", sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("index", sa.Integer, primary_key=True),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("error_class", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("root", sa.String(64)),
    sa.Column("path", sa.LargeBinary),
)
"""Why a path did not succeed; `root` and `path` only for what a discovery could not look at (it has no batch)."""
sa.Index("ix_notes_job", notes.c.job_id, notes.c.outcome, notes.c.task_id, notes.c.index)

walks = sa.Table(
    "walks",
    metadata,
    sa.Column("task_id", sa.ForeignKey("tasks.id"), primary_key=True),
    sa.Column("inputs", sa.LargeBinary, nullable=False),
    sa.Column("discovery", sa.String(64), nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("cursor", sa.LargeBinary, nullable=False),
    sa.Column("problems", sa.Integer, nullable=False, server_default="0"),
    sa.Column("excluded", sa.LargeBinary),
)
"""How far each discovery task has come: nothing found is accepted but behind this cursor. `excluded` is what spaces
leave out, a packed list of the wire's `LeftOut`, NULL = nothing."""

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.String(100), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("digest", sa.LargeBinary, nullable=False),
    sa.Column("job_id", sa.ForeignKey("jobs.id"), nullable=False, index=True),
    sa.Column("created_at", Time, nullable=False, index=True),
)
"""Submissions that carried an `Idempotency-Key`: the same key and body of the same owner give the same job."""

error_rates = sa.Table(
    "error_rates",
    metadata,
    sa.Column("job_id", sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("paths", Count, nullable=False),
    sa.Column("failed", Count, nullable=False),
)
"""How the newest paths of a job ended; only of jobs that stop where too many fail."""
