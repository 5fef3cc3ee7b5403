"""The tables of sites, their nodes, and targets."""

import sqlalchemy as sa

from towpath.store.tables.base import Count, Id, Time, count, flag, metadata

sites = sa.Table(
    "sites",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("default_target", sa.String(64)),
    sa.Column("roots", sa.JSON, nullable=False),
    sa.Column("steps", sa.JSON, nullable=False),
    flag("unguarded"),
    sa.Column("created_at", Time, nullable=False),
    flag("trusted"),
)
"""A site: all nodes that bear its name. `roots` (name → directory) and `steps` (plugins) are what its nodes said;
`trusted` is set for good once one of them has said that it sets marks which only privileged processes see."""

nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("public_key", sa.String(64), nullable=False),
    sa.Column("box_key", sa.LargeBinary),
    sa.Column("incarnation", sa.LargeBinary),
    sa.Column("queues", sa.JSON, nullable=False),
    sa.Column("last_claim", Count, nullable=False, server_default="0"),
    sa.Column("heard_at", Time),
    flag("lost"),
    flag("draining"),
    sa.Column("software", sa.String(100), nullable=False, server_default=""),
    sa.Column("created_at", Time, nullable=False),
    flag("silent"),
    sa.Column("slots", sa.JSON(none_as_null=True)),
    sa.Column("drain_at", Time),
    sa.Column("drain_by", sa.String(100)),
    sa.Column("drain_why", sa.Text),
    count("beats"),
    count("life"),
    sa.Column("removed_at", Time),
    sa.Column("disks", sa.JSON(none_as_null=True)),
    sa.Column("disks_at", Time),
    sa.Column("progress", sa.JSON(none_as_null=True)),
    sa.UniqueConstraint("site", "name"),
)
"""A node. `last_claim` is the highest claim number of its incarnation; `lost` is set when its leases are taken, and
`silent` before that, when it missed so many heartbeats that it counts as offline.

`life` counts its incarnations. `queues` and `draining` are what it said of itself; `slots` (in the form of `queues`)
and `drain_…` what people wish. One that was removed (`removed_at`) keeps its row, which tasks name, and its name until
it is given to another. `disks` (root → bytes free, bytes in all) is what it said at `disks_at`; `progress` (job → paths
and bytes of its running tasks) what it said last.
"""

join_tokens = sa.Table(
    "join_tokens",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("node", sa.String(64)),
    sa.Column("made_by", sa.String(100), nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Column("revoked_at", Time),
    sa.Column("used_at", Time),
    sa.Column("used_by", sa.String(64)),
)
"""Tokens with which a node joins a site, once: only the SHA-256 of each is kept. `node` is the name that it must take,
NULL = any; `used_by` the one that it took."""

holds = sa.Table(
    "holds",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("queue", sa.String(64), nullable=False),
    sa.Column("by", sa.String(100), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("until", Time),
    flag("hand_back"),
    sa.Column("ended_at", Time),
    sa.Column("ended_by", sa.String(100)),
    sa.Column("ended_why", sa.Text),
)
"""A pause of a site, or of one queue of it (`queue` "" = all): nothing is granted there while it stands.

It stands while `ended_at` is NULL, and ends by itself at `until`; those that ended are kept, as the wishes of jobs
are. `hand_back` says that what runs there is to be given back.
"""
sa.Index(
    "ix_holds_standing",
    holds.c.site,
    holds.c.queue,
    unique=True,
    sqlite_where=holds.c.ended_at.is_(None),
    postgresql_where=holds.c.ended_at.is_(None),
)

streams = sa.Table(
    "streams",
    metadata,
    sa.Column("node_id", sa.ForeignKey("nodes.id"), primary_key=True),
    sa.Column("incarnation", sa.LargeBinary, primary_key=True),
    sa.Column("applied", Count, nullable=False),
    sa.Column("touched_at", Time, nullable=False),
)
"""How far the outbox of each incarnation of each node was applied."""

targets = sa.Table(
    "targets",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("tag", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("bucket", sa.String(64), nullable=False, server_default=""),
    sa.Column("storage_class", sa.String(64), nullable=False, server_default=""),
    sa.Column("template", sa.String(128), nullable=False, server_default=""),
    sa.Column("grace", Time),
)
"""A target. `grace` is for how long (microseconds) an object stays an orphan before it may be collected, NULL = as
usual. `tag` is the 4 bytes that stand for it in marks; `url` is its bucket's with the target's prefix."""

spaces = sa.Table(
    "spaces",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("site", sa.ForeignKey("sites.name"), primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("default_target", sa.String(64)),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("excluded", sa.Text, nullable=False, server_default="[]"),
    sa.Column("usage_every", sa.Integer),
)
"""A directory of a site, absolute, that bears a name. One name may stand at many sites. `excluded` is a JSON list of
globs; `usage_every` is after how many seconds its usage is measured again, NULL = only when asked."""

space_usage = sa.Table(
    "space_usage",
    metadata,
    sa.Column("space", sa.String(64), primary_key=True),
    sa.Column("site", sa.ForeignKey("sites.name"), primary_key=True),
    sa.Column("job", Id),
    sa.Column("asked_at", Time, nullable=False),
    sa.Column("failure", sa.Text, nullable=False, server_default=""),
    sa.Column("began_at", Time),
    sa.Column("ended_at", Time),
    sa.Column("counted", sa.Text),
)
"""What was last counted in a space (`counted`, JSON), by a walk from `began_at` to `ended_at`; NULL = nothing yet.

`job` is the walk that counts now, asked for at `asked_at`, NULL = none; `failure` says why the last one told nothing.
"""

buckets = sa.Table(
    "buckets",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("secret", sa.LargeBinary),
    sa.Column("created_at", Time, nullable=False),
)
"""A place, and the credentials for it, encrypted under the hub's key; any number of targets lie in it."""

questions = sa.Table(
    "questions",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("site", sa.ForeignKey("sites.name"), nullable=False),
    sa.Column("asked", sa.LargeBinary, nullable=False),
    sa.Column("until", Time, nullable=False),
    sa.Column("node_id", sa.ForeignKey("nodes.id")),
    sa.Column("answered", sa.LargeBinary),
    sa.Index("ix_questions_site", "site"),
    sqlite_autoincrement=True,
)
"""What people ask the nodes of a site, and wait for until `until`: `asked` and `answered` are packed messages of the
wire, `node_id` is the node that was asked. Rows go once the answer was read, or came too late; their
numbers never come again, for a late answer must not be taken for that to another question."""

limits = sa.Table(
    "limits",
    metadata,
    sa.Column("owner", sa.String(100), primary_key=True),
    sa.Column("max_tasks", sa.Integer, nullable=False),
    sa.Column("set_by", sa.String(100), nullable=False),
    sa.Column("set_at", Time, nullable=False),
)
"""How many tasks of all jobs of one owner may run at once, discoveries apart."""

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("node_id", sa.ForeignKey("nodes.id"), nullable=False),
    sa.Column("incarnation", sa.LargeBinary, nullable=False),
    sa.Column("number", Count, nullable=False),
    sa.Column("event", sa.LargeBinary, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False, index=True),
)
"""Events that could not be applied: kept for a person to look at, so that they stall nobody."""

conductor = sa.Table(
    "conductor",
    metadata,
    sa.Column("epoch", Count, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String(300), nullable=False),
    sa.Column("beats", Count, nullable=False),
    sa.Column("since", Time, nullable=False),
)
"""One row: the hub that does the upkeep. `beats` grows while it lives; each that takes the office raises `epoch`."""

settings = sa.Table(
    "settings",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("set_by", sa.String(100), nullable=False),
    sa.Column("set_at", Time, nullable=False),
)
"""What people have set while hubs run, as JSON; what is not here is as each hub was started."""

throughput = sa.Table(
    "throughput",
    metadata,
    sa.Column("minute", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("site", sa.String(64), primary_key=True),
    sa.Column("space", sa.String(64), primary_key=True),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    count("done"),
    count("failed"),
    count("bytes"),
)
"""What the jobs of a site, in a space of it ("" = in none), got done in a minute (since 1970); in `part`s, so that
those who write at the same time wait for each other the less."""
