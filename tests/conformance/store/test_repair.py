"""Repair: what is due is seen from how things stand, whoever left them so."""

from functools import partial

import sqlalchemy as sa
from tests.hub_desk import Hub, Node, ended

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import upkeep
from towpath.store.tables import job_counts, jobs, lanes, path_tallies, tasks


def change(hub: Hub, *statements: sa.Update) -> None:
    """Write to the database past the engine."""
    with hub.database.writing() as tx:
        for statement in statements:
            tx.conn.execute(statement)


def test_repair_finds_nothing_to_do_in_what_the_engine_left(hub: Hub, oslo: Node) -> None:
    hub.given("two", 6, per_task=2)
    hub.submit("noop")
    oslo.report(*(ended(one, Code.SKIPPED) for one in oslo.claim(slots=1).grants))
    hub.wish(2, Wanted.PAUSE)
    before = hub.rows()
    hub.upkeep()
    assert hub.rows() == before


def test_a_task_that_was_overlooked_is_given_the_paths_it_waits_for(hub: Hub, oslo: Node) -> None:
    """As if whoever ended the first had died before the second was released."""
    job = hub.given("two", 3, per_task=3)
    (one,) = oslo.claim().grants
    codes = wire.compress(bytes([Code.PROCESSED, Code.FAILED, Code.PROCESSED]))
    oslo.report(wire.Ended(one.task, one.run, codes, []))
    whole = hub.rows()
    second = tasks.c.position == 1
    change(
        hub,
        sa.update(tasks).where(second).values(blocked=1, paths=0, mask=None),
        sa.update(lanes).where(lanes.c.function == "worker").values(ready=0),
        sa.update(path_tallies).where(path_tallies.c.position == 1).values(reached=0),
    )
    assert not oslo.claim().grants
    hub.upkeep()
    after = hub.rows()
    for table in ("tasks", "path_tallies", "jobs", "tallies"):
        assert after[table] == whole[table]
    assert oslo.work() == 1
    assert hub.job(job).state == "FAILURE"


def test_a_state_that_somebody_set_by_hand_is_derived_anew(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    change(hub, sa.update(jobs).where(jobs.c.id == job).values(state="PAUSED", open_stage=-2))
    change(hub, sa.update(lanes).values(open=False), sa.update(job_counts).values(state="PAUSED"))
    hub.upkeep()
    assert hub.job(job).state == "PENDING"
    assert oslo.work() == 2


def test_repair_goes_through_all_jobs_a_few_at_a_time(hub: Hub, oslo: Node) -> None:
    for _ in range(5):
        hub.given("noop", 1)
    looked_at, last = [], 0
    while (found := hub.tell(partial(upkeep.repair, after=last, limit=2))) is not None:
        looked_at.append(found)
        last = found
    assert looked_at == [2, 4, 5]
