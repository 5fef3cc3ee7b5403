"""Lists of jobs: whatever they are narrowed to, their counts are those of the rows, and none of these is counted."""

import random
from collections import Counter
from dataclasses import replace
from itertools import product

from tests.hub_desk import ROOT, Hub, Node

from towpath.engine import control
from towpath.engine.inputs import Asked
from towpath.store import views
from towpath.store.jobs import DAY
from towpath.store.views import FACETS, JobFilter, JobView

OWNERS, QUEUES, WORKFLOWS = ("ana", "bea"), ("default", "night"), ("noop", "checksum")
DAYS = 5


def furnished(hub: Hub, oslo: Node) -> list[JobView]:
    """Jobs of two users on two queues over some days; the clock of a hub that made some of them was behind."""
    rng = random.Random(7)
    began = hub.clock.at
    for number in range(60):
        hub.clock.at = began + (number * DAYS // 60) * DAY + rng.randrange(DAY // 4) - (number % 7 == 0) * DAY
        order = control.Submission(
            workflow=rng.choice(WORKFLOWS),
            site="oslo",
            queue=rng.choice(QUEUES),
            inputs=(Asked(f"{ROOT}/{number}".encode()),),
            fields={},
            owner=rng.choice(OWNERS),
            discovery=None,
        )
        hub.tell(lambda tx, order=order: control.submit(tx, order))  # type: ignore[misc]
    oslo.work()
    with hub.database.reading() as conn:
        return views.list_jobs(conn, JobFilter(), 1000, None)


def fits(job: JobView, wanted: JobFilter) -> bool:
    """What a filter means, said the plain way."""
    day = job.created_at // DAY
    return (
        wanted.owner in (None, job.owner)
        and wanted.queue in (None, job.queue)
        and wanted.workflow in (None, job.workflow)
        and wanted.state in (None, job.state)
        and (wanted.first_day is None or day >= wanted.first_day)
        and (wanted.last_day is None or day <= wanted.last_day)
        and (not wanted.ids or job.id in wanted.ids)
        and not (wanted.hide_noop and job.noop)
    )


def test_each_list_shows_what_fits_and_its_kept_count_says_how_many(hub: Hub, oslo: Node) -> None:
    everything = furnished(hub, oslo)
    assert len(everything) == 60
    today = everything[-1].created_at // DAY
    days = (None, today, today + 2, today + 9)
    choices = product((None, "ana"), (None, "night"), (None, "noop"), (None, "SUCCESS"), days, days)
    with hub.database.reading() as conn:
        for owner, queue, workflow, state, first, last in choices:
            wanted = JobFilter(state, None, workflow, False, queue, owner, first, last)
            expected = [job.id for job in everything if fits(job, wanted)]
            assert [job.id for job in views.list_jobs(conn, wanted, 1000, None)] == expected, wanted
            assert views.count_jobs(conn, wanted) == len(expected), wanted
            few = replace(wanted, ids=(3, 5, 8, 999))
            expected = [job.id for job in everything if fits(job, few)]
            assert [job.id for job in views.list_jobs(conn, few, 1000, None)] == expected, few
            assert views.count_jobs(conn, few) == len(expected), few


def test_the_facets_of_a_list_add_up_to_it(hub: Hub, oslo: Node) -> None:
    everything = furnished(hub, oslo)
    for wanted in (JobFilter(), JobFilter(owner="ana"), JobFilter(queue="night", hide_noop=True)):
        mine = [job for job in everything if fits(job, wanted)]
        with hub.database.reading() as conn:
            facets = views.job_facets(conn, wanted)
        assert set(facets) == set(FACETS)
        for name in ("state", "workflow", "site", "queue", "owner"):
            assert facets[name] == Counter(getattr(job, name) for job in mine), wanted
        assert facets["day"] == Counter(job.created_at // DAY for job in mine), wanted
