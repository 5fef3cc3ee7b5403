"""A collector of traces on loopback: it reads what is sent by OTLP over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.receiver import Receiver, receiving


@dataclass(frozen=True)
class Told:
    """A span as it arrived: ids in hexadecimal digits."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    facts: dict[str, str]
    error: str
    began: int
    ended: int
    links: tuple[str, ...]
    """The traces that it is linked to."""


@dataclass(frozen=True)
class Collector:
    """A collector: its port, and what arrives there."""

    port: int
    kept: type[Receiver]

    @property
    def environment(self) -> dict[str, str]:
        """What has a process send its spans here, soon."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }

    def spans(self) -> list[Told]:
        """All that has arrived."""
        return [span for _, body in list(self.kept.got) for span in _spans(body)]


def _spans(body: bytes) -> Iterator[Told]:
    request = ExportTraceServiceRequest.FromString(body)
    for of_resource in request.resource_spans:
        named = {fact.key: fact.value.string_value for fact in of_resource.resource.attributes}
        for span in (span for scope in of_resource.scope_spans for span in scope.spans):
            facts = {
                fact.key: fact.value.string_value or str(fact.value.int_value) for fact in span.attributes
            }
            yield Told(
                named["service.name"],
                span.name,
                span.trace_id.hex(),
                span.span_id.hex(),
                span.parent_span_id.hex(),
                facts,
                span.status.message,
                span.start_time_unix_nano,
                span.end_time_unix_nano,
                tuple(link.trace_id.hex() for link in span.links),
            )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector while this lasts."""
    with receiving(status=200) as (port, kept):
        yield Collector(port, kept)
