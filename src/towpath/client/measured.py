"""What a hub tells in figures: what jobs got done, and what waits in queues."""

from datetime import datetime

import msgspec


class Point(msgspec.Struct, frozen=True):
    """What was done in one step of a time."""

    at: datetime
    done: int
    failed: int
    bytes: int


class SiteThroughput(msgspec.Struct, frozen=True):
    """What the jobs of a site got done; `site` is None for all that have no line of their own."""

    site: str | None
    done: int
    failed: int
    bytes: int
    points: list[Point]
    """The steps in which there was anything."""


class Throughput(msgspec.Struct, frozen=True):
    """What jobs got done in a time: paths and bytes."""

    since: datetime
    until: datetime
    step: int
    """Seconds."""
    done: int
    failed: int
    bytes: int
    results: list[SiteThroughput]


class QueueFunction(msgspec.Struct, frozen=True):
    """What is done on a queue by one function of nodes."""

    waiting: int
    running: int
    slots: int


class Queue(msgspec.Struct, frozen=True):
    """A queue of a site on which something waits or runs."""

    site: str
    queue: str
    waiting: int
    """Tasks that may be granted."""
    running: int
    slots: int
    """Of nodes that are heard."""
    oldest_at: datetime | None
    """Since when the oldest task that waits may be granted."""
    paused: bool
    functions: dict[str, QueueFunction] = {}
