"""A sign-in under way: what the hub keeps of it, in a cookie that it alone can read and that one browser alone has."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Final

import nacl.exceptions
from fastapi import Request
from nacl.secret import SecretBox
from starlette.responses import Response

from towpath.domain.errors import Mistake
from towpath.domain.providers import Question

COOKIE: Final = "towpath_sign_in"
SECONDS: Final = 600
"""For which somebody may take to sign in at their provider."""


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A sign-in that a browser has begun."""

    provider: str
    question: Question
    leads_to: str
    """The page of the hub that they wanted."""


def _box(hub_key: bytes) -> SecretBox:
    """Under a key of its own: nothing that the hub has encrypted for another end passes for a sign-in."""
    return SecretBox(
        hashlib.blake2b(b"towpath sign-in", key=hub_key, digest_size=SecretBox.KEY_SIZE).digest()
    )


def _name(request: Request) -> str:
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE


def keep(request: Request, response: Response, begun: UnderWay, hub_key: bytes, now: int) -> None:
    """Have the browser keep it; `now` in seconds since 1970."""
    told = [begun.provider, *astuple(begun.question), begun.leads_to, now + SECONDS]
    sealed = _box(hub_key).encrypt(json.dumps(told).encode())
    response.set_cookie(
        _name(request),
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=SECONDS,
        httponly=True,
        # It is the provider's page that leads back here: a strict cookie would stay behind.
        samesite="lax",
        secure=request.url.scheme == "https",
    )


def forget(request: Request) -> Callable[[Response], None]:
    """What makes a response end the sign-in in the browser, however it ended."""
    name, secure = _name(request), request.url.scheme == "https"
    return lambda response: response.delete_cookie(name, httponly=True, samesite="lax", secure=secure)


def find(request: Request, hub_key: bytes, now: int) -> UnderWay | None:
    """The sign-in that the browser has begun; None where there is none, or it began too long ago."""
    kept = request.cookies.get(_name(request), "")
    try:
        told = json.loads(_box(hub_key).decrypt(base64.urlsafe_b64decode(kept)))
    except (ValueError, nacl.exceptions.CryptoError):
        return None
    provider, state, nonce, verifier, leads_to, until = told
    if until < now:
        return None
    return UnderWay(provider, Question(state, nonce, verifier), leads_to)


def check_way(text: str) -> str:
    """A path within this hub, as given; raises `Mistake` for what could lead elsewhere."""
    sound = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    if not sound:
        raise Mistake("next: expected a path of this hub such as /, found something else")
    return text
