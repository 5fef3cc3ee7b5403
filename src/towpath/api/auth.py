"""Signing in and out: sessions for browsers, tokens for programs, passwords."""

import asyncio
from datetime import datetime
from functools import partial

import structlog
from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from starlette.responses import Response

from towpath.api import by_directory
from towpath.api.context import Asking, Call, Hub, address_of, deed_of
from towpath.api.door import cookie_name, cookie_of, slow_down
from towpath.api.forms import Number
from towpath.api.routers import Router
from towpath.api.times import at
from towpath.api.tokens import Kind, expires_at
from towpath.domain.errors import NotFound
from towpath.domain.rights import Asker, Right, Role, Via
from towpath.engine import audit, groups, sign_in
from towpath.engine.sessions import SessionView, end_session_of, list_sessions_of
from towpath.engine.sign_in import Attempt, Refused
from towpath.store.database import Tx

log = structlog.get_logger()

open_router = Router(prefix="/api/auth", tags=["auth"], dependencies=[Depends(slow_down)])
"""What anybody may call: each of its routes asks for a secret itself."""
router = Router(prefix="/api/auth", tags=["auth"])


class SignIn(BaseModel):
    """A user's name and password."""

    model_config = ConfigDict(extra="forbid")

    username: str = Field(max_length=100, examples=["ana"])
    password: SecretStr = Field(max_length=1000)


class Me(BaseModel):
    """Who makes a request, and what they may do."""

    user: str = Field(examples=["ana"])
    role: Role
    rights: list[Right]
    via: Via = Field(description="By what they have shown who they are.")

    @classmethod
    def of(cls, asker: Asker) -> "Me":
        """The asker as the API shows them."""
        return cls(user=asker.user, role=asker.role, rights=sorted(asker.rights), via=asker.via)


class SignedIn(Me):
    """A session that has begun."""

    csrf_token: str = Field(description="To be sent as X-CSRF-Token with each call that changes something.")


class RunsIn(BaseModel):
    """A space in which the caller may run jobs."""

    site: str
    space: str


class SessionNow(Me):
    """The caller, and for a browser the token that goes with its cookie."""

    csrf_token: str | None
    runs_in: list[RunsIn] = Field(
        description="Spaces in which they may run jobs for the sake of their groups; empty where they may anywhere."
    )


class TokenPair(BaseModel):
    """Two tokens: one for calls, and one for the next pair's first half."""

    access: str
    refresh: str
    access_expires_at: datetime
    refresh_expires_at: datetime


class RefreshAsked(BaseModel):
    """The longer-lived token of a pair."""

    model_config = ConfigDict(extra="forbid")

    refresh: SecretStr


class Access(BaseModel):
    """A fresh token for calls."""

    access: str
    access_expires_at: datetime


class LinkUsed(BaseModel):
    """The code of a one-time link, and the password that is to be set."""

    model_config = ConfigDict(extra="forbid")

    code: SecretStr
    password: SecretStr


class PasswordChange(BaseModel):
    """The caller's password and the one that takes its place."""

    model_config = ConfigDict(extra="forbid")

    old_password: SecretStr
    password: SecretStr


class UserNamed(BaseModel):
    """Whose password was set."""

    username: str


class Session(BaseModel):
    """Where a user has signed in."""

    id: int
    via: Via
    address: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, session: SessionView) -> "Session":
        """The session as the API shows it."""
        return cls(
            id=session.id,
            via=session.via,
            address=session.address,
            created_at=at(session.created_at),
            used_at=at(session.used_at),
            expires_at=at(session.expires_at),
        )


class Sessions(BaseModel):
    """All sessions of the caller, the newest first."""

    count: int
    results: list[Session]


async def _hash(hub: Call, password: str) -> str:
    async with hub.context.hashing:
        return await asyncio.to_thread(sign_in.hash_password, password)


async def _check(hub: Call, request: Request, asked: SignIn) -> Attempt:
    """An attempt whose password is right; raises `Refused`, and records it where it is not."""
    address = address_of(request)
    attempt = await hub.database.write(partial(sign_in.begin, user=asked.username))
    async with hub.context.hashing:
        right = await asyncio.to_thread(sign_in.is_right, attempt, asked.password.get_secret_value())
    if right:
        return attempt
    log.warning("sign-in refused", user=asked.username, address=address)
    if attempt.hashed is not None:
        # Only of users that there are, who are locked out after a few: nobody can fill the log from outside.
        deed = audit.Deed(asked.username, "", address, "sign_in_refused", request.url.path)
        await hub.database.write(lambda tx: audit.record(tx, deed))
    raise Refused(sign_in.WRONG)


async def _sign_in(hub: Call, request: Request, asked: SignIn, via: Via) -> tuple[Asker, str]:
    found = await by_directory.sign_in_by_directory(
        hub, request, asked.username, asked.password.get_secret_value(), via
    )
    if found is not None:
        return found
    attempt = await _check(hub, request, asked)
    deed = await deed_of(request, asked.username, via)

    def write(tx: Tx) -> tuple[Asker, str]:
        audit.record(tx, deed)
        return sign_in.succeed(tx, attempt, via, address_of(request))

    return await hub.database.write(write)


@open_router.post("/session/", summary="Sign in with a browser")
async def begin_session(asked: SignIn, request: Request, response: Response, hub: Hub) -> SignedIn:
    """Sets a cookie that scripts cannot read; five wrong passwords lock a user out for a quarter of an hour."""
    asker, secret = await _sign_in(hub, request, asked, Via.SESSION)
    response.set_cookie(
        cookie_name(request),
        secret,
        max_age=round(hub.context.lasting.whole),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return SignedIn(**Me.of(asker).model_dump(), csrf_token=sign_in.csrf_token(secret))


@open_router.post("/token/", summary="Sign in with a program")
async def make_tokens(asked: SignIn, request: Request, hub: Hub) -> TokenPair:
    """An access token for an hour, and a refresh token for a day; both end with the session."""
    asker, secret = await _sign_in(hub, request, asked, Via.TOKEN)
    now, tokens = hub.context.clock(), hub.context.tokens
    return TokenPair(
        access=tokens.make(Kind.ACCESS, asker.user, secret, now),
        refresh=tokens.make(Kind.REFRESH, asker.user, secret, now),
        access_expires_at=expires_at(Kind.ACCESS, now),
        refresh_expires_at=expires_at(Kind.REFRESH, now),
    )


@open_router.post("/token/refresh/", summary="Get another access token")
async def refresh_token(asked: RefreshAsked, hub: Hub) -> Access:
    """With the refresh token of a pair, while its session stands."""
    now, tokens = hub.context.clock(), hub.context.tokens
    secret = tokens.secret_of(Kind.REFRESH, asked.refresh.get_secret_value(), now)
    found = None
    if secret:
        found = await hub.database.read(lambda conn: sign_in.open_with_secret(conn, Via.TOKEN, secret, now))
    if found is None or secret is None:
        raise Refused("expected a refresh token that is not older than a day, and whose session stands")
    access = tokens.make(Kind.ACCESS, found[0].user, secret, now)
    return Access(access=access, access_expires_at=expires_at(Kind.ACCESS, now))


@open_router.post("/password/", summary="Set a password with a one-time link")
async def set_password(asked: LinkUsed, request: Request, hub: Hub) -> UserNamed:
    """The link is spent, and whoever was signed in as that user is signed out."""
    code, now = asked.code.get_secret_value(), hub.context.clock()
    user = await hub.database.read(lambda conn: sign_in.user_of_link(conn, code, now))
    hashed = await _hash(hub, sign_in.checked(user, asked.password.get_secret_value()))
    deed = await deed_of(request, user, "link")

    def write(tx: Tx) -> str:
        audit.record(tx, deed)
        return sign_in.use_link(tx, code, hashed)

    return UserNamed(username=await hub.database.write(write))


@router.get("/session/", summary="Ask who one is")
async def show_session(asker: Asking, request: Request, hub: Hub) -> SessionNow:
    """Who the hub takes the caller for, and what they may do."""
    secret = cookie_of(request)
    token = sign_in.csrf_token(secret) if secret and asker.via is Via.SESSION else None
    runs_in: list[RunsIn] = []
    if Right.RUN not in asker.rights and Right.RUN in asker.scopes:
        places = await hub.database.read(lambda conn: groups.reach(conn, asker.user, Right.RUN))
        runs_in = [RunsIn(site=site, space=space) for site, space in sorted(places)]
    return SessionNow(**Me.of(asker).model_dump(), csrf_token=token, runs_in=runs_in)


@router.delete("/session/", status_code=204, summary="Sign out")
async def end_session(asker: Asking, hub: Hub, request: Request, response: Response) -> None:
    """Ends the caller's session; a key stays."""
    if asker.via is Via.KEY:
        raise NotFound("expected a session or a token, found a key: revoke it instead")
    await hub.write(lambda tx: sign_in.end(tx, asker.credential))
    secure = request.url.scheme == "https"
    response.delete_cookie(cookie_name(request), httponly=True, samesite="strict", secure=secure)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


@router.get("/sessions/", summary="List one's own sessions")
async def list_sessions(asker: Asking, hub: Hub) -> Sessions:
    """Where the caller has signed in."""
    now = hub.context.clock()
    found = await hub.database.read(lambda conn: list_sessions_of(conn, asker.user, now))
    return Sessions(count=len(found), results=[Session.of(session) for session in found])


@router.delete("/sessions/{session_id:int}/", status_code=204, summary="End one of one's own sessions")
async def end_other_session(session_id: Number, asker: Asking, hub: Hub) -> None:
    """Whoever uses it is signed out with their next call."""
    await hub.write(lambda tx: end_session_of(tx, asker.user, session_id))


@router.put("/password/", status_code=204, summary="Change one's own password")
async def change_password(asked: PasswordChange, asker: Asking, request: Request, hub: Hub) -> None:
    """Needs the one before, however the caller came in; all other sessions of the caller end."""
    old = SignIn(username=asker.user, password=asked.old_password)
    password = sign_in.checked(asker.user, asked.password.get_secret_value())
    await _check(hub, request, old)
    hashed = await _hash(hub, password)
    keep = None if asker.via is Via.KEY else asker.credential
    await hub.write(lambda tx: sign_in.set_password(tx, asker.user, hashed, keep))
