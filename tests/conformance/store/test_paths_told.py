"""What became of each path: told in order, in flat memory, from any place on, and narrowed as asked."""

from collections import Counter
from itertools import islice
from typing import Any

import pytest
import sqlalchemy as sa
from tests.hub_desk import Hub, Node, ended, found, group

from towpath import wire
from towpath.domain.paths import Code, ErrorClass, Outcome
from towpath.domain.states import Wanted
from towpath.engine.retry import Retry
from towpath.store import paths, views
from towpath.store.paths import PathView


def told(
    hub: Hub, job: int, outcome: str | None = None, step: str | None = None, after: tuple[int, int] = (0, -1)
) -> list[PathView]:
    """All that is told of a job's paths."""
    with hub.database.reading() as conn:
        return list(paths.iterate_paths(conn, job, outcome, step, after))


@pytest.fixture
def job(hub: Hub, oslo: Node) -> int:
    """A job in the midst of everything: split, failed whole and in part, skipped, running, and with a bad place."""
    job = hub.submit("two")
    (walk,) = oslo.claim("discovery").grants
    bad = wire.Problem("data", b"closed", "no_permission", "may not be listed")
    oslo.report(
        wire.Found(walk.task, walk.run, b"", b"1", [group(walk, *(f"a{n}" for n in range(6)))], [bad]),
        found(walk, b"1", b"2", "b0", "b1"),
        found(walk, b"2", b"3", "c0"),
        found(walk, b"3", b"4", "d0", "d1"),
    )
    first, second, third, _ = oslo.claim().grants
    mixed = bytes([Code.PROCESSED, Code.FAILED, Code.SKIPPED, Code.ALREADY, Code.NONE, Code.NONE])
    notes = [wire.Note(1, "no_permission", "denied"), wire.Note(2, "", "a socket")]
    oslo.report(
        wire.Ended(first.task, first.run, wire.compress(mixed), notes, handed_back=True),
        wire.Failed(second.task, second.run, "stumbled"),
        ended(third, Code.ABORTED),
    )
    return job


def test_each_path_is_told_once_for_each_step_that_it_reached(hub: Hub, job: int) -> None:
    assert [(p.path.decode(), p.step, p.outcome) for p in told(hub, job)] == [
        ("closed", "recursive", "failed"),
        ("a0", "noop", "processed"),
        ("a1", "noop", "failed"),
        ("a2", "noop", "skipped"),
        ("a3", "noop", "processed"),
        ("a0", "checksum", "pending"),
        ("a3", "checksum", "pending"),
        ("b0", "noop", "unknown"),
        ("b1", "noop", "unknown"),
        ("c0", "noop", "aborted"),
        ("d0", "noop", "pending"),
        ("d1", "noop", "pending"),
        ("a4", "noop", "pending"),
        ("a5", "noop", "pending"),
    ]


def test_a_path_that_did_not_succeed_is_told_with_its_reason(hub: Hub, job: int) -> None:
    by_name = {p.path: p for p in told(hub, job) if p.step != "checksum"}
    denied, closed = by_name[b"a1"], by_name[b"closed"]
    assert (denied.error_class, denied.reason, denied.root, denied.site) == (
        ErrorClass.NO_PERMISSION,
        "denied",
        "data",
        "oslo",
    )
    assert (closed.error_class, closed.reason, closed.root) == ("no_permission", "may not be listed", "data")
    assert (by_name[b"a2"].error_class, by_name[b"a2"].reason) == ("", "a socket")
    assert (by_name[b"a0"].reason, by_name[b"a0"].already, by_name[b"a3"].already) == (None, False, True)


def test_told_from_any_place_on_the_rest_is_the_same(hub: Hub, job: int) -> None:
    whole = told(hub, job)
    for number, place in enumerate(whole, 1):
        assert told(hub, job, after=(place.task, place.index)) == whole[number:]


@pytest.mark.parametrize("outcome", [*Outcome, "pending"])
@pytest.mark.parametrize("step", [None, "noop", "checksum", "recursive"])
def test_narrowed_it_is_what_the_whole_has_of_it(
    hub: Hub, oslo: Node, job: int, outcome: str, step: str | None
) -> None:
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    whole = told(hub, job)
    wanted = [p for p in whole if p.outcome == outcome and step in (None, p.step)]
    assert told(hub, job, outcome, step) == wanted
    for number, place in enumerate(wanted, 1):
        assert told(hub, job, outcome, step, (place.task, place.index)) == wanted[number:]


def test_counts_and_what_is_told_agree(hub: Hub, oslo: Node, job: int) -> None:
    hub.wish(job, Wanted.CANCEL)
    oslo.hello()
    hub.upkeep()
    counted = Counter(p.outcome for p in told(hub, job))
    totals = hub.job(job).totals
    assert {name: counted[name] for name in ("failed", "skipped", "aborted", "unknown", "not_run")} == {
        name: totals[name] for name in ("failed", "skipped", "aborted", "unknown", "not_run")
    }
    with hub.database.reading() as conn:
        steps = views.list_steps(conn, job)
    for step in steps:
        mine = [p for p in told(hub, job) if (p.rule, p.position) == (step.rule, step.position)]
        assert step.reached == len(mine)
        assert step.processed == sum(p.outcome == "processed" for p in mine)


def test_a_retry_tells_of_its_own_paths_only(hub: Hub, oslo: Node, job: int) -> None:
    hub.wish(job, Wanted.CANCEL)
    oslo.hello()
    hub.upkeep()
    again = hub.retry(job, Retry.FAILED)
    hub.upkeep()
    assert sorted(p.path for p in told(hub, again)) == [b"a1", b"b0", b"b1"]
    assert {p.outcome for p in told(hub, again)} == {"pending"}


def test_names_that_are_no_text_are_told_exactly(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    names = [b"\xff\xfe", b"line\nbreak", b"-dash", b"x" * 255]
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", *(name.decode("utf-8", "surrogateescape") for name in names)))
    assert [p.path for p in told(hub, job)] == names


def test_of_a_large_job_little_is_read_before_the_first_path_is_told(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 5 * paths.CHUNK)
    statements: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    with hub.database.reading() as conn:
        sa.event.listen(hub.database.engine, "before_cursor_execute", note)
        telling = paths.iterate_paths(conn, job, None, None)
        assert len(list(islice(telling, 1))) == 1
        first = len(statements)
        rest = len(list(telling))
        sa.event.remove(hub.database.engine, "before_cursor_execute", note)
    assert rest == 5 * paths.CHUNK - 1
    assert first <= 3
    chunks = [s for s in statements if "FROM batches" in s]
    assert len(chunks) == 5, "batches are read a chunk at a time"


def test_a_job_that_is_none_has_nothing_to_tell(hub: Hub) -> None:
    assert told(hub, 77) == []


def test_tasks_are_listed_in_order_and_narrowed_by_state(hub: Hub, oslo: Node, job: int) -> None:
    with hub.database.reading() as conn:
        whole = views.list_tasks(conn, job, None, 100, None)
        assert [task.id for task in whole] == sorted(task.id for task in whole)
        for number, task in enumerate(whole, 1):
            assert views.list_tasks(conn, job, None, 100, task.id) == whole[number:]
            assert views.find_task(conn, task.id) == task
        for state in {task.state for task in whole}:
            narrowed = [task for task in whole if task.state == state]
            assert views.list_tasks(conn, job, state, 100, None) == narrowed
        assert views.list_tasks(conn, job, None, 2, None) == whole[:2]
        assert views.find_task(conn, 999) is None
    running = next(task for task in whole if task.state == "STARTED" and task.step == "noop")
    assert (running.node, running.paths, running.attempts) == ("n1", 2, 0)


def test_why_a_job_waits_is_said_in_one_sentence(hub: Hub) -> None:
    node = hub.node("oslo")
    hub.silence("n1")
    job = hub.given("noop", 2)
    assert hub.job(job).waiting == "site oslo is offline: no node was heard since 2023-11-14 22:13:20 UTC"
    node.beat()
    assert hub.job(job).waiting == "about to be granted: site oslo has a free slot, and asks within seconds"
    (one, _) = node.claim().grants
    assert hub.job(job).waiting is None
    hub.wish(job, Wanted.PAUSE)
    assert hub.job(job).waiting == "paused by ana: why not; running tasks still finish"
    node.report(ended(one))
    node.hello()
    assert hub.job(job).waiting == "paused by ana: why not"


def test_a_job_for_a_site_without_a_node_says_so(hub: Hub, oslo: Node) -> None:
    job = hub.given("across", 1)
    oslo.work()
    assert hub.job(job).waiting == "site bergen has no node"
