"""Alerts: each is raised once from what the database has, and cleared once its cause is gone for good."""

from functools import partial

import pytest
import sqlalchemy as sa
from tests.hub_desk import LEASE_BEATS, Hub, Node, ended

from towpath import wire
from towpath.domain.alerts import CALM, RULES, SECOND, AlertKind, Mute, Severity
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.events import EventFilter
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import alert_rules, alerts, destinations, nodes, pruning
from towpath.engine import events as telling
from towpath.engine.alert_rules import RuleChange
from towpath.engine.alerts import AlertFilter, AlertView, HubFacts
from towpath.engine.destinations import Address, NoticeView, Says
from towpath.engine.destinations import Wanted as Wishes
from towpath.engine.webhooks import Answer, State
from towpath.store import events
from towpath.store.tables import hubs, quarantine
from towpath.store.tables import nodes as node_rows

KEY = b"k" * 32
MINUTE = 60 * SECOND
DAY = 86_400 * SECOND
ALL = Wishes((), Severity.INFO)


def look(hub: Hub, *kinds: AlertKind) -> list[AlertView]:
    """Look, twice, for the second look must change nothing; what stands of these kinds then."""
    hub.tell(alerts.look)
    before = standing(hub)
    hub.tell(alerts.look)
    assert standing(hub) == before
    return [one for one in before if not kinds or one.kind in kinds]


def standing(hub: Hub, is_open: bool | None = True) -> list[AlertView]:
    """The alerts that stand, the oldest first."""
    with hub.database.reading() as conn:
        found = alerts.list_alerts(conn, AlertFilter(is_open), hub.clock(), 1000)
    return found[::-1]


def things(found: list[AlertView]) -> list[tuple[str, str]]:
    """Kind and thing of each."""
    return [(one.kind, one.thing) for one in found]


def calm(hub: Hub) -> list[AlertView]:
    """What stands once all that is gone has been gone for long enough."""
    look(hub)
    hub.pass_time(CALM)
    return look(hub)


def watch(hub: Hub) -> None:
    """Note how far jobs have come."""
    last: int | None = 0
    while last is not None:
        last = hub.tell(partial(alerts.watch, behind=last))


def told(hub: Hub, name: str = "ops") -> list[NoticeView]:
    """What a destination was told, the oldest first."""
    with hub.database.reading() as conn:
        return destinations.list_notices(conn, name, 1000)[::-1]


def add(hub: Hub, name: str = "ops", wanted: Wishes = ALL) -> None:
    """A destination."""
    where = Address("jsons://example.org/secret", "jsons://example.org/…")
    hub.tell(lambda tx: destinations.add_destination(tx, name, where, wanted, "ana", KEY))


def test_a_site_without_a_node_that_is_heard_is_told_once_and_cleared_once(hub: Hub, oslo: Node) -> None:
    hub.silence("n1")
    assert look(hub) == []
    hub.pass_time(2 * MINUTE)
    [one] = look(hub)
    assert (one.kind, one.thing, one.severity) == ("site.offline", "site/oslo", "critical")
    assert "no node of it was heard since" in one.sentence
    assert "(n1)" in one.sentence
    oslo.hello()
    assert things(look(hub)) == [("site.offline", "site/oslo")]
    assert calm(hub) == []
    [past] = standing(hub, is_open=None)
    assert past.cleared_at is not None
    assert past.id == one.id
    while not hub.tell(telling.number):
        pass
    with hub.database.reading() as conn:
        found = events.list_events(conn, EventFilter(frozenset({"alert.raised", "alert.cleared"})), 10)
    assert [(e.kind, e.site, e.details["thing"]) for e in found] == [
        ("alert.raised", "oslo", "site/oslo"),
        ("alert.cleared", "oslo", "site/oslo"),
    ]


def test_what_comes_and_goes_is_one_alert(hub: Hub, oslo: Node) -> None:
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    [one] = look(hub)
    for _ in range(3):
        oslo.hello()
        look(hub)
        hub.pass_time(CALM // 2)
        hub.silence("n1")
        assert [found.id for found in look(hub)] == [one.id]
    assert len(standing(hub, is_open=None)) == 1


def test_a_node_is_told_while_others_of_its_site_are_heard_and_not_once_it_drains(
    hub: Hub, oslo: Node
) -> None:
    other = hub.node("oslo", "n2")
    hub.silence("n1")
    hub.pass_time(5 * MINUTE)
    assert things(look(hub)) == [("node.offline", "node/oslo/n1")]
    with hub.database.writing() as tx:
        mine = node_rows.c.name == "n1"
        tx.conn.execute(sa.update(node_rows).where(mine).values(drain_at=tx.now, drain_by="ana"))
    assert calm(hub) == []
    assert other.beat().known


def test_a_job_that_nothing_begins_says_why_and_one_that_is_paused_is_none(hub: Hub, oslo: Node) -> None:
    job, paused = hub.given("noop", 1), hub.given("noop", 1)
    hub.wish(paused, Wanted.PAUSE)
    hub.silence("n1")
    hub.pass_time(30 * MINUTE)
    [one] = look(hub, AlertKind.JOB_NOT_STARTED)
    assert (one.thing, one.job, one.site) == (f"job/{job}", job, "oslo")
    assert one.sentence.startswith(f"job {job} (noop, at oslo, of ana) was submitted 30 min ago")
    assert "site oslo is offline" in one.sentence
    hub.hold(Wanted.PAUSE)
    hub.tell(alerts.look)
    hub.pass_time(CALM)
    assert look(hub, AlertKind.JOB_NOT_STARTED) == []


def test_a_job_that_comes_no_further_is_told_and_what_moves_is_not(hub: Hub, oslo: Node) -> None:
    still, moving = hub.given("noop", 2), hub.given("noop", 2)
    grants = oslo.claim(slots=4).grants
    runs = {one.run: one.job for one in grants}

    def beat(bytes_done: int) -> None:
        progress = [wire.Progress(run, 0, bytes_done) for run, job in runs.items() if job == moving]
        said = wire.Beat(oslo.incarnation, oslo.claims, list(runs), progress)
        hub.tell(lambda tx: nodes.beat(tx, "oslo", "n1", said, LEASE_BEATS))
        watch(hub)

    beat(0)
    for minute in range(30):
        hub.pass_time(MINUTE)
        beat(minute + 1)
    [one] = look(hub, AlertKind.JOB_STALLED)
    assert one.thing == f"job/{still}"
    assert "came no further for 30 min: what runs of it reports nothing" in one.sentence
    oslo.report(*(ended(grant) for grant in grants if grant.job == still))
    watch(hub)
    hub.tell(alerts.look)
    hub.pass_time(CALM)
    assert look(hub, AlertKind.JOB_STALLED) == []


def test_a_new_conductor_takes_nobody_for_stalled_that_had_no_hub(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    oslo.claim(slots=1)
    watch(hub)
    hub.pass_time(DAY)
    hub.tell(alerts.watch_anew)
    watch(hub)
    assert look(hub, AlertKind.JOB_STALLED) == []


def test_a_job_of_which_too_many_paths_fail_is_told_before_its_end_and_then_as_failed(
    hub: Hub, oslo: Node
) -> None:
    job = hub.given("noop", 201, per_task=50)
    grants = oslo.claim(slots=8).grants
    oslo.report(
        *(ended(one, Code.FAILED if at == 0 else Code.PROCESSED) for at, one in enumerate(grants[:4]))
    )
    [one] = look(hub, AlertKind.JOB_FAILING)
    assert "fails: 25 % of the 200 paths that ended failed (50)" in one.sentence
    oslo.report(ended(grants[4]))
    found = calm(hub)
    assert things(found) == [("job.failed", f"job/{job}")]
    assert "50 of 201 paths failed" in found[0].sentence
    hub.retry(job)
    assert calm(hub) == []


def test_a_job_that_failed_is_told_for_a_day(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    oslo.work(Code.FAILED)
    assert len(look(hub, AlertKind.JOB_FAILED)) == 1
    hub.pass_time(DAY)
    assert calm(hub) == []


def test_a_disk_that_fills_up_is_told_from_its_threshold_on_and_kept_a_little_below(
    hub: Hub, oslo: Node
) -> None:
    def says(free: int) -> list[tuple[str, str]]:
        said = wire.Beat(oslo.incarnation, oslo.claims, [], disks={"data": (free, 1000), "empty": (0, 0)})
        hub.tell(lambda tx: nodes.beat(tx, "oslo", "n1", said, LEASE_BEATS))
        return things(look(hub))

    assert says(101) == []
    assert says(100) == [("disk.high", "root/oslo/data")]
    assert says(120) == [("disk.high", "root/oslo/data")]
    hub.pass_time(CALM)
    assert says(120) == [("disk.high", "root/oslo/data")]
    says(200)
    hub.pass_time(CALM)
    assert says(200) == []
    # What is old is taken for true no longer: it raises nothing.
    hub.pass_time(DAY)
    says(200)
    with hub.database.writing() as tx:
        tx.conn.execute(sa.update(node_rows).values(disks={"data": [0, 1000]}, disks_at=tx.now - DAY))
    assert look(hub) == []


def test_a_hub_tells_of_its_own_disk_and_certificate(hub: Hub) -> None:
    def says(facts: HubFacts) -> None:
        hub.tell(lambda tx: alerts.note_hub(tx, "hub-1", facts))

    says(HubFacts(50, 1000, hub.clock() + 10 * DAY))
    found = look(hub)
    assert things(found) == [("disk.high", "hub/hub-1"), ("certificate.ending", "hub/hub-1")]
    assert "95 % used" in found[0].sentence
    assert "ends in 9 days" in found[1].sentence
    says(HubFacts(900, 1000, hub.clock() + 90 * DAY))
    assert calm(hub) == []
    says(HubFacts(None, None, hub.clock() - DAY))
    assert "has ended" in look(hub)[0].sentence
    with hub.database.reading() as conn:
        assert len(conn.execute(sa.select(hubs)).all()) == 1


def test_a_report_that_was_set_aside_is_told(hub: Hub, oslo: Node) -> None:
    with hub.database.writing() as tx:
        node = tx.conn.scalars(sa.select(node_rows.c.id)).one()
        row = {"node_id": node, "incarnation": b"x", "number": 1, "event": b"", "error": "no such task"}
        tx.conn.execute(sa.insert(quarantine).values(row | {"at": tx.now}))
    [one] = look(hub)
    assert (one.kind, one.thing) == ("report.refused", "node/oslo/n1")
    assert "no such task" in one.sentence


def test_a_rule_is_changed_within_its_bounds_and_one_that_is_disabled_clears_at_once(
    hub: Hub, oslo: Node
) -> None:
    change = partial(alert_rules.change_rule, kind=AlertKind.SITE_OFFLINE, by="ana")
    hub.silence("n1")
    hub.tell(lambda tx: change(tx, change=RuleChange(severity=Severity.INFO, threshold=0)))
    [one] = look(hub)
    assert one.severity == "info"
    hub.tell(lambda tx: change(tx, change=RuleChange(severity=Severity.WARNING)))
    assert look(hub)[0].severity == "warning"
    hub.tell(lambda tx: change(tx, change=RuleChange(enabled=False)))
    assert look(hub) == []
    with hub.database.reading() as conn:
        rule = alert_rules.get_rule(conn, AlertKind.SITE_OFFLINE)
        assert [found.kind for found in alert_rules.list_rules(conn)] == list(RULES)
    assert (rule.enabled, rule.severity, rule.threshold, rule.set_by) == (False, "warning", 0, "ana")
    with pytest.raises(Mistake, match=r"threshold: expected 1 to 100 percent for disk\.high, found 101"):
        hub.tell(
            lambda tx: alert_rules.change_rule(tx, AlertKind.DISK_HIGH, RuleChange(threshold=101), "ana")
        )


def test_each_destination_is_told_what_it_wants_and_of_the_end_what_it_was_told_the_beginning_of(
    hub: Hub, oslo: Node
) -> None:
    add(hub)
    add(hub, "grave", Wishes((), Severity.CRITICAL))
    add(hub, "disks", Wishes(("disk.high",), Severity.INFO))
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    look(hub)
    add(hub, "late")
    oslo.hello()
    calm(hub)
    assert [one.says for one in told(hub)] == [Says.RAISED, Says.CLEARED]
    assert [one.says for one in told(hub, "grave")] == [Says.RAISED, Says.CLEARED]
    assert told(hub, "disks") == told(hub, "late") == []


def test_nobody_is_told_of_what_is_muted_until_the_mute_ends(hub: Hub, oslo: Node) -> None:
    add(hub)
    until = hub.clock.at + 10 * MINUTE
    meant = Mute("site.offline", "site/oslo")
    hub.tell(lambda tx: alert_rules.mute(tx, meant, "the power is being looked at", until, "ana"))
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    [one] = look(hub)
    assert one.muted is not None
    assert (one.muted.by, one.muted.why) == ("ana", "the power is being looked at")
    assert told(hub) == []
    hub.pass_time(10 * MINUTE)
    assert look(hub)[0].muted is None
    assert [notice.says for notice in told(hub)] == [Says.RAISED]
    again = hub.tell(lambda tx: alert_rules.mute(tx, Mute("", ""), "all quiet", None, "ana"))
    oslo.hello()
    calm(hub)
    assert [notice.says for notice in told(hub)] == [Says.RAISED]
    hub.tell(lambda tx: alert_rules.unmute(tx, again.id))
    with pytest.raises(NotFound, match="no mute"):
        hub.tell(lambda tx: alert_rules.unmute(tx, again.id))


def test_a_site_counts_what_stands_and_is_not_muted(hub: Hub, oslo: Node, bergen: Node) -> None:
    def counted() -> dict[str, dict[Severity, int]]:
        with hub.database.reading() as conn:
            return alerts.count_by_site(conn, ["oslo", "bergen"], hub.clock())

    hub.node("oslo", "n2")
    assert counted() == {}
    hub.silence("n1")
    hub.pass_time(6 * MINUTE)
    look(hub)
    assert counted() == {"oslo": {Severity.WARNING: 1}, "bergen": {Severity.CRITICAL: 1}}
    for meant in (Mute("site.offline", ""), Mute("", "node/oslo/n1"), Mute("", "site/oslo")):
        hub.tell(partial(alert_rules.mute, meant=meant, why="known", until=hub.clock.at + MINUTE, by="ana"))
    assert counted() == {}
    hub.pass_time(2 * MINUTE)
    assert sorted(counted()) == ["bergen", "oslo"]
    bergen.hello()
    calm(hub)
    assert list(counted()) == ["oslo"]


def test_a_mute_has_a_reason_and_an_end_that_is_to_come(hub: Hub) -> None:
    with pytest.raises(Mistake, match="why: expected a reason"):
        hub.tell(lambda tx: alert_rules.mute(tx, Mute("", ""), "  ", None, "ana"))
    with pytest.raises(Mistake, match="until: expected a time that is to come"):
        hub.tell(lambda tx: alert_rules.mute(tx, Mute("", ""), "why", 1, "ana"))
    with pytest.raises(Mistake, match="kind: expected one of"):
        hub.tell(lambda tx: alert_rules.mute(tx, Mute("site.of", ""), "why", None, "ana"))


def test_a_notice_is_tried_again_and_the_end_waits_for_the_beginning(hub: Hub, oslo: Node) -> None:
    add(hub)
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    look(hub)
    oslo.hello()
    calm(hub)
    due = partial(destinations.due, name="ops", hub_key=KEY, limit=9)
    [first] = hub.tell(due)
    assert (first.says, first.url, first.alert.kind) == (
        Says.RAISED,
        "jsons://example.org/secret",
        "site.offline",
    )
    hub.tell(lambda tx: destinations.tried(tx, first.id, Answer(None, "refused"), 0.5))
    assert hub.tell(due) == []
    hub.pass_time(10 * SECOND)
    [again] = hub.tell(due)
    assert again.id == first.id
    hub.tell(lambda tx: destinations.tried(tx, again.id, Answer(200), 0.5))
    [last] = hub.tell(due)
    assert last.says is Says.CLEARED
    hub.tell(lambda tx: destinations.tried(tx, last.id, Answer(200), 0.5))
    hub.tell(lambda tx: destinations.tried(tx, last.id, Answer(None, "late"), 0.5))
    assert [(one.state, one.attempts) for one in told(hub)] == [(State.DELIVERED, 2), (State.DELIVERED, 1)]
    with hub.database.reading() as conn:
        assert not destinations.waits(conn)


def test_a_destination_that_never_answers_is_given_up_and_a_test_at_once(hub: Hub, oslo: Node) -> None:
    add(hub)
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    look(hub)
    test = hub.tell(lambda tx: destinations.send_test(tx, "ops"))
    hub.tell(lambda tx: destinations.tried(tx, test, Answer(None, "no"), 0.5))
    hub.pass_time(4 * DAY)
    hub.tell(lambda tx: destinations.tried(tx, told(hub)[0].id, Answer(None, "no"), 0.5))
    assert [(one.says, one.state) for one in told(hub)] == [
        (Says.RAISED, State.GIVEN_UP),
        (Says.TEST, State.GIVEN_UP),
    ]


def test_the_url_of_a_destination_is_kept_encrypted_and_its_name_once(hub: Hub) -> None:
    add(hub)
    assert "example.org/secret" not in str(hub.rows())
    with pytest.raises(Conflict, match="exists already"):
        add(hub)
    hub.tell(lambda tx: destinations.send_test(tx, "ops"))
    with pytest.raises(Mistake, match=r"was hub\.key replaced"):
        hub.tell(lambda tx: destinations.due(tx, "ops", b"x" * 32, 9))
    hub.tell(lambda tx: destinations.remove_destination(tx, "ops"))
    with pytest.raises(NotFound, match="no destination 'ops'"):
        told(hub)


def test_what_was_cleared_long_ago_is_forgotten_and_what_stands_is_not(hub: Hub, oslo: Node) -> None:
    add(hub)
    hub.silence("n1")
    hub.pass_time(2 * MINUTE)
    look(hub)
    hub.pass_time(200 * DAY)
    assert hub.tell(alerts.forget)
    assert len(standing(hub)) == 1
    oslo.hello()
    calm(hub)
    hub.pass_time(100 * DAY)
    assert hub.tell(alerts.forget)
    assert standing(hub, is_open=None) == []
    assert told(hub) == []


def test_a_job_that_is_pruned_takes_its_watch_along(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    oslo.claim()
    watch(hub)
    oslo.report(*(ended(one) for one in list(oslo.runs.values())))
    hub.tell(lambda tx: pruning.hide(tx, tx.now + 1, pruning.BEGINNING))
    while not hub.tell(pruning.take_away):
        pass
    assert hub.rows()["job_watches"] == []
