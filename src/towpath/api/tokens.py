"""The tokens that programs sign in with: JSON Web Tokens, each good only while its session is."""

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from towpath.engine.sign_in import ACCESS_SECONDS, REFRESH_SECONDS

ALGORITHM: Final = "HS256"
SECOND = 1_000_000


class Kind(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    REFRESH = "refresh"


SECONDS = {Kind.ACCESS: ACCESS_SECONDS, Kind.REFRESH: REFRESH_SECONDS}


class Tokens:
    """Makes and reads tokens under a key of their own, derived from the hub's."""

    def __init__(self, hub_key: bytes) -> None:
        key = hashlib.blake2b(b"tokens", key=hub_key, person=b"towpath tokens").digest()
        self._key = OctKey.import_key(key)

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
        return jwt.encode({"typ": "JWT", "alg": ALGORITHM}, claims, self._key, [ALGORITHM])

    def secret_of(self, kind: Kind, token: str, now: int) -> str | None:
        """What opens the token's session; None for a token that is not ours, of another kind, or too old."""
        try:
            # The hub's clock decides, which tests can set; the library's own look at claims would ask the system's.
            claims = jwt.decode(token, self._key, [ALGORITHM]).claims
        except (JoseError, ValueError):
            return None
        good = claims.get("token_type") == kind and claims["exp"] > now / SECOND
        return str(claims["sid"]) if good else None


def expires_at(kind: Kind, now: int) -> datetime:
    """When a token that is made now ends."""
    return datetime.fromtimestamp(now // SECOND + SECONDS[kind], UTC)
