"""OpenID Connect: a browser is sent to the provider with a question, and brings back a code for the answer."""

import asyncio
import base64
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

import httpx
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from towpath.domain.errors import Mistake
from towpath.domain.providers import (
    LONGEST_SUBJECT,
    MOST_GROUPS,
    NotShown,
    Oidc,
    Person,
    ProviderSilent,
    Question,
    check_endpoint,
)

WITHIN: Final = 10.0
"""Seconds for one question to a provider."""
ALL_WITHIN: Final = 25.0
MOST_BYTES: Final = 1024 * 1024
LEEWAY: Final = 60
"""Seconds that a provider's clock may be off."""
ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
)  # fmt: skip
"""Signatures that are believed: by keys of which the hub has but the public half."""
USABLE: Final = frozenset({"RSA", "EC", "OKP"})


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where a provider is asked what, from its own discovery document."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    takes_basic: bool


@contextmanager
def _asking(settings: Oidc) -> Iterator[None]:
    """What goes wrong on the line is told as the provider's silence."""
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError) as error:
        said = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise ProviderSilent(f"the provider {settings.issuer} cannot be asked now: {said[:300]}") from error


def _line(settings: Oidc) -> dict[str, Any]:
    """How the provider is reached: as little as can be of what the process's environment says, and no redirections."""
    trust = ssl.create_default_context(cadata=settings.ca or None)
    return {"verify": trust, "trust_env": False, "timeout": WITHIN, "follow_redirects": False}


async def _document(client: httpx.AsyncClient, request: httpx.Request) -> dict[str, Any]:
    """The JSON object of an answer; a refusal of OAuth's (400 or 401) is one too. What is too long is not read."""
    url, body = request.url, b""
    answer = await client.send(request, stream=True)
    try:
        if answer.status_code not in (400, 401):
            answer.raise_for_status()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > MOST_BYTES:
                raise ProviderSilent(f"{url}: expected at most {MOST_BYTES} bytes, found more")
    finally:
        await answer.aclose()
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ProviderSilent(f"{url}: expected a JSON object, found something else")
    return found


async def _discover(client: httpx.AsyncClient, settings: Oidc) -> Endpoints:
    url = settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
    found = await _document(client, client.build_request("GET", url))
    if found.get("issuer") != settings.issuer:
        raise ProviderSilent(f"{url}: expected the issuer {settings.issuer}, found another one")
    named = {name: found.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
    if isinstance(userinfo := found.get("userinfo_endpoint"), str):
        named["userinfo_endpoint"] = userinfo
    for name, where in named.items():
        try:
            check_endpoint(name, where if isinstance(where, str) else "")
        except Mistake as error:
            raise ProviderSilent(f"{url}: {error}") from None
    methods = found.get("token_endpoint_auth_methods_supported")
    return Endpoints(
        str(named["authorization_endpoint"]),
        str(named["token_endpoint"]),
        str(named["jwks_uri"]),
        userinfo if isinstance(userinfo, str) else None,
        not isinstance(methods, list) or "client_secret_basic" in methods,
    )


async def ask(settings: Oidc, redirect: str) -> tuple[str, Question]:
    """The URL that a browser is sent to, and what is kept meanwhile; raises `ProviderSilent`."""
    question = Question(*(secrets.token_urlsafe(32) for _ in range(3)))
    with _asking(settings):
        async with asyncio.timeout(ALL_WITHIN), httpx.AsyncClient(**_line(settings)) as plain:
            where = await _discover(plain, settings)
    url = prepare_grant_uri(
        where.authorization,
        settings.client_id,
        "code",
        redirect,
        settings.scopes,
        question.state,
        nonce=question.nonce,
        code_challenge=create_s256_code_challenge(question.verifier),
        code_challenge_method="S256",
    )
    return str(url), question


async def read_answer(
    settings: Oidc, secret: str, question: Question, redirect: str, code: str, now: int
) -> Person:
    """Who somebody is, for a code that their browser brought; `now` in seconds since 1970.

    Raises `NotShown` where the code or the signed answer is not what was asked for, `ProviderSilent`.
    """
    with _asking(settings):
        async with asyncio.timeout(ALL_WITHIN), httpx.AsyncClient(**_line(settings)) as plain:
            where = await _discover(plain, settings)
            token = await _exchange(
                plain, where, question, settings, secret=secret, redirect=redirect, code=code
            )
            keys = await _document(plain, plain.build_request("GET", where.keys))
            claims = check_id_token(settings, question, token, keys, now)
            if where.userinfo and not {settings.name_claim, settings.groups_claim} <= claims.keys():
                claims = await _more(plain, where.userinfo, token, claims) | claims
    return person_of(settings, claims)


async def _exchange(
    client: httpx.AsyncClient,
    where: Endpoints,
    question: Question,
    settings: Oidc,
    *,
    secret: str,
    redirect: str,
    code: str,
) -> dict[str, Any]:
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect,
        "code_verifier": question.verifier,
        "client_id": settings.client_id,
    }
    headers = {"Accept": "application/json"}
    if secret and where.takes_basic:
        shown = f"{quote_plus(settings.client_id)}:{quote_plus(secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(shown.encode()).decode()}"
    elif secret:
        asked["client_secret"] = secret
    token = await _document(client, client.build_request("POST", where.token, data=asked, headers=headers))
    if "error" in token:
        raise NotShown(f"the provider does not take the code: {str(token['error'])[:100]}")
    if not isinstance(token.get("id_token"), str):
        raise NotShown("expected an id_token in the provider's answer, found none")
    return token


def check_id_token(
    settings: Oidc, question: Question, token: Mapping[str, Any], keys: Mapping[str, Any], now: int
) -> dict[str, Any]:
    """The claims of a signed answer to this question; raises `NotShown` for any other."""
    listed = keys.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in USABLE and key.get("use", "sig") == "sig"
    ]
    if not usable:
        raise ProviderSilent(f"the provider {settings.issuer} publishes no key that signs")
    wanted = {
        "iss": {"essential": True, "value": settings.issuer},
        "aud": {"essential": True, "value": settings.client_id},
    }
    told = {
        "nonce": question.nonce,
        "client_id": settings.client_id,
        "access_token": token.get("access_token"),
    }
    try:
        read = jwt.decode(token["id_token"], KeySet.import_key_set({"keys": usable}), list(ALGORITHMS))
        claims = CodeIDToken(read.claims, read.header, wanted, told)
        claims.validate(now, LEEWAY)
    except (JoseError, AuthlibBaseError, ValueError, TypeError, KeyError) as error:
        said = getattr(error, "error", "") or type(error).__name__
        about = str(getattr(error, "claim", "") or getattr(error, "description", "") or "")
        raise NotShown(f"the provider's answer is not believed: {said} {about}".strip()[:300]) from error
    return dict(claims)


async def _more(
    client: httpx.AsyncClient, url: str, token: Mapping[str, Any], claims: Mapping[str, Any]
) -> dict[str, Any]:
    """What the provider says beside its signed answer, of the same person."""
    headers = {"Authorization": f"Bearer {token.get('access_token')}"}
    found = await _document(client, client.build_request("GET", url, headers=headers))
    if found.get("sub") != claims["sub"]:
        raise NotShown("the provider's userinfo is about somebody else than its signed answer")
    return found


def person_of(settings: Oidc, claims: Mapping[str, Any]) -> Person:
    """Whom the claims describe; raises `NotShown` where they do not say enough."""
    subject, name = claims.get("sub"), claims.get(settings.name_claim)
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise NotShown(f"expected a claim 'sub' of 1 to {LONGEST_SUBJECT} characters, found otherwise")
    if not isinstance(name, str) or not name:
        raise NotShown(f"expected a claim '{settings.name_claim}' with the user's name, found none")
    if settings.name_claim == "email" and claims.get("email_verified") is False:
        raise NotShown("expected an address that the provider has verified, found one that it has not")
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and settings.groups_claim in elsewhere:
        raise NotShown(
            f"expected the claim '{settings.groups_claim}' itself, found that there are too many groups for it:"
            " have the provider tell those alone that matter to this hub"
        )
    return Person(f"{settings.issuer}#{subject}", name, groups_in(claims, settings.groups_claim))


def groups_in(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """The groups that a claim names: a list, or a single name; none where it is not there."""
    found: object = claims.get(claim)
    if found is None and "." in claim:
        found = claims
        for part in claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = [found]
    listed = found if isinstance(found, list) else []
    if len(listed) > MOST_GROUPS:
        raise NotShown(f"expected at most {MOST_GROUPS} groups, found more")
    return frozenset(group for group in listed if isinstance(group, str))


def is_from(settings: Oidc, issuer: str | None) -> bool:
    """Whether an answer that names its issuer (RFC 9207) names this provider; one that names none may be from it."""
    return issuer is None or issuer == settings.issuer
