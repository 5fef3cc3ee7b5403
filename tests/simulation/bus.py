"""The simulated bus: it drops, doubles, delays, reorders and cuts off, and brings letters of long ago once more."""

import asyncio
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.clockwork import Clockwork
from tests.simulation.processes import Process

from towpath import wire
from towpath.bus.connection import Refused, Unanswered
from towpath.worker.link import Answer, HubAway, HubRefused, Verb

if TYPE_CHECKING:
    from towpath.hub.link import Answer as Answerer

KEPT = 400
"""Letters that may come again."""

NOBODY = 0.9
"""How often a bus without a hub says so at once."""


@dataclass
class Weather:
    """How messages fare."""

    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    """How many are late, by up to `latest` seconds: others overtake them."""
    latest: float = 0.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A question that was sent once."""

    site: str
    node: str
    verb: str
    packed: bytes


@dataclass
class Bus:
    """All that is sent goes through here."""

    clockwork: Clockwork
    dice: Random
    weather: Weather = field(default_factory=Weather)
    cut: set[str] = field(default_factory=set)
    """Names of processes that hear and are heard by nobody."""
    archive: list[Letter] = field(default_factory=list)
    hubs: "list[HubEnd]" = field(default_factory=list)
    nodes: "list[NodeEnd]" = field(default_factory=list)
    witness: Callable[[Letter, bytes | Exception], None] = lambda letter, answer: None
    """Sees each answer at the moment at which it comes to a node."""

    def carry(self, sender: str, receiver: str, deliver: Callable[[], None]) -> None:
        """Bring something from one to another, if it gets there: soon, late, or more than once."""
        if sender in self.cut:
            return
        weather, dice = self.weather, self.dice
        copies = 2 if weather.twice and dice.random() < weather.twice else 1
        for _ in range(copies):
            if weather.lost and dice.random() < weather.lost:
                continue
            delay = 0.0005 + 0.003 * dice.random()
            if weather.late and dice.random() < weather.late:
                delay += dice.random() * weather.latest
            self.clockwork.after(delay, lambda: None if receiver in self.cut else deliver())

    def ask(self, letter: Letter, reply: "Callable[[bytes | Exception], None]") -> None:
        """Send a question; `reply` may be called once, twice or never."""
        self.archive.append(letter)
        if len(self.archive) > KEPT:
            del self.archive[self.dice.randrange(KEPT)]
        self.carry(letter.node, "bus", lambda: self.deliver(letter, reply))

    def deliver(self, letter: Letter, reply: "Callable[[bytes | Exception], None]") -> None:
        """Bring a question to a hub."""
        listening = [hub for hub in self.hubs if hub.process.alive and hub.process.name not in self.cut]
        if not listening:
            if self.dice.random() < NOBODY:
                self.carry("bus", letter.node, lambda: reply(HubAway("no hub listens on the bus")))
            return
        hub = listening[0] if len(listening) == 1 else self.dice.choice(listening)
        self.clockwork.note(f"{letter.node} {letter.verb} {zlib.crc32(letter.packed):08x}")

        def come(answer: bytes | Exception) -> None:
            self.witness(letter, answer)
            reply(answer)

        hub.hear(letter, lambda answer: self.carry(hub.process.name, letter.node, lambda: come(answer)))

    def replay(self, letter: Letter) -> None:
        """Bring a letter of long ago once more; nobody waits for its answer."""
        self.clockwork.note(f"replay of {letter.node} {letter.verb}")
        self.carry("replay", "bus", lambda: self.deliver(letter, lambda answer: None))

    def wake(self, sender: str, site: str, *, began: bool) -> None:
        """Hint to the nodes of a site."""
        for node in self.nodes:
            if node.site == site and node.process.alive:
                self.carry(sender, node.process.name, partial(node.rung, began=began))


class NodeEnd:
    """The `worker.link.Link` of one life of a node."""

    def __init__(self, bus: Bus, process: Process, site: str) -> None:
        self.bus, self.process, self.site = bus, process, site
        self._ring: Callable[[], None] = lambda: None
        self._waiting: dict[asyncio.Future[bytes], None] = {}
        bus.nodes = [other for other in bus.nodes if other.process.alive] + [self]

    async def ask(
        self,
        verb: Verb,
        question: wire.Message,
        answer: type[Answer],
        timeout: float,
    ) -> Answer:
        """The hub's answer; raises `HubAway` after `timeout` seconds without one, `HubRefused` for a refusal."""
        if not self.process.alive:
            raise asyncio.CancelledError
        packed = wire.pack(question, wire.MAX_MESSAGE)
        waiting: asyncio.Future[bytes] = self.process.loop.create_future()
        letter = Letter(self.site, self.process.name, verb.value, packed)
        self.bus.ask(letter, lambda said: self._answered(waiting, said))
        self._waiting[waiting] = None
        try:
            async with asyncio.timeout(timeout):
                return wire.unpack(await waiting, answer)
        except TimeoutError:
            raise HubAway(f"no answer within {timeout:g} s") from None
        finally:
            del self._waiting[waiting]

    def _answered(self, waiting: "asyncio.Future[bytes]", said: bytes | Exception) -> None:
        if self.process.alive:
            self.process.loop.call_soon(_settle, waiting, said)

    def on_wake(self, ring: Callable[[], None]) -> None:
        """Call `ring` on a hint."""
        self._ring = ring

    def rung(self, *, began: bool) -> None:
        """A hint came; a hub that began anew will not answer what an earlier one was asked."""
        if not self.process.alive:
            return
        for waiting in list(self._waiting) if began else ():
            self.process.loop.call_soon(_settle, waiting, HubAway("a hub began anew"))
        self.process.loop.call_soon(self._ring)


def _settle(waiting: "asyncio.Future[bytes]", said: bytes | Exception) -> None:
    """The first answer counts; a later one is dropped."""
    if waiting.done():
        return
    if isinstance(said, Exception):
        waiting.set_exception(said)
    else:
        waiting.set_result(said)


class HubEnd:
    """The `hub.link.Link` of one life of a hub."""

    def __init__(self, bus: Bus, process: Process) -> None:
        self.bus, self.process = bus, process
        self._answer: Answerer | None = None
        self._nudged: Callable[[], None] = lambda: None

    async def serve(self, handler: "Answerer", /) -> None:
        """Begin to answer."""
        self._answer = handler
        self.bus.hubs = [other for other in self.bus.hubs if other.process.alive] + [self]

    async def close(self) -> None:
        """Leave the bus."""
        self.bus.hubs.remove(self)

    async def wake(self, site: str, *, began: bool = False) -> None:
        """Hint to the nodes of a site that there is news, or that a hub has begun to answer."""
        if self.process.alive:
            self.bus.wake(self.process.name, site, began=began)

    def on_up(self, callback: Callable[[], None], /) -> None:
        """The bus is there when the hub begins, and a hub that was cut off does not notice."""
        self.process.loop.call_soon(callback)

    def on_nudge(self, callback: Callable[[], None], /) -> None:
        """Call that when another hub hints."""
        self._nudged = callback

    async def nudge(self) -> None:
        """Hint to the other hubs."""
        for hub in self.bus.hubs:
            if hub is not self and hub.process.alive and self.process.alive:
                self.bus.carry(self.process.name, hub.process.name, hub.nudged)

    def nudged(self) -> None:
        """A hint came."""
        if self.process.alive:
            self.process.loop.call_soon(self._nudged)

    async def log_event(self, kind: str, payload: bytes, number: str) -> bool:
        """There is no log here, and none is missed."""
        return True

    async def is_reachable(self) -> bool:
        """Whether a message to itself would come back."""
        await asyncio.sleep(0.001)
        return self.process.name not in self.bus.cut

    def hear(self, letter: Letter, reply: "Callable[[bytes | Exception], None]") -> None:
        """A question came: it is answered when the loop comes to it."""
        self.process.loop.create_task(self._answered(letter, reply))

    async def _answered(self, letter: Letter, reply: "Callable[[bytes | Exception], None]") -> None:
        if self._answer is None or not self.process.alive:
            return
        try:
            reply(await self._answer(letter.site, letter.node, letter.verb, letter.packed))
        except Refused as refusal:
            reply(HubRefused(refusal.reason))
        except Unanswered:
            return
