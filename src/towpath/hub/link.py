"""The hub's end of the bus, as the desk needs it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

Answer = Callable[[str, str, str, bytes], Awaitable[bytes]]
"""(site, node, verb, packed question) → packed answer; raises `bus.connection.Refused` with a reason."""


class Link(Protocol):
    """The way to the nodes: a `bus.connection.HubLink`, or a simulation's own."""

    async def serve(self, handler: Answer, /) -> None:
        """Begin to answer requests through `handler`; returns at once, whether or not the bus is there."""

    async def close(self) -> None:
        """Leave the bus for good."""

    def on_up(self, callback: Callable[[], None], /) -> None:
        """Call that whenever nodes can be heard that could not be before: at the start, and once the bus is back."""

    def on_nudge(self, callback: Callable[[], None], /) -> None:
        """Call that when another hub hints that the conductor has something to do; the hint may be lost."""

    async def nudge(self) -> None:
        """Hint to all hubs that the conductor has something to do; the hint may be lost."""

    async def wake(self, site: str, *, began: bool = False) -> None:
        """Hint to the nodes of a site that there is news, or that a hub has begun to answer; the hint may be lost."""

    async def is_reachable(self) -> bool:
        """Whether the hub could hear a node now."""

    async def log_event(self, kind: str, payload: bytes, number: str) -> bool:
        """Append an event to the log that the bus keeps, once however often it is told; False where it does not."""
