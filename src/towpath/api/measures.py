"""What this hub has measured: what it committed, how long its answers took, how all stands; as Prometheus reads it."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towpath import __version__
from towpath.store.database import Counted
from towpath.store.standing import Standing

BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""
UNKNOWN: Final = "none"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others are anybody's invention, and would make as many series."""
ENDLESS: Final = frozenset({"stream_events"})
"""Operations whose answers last as long as somebody listens."""


class _Now(Collector):
    """How all stood at the last look."""

    def __init__(self, clock: Callable[[], int], listeners: Callable[[], int]) -> None:
        self.standing: Standing | None = None
        self._clock = clock
        self._listeners = listeners

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each number."""
        built = GaugeMetricFamily(
            "towpath_build_info", "The version of the hub; always 1.", labels=["version"]
        )
        built.add_metric([__version__], 1)
        yield built
        yield GaugeMetricFamily(
            "towpath_event_listeners", "Who listens to events at this hub.", value=self._listeners()
        )
        if self.standing is not None:
            yield from self._families(self.standing)

    def _families(self, found: Standing) -> Iterator[GaugeMetricFamily]:
        now = self._clock()
        ages = {labels: max(0.0, (now - at) / 1e6) for labels, at in found.oldest.items()}
        lane = ["site", "queue"]
        yield _family("jobs", "Jobs by state.", ["site", "state"], found.jobs)
        yield _family("tasks_running", "Tasks that nodes have.", lane, found.running)
        yield _family("tasks_ready", "Tasks that may be granted.", [*lane, "function"], found.ready)
        yield _family(
            "queue_oldest_seconds", "Since when the oldest job waits or runs that has such tasks.", lane, ages
        )
        yield _family("nodes", "Nodes, online or offline.", ["site", "state"], found.nodes)
        yield _family("events_unnumbered", "Events that nobody is told yet.", [], {(): found.unnumbered})
        yield _family(
            "event_log_lag", "Events that do not stand in the log of the bus.", [], {(): found.unlogged}
        )
        yield _family("events_newest", "The number of the newest event.", [], {(): found.events})
        yield _family("deliveries_waiting", "What waits for a webhook.", ["webhook"], found.waiting)
        yield _family("reports_refused", "Reports that were set aside.", [], {(): found.quarantined})
        yield _family("alerts", "Alerts that stand.", ["kind", "severity"], found.alerts)
        yield _family(
            "notices_waiting", "Alerts that wait for a destination.", ["destination"], found.notices
        )


def _family(
    name: str, text: str, labels: list[str], values: Mapping[tuple[str, ...], float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"towpath_{name}", text, labels=labels)
    for key, value in sorted(values.items()):
        family.add_metric(list(key), value)
    return family


class Measures:
    """All that is measured, for one hub. `count` may be called from any thread."""

    def __init__(self, clock: Callable[[], int], listeners: Callable[[], int]) -> None:
        self._registry = CollectorRegistry()
        self._now = _Now(clock, listeners)
        self._registry.register(self._now)
        ProcessCollector(registry=self._registry)
        self._counters: Mapping[str, Counter] = {
            "task": self._counter("tasks", "Tasks that came to a state.", "site", "queue", "state"),
            "path": self._counter("paths", "Paths by outcome, at each step once.", "site", "outcome"),
            "bytes": self._counter("bytes", "Bytes that steps have moved.", "site"),
            "lease": self._counter("leases_lost", "Runs that were taken from a silent node.", "site"),
            "job": self._counter("jobs_ended", "Jobs that ended.", "site", "state"),
        }
        self._seconds = Histogram(
            "towpath_api_seconds",
            "How long the API took to answer.",
            ("method", "route", "status"),
            buckets=BUCKETS,
            registry=self._registry,
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(
            f"towpath_{name}",
            f"{text} Committed by this hub since it started.",
            labels,
            registry=self._registry,
        )

    def count(self, counted: Counted) -> None:
        """Add what a transaction has done that is committed."""
        for (what, *labels), number in counted.items():
            self._counters[what].labels(*labels).inc(number)

    def time(self, method: str, route: str, status: str, seconds: float) -> None:
        """Add an answer."""
        self._seconds.labels(method, route, status).observe(seconds)

    def text(self, standing: Standing) -> bytes:
        """All of it, in the text format of Prometheus."""
        self._now.standing = standing
        return generate_latest(self._registry)


class Timed:
    """Takes the time of each answer, by the template of its route: whatever is asked for, there are few of these."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            route = scope.get("route")
            if getattr(route, "name", "") not in ENDLESS:
                template = getattr(route, "path_format", UNKNOWN)
                method = scope["method"] if scope["method"] in METHODS else UNKNOWN
                self._measures.time(method, template, f"{status // 100}xx", time.perf_counter() - began)
