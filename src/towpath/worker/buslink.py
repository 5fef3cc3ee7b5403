"""The link of a node over the bus: messages are packed on the way out and unpacked on the way in."""

from collections.abc import Callable

from towpath import wire
from towpath.bus.connection import BusAway, NodeLink, Refused
from towpath.worker.link import Answer, HubAway, HubRefused, Verb


class BusLink:
    """A `Link` on a `NodeLink`."""

    def __init__(self, node_link: NodeLink) -> None:
        self._node_link = node_link

    async def ask(
        self,
        verb: Verb,
        question: wire.Message,
        answer: type[Answer],
        timeout: float,  # noqa: ASYNC109  its promise
    ) -> Answer:
        """The hub's answer; raises `HubAway` or `HubRefused`, the latter also for an answer that makes no sense."""
        packed = wire.pack(question, wire.MAX_MESSAGE)
        try:
            return wire.unpack(await self._node_link.request(verb.value, packed, timeout), answer)
        except BusAway as error:
            raise HubAway(str(error)) from error
        except Refused as error:
            raise HubRefused(error.reason) from error
        except wire.Malformed as error:
            raise HubRefused(f"the answer to '{verb}' cannot be read: {error}") from error

    def on_wake(self, ring: Callable[[], None]) -> None:
        """Call `ring` whenever the hub hints that there may be work, or the bus is back."""
        self._node_link.on_wake(ring)
