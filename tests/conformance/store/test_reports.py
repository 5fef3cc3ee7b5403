"""Reports: outcomes are said and never assumed, and nothing that a node may say stalls it or anybody else."""

import re
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conformance.store.audit import audit
from tests.hub_desk import Hub, Node, ended, found, group, mask_of

from towpath import wire
from towpath.domain.paths import Code
from towpath.domain.states import Wanted
from towpath.engine import nodes, room
from towpath.store.tables import notes, quarantine, streams, tasks

HUGE = 2**64 - 1
"""The largest number that a message can hold, and more than a database takes."""


def set_aside(hub: Hub) -> list[str]:
    """Why events were set aside."""
    with hub.database.reading() as conn:
        return list(conn.scalars(quarantine.select().with_only_columns(quarantine.c.error)))


def errors(hub: Hub, job: int) -> list[str]:
    """What is kept as the errors of a job's tasks."""
    with hub.database.reading() as conn:
        wanted = tasks.select().with_only_columns(tasks.c.error)
        return list(conn.scalars(wanted.where(tasks.c.job_id == job, tasks.c.error.is_not(None))))


Make = Callable[[wire.Grant], wire.Event]

OF_A_STEP: dict[str, tuple[Make, str]] = {
    "no codes at all": (lambda g: wire.Ended(g.task, g.run, b"", []), "expected compressed outcomes"),
    "codes cut off": (
        lambda g: wire.Ended(g.task, g.run, ended(g).codes[:-2], []),
        "expected compressed outcomes",
    ),
    "too few codes": (
        lambda g: wire.Ended(g.task, g.run, wire.compress(b"\x01"), []),
        "expected outcomes for 3 paths, found 1",
    ),
    "a bomb": (lambda g: wire.Ended(g.task, g.run, wire.compress(bytes(5_000_000)), []), "holds more than"),
    "an unknown outcome": (
        lambda g: wire.Ended(g.task, g.run, wire.compress(b"\x01\x01\x63"), []),
        r"expected known outcomes, found \[99\]",
    ),
    "a path without an outcome": (
        lambda g: wire.Ended(g.task, g.run, wire.compress(b"\x01\x01\x00"), []),
        "expected an outcome for each of 3 paths, found 2",
    ),
    "a note for no path": (
        lambda g: wire.Ended(g.task, g.run, ended(g).codes, [wire.Note(3, "permanent", "no")]),
        "expected one note for a path that has an outcome",
    ),
    "a note before the first path": (
        lambda g: wire.Ended(g.task, g.run, ended(g).codes, [wire.Note(-1, "permanent", "no")]),
        "expected one note for a path that has an outcome",
    ),
    "two notes for a path": (
        lambda g: wire.Ended(
            g.task, g.run, ended(g, Code.FAILED).codes, [wire.Note(0, "permanent", "no")] * 2
        ),
        "expected one note for a path that has an outcome",
    ),
    "too much handed on": (
        lambda g: wire.Ended(g.task, g.run, ended(g).codes, [], carry=bytes(room.CARRY + 1)),
        f"expected at most {room.CARRY} bytes to be handed on, found {room.CARRY + 1}",
    ),
    "what only a walk can say": (
        lambda g: wire.WalkEnded(g.task, g.run, b""),
        "expected the outcomes of a step, found WalkEnded",
    ),
    "what only a walk can find": (
        lambda g: wire.Found(g.task, g.run, b"", b"1", []),
        "expected the outcomes of a step, found Found",
    ),
}


@pytest.mark.parametrize("what", list(OF_A_STEP))
def test_outcomes_that_cannot_be_fail_their_task_and_nothing_else(hub: Hub, oslo: Node, what: str) -> None:
    make, text = OF_A_STEP[what]
    bad, good = hub.given("two", 3, per_task=3), hub.given("noop", 1)
    one, other = sorted(oslo.claim().grants, key=lambda grant: grant.job)
    answer = oslo.report(make(one), ended(other))
    assert answer == wire.Applied(2)
    assert (hub.job(bad).state, hub.job(bad).totals["unknown"]) == ("FAILURE", 3)
    assert hub.job(good).state == "SUCCESS"
    (why,) = set_aside(hub)
    (error,) = errors(hub, bad)
    assert error == f"its report could not be applied: {why}"
    assert re.search(text, why)


def batch(*names: bytes, **columns: object) -> bytes:
    """A packed batch of files."""
    told = {"kinds": b"\x01" * len(names), "sizes": [1] * len(names), "states": ["x"], **columns}
    return wire.pack(["data", list(names), told["kinds"], told["sizes"], told["states"]])


OF_A_WALK: dict[str, tuple[Callable[[wire.Grant], list[wire.Group]], str]] = {
    "no path": (lambda _: [wire.Group(0, batch(), 0, 0)], "expected 0 paths"),
    "another count": (lambda _: [wire.Group(0, batch(b"d/a"), 2, 0)], "expected 2 paths"),
    "fewer kinds than paths": (
        lambda _: [wire.Group(0, batch(b"d/a", b"d/b", kinds=b"\x01"), 2, 0)],
        "expected 2 paths with a kind, a size and a state each",
    ),
    "more states than paths": (
        lambda _: [wire.Group(0, batch(b"d/a", states=["x", "y"]), 1, 0)],
        "expected 1 paths with a kind, a size and a state each",
    ),
    "an unknown kind": (lambda _: [wire.Group(0, batch(b"d/a", kinds=b"\x09"), 1, 0)], "known kinds of path"),
    "a rule that is none": (lambda g: [group(g, "d/a", rule=7)], "expected one of 1 rules, found 7"),
    "a rule below all": (lambda g: [group(g, "d/a", rule=-1)], "expected one of 1 rules, found -1"),
    "bytes that are no batch": (lambda _: [wire.Group(0, b"\x00\xc1", 1, 0)], "Batch"),
    "a batch cut off": (lambda _: [wire.Group(0, b"\x01" + wire.compress(bytes(9))[:-3], 1, 0)], "Batch"),
    "a batch beyond a message": (
        lambda _: [wire.Group(0, bytes(room.BATCH + 1), 1, 0)],
        f"expected batches of at most {room.BATCH} bytes",
    ),
    "a path above the inputs": (
        lambda _: [wire.Group(0, batch(b"e"), 1, 0)],
        "paths beneath the job's inputs",
    ),
    "a path that climbs": (
        lambda _: [wire.Group(0, batch(b"d/../e"), 1, 0)],
        "paths beneath the job's inputs, found d/../e",
    ),
    "one good group and a bad one": (
        lambda g: [group(g, "d/a"), group(g, "e")],
        "paths beneath the job's inputs, found e",
    ),
}


@pytest.mark.parametrize("what", list(OF_A_WALK))
def test_what_cannot_have_been_found_fails_its_walk_and_makes_no_task(
    hub: Hub, oslo: Node, what: str
) -> None:
    make, text = OF_A_WALK[what]
    job = hub.submit("noop", "d")
    (walk,) = oslo.claim("discovery").grants
    assert oslo.report(wire.Found(walk.task, walk.run, b"", b"1", make(walk))) == wire.Applied(1)
    assert (hub.job(job).state, hub.job(job).totals["discovered"]) == ("FAILURE", 0)
    (why,) = set_aside(hub)
    assert re.search(text, why)


def test_a_place_outside_the_inputs_cannot_have_been_looked_at(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop", "d")
    (walk,) = oslo.claim("discovery").grants
    problem = wire.Problem("other", b"d", "permanent", "no")
    oslo.report(wire.Found(walk.task, walk.run, b"", b"1", [group(walk, "d/a")], [problem]))
    assert set_aside(hub) == ["expected a root that the job's inputs name, found 'other'"]
    assert (hub.job(job).state, hub.job(job).totals["discovered"]) == ("FAILURE", 0)


def test_a_cursor_that_no_message_would_hold_is_not_kept(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", bytes(room.CURSOR + 1), "a"))
    assert (hub.job(job).state, hub.job(job).totals["discovered"]) == ("FAILURE", 0)


def test_a_walk_has_no_outcomes(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(wire.Ended(walk.task, walk.run, wire.compress(b""), [], handed_back=True))
    assert set_aside(hub) == ["expected what a walk found, found Ended"]
    assert hub.job(job).state == "FAILURE"


def test_numbers_beyond_all_measure_never_overflow_a_counter(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    sparse = wire.Group(0, batch(b"a", sizes=[2**63 - 1]), 1, HUGE)
    oslo.report(wire.Found(walk.task, walk.run, b"", b"1", [sparse, sparse], unmatched=HUGE))
    (one, other) = oslo.claim().grants
    oslo.report(
        wire.Ended(one.task, one.run, ended(one).codes, [], bytes=HUGE),
        wire.Ended(other.task, other.run, ended(other).codes, [], bytes=-5),
        wire.WalkEnded(walk.task, walk.run, b"1"),
    )
    view = hub.job(job)
    assert (view.state, view.totals["done"], view.bytes_done) == ("SUCCESS", 2, 2**50)
    assert (view.bytes_found, view.unmatched) == (2**51, 2**50)


@pytest.mark.parametrize("number", [HUGE, 2**63, 0, -1, -(2**63), 999_999])
def test_an_event_of_a_task_that_cannot_be_is_refused_and_stalls_nobody(
    hub: Hub, oslo: Node, number: int
) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    (refusal,) = oslo.report(wire.Failed(number, b"?", "no"), ended(one)).refusals
    assert refusal == wire.Refusal(b"?", "this run no longer holds the task")
    assert hub.job(job).state == "SUCCESS"


def test_what_a_node_says_is_kept_in_a_form_that_every_database_takes(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 2)
    one, other = oslo.claim().grants
    told = [wire.Note(0, "a class that is none", "no\0pe" + "x" * 5000)]
    oslo.report(
        wire.Ended(one.task, one.run, ended(one, Code.FAILED).codes, told),
        wire.Failed(other.task, other.run, "stum\0bled" + "x" * 9000),
    )
    with hub.database.reading() as conn:
        (note,) = conn.execute(notes.select())
    assert note.error_class == "permanent"
    assert (note.reason[:6], len(note.reason)) == ("no\N{REPLACEMENT CHARACTER}pex", 1000)
    (error,) = errors(hub, job)
    assert (error[:9], len(error)) == ("stum\N{REPLACEMENT CHARACTER}bled", 4000)


def test_a_path_that_was_skipped_without_a_word_has_a_reason_all_the_same(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 1)
    (one,) = oslo.claim().grants
    oslo.report(wire.Ended(one.task, one.run, ended(one, Code.SKIPPED).codes, []))
    with hub.database.reading() as conn:
        (note,) = conn.execute(notes.select())
    assert (note.outcome, note.reason) == ("skipped", "no reason was given")


# Order, repetition and age ------------------------------------------------------------------------------------


def test_events_are_applied_in_order_whatever_part_of_a_report_is_new(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 3)
    events = [wire.pack(ended(one)) for one in oslo.claim().grants]
    first, all_three, last = (
        wire.Report(oslo.incarnation, 1, events[:1]),
        wire.Report(oslo.incarnation, 1, events),
        wire.Report(oslo.incarnation, 3, events[2:]),
    )
    assert [oslo.replay(r).up_to for r in (first, all_three, first, last, all_three)] == [1, 3, 3, 3, 3]
    assert hub.job(job).totals["done"] == 3


def test_each_life_of_a_node_has_a_stream_of_its_own(hub: Hub, oslo: Node) -> None:
    hub.given("noop", 2)
    (one, _) = oslo.claim().grants
    old = wire.Report(oslo.incarnation, 1, [wire.pack(ended(one))])
    oslo.replay(old)
    oslo.hello()
    (again,) = oslo.claim().grants
    assert oslo.report(ended(again)) == wire.Applied(1)
    assert oslo.replay(old) == wire.Applied(1)
    with hub.database.reading() as conn:
        assert sorted(conn.scalars(streams.select().with_only_columns(streams.c.applied))) == [1, 1]


def test_a_report_of_nothing_changes_nothing(hub: Hub, oslo: Node) -> None:
    assert oslo.replay(wire.Report(oslo.incarnation, 1, [])) == wire.Applied(0)


def test_a_run_ends_once_though_it_is_told_of_twice_in_one_report(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 2, per_task=2)
    (one,) = oslo.claim().grants
    (refusal,) = oslo.report(ended(one), ended(one, Code.FAILED)).refusals
    assert refusal.run == one.run
    assert hub.job(job).totals["failed"] == 0


def test_a_stale_run_cannot_end_what_another_run_has_begun(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 1)
    (one,) = oslo.claim().grants
    hub.tell(lambda tx: nodes.silence(tx, 1))
    (again,) = oslo.claim().grants
    assert again.task == one.task
    assert oslo.report(wire.Failed(one.task, one.run, "no")).refusals
    assert hub.job(job).state == "STARTED"
    oslo.report(ended(again))
    assert hub.job(job).state == "SUCCESS"


def test_a_walk_is_told_its_true_cursor_at_its_end_too(hub: Hub, oslo: Node) -> None:
    hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.report(found(walk, b"", b"1", "a"))
    (refusal,) = oslo.report(wire.WalkEnded(walk.task, walk.run, b"0")).refusals
    assert (refusal.run, refusal.cursor) == (walk.run, b"1")


def test_a_zombie_of_a_walk_adds_nothing(hub: Hub, oslo: Node) -> None:
    job = hub.submit("noop")
    (walk,) = oslo.claim("discovery").grants
    oslo.hello()
    (again,) = oslo.claim("discovery").grants
    oslo.report(found(again, b"", b"1", "a"))
    assert oslo.report(found(walk, b"", b"1", "a"), found(walk, b"1", b"2", "b")).refusals
    assert hub.job(job).totals["discovered"] == 1


# Splits -------------------------------------------------------------------------------------------------------


def test_a_split_moves_what_was_not_done_with_a_copy_of_the_chain(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 5, per_task=5)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.PAUSE, now=True)
    oslo.report(ended(one, only=2))
    hub.wish(job, Wanted.RUN)
    grants = oslo.claim().grants
    masks = {(grant.step, bytes(mask_of(grant))) for grant in grants}
    assert masks == {("checksum", b"\1\1\0\0\0"), ("noop", b"\0\0\1\1\1")}
    oslo.report(*map(ended, grants))
    (last,) = oslo.claim().grants
    assert (last.step, mask_of(last)) == ("checksum", b"\0\0\1\1\1")
    oslo.report(ended(last))
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 5)


def test_a_task_can_be_split_again_and_again(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 4, per_task=4)
    for _ in range(4):
        one = next(grant for grant in oslo.claim().grants if grant.step == "noop")
        oslo.report(ended(one, only=1))
        oslo.hello(begun=[])
    oslo.work()
    assert (hub.job(job).state, hub.job(job).totals["done"]) == ("SUCCESS", 4)


def test_a_task_handed_back_untouched_waits_as_it_was_and_costs_no_attempt(hub: Hub, oslo: Node) -> None:
    hub.given("two", 3, per_task=3)
    (one,) = oslo.claim().grants
    oslo.report(ended(one, only=0))
    (again,) = oslo.claim().grants
    assert (again.task, again.attempt, again.run == one.run) == (one.task, 1, False)


def test_what_was_handed_on_goes_with_both_parts_of_a_split(hub: Hub, oslo: Node) -> None:
    hub.given("two", 3, per_task=3)
    (first,) = oslo.claim().grants
    oslo.report(wire.Ended(first.task, first.run, ended(first).codes, [], carry=b"handed on"))
    (second,) = oslo.claim().grants
    oslo.report(ended(second, only=1))
    (rest,) = oslo.claim().grants
    assert (rest.step, mask_of(rest), rest.carry) == ("checksum", b"\0\1\1", b"handed on")


def test_a_split_part_of_a_cancelled_job_is_cancelled_too(hub: Hub, oslo: Node) -> None:
    job = hub.given("two", 4, per_task=4)
    (one,) = oslo.claim().grants
    hub.wish(job, Wanted.CANCEL)
    hub.upkeep()
    oslo.report(ended(one, only=1))
    hub.upkeep()
    assert (hub.job(job).state, hub.job(job).totals["not_run"]) == ("CANCELLED", 4)


# Anything at all ----------------------------------------------------------------------------------------------

numbers = st.integers(-(2**63), HUGE) | st.integers(-2, 5)
texts = st.text(max_size=5)


@st.composite
def anything(draw: st.DrawFn, one: wire.Grant, walk: wire.Grant) -> bytes:
    """An event as a broken or hostile node may send it."""
    held = draw(st.sampled_from([one, walk]))
    task, run = draw(st.just(held.task) | numbers), draw(st.just(held.run) | st.binary(max_size=4))
    codes = draw(st.binary(max_size=6) | st.binary(max_size=6).map(wire.compress))
    noted = draw(st.lists(st.builds(wire.Note, numbers, texts, texts), max_size=2))
    packed = draw(
        st.binary(max_size=6) | st.lists(st.binary(max_size=3), max_size=3).map(lambda n: batch(*n))
    )
    groups = draw(st.lists(st.builds(wire.Group, numbers, st.just(packed), numbers, numbers), max_size=2))
    problems = draw(st.lists(st.builds(wire.Problem, texts, st.binary(max_size=4), texts, texts), max_size=2))
    cursors = draw(st.tuples(st.just(b"") | st.binary(max_size=3), st.binary(max_size=3)))
    back = draw(st.booleans())
    events: list[object] = [
        wire.Ended(task, run, codes, noted, draw(st.binary(max_size=3)), draw(numbers), back),
        wire.Found(task, run, *cursors, groups, problems, draw(numbers)),
        wire.WalkEnded(task, run, cursors[0], back),
        wire.Failed(task, run, draw(texts)),
        draw(st.lists(numbers | texts, max_size=3)),
    ]
    return draw(st.sampled_from(events).map(wire.pack) | st.binary(max_size=8))


@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_whatever_a_node_says_its_report_is_taken_and_what_is_kept_stays_true(
    hub: Hub, data: st.DataObject
) -> None:
    node = hub.node("oslo")
    hub.given("two", 3, per_task=3)
    hub.submit("noop", "d")
    one, walk = node.claim(slots=1).grants[0], node.claim("discovery", 1).grants[0]
    said = data.draw(st.lists(anything(one, walk), min_size=1, max_size=3))
    report = wire.Report(node.incarnation, 1, said)
    assert node.replay(report).up_to == len(said)
    assert node.replay(report).up_to == len(said)
    with hub.database.reading() as conn:
        audit(conn)
