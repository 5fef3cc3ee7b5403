"""Errors that may pass, and full places: paths are put off without holding a slot, and come back by themselves."""

from typing import Any

import pytest
import sqlalchemy as sa
from tests.conformance.store.test_retries import ended_at, paths_of
from tests.hub_desk import Hub, Node, ended, mask_of

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.patience import SECOND, Patience
from towpath.domain.states import Wanted
from towpath.engine.retry import Retry
from towpath.store import tables

TRANSIENT, NO_SPACE, ARCHIVED = "transient", "no_space", "archived"


def failing(one: wire.Grant, errors: dict[bytes, tuple[str, str]]) -> wire.Ended:
    """The end of a task whose paths failed with these classes and names; the others were processed."""
    names = wire.unpack(one.batch, wire.Batch).paths
    codes, noted = bytearray(len(names)), []
    for index, mine in enumerate(mask_of(one)):
        if mine:
            codes[index] = Code.FAILED if names[index] in errors else Code.PROCESSED
            if names[index] in errors:
                cls, name = errors[names[index]]
                noted.append(wire.Note(index, cls, f"noop: {name}", name))
    return wire.Ended(one.task, one.run, wire.compress(bytes(codes)), noted)


def all_failing(one: wire.Grant, cls: str, name: str = "EIO") -> wire.Ended:
    """The end of a task whose paths all failed so."""
    return failing(one, dict.fromkeys(paths_of(one), (cls, name)))


def row(hub: Hub, task: int) -> Any:
    """A task's row."""
    with hub.database.reading() as conn:
        return conn.execute(sa.select(tables.tasks).where(tables.tasks.c.id == task)).one()


def wait(hub: Hub, seconds: int) -> None:
    """Let time pass, and do what is due then."""
    hub.pass_time(seconds * SECOND)
    hub.upkeep()


def test_what_may_pass_is_split_off_and_the_rest_goes_on_down_the_chain(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 5, per_task=5)
    (one,) = oslo.claim().grants
    oslo.report(failing(one, {b"f000002": (TRANSIENT, "ESTALE")}))
    (second,) = oslo.claim().grants
    assert (second.step, len(paths_of(second))) == ("checksum", 4)
    oslo.report(ended(second))
    assert hub.job(job).totals["done"] == 4
    assert not oslo.claim().grants, "what is put off holds no slot"
    wait(hub, 1)
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 5)


def test_a_task_whose_paths_all_met_such_an_error_is_put_off_itself(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2, per_task=2)
    (one,) = oslo.claim().grants
    oslo.report(all_failing(one, TRANSIENT))
    kept = row(hub, one.task)
    assert (kept.state, kept.blocked, kept.tries, kept.attempts) == ("PENDING", 2, 1, 0)
    assert (kept.parked, kept.parked_why) == (TRANSIENT, "noop: EIO")
    assert kept.parked_at <= kept.not_before <= kept.parked_at + SECOND


def test_a_path_fails_once_it_was_tried_often_enough_and_says_how_often(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    tried = 0
    while hub.job(job).ended_at is None:
        for one in oslo.claim().grants:
            oslo.report(all_failing(one, TRANSIENT))
            tried += 1
        wait(hub, Patience().longest)
    assert tried == Patience().tries == 5
    with hub.database.reading() as conn:
        (reason,) = conn.scalars(sa.select(tables.notes.c.reason))
    assert reason == "noop: EIO (after 5 tries)"
    assert hub.job(job).state == "FAILURE"


@pytest.mark.parametrize("cls", ["permanent", "no_permission", "", "unheard of"])
def test_what_does_not_pass_fails_its_path_at_once(hub: Hub, oslo: Node, cls: str) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    oslo.report(all_failing(one, cls, "EACCES"))
    assert (hub.job(job).state, hub.job(job).totals["failed"]) == ("FAILURE", 1)


def test_a_full_place_is_waited_for_as_long_as_it_takes_and_the_job_goes_on_by_itself(
    hub: Hub, oslo: Node
) -> None:
    job = hub.given("noop", 3, per_task=3)
    waits = []
    for _ in range(40):
        (one,) = oslo.claim().grants
        oslo.report(all_failing(one, NO_SPACE, "ENOSPC"))
        kept = row(hub, one.task)
        waits.append(kept.not_before - hub.clock.at)
        since = kept.parked_at
        hub.pass_time(Patience().space_longest * SECOND)
        hub.upkeep()
    assert (kept.parked, kept.parked_why) == (NO_SPACE, "noop: ENOSPC")
    assert since < hub.clock.at - 39 * Patience().space_longest * SECOND, "it tells since when"
    assert waits[0] <= Patience().space_first * SECOND
    assert max(waits) <= Patience().space_longest * SECOND
    assert oslo.work() == 1
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 3)


def test_both_kinds_and_a_hand_back_in_one_report_make_a_part_each(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 6, per_task=6)
    (one,) = oslo.claim().grants
    errors = {
        b"f000001": (TRANSIENT, "EIO"),
        b"f000002": (NO_SPACE, "EDQUOT"),
        b"f000003": ("permanent", "ENOENT"),
    }
    codes = bytes([Code.PROCESSED, Code.FAILED, Code.FAILED, Code.FAILED, Code.NONE, Code.NONE])
    whole = failing(one, errors)
    oslo.report(wire.Ended(one.task, one.run, wire.compress(codes), whole.notes, handed_back=True))
    granted = oslo.claim().grants
    assert sorted((g.step, paths_of(g)) for g in granted) == [
        ("checksum", [b"f000000"]),
        ("noop", [b"f000004", b"f000005"]),
    ]
    oslo.report(*map(ended, granted))
    oslo.work()
    wait(hub, 30)
    oslo.work()
    view = hub.job(job)
    assert (view.state, view.totals["done"], view.totals["failed"]) == ("FAILURE", 5, 1)


def test_a_task_that_is_handed_back_with_nothing_but_errors_that_may_pass_keeps_the_rest(
    hub: Hub, oslo: Node
) -> None:
    hub.given("noop", 3, per_task=3)
    (one,) = oslo.claim().grants
    codes = bytes([Code.FAILED, Code.NONE, Code.NONE])
    oslo.report(
        wire.Ended(
            one.task, one.run, wire.compress(codes), [wire.Note(0, TRANSIENT, "no", "EIO")], handed_back=True
        )
    )
    (rest,) = oslo.claim().grants
    assert (rest.task, paths_of(rest)) == (one.task, [b"f000001", b"f000002"])


def test_paths_that_cannot_be_done_now_stall_nobody(hub: Hub, oslo: Node) -> None:
    """1,001 of them first: every other path is done before one of them is tried again."""
    bad = frozenset(b"f%06d" % number for number in range(1001))
    job = hub.given("noop", 3003, per_task=7)
    while granted := oslo.claim().grants:
        oslo.report(
            *(
                failing(one, {path: (TRANSIENT, "EIO") for path in paths_of(one) if path in bad})
                for one in granted
            )
        )
    assert hub.job(job).totals["done"] == 2002
    with hub.database.reading() as conn:
        waiting = conn.execute(
            sa.select(sa.func.sum(tables.tasks.c.paths)).where(tables.tasks.c.blocked == 2)
        )
        assert waiting.scalar() == 1001
        assert conn.scalar(sa.select(sa.func.sum(tables.lanes.c.ready))) == 0
    wait(hub, 1)
    oslo.work()
    assert hub.job(job).state == "SUCCESS"


def test_a_job_can_be_paused_resumed_and_cancelled_while_its_paths_are_put_off(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2, per_task=1)
    oslo.report(*(all_failing(one, NO_SPACE) for one in oslo.claim().grants))
    assert hub.job(job).state == "STARTED"
    hub.wish(job, Wanted.PAUSE)
    assert hub.job(job).state == "PAUSED"
    wait(hub, 300)
    assert not oslo.claim().grants
    hub.wish(job, Wanted.RUN)
    (one, _) = oslo.claim().grants
    oslo.report(all_failing(one, NO_SPACE))
    hub.wish(job, Wanted.CANCEL)
    oslo.hello()
    hub.upkeep()
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 2)


def test_what_comes_after_waits_for_what_was_put_off(hub: Hub, oslo: Node) -> None:
    """A delete must not begin while a move before it is still to be made."""
    hub.define("clear", {"name": "noop"}, {"name": "delete"})
    hub.given("clear", 2, per_task=2)
    (one,) = oslo.claim().grants
    oslo.report(failing(one, {b"f000001": (TRANSIENT, "EIO")}))
    assert not oslo.claim().grants
    wait(hub, 1)
    (again,) = oslo.claim().grants
    oslo.report(ended(again))
    assert sorted(paths_of(g)[0] for g in oslo.claim().grants) == [b"f000000", b"f000001"]


@pytest.mark.parametrize("own", [True, False])
def test_a_workflow_or_a_step_says_otherwise(hub: Hub, oslo: Node, own: bool) -> None:
    said: dict[str, object] = {
        "on_error": {"ESTALE": "permanent", "503": "no_space", "permanent": "transient"}
    }
    step: dict[str, object] = {"name": "noop", **(said if own else {})}
    rule = {"type": "all", "state": "all", "action": [step]}
    hub.define_document({"name": "stern", "filter_rules": [rule], **({} if own else said)})
    job = hub.given("stern", 4, per_task=4)
    (one,) = oslo.claim().grants
    errors = {
        b"f000000": (TRANSIENT, "ESTALE"),
        b"f000001": (TRANSIENT, "503 SlowDown"),
        b"f000002": ("permanent", "ENOENT"),
    }
    oslo.report(failing(one, errors))
    assert ended_at(hub, job, "failed") == [("noop", b"f000000")]
    with hub.database.reading() as conn:
        parked = conn.scalars(sa.select(tables.tasks.c.parked).where(tables.tasks.c.blocked == 2)).all()
    assert sorted(parked) == [NO_SPACE, TRANSIENT]


def test_a_step_says_how_often_and_how_long(hub: Hub, oslo: Node) -> None:
    hub.define("hasty", {"name": "noop", "patience": {"tries": 2, "first": 0}})
    job = hub.given("hasty", 1)
    for _ in range(2):
        (one,) = oslo.claim().grants
        oslo.report(all_failing(one, TRANSIENT))
        hub.upkeep()
    assert (hub.job(job).state, hub.job(job).totals["failed"]) == ("FAILURE", 1)


def test_a_retry_of_what_was_put_off_and_cancelled_begins_at_its_step(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 2, per_task=2)
    oslo.report(*map(ended, oslo.claim().grants))
    (second,) = oslo.claim().grants
    oslo.report(failing(second, {b"f000001": (NO_SPACE, "ENOSPC")}))
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    assert hub.job(job).state == "CANCELLED"
    hub.retry(job, Retry.UNFINISHED)
    hub.upkeep()
    (again,) = oslo.claim().grants
    assert (again.step, paths_of(again)) == ("checksum", [b"f000001"])


def test_an_archived_object_is_waited_for_without_a_slot_however_long_it_takes(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3, per_task=3)
    (one,) = oslo.claim().grants
    oslo.report(failing(one, {b"f000001": (ARCHIVED, "403 InvalidObjectState")}))
    for _ in range(2 * Patience().tries):
        assert hub.job(job).state == "STARTED"
        assert not oslo.claim().grants, "what an archive brings back holds no slot"
        wait(hub, Patience().archive_longest)
        (again,) = oslo.claim().grants
        assert paths_of(again) == [b"f000001"]
        oslo.report(all_failing(again, ARCHIVED, "403 InvalidObjectState"))
    parked = row(hub, again.task)
    assert (parked.parked, parked.tries) == (ARCHIVED, 0)
    wait(hub, Patience().archive_longest)
    oslo.work()
    assert hub.job(job).state == "SUCCESS"
    assert hub.job(job).totals["done"] == 3


def test_what_a_clock_put_off_that_was_ahead_does_not_wait_for_it(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    hub.pass_time(40 * 24 * 3600 * SECOND)
    (one,) = oslo.claim().grants
    oslo.report(all_failing(one, NO_SPACE, "ENOSPC"))
    hub.pass_time(-38 * 24 * 3600 * SECOND)
    hub.upkeep()
    oslo.work()
    assert hub.job(job).state == "SUCCESS"
