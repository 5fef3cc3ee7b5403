"""What becomes of a step's outcomes: exactly one for each path, or the task has failed; and always one message."""

import os

import pytest
from tests.site_hub import event_of

from towpath import wire
from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.worker.outbox import LARGEST_EVENT
from towpath.worker.outcomes import BadOutcomes, Span, Tally, shortened


def ended(tally: Tally) -> wire.Ended:
    """What the hub is told."""
    event = event_of(tally.ended(7, b"r" * 16))
    assert isinstance(event, wire.Ended)
    return event


def failed(index: int, reason: str) -> PathOutcome:
    """An outcome with a reason."""
    return PathOutcome(index, Code.FAILED, reason, ErrorClass.TRANSIENT)


def test_each_path_has_its_code_and_each_that_was_not_processed_its_note() -> None:
    tally = Tally("migrate", Span(4))
    tally.add(PathOutcome(2, Code.ALREADY))
    tally.add(failed(0, "gone"))
    tally.add(PathOutcome(1, Code.PROCESSED, bytes=10, carry=b"record"))
    tally.add(PathOutcome(3, Code.SKIPPED, "a fifo has no data"))
    tally.check_complete()
    event = ended(tally)
    assert wire.decompress(event.codes, 4) == bytes([Code.FAILED, Code.PROCESSED, Code.ALREADY, Code.SKIPPED])
    assert event.notes == [wire.Note(0, "transient", "gone"), wire.Note(3, "", "a fifo has no data")]
    assert (event.task, event.run, event.bytes, event.handed_back) == (7, b"r" * 16, 10, False)
    assert wire.unpack(event.carry, dict[int, bytes]) == {1: b"record"}


def test_paths_that_are_not_the_tasks_have_no_code() -> None:
    tally = Tally("migrate", Span(3, b"\0\1\0"))
    tally.add(PathOutcome(1, Code.PROCESSED))
    tally.check_complete()
    assert wire.decompress(ended(tally).codes, 3) == b"\0\1\0"


@pytest.mark.parametrize(
    ("index", "code", "message"),
    [
        (0, Code.PROCESSED, "step migrate gave two outcomes for path 0"),
        (3, Code.PROCESSED, "step migrate gave an outcome for path 3, which is none of its task's"),
        (-1, Code.PROCESSED, "step migrate gave an outcome for path -1, which is none of its task's"),
        (2, Code.PROCESSED, "step migrate gave an outcome for path 2, which is none of its task's"),
        (1, Code.NONE, "step migrate gave path 1 an outcome that says nothing"),
    ],
)
def test_an_outcome_that_cannot_be_fails_the_task(index: int, code: Code, message: str) -> None:
    tally = Tally("migrate", Span(3, b"\1\1\0"))
    tally.add(PathOutcome(0, Code.PROCESSED))
    with pytest.raises(BadOutcomes, match=message):
        tally.add(PathOutcome(index, code))


@pytest.mark.parametrize(("given", "message"), [(0, "for 3 paths"), (2, "for 1 path")])
def test_a_path_without_an_outcome_fails_the_task(given: int, message: str) -> None:
    tally = Tally("migrate", Span(3))
    for index in range(given):
        tally.add(PathOutcome(index, Code.PROCESSED))
    with pytest.raises(BadOutcomes, match=f"step migrate gave no outcome {message}"):
        tally.check_complete()


def test_with_fewer_outcomes_than_paths_a_task_is_handed_back() -> None:
    tally = Tally("migrate", Span(3))
    tally.add(PathOutcome(1, Code.PROCESSED))
    assert ended(tally).handed_back


def test_a_failure_without_reason_or_class_still_says_something() -> None:
    tally = Tally("migrate", Span(1))
    tally.add(PathOutcome(0, Code.FAILED))
    assert ended(tally).notes == [wire.Note(0, "permanent", "no reason was given")]


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
        ("two\nlines", "two lines"),
        ("caf\udce9", "caf\\udce9"),
        ("käse", "käse"),
    ],
)
def test_a_reason_is_one_line_of_text_of_500_characters(reason: str, kept: str) -> None:
    assert shortened(reason) == kept


def test_reasons_are_shortened_until_they_fit_a_message() -> None:
    tally = Tally("migrate", Span(2000))
    for index in range(2000):
        tally.add(failed(index, os.urandom(250).hex()))
    packed = tally.ended(7, b"r" * 16)
    assert len(packed) <= LARGEST_EVENT
    event = event_of(packed)
    assert isinstance(event, wire.Ended)
    assert len(event.notes) == 2000
    assert all(len(note.reason) == 160 for note in event.notes)


def test_a_step_that_hands_on_more_than_a_message_holds_has_failed() -> None:
    tally = Tally("migrate", Span(10))
    for index in range(10):
        tally.add(PathOutcome(index, Code.PROCESSED, carry=os.urandom(40_000)))
    with pytest.raises(BadOutcomes, match=r"step migrate hands on 4\d{5} bytes for 10 paths"):
        tally.ended(7, b"r" * 16)
