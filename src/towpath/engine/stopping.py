"""A job of which too many paths fail is paused, as its workflow asks, so that a person decides; nothing is lost."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import sqlalchemy as sa

from towpath.domain.paths import Outcome
from towpath.domain.states import Wanted
from towpath.domain.stopping import WINDOW, Record, why
from towpath.domain.wishes import Wish
from towpath.engine.control import ask
from towpath.store.ledger import Ledger
from towpath.store.notes import NoteRow
from towpath.store.tables import error_rates, notes

BY = "towpath"
"""Who pauses such a job."""


def look(ledger: Ledger, ended: Mapping[int, Record], noted: Sequence[NoteRow]) -> None:
    """Count how paths of jobs have just ended, by the jobs' ids, and pause those that are to stop."""
    for job_id, newest in sorted(ended.items()):
        job = ledger.jobs[job_id]
        rate = job.plan.stop_on_error_rate
        if rate is None:
            continue
        kept = _kept(ledger, job_id)
        record = (kept or Record()).and_then(newest.paths, newest.failed)
        if record.is_too_much(rate) and job.wanted is Wanted.RUN and not job.census().over:
            reasons = [n.reason for n in noted if n.job_id == job_id and n.outcome == Outcome.FAILED]
            said = why(record, chain(reasons, _reasons(ledger, job_id, record.failed - len(reasons))))
            ask(ledger, job, Wish(Wanted.PAUSE, BY, said, hand_back=True))
            # Whoever lets it go on has seen this: it counts anew.
            record = Record()
        _keep(ledger, job_id, record, is_new=kept is None)


def _kept(ledger: Ledger, job_id: int) -> Record | None:
    query = sa.select(error_rates.c.paths, error_rates.c.failed).where(error_rates.c.job_id == job_id)
    row = ledger.tx.conn.execute(query).first()
    return None if row is None else Record(row.paths, row.failed)


def _keep(ledger: Ledger, job_id: int, record: Record, *, is_new: bool) -> None:
    said = {"paths": record.paths, "failed": record.failed}
    if is_new:
        ledger.tx.conn.execute(sa.insert(error_rates).values(job_id=job_id, **said))
    else:
        mine = error_rates.c.job_id == job_id
        ledger.tx.conn.execute(sa.update(error_rates).where(mine).values(said))


def _reasons(ledger: Ledger, job_id: int, most: int) -> Iterable[str]:
    """Why the newest paths failed, those of this transaction apart."""
    mine = (notes.c.job_id == job_id, notes.c.outcome == Outcome.FAILED)
    query = sa.select(notes.c.reason).where(*mine).order_by(notes.c.task_id.desc(), notes.c.index)
    return ledger.tx.conn.scalars(query.limit(max(0, min(most, 2 * WINDOW))))
