"""The log of events that JetStream keeps for whoever reads the bus: a copy; the hub's database has the truth."""

from typing import Final

from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StreamConfig
from nats.js.errors import NotFoundError

from towpath.bus.subjects import EVENTS

STREAM: Final = "TOWPATH_EVENTS"
KEPT_SECONDS: Final = 7 * 24 * 3600.0
KEPT_BYTES: Final = 256 * 1024 * 1024
NUMBER_HEADER: Final = "Nats-Msg-Id"


async def ensure(log: JetStreamContext) -> None:
    """Make the stream where there is none; one that somebody has set up otherwise stays as it is."""
    try:
        await log.stream_info(STREAM)
    except NotFoundError:
        await log.add_stream(
            StreamConfig(
                name=STREAM,
                description="What happened at the Towpath hub; a copy of its table of events",
                subjects=[f"{EVENTS}.>"],
                retention=RetentionPolicy.LIMITS,
                discard=DiscardPolicy.OLD,
                max_age=KEPT_SECONDS,
                max_bytes=KEPT_BYTES,
            )
        )


async def append(log: JetStreamContext, kind: str, payload: bytes, number: str) -> None:
    """Append an event, and wait until it is kept."""
    await log.publish(f"{EVENTS}.{kind}", payload, stream=STREAM, headers={NUMBER_HEADER: f"event-{number}"})
