"""Joining: the tokens with which nodes come from elsewhere, and the open door that takes them."""

from datetime import datetime
from typing import Annotated, Self
from urllib.parse import urlsplit

import structlog
from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from towpath.api.context import Call, Caller, Hub, address_of, deed_of
from towpath.api.forms import Moment, Number
from towpath.api.routers import Router
from towpath.api.times import at, maybe_at, microseconds
from towpath.bus.keys import is_public_key, load_seed, public_key
from towpath.bus.settings import split_urls
from towpath.config import Front, HubSettings, is_loopback
from towpath.domain.errors import Conflict, Mistake
from towpath.engine import audit, joining
from towpath.engine.joining import Joiner, NotAdmitted, TokenState, TokenView
from towpath.store.database import Tx
from towpath.wire.joining import Ticket, write_token
from towpath.wire.pins import pin_of_pem

log = structlog.get_logger()

ATTEMPTS = 10
"""How often one address may try to join within a minute."""

open_router = Router(prefix="/api/join", tags=["joining"])
"""What anybody may call who has a token."""
router = Router(prefix="/api/join/tokens", tags=["joining"])


class JoinToken(BaseModel):
    """A token with which one node joins a site, without what opens."""

    id: int
    site: str = Field(examples=["rome"])
    node: str | None = Field(description="The name that the node must take; null: one of its own.")
    state: TokenState
    made_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    used_by: str | None = Field(description="The name of the node that joined.")

    @classmethod
    def of(cls, token: TokenView) -> Self:
        """The token as the API shows it."""
        return cls(
            id=token.id,
            site=token.site,
            node=token.node,
            state=token.state,
            made_by=token.made_by,
            created_at=at(token.created_at),
            expires_at=at(token.expires_at),
            revoked_at=maybe_at(token.revoked_at),
            used_at=maybe_at(token.used_at),
            used_by=token.used_by,
        )


class JoinTokens(BaseModel):
    """Tokens, the newest first."""

    count: int
    results: list[JoinToken]


class NewJoinToken(BaseModel):
    """A token to make."""

    model_config = ConfigDict(extra="forbid")

    site: str = Field(examples=["rome"])
    node: str | None = Field(default=None, description="Only for a node of that name.")
    expires_at: Moment | None = Field(default=None, description="In an hour where left out; within 30 days.")
    url: str | None = Field(
        default=None,
        max_length=300,
        description="Under which the node reaches the hub; as the hub was told, or as the caller has reached it.",
        examples=["https://hub.example.org:8420"],
    )


class MadeJoinToken(JoinToken):
    """A token that was just made."""

    token: str = Field(description="The token itself; shown this once.")


class JoinAsked(BaseModel):
    """What a node comes with."""

    model_config = ConfigDict(extra="forbid")

    code: SecretStr = Field(max_length=100, description="The code within its token.")
    public_key: str = Field(
        description="The public part of its NKEY.", examples=["UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAH"]
    )
    node: str | None = Field(default=None, description="The name that it would like.", examples=["local"])
    machine: str | None = Field(default=None, description="Its name where neither it nor the token says one.")


class Admission(BaseModel):
    """Where a node goes on that was let in."""

    site: str
    node: str
    bus: str = Field(
        description="NATS servers, with commas between.", examples=["tls://hub.example.org:4222"]
    )
    bus_ca: str = Field(description="Authorities that may vouch for them, PEM; empty: the usual ones.")
    bus_name: str = Field(description="What their certificates name; empty: the host of the URL.")
    others: bool = Field(description="The site has had other nodes, whose key for marks this one needs.")


@router.get("/", summary="List join tokens")
async def list_join_tokens(hub: Hub, site: Annotated[str | None, Query()] = None) -> JoinTokens:
    """Those that can be used, and for a month those that cannot be used any more."""
    now = hub.context.clock()
    found = await hub.database.read(lambda conn: joining.list_tokens(conn, site, now))
    return JoinTokens(count=len(found), results=[JoinToken.of(token) for token in found])


@router.post("/", status_code=201, summary="Make a token with which a node joins a site")
async def make_join_token(body: NewJoinToken, request: Request, hub: Hub, caller: Caller) -> MadeJoinToken:
    """It works once. It names the hub's URL and the certificate that it must show there."""
    settings = hub.context.settings
    url = _url(body.url or settings.front.url or str(request.base_url))
    if is_loopback(urlsplit(url).hostname or "") and not (body.url or settings.front.listen.is_loopback):
        raise Mistake(
            f"url: expected the one under which the node reaches the hub (--url, also of `towpath up`), found {url}, by"
            " which only the hub's own machine does"
        )
    pin = _pin(settings.front, url)
    _bus_for(settings, urlsplit(url).hostname or "")
    until = None if body.expires_at is None else microseconds(body.expires_at)

    def write(tx: Tx) -> MadeJoinToken:
        number, code = joining.make_token(tx, body.site, body.node, caller, until)
        shown = JoinToken.of(joining.find_token(tx.conn, number, tx.now)).model_dump()
        return MadeJoinToken(**shown, token=write_token(Ticket(url, pin, code)))

    return await hub.write(write)


@router.delete("/{token_id:int}/", status_code=204, summary="Revoke a join token")
async def revoke_join_token(token_id: Number, hub: Hub) -> None:
    """Nobody joins with it."""
    await hub.write(lambda tx: joining.revoke_token(tx, token_id))


@open_router.post("/", status_code=201, summary="Join a site with a token")
async def join(asked: JoinAsked, request: Request, hub: Hub) -> Admission:
    """A node that was given a token says the public part of its key, and is let in at the bus a moment later."""
    hub.context.joins.count(address_of(request))
    settings = hub.context.settings
    if not is_public_key(asked.public_key) or asked.public_key == _own_key(settings):
        raise Mistake(
            "public_key: expected a public NKEY (U…, 56 characters) of the node's own, found another text"
        )
    bus = _bus_for(settings, request.url.hostname or "")
    joiner, code = Joiner(asked.public_key, asked.node, asked.machine), asked.code.get_secret_value()
    deed = await deed_of(request, "", "join")

    def write(tx: Tx) -> joining.Joined:
        joined = joining.join(tx, code, joiner)
        audit.record(tx, audit.Deed(f"{joined.site}/{joined.node}"[:100], "join", *_rest(deed)))
        return joined

    try:
        joined = await hub.database.write(write)
    except NotAdmitted:
        await _note_refusal(hub, request, code)
        raise
    ca = "" if settings.bus_ca is None else settings.bus_ca.read_text("ascii")
    name = settings.bus_name
    return Admission(
        site=joined.site, node=joined.node, bus=bus, bus_ca=ca, bus_name=name, others=joined.others
    )


def _rest(deed: audit.Deed) -> tuple[str, str, str, str]:
    return deed.address, deed.action, deed.thing, deed.asked


async def _note_refusal(hub: Call, request: Request, code: str) -> None:
    """Keep the attempt to use a token that opens nothing any more; of codes that are none nobody fills the log."""
    address, now = address_of(request), hub.context.clock()
    log.warning("join refused", address=address)
    token = await hub.database.read(lambda conn: joining.token_of(conn, code, now))
    if token is not None:
        thing = f"/api/join/tokens/{token.id}/"
        deed = audit.Deed("", "join", address, "join_refused", thing, f'"{token.state}"')
        await hub.database.write(lambda tx: audit.record(tx, deed))


def _own_key(settings: HubSettings) -> str:
    """The hub's own key: a node that had it would keep everybody out, since the bus takes none twice."""
    return public_key(load_seed(settings.seed_file)) if settings.seed_file.exists() else ""


def _url(text: str) -> str:
    """The hub's URL as a token may name it; raises `Mistake`."""
    url = text.rstrip("/")
    Front(url=url)
    return url


def _pin(front: Front, url: str) -> bytes:
    """The pin of the hub's own certificate; empty where a proxy's certificate stands before it, or none."""
    if front.cert is None or not url.startswith("https:"):
        return b""
    return pin_of_pem(front.cert.read_bytes())


def _bus_for(settings: HubSettings, host: str) -> str:
    """Where a node finds the bus that reaches the hub by that host; raises `Conflict` where it cannot."""
    named = settings.node_bus or settings.bus_url
    for url in split_urls(named):
        there = urlsplit(url).hostname or ""
        if is_loopback(there) and not is_loopback(host):
            raise Conflict(
                f"expected a bus that others than the hub's machine can reach, as {host} does; found {url}: start the"
                " hub with --bus-listen HOST:PORT"
            )
    return named.replace("//*", f"//[{host}]" if ":" in host else f"//{host}")
