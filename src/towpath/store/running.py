"""How many tasks of all jobs of one owner are running, computed from the kept counters of those that are not over."""

import sqlalchemy as sa

from towpath.store.tables import jobs, limits, tallies
from towpath.store.tasks import DISCOVERY

RUNNING = (
    sa.select(sa.func.coalesce(sa.func.sum(tallies.c.tasks), 0))
    .join_from(jobs, tallies, tallies.c.job_id == jobs.c.id)
    .where(jobs.c.owner == limits.c.owner, jobs.c.ended_at.is_(None))
    .where(tallies.c.state == sa.literal_column("'STARTED'"), tallies.c.position != DISCOVERY)
    .correlate(limits)
    .scalar_subquery()
)
"""How many tasks of all jobs of a limit's owner are running, discoveries apart."""
