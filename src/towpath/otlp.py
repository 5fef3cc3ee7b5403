"""Spans on their way to a collector, by OTLP over HTTP: loaded only where the environment names one."""

import time
from collections.abc import Mapping

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from towpath import __version__
from towpath.domain.traces import Place, Span

KINDS: Mapping[str, SpanKind] = {
    "submit": SpanKind.SERVER,
    "claim": SpanKind.PRODUCER,
    "run": SpanKind.CONSUMER,
    "report": SpanKind.SERVER,
}
"""By the first word of a span's name."""


class Collector:
    """Tells a collector of spans, some at a time, from a thread of its own; `close` tells it of what is left.

    Where the collector is away, or too slow, spans are dropped: nothing waits for it. Addresses, headers and sizes are
    those of OpenTelemetry's own variables (`OTEL_EXPORTER_OTLP_…`, `OTEL_BSP_…`, `OTEL_TRACES_SAMPLER`).
    """

    def __init__(self, role: str, instance: str) -> None:
        named = {
            "service.namespace": "towpath",
            "service.name": f"towpath-{role}",
            "service.instance.id": instance,
            "service.version": __version__,
        }
        # What the environment says of the service goes before.
        said = OTELResourceDetector().detect().attributes
        self._resource = Resource.create({**named, **said})
        self._scope = InstrumentationScope("towpath", __version__)
        self._ids = RandomIdGenerator()
        # Made for what it reads from the environment.
        self._sampler = TracerProvider(shutdown_on_exit=False).sampler
        self._spans = BatchSpanProcessor(OTLPSpanExporter())

    def now(self) -> int:
        """Nanoseconds since 1970."""
        return time.time_ns()

    def samples(self, trace_id: bytes) -> bool:
        """Whether the spans of a trace are told of, as the sampler decides."""
        found = self._sampler.should_sample(None, int.from_bytes(trace_id), "job")
        return found.decision is Decision.RECORD_AND_SAMPLE

    def fresh(self) -> bytes:
        """The id of a new span: 8 bytes."""
        return self._ids.generate_span_id().to_bytes(8)

    def tell(self, span: Span) -> None:
        """Tell of a span that has ended."""
        if span.place.sampled:
            self._spans.on_end(self._readable(span))

    def close(self) -> None:
        """Tell of what is left; for as long as `OTEL_EXPORTER_OTLP_TIMEOUT` at most."""
        self._spans.shutdown()  # type: ignore[no-untyped-call]

    def _readable(self, span: Span) -> ReadableSpan:
        parent = Place(span.place.trace, span.parent, True)
        return ReadableSpan(
            name=span.name,
            context=_context(span.place),
            parent=_context(parent) if span.parent else None,
            resource=self._resource,
            attributes=dict(span.facts),
            links=[Link(_context(span.caller))] if span.caller else [],
            kind=KINDS.get(span.name.partition(" ")[0], SpanKind.INTERNAL),
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.UNSET),
            start_time=span.began,
            end_time=span.ended,
            instrumentation_scope=self._scope,
        )


def _context(place: Place) -> SpanContext:
    flags = trace.TraceFlags(TraceFlags.SAMPLED if place.sampled else TraceFlags.DEFAULT)
    return SpanContext(int.from_bytes(place.trace), int.from_bytes(place.span), False, flags)
