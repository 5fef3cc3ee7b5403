"""Claims and reports: fair, repeatable, guarded by the run, and stalled by nobody."""

import pytest
from tests.hub_desk import Hub, Node, ended, found, group

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import nodes
from towpath.engine.nodes import Unknown
from towpath.store.tables import quarantine


def runs(grants: wire.Grants) -> list[bytes]:
    """The runs of an answer."""
    return [one.run for one in grants.grants]


def test_the_same_claim_gets_the_same_answer_and_an_older_one_nothing(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 20)
    first = oslo.claim(slots=4)
    assert runs(oslo.claim(slots=4, number=1)) == runs(first)
    second = oslo.claim(slots=4)
    assert not set(runs(first)) & set(runs(second))
    assert not oslo.claim(slots=4, number=1).grants


def test_only_a_life_that_said_hello_is_granted_anything(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    oslo.incarnation = b"another life...."
    with pytest.raises(Unknown, match="node n1 of site oslo: expected a hello"):
        oslo.claim()
    assert not oslo.beat().known


def test_a_small_job_overtakes_a_large_one(hub: Hub, oslo: Node) -> None:
    large = hub.given("noop", 500)
    oslo.claim(slots=8)
    small = hub.given("noop", 3)
    jobs = [one.job for one in oslo.claim(slots=8).grants]
    assert jobs.count(small) == 3
    assert jobs.count(large) == 5


def test_jobs_take_turns_where_slots_are_few(hub: Hub, oslo: Node) -> None:
    for _ in range(3):
        hub.given("noop", 10)
    order = [oslo.claim(slots=1).grants[0].job for _ in range(6)]
    assert sorted(order[:3]) == sorted(order[3:]) == [1, 2, 3]


def test_an_answer_never_grows_beyond_a_message(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    for turn in range(6):
        names = [f"{turn}{i:04d}" + f"{i * 7919 % 104729:x}" * 40 for i in range(900)]
        oslo.report(found(walk, b"%d" % turn if turn else b"", b"%d" % (turn + 1), *names))
    answer = oslo.claim(slots=8)
    assert len(wire.pack(answer, wire.MAX_MESSAGE)) <= wire.MAX_MESSAGE
    seen = len(answer.grants)
    while answer.more:
        answer = oslo.claim(slots=8)
        seen += len(answer.grants)
    assert seen == 6


def test_nothing_is_granted_to_another_site_or_queue(hub: Hub, oslo: Node, bergen: Node) -> None:
    hub.given("noop", 3)
    assert not bergen.claim().grants
    assert len(oslo.claim().grants) == 3


def test_a_report_is_applied_once_however_often_it_comes(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    one, other = oslo.claim().grants
    report = wire.Report(oslo.incarnation, 1, [wire.pack(ended(one))])
    assert oslo.replay(report).up_to == 1
    both = wire.Report(oslo.incarnation, 1, [wire.pack(ended(one)), wire.pack(ended(other))])
    assert oslo.replay(both) == wire.Applied(2)
    assert oslo.replay(report) == wire.Applied(2)
    assert hub.job(job).totals["done"] == 2


def test_a_worker_that_lost_its_lease_cannot_report(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.tell(lambda tx: nodes.silence(tx, 1))
    (refusal,) = oslo.report(ended(one, Code.FAILED)).refusals
    assert refusal.run == one.run
    assert hub.job(job).totals["failed"] == 0
    (again,) = oslo.claim().grants
    assert (again.task, again.attempt) == (one.task, 2)
    oslo.report(ended(again))
    assert hub.job(job).state == "SUCCESS"


def test_another_node_cannot_report_for_a_task(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    stranger = hub.node("oslo", "n2")
    assert stranger.report(ended(one)).refusals
    assert stranger.beat([one.run]).drop == [one.run]
    assert hub.job(job).totals["done"] == 0


def test_a_grant_that_never_came_goes_back_at_no_cost(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    oslo.beat([], answered=0)
    assert not oslo.claim().grants, "the claim may still be under way"
    oslo.beat([])
    (again,) = oslo.claim().grants
    assert (again.task, again.attempt) == (one.task, 1)


def test_a_node_that_comes_back_as_a_new_process_has_lost_what_it_held(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    oslo.hello()
    (again,) = oslo.claim().grants
    assert (again.task, again.attempt) == (one.task, 2)


def test_what_an_earlier_life_reports_before_its_hello_still_counts(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    report = wire.Report(oslo.incarnation, 1, [wire.pack(ended(one))])
    oslo.replay(report)
    oslo.hello()
    assert hub.job(job).state == "SUCCESS"


@pytest.mark.parametrize(
    ("codes", "text"),
    [
        (b"\x01", "expected outcomes for 2 paths, found 1"),
        (b"\x01\x00", "expected an outcome for each of 2 paths, found 1"),
        (b"\x01\x63", "expected known outcomes"),
    ],
)
def test_a_report_that_cannot_be_is_set_aside_and_stalls_nobody(
    hub: Hub, oslo: Node, codes: bytes, text: str
) -> None:
    bad = hub.given("noop", 2, per_task=2)
    good = hub.given("noop", 1)
    one, other = sorted(oslo.claim().grants, key=lambda grant: grant.job)
    oslo.report(wire.Ended(one.task, one.run, wire.compress(codes), []), ended(other))
    assert (hub.job(bad).state, hub.job(bad).totals["unknown"]) == ("FAILURE", 2)
    assert hub.job(good).state == "SUCCESS"
    with hub.database.reading() as conn:
        (row,) = conn.execute(quarantine.select())
    assert text in row.error


def test_bytes_that_are_no_event_are_set_aside(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    report = wire.Report(oslo.incarnation, 1, [b"\x00\xff", wire.pack(ended(one))])
    assert oslo.replay(report).up_to == 2
    assert hub.job(job).state == "SUCCESS"


@pytest.mark.parametrize("name", ["../etc/passwd", "d/../../x", "/abs", "e/x", ""])
def test_a_path_outside_the_inputs_is_never_accepted(hub: Hub, oslo: Node, name: str) -> None:
    job = hub.submit("noop", "d")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "d/ok", name))
    view = hub.job(job)
    assert (view.state, view.totals["discovered"]) == ("FAILURE", 0)


def test_what_a_walk_found_is_accepted_only_behind_its_cursor(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    assert not oslo.report(found(walk, b"", b"1", "a")).refusals
    (refusal,) = oslo.report(found(walk, b"", b"1", "a")).refusals
    assert refusal.cursor == b"1"
    (refusal,) = oslo.report(found(walk, b"2", b"3", "c")).refusals
    assert refusal.cursor == b"1"
    assert hub.job(job).totals["discovered"] == 1


def test_a_carry_follows_its_paths_through_a_split(hub: Hub, oslo: Node) -> None:
    hub.given("two", 4, per_task=4)
    (one,) = oslo.claim().grants
    part = ended(one, only=2)
    oslo.report(wire.Ended(part.task, part.run, part.codes, [], carry=b"first", handed_back=True))
    grants = {grant.step: grant for grant in oslo.claim().grants}
    assert grants["checksum"].carry == b"first"
    assert grants["noop"].carry == b""
    whole = ended(grants["noop"])
    oslo.report(wire.Ended(whole.task, whole.run, whole.codes, [], carry=b"second"))
    (last,) = oslo.claim().grants
    assert last.carry == b"second"


def test_a_draining_pause_of_one_job_leaves_the_other_alone(hub: Hub, oslo: Node) -> None:
    held, free = hub.given("noop", 2), hub.given("noop", 2)
    hub.wish(held, Wanted.PAUSE)
    assert {one.job for one in oslo.claim().grants} == {free}


def test_groups_of_a_rule_that_is_not_in_the_plan_are_refused(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "a", rule=7)]))
    assert hub.job(job).state == "FAILURE"
