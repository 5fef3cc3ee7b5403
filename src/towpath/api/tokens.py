"""The tokens that programs sign in with: JSON Web Tokens, each good only while its session is."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import jwt

from towpath.engine.sign_in import ACCESS_SECONDS, REFRESH_SECONDS

ALGORITHM = "HS256"
SECOND = 1_000_000


class Kind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


SECONDS = {Kind.ACCESS: ACCESS_SECONDS, Kind.REFRESH: REFRESH_SECONDS}


class Tokens:
    """Makes and reads tokens under a key of their own, derived from the hub's."""

    def __init__(self, hub_key: bytes) -> None:
        self._key = hashlib.blake2b(b"tokens", key=hub_key, person=b"towpath tokens").digest()

    def make(self, kind: Kind, user: str, secret: str, now: int) -> str:
        """A token of the session that `secret` opens; `now` in microseconds since 1970."""
        began = now // SECOND
        claims = {
            "token_type": kind,
            "sub": user,
            "sid": secret,
            "iat": began,
            "exp": began + SECONDS[kind],
        }
        return jwt.encode(claims, self._key, ALGORITHM)

    def secret_of(self, kind: Kind, token: str, now: int) -> str | None:
        """What opens the token's session; None for a token that is not ours, of another kind, or too old."""
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                [ALGORITHM],
                # The hub's clock decides, which tests can set; the library would ask the system's.
                options={"require": ["exp", "sid", "token_type"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError:
            return None
        good = claims["token_type"] == kind and claims["exp"] > now / SECOND
        return str(claims["sid"]) if good else None


def expires_at(kind: Kind, now: int) -> datetime:
    """When a token that is made now ends."""
    return datetime.fromtimestamp(now // SECOND + SECONDS[kind], UTC)
