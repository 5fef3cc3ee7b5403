"""Traces: their ids, what a run tells of itself, and when anything is told at all."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

import pytest
from structlog.contextvars import get_contextvars
from tests.collector import collecting
from tests.fixtures_api import ROOT, SITE, Api, api, laid
from tests.site_hub import SiteHub

from towpath import wire
from towpath.cli.tracing import is_wanted
from towpath.domain.errors import Mistake
from towpath.domain.traces import Place, Span, Traces, place_in
from towpath.otlp import Collector
from towpath.worker.fence import Fence, Hold
from towpath.worker.held import Run
from towpath.worker.outcomes import packed_codes
from towpath.worker.traced import traced

__all__ = ["api", "laid"]

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
CLAIM = Place(b"t" * 16, b"c" * 8, True)


@dataclass
class Kept:
    """Keeps what it is told of; its clock goes on by one at each look."""

    sampled: bool = True
    spans: list[Span] = field(default_factory=list)
    ticks: Iterator[int] = field(default_factory=count)

    def now(self) -> int:
        return next(self.ticks)

    def samples(self, trace: bytes) -> bool:
        return self.sampled

    def fresh(self) -> bytes:
        return b"f" * 8

    def tell(self, span: Span) -> None:
        self.spans.append(span)


def told_of(kept: Kept, packed: bytes | None, trace: str = CLAIM.header) -> list[Span]:
    """What is told of a run that ends so."""
    fence = Fence(lambda: 0.0)
    run = Run(SiteHub().add("noop", trace=trace), Hold(fence, 0.0), 0.0)
    assert traced(run, kept, lambda: packed) == packed
    return kept.spans


def test_a_place_is_read_as_it_was_written() -> None:
    for place in (CLAIM, Place(b"t" * 16, b"c" * 8, False)):
        assert place_in(place.header) == place


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-abc",
        f"01-{'a' * 32}-{'b' * 16}-01",
        f"00-{'A' * 32}-{'b' * 16}-01",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'a' * 32}-{'b' * 16}-01\n",
    ],
)
def test_what_is_no_traceparent_names_no_place(header: str) -> None:
    assert place_in(header) is None


def test_hubs_with_one_key_find_the_same_ids_and_others_other_ones() -> None:
    one, same, other = (Traces(key, Kept()) for key in (b"a" * 32, b"a" * 32, b"b" * 32))
    run = b"r" * 16
    assert (one.of_job(7), one.of_claim(7, run)) == (same.of_job(7), same.of_claim(7, run))
    assert len({place.trace for place in (one.of_job(7), one.of_job(8), other.of_job(7))}) == 3
    spans = {place.span for place in (one.of_job(7), one.of_claim(7, run), one.of_report(7, run))}
    assert len(spans) == 3


def test_a_run_is_told_of_as_a_part_of_its_claim() -> None:
    ended = wire.pack(wire.Ended(1, b"r", packed_codes(b"\1"), []))
    (span,) = told_of(Kept(), ended)
    assert (span.place.trace, span.parent, span.name, span.error) == (CLAIM.trace, CLAIM.span, "run noop", "")
    assert span.began < span.ended


def test_a_run_tells_what_failed() -> None:
    notes = [wire.Note(0, "", "not for this step"), wire.Note(1, "permanent", "it is gone", "ENOENT")]
    (span,) = told_of(Kept(), wire.pack(wire.Ended(1, b"r", packed_codes(b"\1\1"), notes)))
    assert (span.error, span.facts["error.type"]) == ("1 path failed; the first: it is gone", "ENOENT")
    (span,) = told_of(Kept(), wire.pack(wire.Failed(1, b"r", "it broke")))
    assert (span.error, span.facts["error.type"]) == ("it broke", "uncaught")
    (span,) = told_of(Kept(), None)
    assert span.facts["error.type"] == "lost"


def test_whatever_is_logged_of_a_run_bears_the_id_of_its_trace() -> None:
    run = Run(SiteHub().add("noop", trace=CLAIM.header), Hold(Fence(lambda: 0.0), 0.0), 0.0)
    seen: list[object] = []

    def carry_out() -> None:
        seen.append(get_contextvars().get("trace_id"))

    traced(run, None, carry_out)
    assert seen == [CLAIM.trace.hex()]


def test_nothing_is_told_of_a_run_whose_claim_is_not() -> None:
    ended = wire.pack(wire.Ended(1, b"r", packed_codes(b"\1"), []))
    assert told_of(Kept(), ended, "") == []
    assert told_of(Kept(), ended, Place(CLAIM.trace, CLAIM.span, False).header) == []


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({**ENDPOINT, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ENDPOINT, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, True),
    ],
)
def test_the_environment_says_whether_traces_are_told_of(env: Mapping[str, str], wanted: bool) -> None:
    assert is_wanted(env) is wanted


def test_a_way_to_a_collector_that_is_not_spoken_is_refused() -> None:
    with pytest.raises(Mistake, match="OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf, found 'grpc'"):
        is_wanted({**ENDPOINT, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    with pytest.raises(Mistake, match="OTEL_TRACES_EXPORTER: expected otlp or none, found 'zipkin'"):
        is_wanted({**ENDPOINT, "OTEL_TRACES_EXPORTER": "zipkin"})


LOADED = """
import sys
import towpath.cli.hub_process, towpath.worker.serve
from towpath.cli.tracing import collecting
with collecting({}, "hub", "one") as traces:
    assert traces is None
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""

MISSING = """
import sys
sys.modules["opentelemetry.sdk"] = None
from towpath.cli.tracing import collecting
from towpath.domain.errors import Mistake
try:
    with collecting({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, "hub", "one"):
        pass
except Mistake as mistake:
    print(mistake)
"""


def printed(program: str) -> str:
    """What a program of its own prints."""
    return subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    ).stdout.strip()


def test_nothing_that_sends_traces_is_loaded_where_no_collector_is_named() -> None:
    assert printed(LOADED) == "[]"


def test_a_collector_that_is_named_where_nothing_can_send_is_a_mistake_that_says_what_to_install() -> None:
    said = printed(MISSING)
    assert said.startswith("OTEL_EXPORTER_OTLP_ENDPOINT is set, and what sends traces is not installed")
    assert "pip install 'towpath[otel]'" in said


@pytest.mark.parametrize(("header", "caller"), [(CLAIM.header, CLAIM), ("", None), ("some text", None)])
def test_a_submission_is_linked_to_the_span_of_who_asked_for_it(
    api: Api, header: str, caller: Place | None
) -> None:
    kept = Kept()
    api.context.traces = Traces(b"k" * 32, kept)
    order = {"workflow": "noop", "site": SITE, "paths": [f"{ROOT}/a"], "discovery": None}
    api.http.post("/api/file/workflow/", json=order, headers={"traceparent": header}).raise_for_status()
    [span] = kept.spans
    assert (span.caller, span.parent) == (caller, b"")


def test_a_collector_is_told_of_links(monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as at:
        for name, value in at.environment.items():
            monkeypatch.setenv(name, value)
        collector = Collector("hub", "h1")
        mine = Place(b"m" * 16, b"s" * 8, True)
        collector.tell(Span("submit noop", mine, b"", 1, 2, caller=CLAIM))
        collector.tell(Span("claim", mine, mine.span, 1, 2))
        collector.close()
        assert [(span.name, span.links) for span in at.spans()] == [
            ("submit noop", (CLAIM.trace.hex(),)),
            ("claim", ()),
        ]
