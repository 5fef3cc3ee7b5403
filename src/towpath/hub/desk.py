"""The desk: it answers what nodes ask on the bus, each question by one call of the engine."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

import structlog
from msgspec import structs

from towpath import wire
from towpath.bus.connection import Refused, Unanswered
from towpath.config import HubSettings
from towpath.domain.errors import Mistake
from towpath.domain.traces import Telling, Traces
from towpath.engine import grant, nodes, questions, receive, registry, workflows
from towpath.hub import apprise_urls
from towpath.hub.conductor import Candidate
from towpath.hub.link import Link
from towpath.hub.notices import Send
from towpath.hub.oneself import Examine, examine
from towpath.hub.posting import Post, Postage, post
from towpath.hub.rounds import Keep, Rounds
from towpath.hub.tracing import Asked, Tracing
from towpath.hub.watching import Watched
from towpath.store.database import Database, Tx
from towpath.store.engines import Away

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()


def monotonic() -> float:
    """Seconds since the machine started, its sleep included: who slept must know that he did."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the hub takes from the machine it runs on: all of it can be a simulation's."""

    monotonic: Callable[[], float] = monotonic
    """Seconds since some fixed moment; a clock that somebody sets must not move it, and a machine's sleep must."""
    run_ids: grant.RunIds = grant.run_ids
    """Fresh names for that many runs."""
    post: Post = post
    """Sends a message to a webhook."""
    send: Send = apprise_urls.send
    """Sends a notice of an alert."""
    examine: Examine | None = examine
    """Looks at the hub's own disk and certificate; None = nobody does."""
    traces: Telling | None = None
    """Where the ways of jobs are told of; None = nowhere."""


class Desk:
    """The hub's side of the bus. `start` returns once nodes are answered; `stop` leaves nothing half done."""

    def __init__(
        self,
        database: Database,
        link: Link,
        settings: HubSettings,
        hub_key: bytes,
        machine: Machine | None = None,
    ) -> None:
        machine = machine or Machine()
        self._database = database
        self._link = link
        self._settings = settings
        self._hub_key = hub_key
        self._run_ids = machine.run_ids
        traces = Traces(hub_key, machine.traces) if machine.traces else None
        self._tracing = Tracing(database, traces) if traces else None
        candidate = Candidate(settings.name, settings.heartbeat, machine.monotonic)
        keep = Keep.of_days(settings.keep_days, settings.keep_events_days)
        postage = Postage(hub_key, settings.shown_url, machine.post, machine.send)
        looks = machine.examine and partial(machine.examine, settings.home, settings.front.cert)
        watched = Watched(settings.name, looks)
        self._rounds = Rounds(database, link, candidate, settings.lease_beats, keep, postage, watched)
        self._verbs: dict[str, Callable[[str, str, bytes], Callable[[Tx], object]]] = {
            "hello": self._hello,
            "claim": self._claim,
            "beat": self._beat,
            "report": self._report,
            "target": self._target,
            "answer": self._hear_answer,
        }
        self._wakes: set[asyncio.Task[None]] = set()
        self._hear_news: Callable[[], None] = _nothing

    async def start(self) -> None:
        """Begin to answer."""
        await self._database.write(workflows.install)
        loop = asyncio.get_running_loop()
        self._database.on_wake = lambda sites: _from_thread(loop, self._wake, set(sites))
        self._hear_news = lambda: _from_thread(loop, self._tell_news)
        self._database.on_news.append(self._hear_news)
        self._link.on_nudge(self._rounds.nudge)
        self._link.on_up(lambda: self._say(self._greet()))
        await self._link.serve(self._answer)
        self._rounds.start()

    async def stop(self) -> None:
        """Answer nobody any more."""
        await self._rounds.stop()
        self._database.on_wake = lambda sites: None
        if self._hear_news in self._database.on_news:
            self._database.on_news.remove(self._hear_news)
        await self._link.close()

    async def _answer(self, site: str, name: str, verb: str, payload: bytes) -> bytes:
        """The answer to one request; raises `Refused` with the reason for the node."""
        ask = self._verbs.get(verb)
        if ask is None:
            raise Refused(f"expected one of {', '.join(self._verbs)}, found '{verb}'")
        began = self._tracing.now() if self._tracing else 0
        try:
            reply = await self._database.write(ask(site, name, payload))
        except (wire.Malformed, Mistake, nodes.Unknown) as error:
            raise Refused(str(error)) from error
        except Away as error:
            raise Unanswered from error
        if self._tracing:
            reply = await self._tracing.traced(reply, payload, Asked(site, name, began))
        return wire.pack(reply, wire.MAX_MESSAGE)

    def _hello(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        said = wire.unpack(payload, wire.Hello)
        if said.version != wire.VERSION:
            raise wire.Malformed(f"hello: expected version {wire.VERSION}, found {said.version}")

        def work(tx: Tx) -> wire.Welcome:
            greeting = nodes.hello(tx, site, name, said)
            heartbeat, beats = self._settings.heartbeat, self._settings.lease_beats
            return wire.Welcome(wire.VERSION, heartbeat, beats, greeting.wishes, greeting.life)

        return work

    def _claim(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        asked = wire.unpack(payload, wire.Claim)

        def work(tx: Tx) -> wire.Grants:
            answer = grant.claim(tx, site, name, asked, self._run_ids)
            if answer.grants:
                return answer  # It has work, and so beats at once when something is asked.
            return structs.replace(answer, questions=questions.due(tx, site, name))

        return work

    def _beat(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        said = wire.unpack(payload, wire.Beat)

        def work(tx: Tx) -> wire.Verdicts:
            verdicts = nodes.beat(tx, site, name, said, self._settings.lease_beats)
            if not verdicts.known:
                return verdicts
            return structs.replace(verdicts, questions=questions.due(tx, site, name))

        return work

    def _report(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        report = wire.unpack(payload, wire.Report)
        return lambda tx: receive.receive(tx, site, name, report)

    def _target(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        asked = wire.unpack(payload, wire.TargetAsked)
        return lambda tx: registry.tell_target(tx, site, name, asked, self._hub_key)

    def _hear_answer(self, site: str, name: str, payload: bytes) -> Callable[[Tx], object]:
        said = wire.unpack(payload, wire.Answered)
        return lambda tx: questions.answer(tx, site, name, said)

    async def _greet(self) -> None:
        """Tell all sites that this hub answers: what nobody answered before is asked again at once."""
        with suppress(Away):
            for site in await self._database.read(registry.list_site_names):
                await self._link.wake(site, began=True)

    def _wake(self, sites: set[str]) -> None:
        for site in sorted(sites):
            self._say(self._link.wake(site))
        if self._rounds.conducts:
            self._rounds.nudge()
        else:
            self._say(self._link.nudge())

    def _tell_news(self) -> None:
        if self._rounds.conducts:
            self._rounds.nudge_telling()
        else:
            self._say(self._link.nudge())

    def _say(self, hint: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(hint)
        self._wakes.add(task)
        task.add_done_callback(self._wakes.discard)


def _from_thread(
    loop: asyncio.AbstractEventLoop, call: Callable[P, None], *given: P.args, **more: P.kwargs
) -> None:
    """Hand a hint from the writer's thread to the loop; a loop that has closed needs no hint."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(partial(call, *given, **more))


def _nothing() -> None:
    """Nobody is to be told."""
