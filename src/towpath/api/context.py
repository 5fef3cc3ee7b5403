"""What every route is given: the database, the settings, and who is asking."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from fastapi import Depends, Request
from sqlalchemy.engine import Connection

from towpath.api import held
from towpath.api.feed import Feed
from towpath.api.measures import Measures
from towpath.api.rates import Rates
from towpath.api.sharing import Sharing
from towpath.api.tokens import Tokens
from towpath.config import HubSettings
from towpath.domain.rights import Asker, Right
from towpath.domain.traces import Span, Traces, place_in
from towpath.engine import audit
from towpath.engine.audit import Deed
from towpath.engine.sign_in import Lasting
from towpath.store import events
from towpath.store.database import Database, Tx
from towpath.store.standing import Standing

T = TypeVar("T")

CHANGES_RIGHTS = frozenset({Right.ADMINISTER, Right.OWN})
"""What an operation needs that may change what somebody may do: people, groups, spaces, keys, sessions."""


@dataclass(slots=True)
class Context:
    """The rooms and settings that routes work with."""

    database: Database
    settings: HubSettings
    hub_key: bytes
    """The key under which secrets are encrypted in the database."""
    hears_bus: Callable[[], Awaitable[bool]]
    """Whether the hub could hear a node now."""
    clock: Callable[[], int]
    """Microseconds since 1970, UTC."""
    tokens: Tokens
    """Makes and reads the tokens that programs sign in with."""
    feed: Feed
    """Live events, for all who listen at this hub."""
    measures: Measures
    rates: Rates
    """How often each caller has called."""
    joins: Rates
    """How often each address has shown a join token."""
    refusals: Rates
    """How often each address has brought an answer of an identity provider that was refused."""
    sharing: Sharing
    """Readings for all who ask the same at this hub."""
    traces: Traces | None = None
    """The traces of jobs, where they are told of."""
    lasting: Lasting = field(default_factory=Lasting)
    """How long sessions last, as it was set last."""
    looked: tuple[int, Standing] | None = None
    """How all stood when it was looked last, and when that was."""
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """A password's hash takes 64 MiB and a tenth of a second: guesses must take neither memory nor all cores."""


def context_of(request: Request) -> Context:
    """The context of the app that serves the request."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


def address_of(request: Request) -> str:
    """From where a request comes: the other end of its connection."""
    return request.client.host if request.client else ""


def asker_of(request: Request) -> Asker:
    """Who makes the request, once they have been let in."""
    asker = request.state.asker
    assert isinstance(asker, Asker), "only routes behind the door have an asker"
    return asker


async def deed_of(request: Request, by: str, via: str) -> Deed:
    """What a request does, as the audit log keeps it."""
    action = request.scope["route"].name
    return Deed(
        by=by,
        via=via,
        address=address_of(request),
        action=action,
        thing=request.url.path,
        asked=audit.blanked(action, await request.body()),
    )


@dataclass(slots=True)
class Call:
    """One request to the API: the hub's rooms, and the one way to write on behalf of who asks."""

    context: Context
    request: Request
    _recorded: bool = field(default=False, init=False)

    @property
    def database(self) -> Database:
        """To read from; what is written through it directly is not in the audit log."""
        return self.context.database

    @property
    def hub_key(self) -> bytes:
        """The key under which secrets are encrypted in the database."""
        return self.context.hub_key

    async def hears_bus(self) -> bool:
        """Whether the hub could hear a node now."""
        return await self.context.hears_bus()

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run a reader of what the URL asks for, as `Database.read` does; whoever asks for the same may be given what
        it finds, which must depend on nothing but the URL and where the caller may see."""
        asked = str(self.request.url), asker_of(self.request).reach
        return await self.context.sharing.read(asked, work)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run a writer, as `Database.write` does; the first of a request is recorded, in its own transaction."""
        if self._recorded:
            return await self.database.write(work)
        asker, needed = asker_of(self.request), self.request.state.needed
        deed = await deed_of(self.request, asker.user, asker.via)

        def recorded(tx: Tx) -> T:
            held.check(self.request, tx)
            done = work(tx)
            audit.record(tx, deed)
            if needed in CHANGES_RIGHTS:
                events.doubt(tx)
            return done

        result = await self.database.write(recorded)
        self._recorded = True
        return result

    def now(self) -> int:
        """When something began that may be traced: nanoseconds since 1970; 0 where nothing is."""
        return self.context.traces.told.now() if self.context.traces else 0

    def trace(self, job_id: int, workflow: str, began: int) -> None:
        """Tell, where the ways of jobs are told of, that this request has made a job; linked to the span in
        which another program asked for it, where that says so (`traceparent`)."""
        traces = self.context.traces
        if traces is None:
            return
        facts: dict[str, str | int] = {"towpath.job.id": job_id, "towpath.workflow": workflow}
        facts |= {"enduser.id": asker_of(self.request).user, "http.route": self.request.scope["route"].path}
        caller = place_in(self.request.headers.get("traceparent", ""))
        ended = traces.told.now()
        told = Span(f"submit {workflow}", traces.of_job(job_id), b"", began, ended, facts, caller=caller)
        traces.told.tell(told)


# What follows is awaited, though it waits for nothing: FastAPI runs what is not in a thread of its own, and the way
# there and back takes longer than all of it, most of all while a writer keeps the interpreter busy.


async def call_of(request: Request) -> Call:
    """The request as routes see it."""
    return Call(context_of(request), request)


Hub = Annotated[Call, Depends(call_of)]


async def caller_of(request: Request) -> str:
    """The name of the user who asks."""
    return asker_of(request).user


async def asking(request: Request) -> Asker:
    """Who asks."""
    return asker_of(request)


Caller = Annotated[str, Depends(caller_of)]
Asking = Annotated[Asker, Depends(asking)]
