"""The table of errors, and what a workflow may say otherwise."""

import errno
import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.domain.catalogue import INSTALLED
from towpath.domain.error_table import (
    MEANS,
    NAMES,
    SYSTEM,
    class_of_errno,
    class_of_names,
    name_of_errno,
    rows,
)
from towpath.domain.paths import ErrorClass
from towpath.domain.patience import SECOND, Bearing, Patience, rate_of, spread
from towpath.domain.plan import Ground, plan_document, plan_from_document, resolve
from towpath.domain.stopping import LEAST, WINDOW, Record, why
from towpath.domain.workflow import InvalidDefinition, parse_definition, to_document

# The table ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, ErrorClass.NO_PERMISSION),
        (errno.ENOSPC, ErrorClass.NO_SPACE),
        (errno.ESTALE, ErrorClass.TRANSIENT),
        (errno.ENOENT, ErrorClass.PERMANENT),
        (errno.EISDIR, ErrorClass.PERMANENT),
        (None, ErrorClass.PERMANENT),
        (0, ErrorClass.PERMANENT),
    ],
)
def test_an_errno_has_one_class_and_what_is_not_in_the_table_is_permanent(
    number: int | None, expected: ErrorClass
) -> None:
    assert class_of_errno(number) is expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("SlowDown", "503"), ErrorClass.TRANSIENT),
        (("", "507"), ErrorClass.NO_SPACE),
        (("QuotaExceeded", "403"), ErrorClass.NO_SPACE),
        (("Whatever", "599"), ErrorClass.TRANSIENT),
        (("Whatever", "418"), None),
        (("", "0"), None),
    ],
)
def test_the_code_of_a_store_goes_before_its_status(
    names: tuple[str, ...], expected: ErrorClass | None
) -> None:
    assert class_of_names(names) is expected


def test_each_error_stands_in_the_table_once_with_a_class_that_means_something() -> None:
    names = [row.name for row in rows()]
    assert len(set(names)) == len(names)
    assert set(names) <= NAMES
    assert set(MEANS) == set(ErrorClass) == {row.error_class for row in rows()}


def test_an_errno_has_the_name_that_the_system_gives_it() -> None:
    assert [name_of_errno(number) for number in (errno.ESTALE, None, 0, 99999)] == ["ESTALE", "", "", ""]
    assert all(os.strerror(getattr(errno, name)) for name in SYSTEM)


# Otherwise ----------------------------------------------------------------------------------------------------


def definition(step: object = None, **more: object) -> dict[str, object]:
    """A workflow of one step that says something of errors."""
    rule = {
        "type": "all",
        "state": "all",
        "action": [{"name": "noop", **(step if isinstance(step, dict) else {})}],
    }
    return {"name": "w", "filter_rules": [rule], **more}


def bearing_of(document: object) -> Bearing:
    """How the step bears errors, once the plan was kept and read again."""
    plan = resolve(parse_definition(document, INSTALLED), {}, INSTALLED, Ground("oslo", ["oslo"]))
    return plan_from_document(plan_document(plan)).branches[0].chain[0].bearing


def test_what_a_step_says_goes_before_what_its_workflow_says_and_the_rest_holds() -> None:
    bearing = bearing_of(
        definition(
            {"on_error": {"EIO": "permanent"}, "patience": {"tries": 2}},
            on_error={"EIO": "no_space", "ESTALE": "permanent"},
            patience={"tries": 9, "longest": 7},
        )
    )
    assert bearing.class_of(ErrorClass.TRANSIENT, "EIO") is ErrorClass.PERMANENT
    assert bearing.class_of(ErrorClass.TRANSIENT, "ESTALE") is ErrorClass.PERMANENT
    assert bearing.class_of(ErrorClass.TRANSIENT, "EBUSY") is ErrorClass.TRANSIENT
    assert bearing.patient() == Patience(tries=2, longest=7)


def test_the_most_exact_name_of_an_error_decides_then_its_class() -> None:
    bearing = Bearing({"503": ErrorClass.PERMANENT, "SlowDown": ErrorClass.TRANSIENT})
    assert bearing.class_of(ErrorClass.NO_SPACE, "503 SlowDown") is ErrorClass.TRANSIENT
    assert bearing.class_of(ErrorClass.TRANSIENT, "503 Busy") is ErrorClass.PERMANENT
    whole = Bearing({"transient": ErrorClass.PERMANENT})
    assert whole.class_of(ErrorClass.TRANSIENT, "EIO") is ErrorClass.PERMANENT


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            definition(on_error={"ESTAL": "permanent"}),
            "on_error.ESTAL: unknown error 'ESTAL', did you mean 'ESTALE'?",
        ),
        (
            definition(on_error={"x y": "permanent"}),
            "on_error.x y: unknown error 'x y'; `towpath errors` lists them",
        ),
        (
            definition({"on_error": {"503": "transiant"}}),
            "filter_rules[0].action[0].on_error.503: expected one of permanent, transient, no_space, archived,"
            " no_permission, found 'transiant', did you mean 'transient'?",
        ),
        (definition(on_error=[]), "on_error: expected an object, found a list"),
        (definition(patience={"trys": 3}), "patience.trys: unknown key, did you mean 'tries'?"),
        (definition(patience={"tries": 0}), "patience.tries: expected at least 1, found 0"),
        (definition(patience={"first": "1 s"}), "patience.first: expected a whole number, found '1 s'"),
        (
            definition(patience={"longest": 86401}),
            "patience.longest: expected at most 86400 seconds, found 86401",
        ),
        (
            definition(stop_on_error_rate="half"),
            "stop_on_error_rate: expected a share above 0 and at most 1, such as 0.5 or \"50 %\", found 'half'",
        ),
        (definition({"on_eror": {}}), "unknown argument of step 'noop', did you mean 'on_error'?"),
    ],
)
def test_what_cannot_be_said_is_told_with_its_place(document: object, problem: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(document, INSTALLED)
    assert problem in str(caught.value)


def test_a_workflow_that_says_something_of_errors_comes_back_as_it_was_written() -> None:
    said = definition({"on_error": {"EIO": "permanent"}}, patience={"tries": 3}, stop_on_error_rate=0.25)
    parsed = parse_definition(said, INSTALLED)
    assert parsed.stop_on_error_rate == 0.25
    assert parse_definition(to_document(parsed), INSTALLED) == parsed


# Waits --------------------------------------------------------------------------------------------------------


@given(
    tries=st.integers(1, 60),
    task=st.integers(1, 2**40),
    first=st.integers(0, 99),
    longest=st.integers(0, 999),
)
def test_a_wait_grows_by_two_within_its_bounds_and_any_shorter_one_is_as_likely(
    tries: int, task: int, first: int, longest: int
) -> None:
    patience = Patience(first=first, longest=longest)
    ceiling = min(longest, first * 2 ** (tries - 1)) * SECOND
    assert patience.back_off(tries, 0.0) == 0
    assert 0 <= patience.back_off(tries, spread(task, tries)) <= ceiling
    assert abs(patience.back_off(tries, 0.5) - ceiling / 2) <= 1


@given(waited=st.integers(0, 10**12), share=st.floats(0, 0.999))
def test_a_full_place_is_tried_again_within_its_bounds(waited: int, share: float) -> None:
    patience = Patience()
    assert (
        patience.space_first / 2 * SECOND <= patience.probe(waited, share) <= patience.space_longest * SECOND
    )


def test_waits_are_spread_evenly_and_the_same_each_time() -> None:
    drawn = [spread(task, tries) for task, tries in itertools.product(range(1000), range(10))]
    assert drawn == [spread(task, tries) for task, tries in itertools.product(range(1000), range(10))]
    tenths = [sum(number // 0.1 == tenth for number in drawn) for tenth in range(10)]
    assert min(tenths) > 900
    assert all(0 <= number < 1 for number in drawn)


# Stopping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "rate"),
    [(0.5, 0.5), (1, 1.0), ("50%", 0.5), ("50 %", 0.5), (" 0.25 ", 0.25), ("100%", 1.0)],
)
def test_a_share_may_be_said_in_several_ways(said: object, rate: float) -> None:
    assert rate_of(said) == rate


@pytest.mark.parametrize("said", [0, -1, 1.1, 50, "0%", "101 %", "", "half", True, None, [], "nan", "inf"])
def test_what_is_no_share_is_none(said: object) -> None:
    assert rate_of(said) is None


def test_a_few_paths_say_nothing_and_old_ones_less_and_less() -> None:
    assert not Record().and_then(LEAST - 1, LEAST - 1).is_too_much(0.1)
    assert Record().and_then(LEAST, LEAST // 2).is_too_much(0.5)
    record = Record()
    for _ in range(1000):
        record = record.and_then(100, 0)
    assert record.paths <= 2 * WINDOW
    assert record.and_then(WINDOW, WINDOW).is_too_much(0.33)


def test_a_sentence_says_how_many_failed_and_why_the_most_frequent_first() -> None:
    reasons = ["a"] * 3 + ["b"] * 5 + ["c"] * 2 + ["d"]
    assert why(Record(18, 11), reasons) == "61 % of the last 18 paths failed: b (5), a (3), c (2), …"
    assert why(Record(18, 11), []) == "61 % of the last 18 paths failed"
