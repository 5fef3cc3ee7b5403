"""What a client asks, when it asks again, and what it makes of answers: without a network, step by step."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from towpath.client.errors import (
    Conflict,
    EventsLost,
    Fault,
    HubBug,
    Malformed,
    NotFound,
    Refused,
    TooMany,
    Unavailable,
    Unreachable,
)
from towpath.client.happenings import Frames, followed
from towpath.client.jobs import spelled
from towpath.client.plans import Answer, Ask, Broken, More, Nap, Retries, Row, answered, lines, seconds_of
from towpath.client.verbs import rows

READ, ONCE = Ask("GET", "/api/x/"), Ask("POST", "/api/x/", repeatable=False)
USUAL = Retries(random=lambda: 0.0)
MIDWAY, NEVER = Broken("it broke", sent=True), Broken("no connection", sent=False)


def said(status: int, content: bytes = b"", **headers: str) -> Answer:
    return Answer(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, content, "http://h"
    )


def told(plan: Generator[Any, Any, Any], *replies: object, steps: list[object] | None = None) -> list[Any]:
    """The steps of a plan that gets these replies to its requests, and then how it ended."""
    steps = [] if steps is None else steps
    left, reply = list(replies), None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as end:
            return [*steps, end.value]
        steps.append(step)
        reply = None if isinstance(step, Nap | Row) else left.pop(0)


def naps(plan: Generator[Any, Any, Any], *replies: object) -> list[float]:
    return [step.seconds for step in told(plan, *replies) if isinstance(step, Nap)]


def test_what_may_be_sent_twice_is_sent_again_after_growing_pauses() -> None:
    assert naps(answered(READ, USUAL), MIDWAY, NEVER, said(503), said(502), said(200)) == [0.5, 1.0, 2.0, 4.0]


def test_pauses_are_longer_at_random_and_not_without_end() -> None:
    late = Retries(attempts=9, random=lambda: 1.0)
    assert naps(answered(READ, late), *[MIDWAY] * 8, said(200)) == [
        0.75,
        1.5,
        3.0,
        6.0,
        12.0,
        24.0,
        30.0,
        30.0,
    ]


def test_what_may_not_be_sent_twice_is_tried_again_only_where_it_cannot_have_been_heard() -> None:
    assert naps(answered(ONCE, USUAL), NEVER, said(200)) == [0.5]
    for reply, error in ((MIDWAY, Unreachable), (said(503), Unavailable), (said(504), Unavailable)):
        with pytest.raises(error):
            told(answered(ONCE, USUAL), reply)


def test_who_asks_too_often_comes_again_when_the_hub_says() -> None:
    assert naps(answered(ONCE, USUAL), said(429, retry_after="7"), said(200)) == [7.0]
    with pytest.raises(TooMany) as error:
        told(answered(READ, USUAL), said(429, retry_after="900"))
    assert error.value.retry_after == 900


def test_a_date_of_retry_after_is_understood() -> None:
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert 90 < (seconds_of(format_datetime(later, usegmt=True)) or 0) < 110
    assert seconds_of("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert seconds_of("soon") is None


def test_attempts_end() -> None:
    with pytest.raises(Unreachable, match="it broke"):
        told(answered(READ, USUAL), *[MIDWAY] * 5)
    with pytest.raises(Unreachable, match="no connection"):
        told(answered(READ, Retries(connect=False)), NEVER)


def test_what_will_not_pass_is_not_tried_again() -> None:
    silent = said(503, b'{"type":"urn:towpath:site-silent","detail":"site oslo: no answer"}')
    for reply in (said(400), said(404), said(500), silent):
        with pytest.raises((Refused, HubBug, Unavailable)):
            told(answered(READ, USUAL), reply)


def test_a_refusal_carries_its_place_what_was_expected_and_what_was_found() -> None:
    body = (
        b'{"type":"urn:towpath:malformed","title":"No","status":422,"detail":"two things","instance":"/api/x/",'
        b'"problems":[{"place":"a.b","text":"t","expected":"a number","found":"text"}]}'
    )
    with pytest.raises(Malformed) as error:
        told(answered(READ, USUAL), said(422, body))
    assert (error.value.status, error.value.type, str(error.value)) == (
        422,
        "urn:towpath:malformed",
        "two things",
    )
    assert [(f.place, f.expected, f.found) for f in error.value.problems] == [("a.b", "a number", "text")]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFound), (409, Conflict), (418, Refused), (500, HubBug), (599, HubBug)]
)
def test_an_answer_that_is_no_problem_body_is_told_by_its_status(status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=f"http://h answered {status}"):
        told(answered(READ, USUAL), said(status, b"<html>"))


def test_pages_are_asked_for_one_after_the_other_by_their_cursors() -> None:
    first = b'{"results":[{"place":"1"},{"place":"2"}],"next":"http://elsewhere/api/x/?site=a&cursor=9.7"}'
    steps = told(
        rows("/api/x/", {"site": "a"}, USUAL, Fault),
        said(200, first),
        said(200, b'{"results":[{"place":"3"}]}'),
    )
    assert [step.row.place for step in steps if isinstance(step, Row)] == ["1", "2", "3"]
    asks = [step for step in steps if isinstance(step, Ask)]
    assert [(ask.path, dict(ask.query)) for ask in asks] == [
        ("/api/x/", {"site": "a"}),
        ("/api/x/", {"site": "a", "cursor": "9.7"}),
    ]


def test_a_stream_that_breaks_off_within_a_line_is_no_shorter_list() -> None:
    with pytest.raises(Unreachable, match="broke off after 2 bytes"):
        told(lines(READ, USUAL), said(200), b"one\ntw", b"")
    with pytest.raises(Unreachable, match="it broke"):
        told(lines(READ, USUAL), said(200), b"one\n", MIDWAY)


def test_messages_of_a_stream_are_put_together_however_they_were_cut() -> None:
    text = b": hello\nretry: 2000\nid: 3\n\nid: 4\nevent: a\ndata: {}\n\n: still here\n\n"
    for cut in range(len(text)):
        frames = Frames()
        found = [*frames.add(text[:cut]), *frames.add(text[cut:])]
        assert [(f.id, f.kind, f.text) for f in found] == [("3", "", ""), ("4", "a", "{}")]


def event(number: int) -> bytes:
    data = (
        f'{{"number":{number},"kind":"k","at":"2026-11-29T00:00:00Z","job":null,"site":"","node":"","workflow":"",'
        '"details":{}}'
    )
    return f"id: {number}\nevent: k\ndata: {data}\n\n".encode()


def heard(after: int | None, *replies: object) -> tuple[list[int], list[str]]:
    """The events that are given, and behind which number was asked, until the hub refuses."""
    steps: list[object] = []
    with pytest.raises(NotFound):
        told(followed({}, after, USUAL), *replies, said(404), steps=steps)
    asks = [step for step in steps if isinstance(step, Ask)]
    numbers = [step.row.number for step in steps if isinstance(step, Row)]
    assert [step for step in steps if isinstance(step, More)]
    return numbers, [ask.headers.get("Last-Event-ID", "") for ask in asks]


def test_events_go_on_behind_the_last_one_when_the_connection_breaks() -> None:
    assert heard(3, said(200), event(4) + event(5), MIDWAY, said(200), event(6), b"") == (
        [4, 5, 6],
        ["3", "5", "6"],
    )


def test_events_go_on_where_they_began_when_none_was_heard_yet() -> None:
    assert heard(None, said(200), b"retry: 2000\nid: 8\n\n", b"", said(200), event(9), b"") == (
        [9],
        ["", "8", "9"],
    )


def test_events_that_are_kept_no_more_are_no_silence() -> None:
    gap = b'event: gap\ndata: {"after":1,"oldest":40,"newest":90}\n\n'
    with pytest.raises(EventsLost) as error:
        heard(1, said(200), gap)
    assert (error.value.after, error.value.oldest, error.value.newest) == (1, 40, 90)


def test_a_path_that_is_no_text_goes_exactly() -> None:
    assert spelled(b"/a") == spelled("/a") == "/a"
    assert spelled(b"/\xff") == {"path_b64": "L/8="}
