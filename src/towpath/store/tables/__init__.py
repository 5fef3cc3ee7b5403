"""The tables of the hub's database: one definition for SQLite and PostgreSQL.

Times are integers: microseconds since 1970 in UTC. Blobs of the wire (batches, masks, carries) are kept as they
came, compressed, and never unpacked on the way from one node to the next.
"""

from towpath.store.tables.base import Count, Id, Time, metadata
from towpath.store.tables.places import (
    api_keys,
    buckets,
    conductor,
    holds,
    limits,
    nodes,
    quarantine,
    questions,
    sites,
    streams,
    targets,
)
from towpath.store.tables.work import (
    SEQUENCES,
    batches,
    error_rates,
    idempotency,
    ids,
    job_counts,
    job_inputs,
    jobs,
    lanes,
    notes,
    path_tallies,
    tallies,
    tasks,
    walks,
    wishes,
    workflows,
)

__all__ = [
    "SEQUENCES",
    "Count",
    "Id",
    "Time",
    "api_keys",
    "batches",
    "buckets",
    "conductor",
    "error_rates",
    "holds",
    "idempotency",
    "ids",
    "job_counts",
    "job_inputs",
    "jobs",
    "lanes",
    "limits",
    "metadata",
    "nodes",
    "notes",
    "path_tallies",
    "quarantine",
    "questions",
    "sites",
    "streams",
    "tallies",
    "targets",
    "tasks",
    "walks",
    "wishes",
    "workflows",
]
