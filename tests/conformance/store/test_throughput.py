"""What is done in each minute is counted with the outcomes themselves: each path once, however often it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa
from tests.conformance.store.audit import audit_throughput
from tests.hub_desk import ROOT, Hub, Node, ended

from towpath import wire
from towpath.domain.paths import Code
from towpath.engine import receive, spaces, upkeep
from towpath.store import throughput
from towpath.store.database import Call, Tx
from towpath.store.throughput import MINUTE, Asked, Row

HOUR = 60 * MINUTE


def all_time(step: int = 1) -> Asked:
    """Everything that is kept, from a minute on in which nothing is."""
    return Asked(0, 2**31 - 1, step)


def sums(hub: Hub) -> list[tuple[str, int, int, int]]:
    """What each site got done."""
    with hub.database.reading() as conn:
        return [(row.site, row.done, row.failed, row.bytes) for row in throughput.sums(conn, all_time())]


def ended_with(one: wire.Grant, moved: int, code: Code = Code.PROCESSED) -> wire.Ended:
    """The end of a task that moved so many bytes."""
    told = ended(one, code)
    return wire.Ended(told.task, told.run, told.codes, told.notes, bytes=moved)


def check_against_jobs(hub: Hub) -> None:
    """What is counted by the minute is what the jobs have in all."""
    with hub.database.reading() as conn:
        audit_throughput(conn)


@contextmanager
def upserts(hub: Hub) -> Iterator[list[str]]:
    """The statements that write throughput, while this lasts."""
    seen: list[str] = []

    def see(_conn: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO throughput"):
            seen.append(statement)

    sa.event.listen(hub.database.engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        sa.event.remove(hub.database.engine, "before_cursor_execute", see)


def test_paths_and_bytes_are_counted_for_the_site_of_their_job_in_the_minute_in_which_they_are_told(
    hub: Hub, oslo: Node
) -> None:
    hub.given("noop", 6, per_task=3)
    first, second = oslo.claim().grants
    oslo.report(ended_with(first, 100))
    begun = hub.clock.at // MINUTE
    hub.pass_time(2 * MINUTE)
    oslo.report(ended_with(second, 50, Code.FAILED))
    assert sums(hub) == [("oslo", 3, 3, 150)]
    with hub.database.reading() as conn:
        asked = Asked(begun, begun + 5, 1)
        assert throughput.series(conn, asked, ["oslo"]) == [
            Row("oslo", 0, 3, 0, 100),
            Row("oslo", 2, 0, 3, 50),
        ]
        assert throughput.series(conn, Asked(begun, begun + 5, 5), []) == [Row("", 0, 3, 3, 150)]
    check_against_jobs(hub)


def test_a_report_that_comes_twice_counts_once(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 4)
    told = [wire.pack(ended_with(one, 10)) for one in oslo.claim().grants]
    report = wire.Report(oslo.incarnation, 1, told)
    for _ in range(3):
        oslo.replay(report)
    # The same events under later numbers are of runs that are over.
    oslo.replay(wire.Report(oslo.incarnation, 5, told))
    assert sums(hub) == [("oslo", 4, 0, 40)]
    check_against_jobs(hub)


def test_a_path_counts_once_whatever_steps_it_takes_and_each_steps_bytes(
    hub: Hub, oslo: Node, bergen: Node
) -> None:
    hub.submit("across")
    oslo.walk("a", "b")
    for node in (oslo, bergen):
        node.report(*(ended_with(one, 7) for one in node.claim().grants))
    assert sums(hub) == [("oslo", 2, 0, 14)]
    check_against_jobs(hub)


def test_what_is_undone_is_not_counted_and_a_transaction_writes_a_site_once(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 3)
    grants = oslo.claim().grants
    failed: list[type[BaseException] | None] = []

    def tell(number: int, tx: Tx) -> None:
        event = wire.pack(ended_with(grants[number], 10))
        receive.receive(tx, "oslo", "n1", wire.Report(oslo.incarnation, number + 1, [event]))
        if number == 2:
            raise RuntimeError

    done = lambda _, error: failed.append(None if error is None else type(error))  # noqa: E731
    with upserts(hub) as written:
        hub.database.run_group([Call(partial(tell, number), done) for number in range(3)])
    assert failed == [None, None, RuntimeError]
    assert sums(hub) == [("oslo", 2, 0, 20)]
    assert len(written) == (1 if hub.database.engine.dialect.name == "sqlite" else 2)
    with upserts(hub) as written:
        hub.given("noop", 1)
        oslo.beat()
    assert written == []
    check_against_jobs(hub)


def test_jobs_of_a_space_are_told_apart(hub: Hub, oslo: Node) -> None:
    hub.tell(lambda tx: spaces.add_space(tx, spaces.Space("films", "oslo", f"{ROOT}/films", None)))
    for path in ("films/a", "other"):
        hub.submit("noop", path)
        oslo.walk(f"{path}/x")
        oslo.report(*(ended_with(one, 5) for one in oslo.claim().grants))
    with hub.database.reading() as conn:
        films = Asked(0, 2**31 - 1, 1, None, frozenset({("oslo", "films")}))
        assert throughput.sums(conn, films) == [Row("oslo", 0, 1, 0, 5)]
        assert throughput.sums(conn, Asked(0, 2**31 - 1, 1, None, frozenset({("bergen", "films")}))) == []
        assert throughput.sums(conn, Asked(0, 2**31 - 1, 1, ("bergen",))) == []
    assert sums(hub) == [("oslo", 2, 0, 10)]


def test_what_is_older_than_two_days_is_forgotten(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    oslo.work()
    hub.pass_time(48 * HOUR - 2 * MINUTE)
    hub.given("noop", 1)
    oslo.work()
    hub.tell(upkeep.forget)
    assert sums(hub) == [("oslo", 2, 0, 0)]
    hub.pass_time(5 * MINUTE)
    hub.tell(upkeep.forget)
    assert sums(hub) == [("oslo", 1, 0, 0)]
