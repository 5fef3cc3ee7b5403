"""Signing in with a provider of OpenID Connect: a browser is sent there, and comes back."""

import html
import secrets
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Annotated, Final, Protocol, cast

import structlog
from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field
from starlette.responses import Response

from towpath.api import problems, under_way
from towpath.api.context import Call, Hub, address_of
from towpath.api.door import cookie_name, slow_down
from towpath.api.providers import redirect_uri
from towpath.api.routers import Router
from towpath.api.under_way import UnderWay
from towpath.domain.errors import Mistake
from towpath.domain.providers import Kind, NotShown, Oidc, Person, Provider, ProviderSilent, Question
from towpath.domain.rights import Via
from towpath.engine import admission, audit, providers
from towpath.store.database import Tx

log = structlog.get_logger()

open_router = Router(prefix="/api/auth/sign-in", tags=["auth"], dependencies=[Depends(slow_down)])
"""What anybody may call: the provider asks for the secrets."""

REFUSALS: Final = 30
"""Answers that are refused for an address within a minute, and stand in the audit log; more are not looked at."""
SECOND: Final = 1_000_000
PAGE: Final = """<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={url}">
<title>Towpath</title><p>Signed in as {user}. <a href="{url}">Go on</a></p>
"""
"""A redirection would still come from the provider's page, and the session's strict cookie would stay behind."""
PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Text = Annotated[str | None, Query(max_length=4000)]
HTML: Mapping[int | str, dict[str, object]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "Signed in"}
}
SENT: Mapping[int | str, dict[str, object]] = {303: {"description": "To the provider's own page"}}


class Asking(Protocol):
    """How a provider is asked: `towpath.identity.oidc`."""

    async def ask(self, settings: Oidc, redirect: str) -> tuple[str, Question]:
        """Where a browser is sent, and what is kept meanwhile."""

    def is_from(self, settings: Oidc, issuer: str | None) -> bool:
        """Whether an answer may be a provider's."""

    async def read_answer(
        self, settings: Oidc, secret: str, question: Question, redirect: str, code: str, now: int
    ) -> Person:
        """Who somebody is."""


def asking() -> Asking:
    """The module that speaks OpenID Connect, whose libraries a hub without such a provider does without."""
    return cast(Asking, import_module("towpath.identity.oidc"))


class Way(BaseModel):
    """A way to sign in."""

    name: str = Field(examples=["lab"])
    title: str = Field(examples=["The lab's account"])
    kind: Kind
    url: str = Field(description="Where a browser begins.", examples=["/api/auth/sign-in/lab/"])


class Ways(BaseModel):
    """The ways to sign in beside a name and a password."""

    count: int
    results: list[Way]


@open_router.get("/", summary="List the ways to sign in")
async def list_ways(hub: Hub) -> Ways:
    """The identity providers to which a browser can be sent."""
    known = [view.provider for view in await hub.database.read(providers.list_providers)]
    ways = [
        Way(name=one.name, title=one.title, kind=one.kind, url=f"/api/auth/sign-in/{one.name}/")
        for one in known
    ]
    return Ways(count=len(ways), results=ways)


@open_router.get(
    "/{name}/", response_class=RedirectResponse, status_code=303, responses={**SENT}, summary="Sign in there"
)
async def begin_sign_in(
    name: str,
    request: Request,
    hub: Hub,
    leads_to: Annotated[str, Query(alias="next", max_length=1000)] = "/",
) -> Response:
    """Sends a browser to an identity provider, which sends it back within ten minutes; `next` is where it ends up."""
    leads_to = under_way.check_way(leads_to)
    view = await hub.database.read(lambda conn: providers.get_provider(conn, name))
    url, question = await asking().ask(view.provider.settings, _redirect(hub, name))
    response = RedirectResponse(url, 303, {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    begun = UnderWay(name, question, leads_to)
    under_way.keep(request, response, begun, hub.hub_key, hub.context.clock() // SECOND)
    return response


@open_router.get(
    "/{name}/callback/", response_class=HTMLResponse, responses={**HTML}, summary="Come back from there"
)
async def end_sign_in(
    name: str,
    request: Request,
    hub: Hub,
    state: Text = None,
    code: Text = None,
    error: Text = None,
    iss: Text = None,
) -> Response:
    """Where the provider sends the browser: opens a session as a password does, and leads to the page it wanted."""
    begun = under_way.find(request, hub.hub_key, hub.context.clock() // SECOND)
    try:
        response = await _end(
            hub, request, name, begun, {"state": state, "code": code, "error": error, "iss": iss}
        )
    except (Mistake, ProviderSilent) as refused:
        response = await _refuse(hub, request, name, refused, known=begun is not None)
    under_way.forget(request)(response)
    return response


async def _end(
    hub: Call, request: Request, name: str, begun: UnderWay | None, said: Mapping[str, str | None]
) -> Response:
    if begun is None or begun.provider != name:
        raise NotShown(
            "expected a sign-in that this browser began here within ten minutes, found none; begin again"
        )
    if not secrets.compare_digest((said["state"] or "").encode(), begun.question.state.encode()):
        raise NotShown(
            "expected the state of the sign-in that this browser began, found another; begin again"
        )
    view = await hub.database.read(lambda conn: providers.get_provider(conn, name))
    provider = view.provider
    if not asking().is_from(provider.settings, said["iss"]):
        raise NotShown(f"expected an answer of {provider.settings.issuer}, found one of another issuer")
    if said["error"] or not said["code"]:
        raise NotShown(f"{provider.title} has not let you in: {(said['error'] or 'no code')[:100]}")
    person = await _person(hub, provider, begun, said["code"])
    return await _open(hub, request, provider, person, begun.leads_to)


async def _person(hub: Call, provider: Provider, begun: UnderWay, code: str) -> Person:
    secret = await hub.database.read(lambda conn: providers.secret_of(conn, provider.name, hub.hub_key))
    now, redirect = hub.context.clock() // SECOND, _redirect(hub, provider.name)
    return await asking().read_answer(provider.settings, secret, begun.question, redirect, code, now)


async def _open(hub: Call, request: Request, provider: Provider, person: Person, leads_to: str) -> Response:
    address = address_of(request)

    def write(tx: Tx) -> tuple[str, str]:
        asker, secret = admission.admit(tx, provider, person, Via.SESSION, address)
        audit.record(tx, audit.Deed(asker.user, Via.SESSION, address, "end_sign_in", request.url.path))
        return asker.user, secret

    user, secret = await hub.database.write(write)
    page = PAGE.format(url=html.escape(leads_to), user=html.escape(user))
    response = HTMLResponse(page, headers=PAGE_HEADERS)
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=round(hub.context.lasting.whole),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


async def _refuse(
    hub: Call, request: Request, name: str, refused: Mistake | ProviderSilent, *, known: bool
) -> Response:
    """The problem; of a sign-in that began here it stands in the audit log too, and the log cannot be flooded."""
    address = address_of(request)
    hub.context.refusals.count(address)
    log.warning("sign-in refused", provider=name, address=address, reason=str(refused))
    if known:
        why = str(refused)[: audit.LONGEST_BODY]
        deed = audit.Deed("", name, address, "sign_in_refused", request.url.path, why)
        await hub.database.write(partial(audit.record, deed=deed))
    return problems.tell(request, refused)


def _redirect(hub: Call, name: str) -> str:
    return redirect_uri(hub.context.settings.shown_url, name)
