"""A hub for one node, in this process: it keeps the truth about tasks, and its answers can be lost or late."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import TypeVar

import msgspec

from towpath import wire
from towpath.domain.paths import Kind
from towpath.worker.link import Answer, HubAway, HubRefused, Verb

M = TypeVar("M", bound=wire.Message)

QUESTIONS: dict[Verb, type[wire.Message]] = {
    Verb.HELLO: wire.Hello,
    Verb.CLAIM: wire.Claim,
    Verb.BEAT: wire.Beat,
    Verb.REPORT: wire.Report,
    Verb.TARGET: wire.TargetAsked,
}


@dataclass
class Faults:
    """What is to go wrong on the way; each count is of messages of that verb still to be spoiled."""

    away: bool = False
    unheard: Counter[str] = field(default_factory=Counter)
    """Questions that never come to the hub."""
    unanswered: Counter[str] = field(default_factory=Counter)
    """Questions that the hub hears and acts on, whose answer is lost."""
    twice: Counter[str] = field(default_factory=Counter)
    """Questions that come to the hub twice."""
    refused: Counter[str] = field(default_factory=Counter)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    """Answers that wait, after the hub has acted, until their gate is opened."""


class SiteHub:
    """The truth about the tasks of one node, told over a `Link`; every message really goes through the wire's bytes."""

    def __init__(self, heartbeat: float = 5.0, lease_beats: int = 6) -> None:
        self.faults = Faults()
        self.welcome = wire.Welcome(wire.VERSION, heartbeat, lease_beats)
        self.known: set[bytes] = set()
        self.pending: defaultdict[tuple[str, str], deque[wire.Grant]] = defaultdict(deque)
        self.held: dict[bytes, wire.Grant] = {}
        """Runs that are STARTED here."""
        self.ended: dict[int, wire.Ended | wire.WalkEnded | wire.Failed] = {}
        """How each task ended; the first event of its valid run counts."""
        self.found: list[wire.Found] = []
        self.cursors: dict[int, bytes] = {}
        self.stale: list[wire.Event] = []
        self.applied: Counter[bytes] = Counter()
        self.heard: list[tuple[Verb, wire.Message]] = []
        """Every question that came here, in order."""
        self.handing_back: set[bytes] = set()
        self.wishes = wire.NodeWishes()
        """What people wish of the node."""
        self.targets: dict[wire.TargetAsked, wire.TargetTold] = {}
        self._claims: dict[tuple[bytes, int], list[wire.Grant]] = {}
        self._numbers = count(1)
        self._ring: Callable[[], None] = lambda: None

    # What tests do with it ------------------------------------------------------------------------------------

    def add(self, step: str, paths: Iterable[bytes] = (b"a",), **more: object) -> wire.Grant:
        """A task of a step on these paths, waiting to be claimed."""
        listed = list(paths)
        kinds = bytes([Kind.FILE]) * len(listed)
        batch = wire.pack(wire.Batch("data", listed, kinds, [1] * len(listed), ["processed"]))
        return self._queue({"step": step, "function": "worker", "batch": batch, **more})

    def add_walk(self, discovery: str, cursor: bytes = b"", **more: object) -> wire.Grant:
        """A discovery of the whole root, waiting to be claimed."""
        matchers = [wire.Matcher(0, 0, "all")]
        walk = wire.Walk(discovery, {}, [wire.Input("data", b"")], matchers, cursor)
        grant = self._queue({"step": "discovery", "function": "discovery", "walk": walk, **more})
        self.cursors[grant.task] = cursor
        return grant

    def _queue(self, values: dict[str, object]) -> wire.Grant:
        number = next(self._numbers)
        defaults = {
            "task": number,
            "run": number.to_bytes(16, "big"),
            "job": 1,
            "queue": "default",
            "arguments": {},
            "small": True,
        }
        grant = wire.Grant(**{**defaults, **values})  # type: ignore[arg-type]
        self.pending[grant.queue, grant.function].append(grant)
        return grant

    def wake(self) -> None:
        """Hint that there may be work."""
        self._ring()

    def lose(self, *grants: wire.Grant) -> None:
        """Take runs from the node: their lease is lost."""
        for grant in grants:
            self.held.pop(grant.run, None)

    def of(self, kind: type[M]) -> list[M]:
        """All questions of a kind that came here, in order."""
        return [message for _, message in self.heard if isinstance(message, kind)]

    # The link -------------------------------------------------------------------------------------------------

    def on_wake(self, ring: Callable[[], None]) -> None:
        """Call `ring` on a hint."""
        self._ring = ring

    async def ask(self, verb: Verb, question: wire.Message, answer: type[Answer], timeout: float) -> Answer:
        """The hub's answer, if nothing goes wrong on the way."""
        return wire.unpack(await self.ask_packed(verb, wire.pack(question, wire.MAX_MESSAGE)), answer)

    async def ask_packed(self, verb: Verb, packed: bytes) -> bytes:
        """The packed answer to a packed question."""
        await asyncio.sleep(0)
        faults = self.faults
        if faults.away or _due(faults.unheard, verb):
            raise HubAway("the hub does not answer")
        if _due(faults.refused, verb):
            raise HubRefused("not now")
        answer = wire.pack(self._answered(verb, packed), wire.MAX_MESSAGE)
        if _due(faults.twice, verb):
            self._answered(verb, packed)
        if gate := faults.gates.get(verb):
            await gate.wait()
        if _due(faults.unanswered, verb):
            raise HubAway("the hub's answer was lost")
        return answer

    def _answered(self, verb: Verb, packed: bytes) -> wire.Message:
        question = wire.unpack(packed, QUESTIONS[verb])
        self.heard.append((verb, question))
        match question:
            case wire.Hello():
                self.known.add(question.incarnation)
                return msgspec.structs.replace(self.welcome, wishes=self.wishes)
            case wire.Claim():
                return self._granted(question)
            case wire.Beat():
                return self._judged(question)
            case wire.Report():
                return self._reported(question)
            case wire.TargetAsked():
                return self.targets.get(question, wire.TargetTold(""))
            case _:
                raise AssertionError(f"expected a question of a node, found {question}")

    # What the hub decides -------------------------------------------------------------------------------------

    def _granted(self, claim: wire.Claim) -> wire.Grants:
        if claim.incarnation not in self.known:
            raise HubRefused("expected a hello of this incarnation first")
        key = (claim.incarnation, claim.number)
        if key not in self._claims:
            granted: list[wire.Grant] = []
            self._claims[key] = granted
            for want in claim.wants:
                due = self.pending[want.queue, want.function]
                granted += [due.popleft() for _ in range(min(want.slots, len(due), 64 - len(granted)))]
            self.held.update((grant.run, grant) for grant in granted)
        granted = [grant for grant in self._claims[key] if grant.run in self.held]
        return wire.Grants(claim.number, granted, more=len(granted) == 64)

    def _judged(self, beat: wire.Beat) -> wire.Verdicts:
        if beat.incarnation not in self.known:
            return wire.Verdicts([], [], known=False)
        back = [run for run in beat.runs if run in self.handing_back and run in self.held]
        return wire.Verdicts(back, [run for run in beat.runs if run not in self.held], wishes=self.wishes)

    def _reported(self, report: wire.Report) -> wire.Applied:
        refusals = []
        for number, packed in enumerate(report.events, report.first):
            if number > self.applied[report.incarnation]:
                assert number == self.applied[report.incarnation] + 1, "expected events without a gap"
                self.applied[report.incarnation] = number
                refusals += self._event(event_of(packed))
        return wire.Applied(self.applied[report.incarnation], refusals)

    def _event(self, event: wire.Event) -> list[wire.Refusal]:
        if event.run not in self.held:
            self.stale.append(event)
            return [wire.Refusal(event.run, "this run is no longer the task's")]
        if isinstance(event, wire.Found):
            if event.cursor_from != self.cursors[event.task]:
                return [wire.Refusal(event.run, "the walk is elsewhere", self.cursors[event.task])]
            self.cursors[event.task] = event.cursor_to
            self.found.append(event)
            return []
        del self.held[event.run]
        self.ended[event.task] = event
        return []


def event_of(packed: bytes) -> wire.Event:
    """The event in its packed form."""
    event: wire.Event = wire.unpack(packed, wire.Event)  # type: ignore[arg-type]
    return event


def _due(counts: Counter[str], verb: Verb) -> bool:
    """Whether this one is to be spoiled; counts it."""
    if counts[verb] <= 0:
        return False
    counts[verb] -= 1
    return True
