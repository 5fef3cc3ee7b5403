"""What every route is given: the database, the settings, and who is asking."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader

from towpath.api.problems import Unauthenticated
from towpath.config import HubSettings
from towpath.engine import registry
from towpath.store.database import Database

SCHEME = "Api-Key"
HEADER = APIKeyHeader(
    name="Authorization",
    scheme_name=SCHEME,
    description=f"`{SCHEME} …` with a key of this hub",
    auto_error=False,
)


@dataclass(frozen=True, slots=True)
class Context:
    """The rooms and settings that routes work with."""

    database: Database
    settings: HubSettings
    hub_key: bytes
    """The key under which secrets are encrypted in the database."""
    hears_bus: Callable[[], Awaitable[bool]]
    """Whether the hub could hear a node now."""


def context_of(request: Request) -> Context:
    """The context of the app that serves the request."""
    context = request.app.state.context
    assert isinstance(context, Context)
    return context


Hub = Annotated[Context, Depends(context_of)]


async def caller_of(header: Annotated[str | None, Security(HEADER)], hub: Hub) -> str:
    """The name of the API key that the request carries; raises `Unauthenticated`."""
    scheme, _, key = (header or "").partition(" ")
    if scheme.lower() != SCHEME.lower() or not key:
        raise Unauthenticated(f"expected a header 'Authorization: {SCHEME} …' with a key of this hub")
    name = await hub.database.read(lambda conn: registry.authenticate(conn, key.strip()))
    if name is None:
        raise Unauthenticated("the hub does not know that API key")
    return name


Caller = Annotated[str, Depends(caller_of)]
