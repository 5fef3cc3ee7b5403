"""Events: each stands in the transaction of what it tells of, has its number in that order, and is told once."""

import pytest
import sqlalchemy as sa
from tests.hub_desk import Hub, Node, ended, mask_of

from towpath import wire
from towpath.domain.errors import Mistake
from towpath.domain.events import KINDS, TASKS_TOLD, Event, EventFilter, kinds_of
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import events as telling
from towpath.engine import nodes
from towpath.store import events
from towpath.store.database import Tx
from towpath.store.tables import events as rows
from towpath.store.tables import nodes as node_rows

DAY = 24 * 3600 * 1_000_000


def told(hub: Hub, *kinds: str, job: int | None = None) -> list[Event]:
    """All events that are numbered now, of these kinds."""
    while not hub.tell(telling.number):
        pass
    with hub.database.reading() as conn:
        return events.list_events(conn, EventFilter(kinds_of(kinds), job), 10_000)


def names(found: list[Event]) -> list[str]:
    """Their kinds."""
    return [event.kind for event in found]


def silence(hub: Hub, name: str) -> None:
    """The node of that name missed some heartbeats."""
    query = sa.select(node_rows.c.id, node_rows.c.beats).where(node_rows.c.name == name)
    with hub.database.writing() as tx:
        for node_id, beats in tx.conn.execute(query).all():
            nodes.mark_silent(tx, node_id, beats)


def test_a_job_is_told_of_as_its_state_changes_and_not_for_each_task(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 50)
    oslo.work()
    found = told(hub, job=job)
    assert names(found) == ["job.pending", "job.started", "job.ended"]
    end = found[-1].details
    assert (end["state"], end["before"], end["owner"]) == ("SUCCESS", "STARTED", "ana")
    assert end["totals"]["done"] == 50
    assert end["report"] == f"/api/jobs/{job}/report/"


def test_who_paused_a_job_and_why_is_told(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    oslo.claim(slots=1)
    hub.wish(job, Wanted.PAUSE)
    oslo.report(*(ended(one) for one in list(oslo.runs.values())))
    found = told(hub, job=job)
    assert names(found)[2:] == ["job.pausing", "job.paused"]
    assert (found[-1].details["wish_by"], found[-1].details["wish_why"]) == ("ana", "why not")
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    assert names(told(hub, job=job))[4:] == ["job.dequeuing", "job.ended"]
    assert told(hub, job=job)[-1].details["state"] == "CANCELLED"


def test_a_task_that_failed_is_told_and_the_hundred_and_first_is_not(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", TASKS_TOLD + 20)
    oslo.work(Code.FAILED)
    failed = told(hub, "task.failed", job=job)
    assert len(failed) == TASKS_TOLD
    assert [event.details.get("last_told", False) for event in failed] == [False] * (TASKS_TOLD - 1) + [True]
    assert failed[0].details["state"] == "ERROR"
    assert told(hub, "job.ended")[0].details["state"] == "FAILURE"


def test_what_was_undone_is_not_told(hub: Hub, oslo: Node) -> None:
    before = told(hub)

    def fail(tx: Tx) -> None:
        events.record(tx, [Event(0, "job.ended", tx.now, 1)])
        raise Mistake("no")

    with pytest.raises(Mistake):
        hub.tell(fail)
    assert told(hub) == before


def test_a_report_that_comes_again_tells_nothing_twice(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    report = wire.Report(oslo.incarnation, 1, [wire.pack(ended(one))])
    oslo.replay(report)
    before = told(hub)
    oslo.replay(report)
    assert told(hub) == before


def test_events_are_numbered_without_a_gap_and_a_number_never_comes_again(hub: Hub, oslo: Node) -> None:
    for _ in range(3):
        hub.given("noop", 1)
        oslo.work()
    first = told(hub)
    assert [event.number for event in first] == list(range(1, len(first) + 1))
    hub.pass_time(2 * DAY)
    while not hub.tell(lambda tx: telling.forget(tx, DAY)):
        pass
    assert told(hub) == []
    hub.given("noop", 1)
    assert told(hub)[0].number == len(first) + 1


def test_what_is_not_numbered_yet_is_neither_told_nor_forgotten(hub: Hub, oslo: Node) -> None:
    told(hub)
    hub.given("noop", 1)
    with hub.database.reading() as conn:
        assert events.list_events(conn, EventFilter(kinds_of(["job.*"])), 10) == []
    hub.pass_time(2 * DAY)
    hub.tell(lambda tx: telling.forget(tx, DAY))
    assert names(told(hub)) == ["job.pending"]


def test_of_a_node_and_its_site_it_is_told_when_they_go_and_when_they_are_back(hub: Hub, oslo: Node) -> None:
    second = hub.node("oslo", "n2")
    assert names(told(hub)) == ["node.online", "site.online", "node.online"]
    silence(hub, "n1")
    silence(hub, "n1")
    silence(hub, "n2")
    second.beat()
    oslo.beat()
    oslo.beat()
    found = told(hub)[3:]
    assert [(event.kind, event.node) for event in found] == [
        ("node.offline", "n1"),
        ("node.offline", "n2"),
        ("site.offline", ""),
        ("node.online", "n2"),
        ("site.online", ""),
        ("node.online", "n1"),
    ]
    assert {event.site for event in found} == {"oslo"}


def test_a_node_whose_leases_ran_out_is_told_with_what_it_held(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 3)
    oslo.claim()
    hub.silence("n1")
    found = told(hub, "node.*", "site.*")
    assert names(found)[2:] == ["node.offline", "site.offline", "node.lost"]
    assert found[-1].details == {"tasks": 3}
    oslo.hello()
    assert names(told(hub, "node.*", "site.*"))[5:] == ["node.online", "site.online"]


def test_what_could_not_be_applied_is_told(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    oslo.report(wire.Ended(one.task, one.run, wire.compress(bytes(len(mask_of(one)) + 1)), []))
    (refused,) = told(hub, "report.refused")
    assert (refused.site, refused.node) == ("oslo", "n1")
    assert "expected outcomes for" in refused.details["error"]


def test_every_kind_that_is_written_is_one_that_is_named(hub: Hub, oslo: Node) -> None:
    with hub.database.reading() as conn:
        assert set(conn.scalars(sa.select(rows.c.kind))) <= set(KINDS)


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], None),
        (["*"], None),
        (["job.ended"], {"job.ended"}),
        (["site.*", "node.lost"], {"site.online", "site.offline", "node.lost"}),
    ],
)
def test_patterns_name_kinds(patterns: list[str], found: set[str] | None) -> None:
    assert kinds_of(patterns) == found


@pytest.mark.parametrize("pattern", ["job.ende", "job", ".*", "jo*", "", "cat.*"])
def test_a_pattern_that_names_no_kind_is_a_mistake(pattern: str) -> None:
    with pytest.raises(Mistake, match="kind: expected one of"):
        kinds_of([pattern])
