"""Who asks Google's storage: accounts with their keys and permissions, and the tokens that speak for them."""

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

OBJECT_USER: Final = frozenset(
    {
        "storage.objects.list",
        "storage.objects.create",
        "storage.objects.get",
        "storage.objects.delete",
        "storage.multipartUploads.create",
        "storage.multipartUploads.abort",
        "storage.multipartUploads.list",
        "storage.multipartUploads.listParts",
    }
)
"""What the role `roles/storage.objectUser` grants of what objects need."""

LONGEST: Final = 3600
"""Seconds that a token may be good for."""
LEEWAY: Final = 300
"""Seconds that a token's times may be off."""
SCOPES: Final = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/devstorage.read_write",
)


class Unknown(Exception):  # it is told as 401 AuthenticationRequired
    """A token that speaks for nobody."""


@cache
def _key(_number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Account:
    """A service account with one key. `everywhere`: its role was granted on the whole project, so that it is told of
    buckets that are not there; else it may only see the buckets that are."""

    email: str
    permissions: frozenset[str] = OBJECT_USER
    everywhere: bool = True
    key_id: str = field(default_factory=lambda: secrets.token_hex(20))
    key: int = 0
    """Which key it has: making one takes long, so that accounts share them, and differ by their ids."""

    @property
    def private_key(self) -> rsa.RSAPrivateKey:
        """Its key."""
        return _key(self.key)

    @cached_property
    def key_file(self) -> str:
        """The JSON that Google gives for a key, once, when it is made."""
        pem = self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        told = {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": self.key_id,
            "private_key": pem.decode(),
            "client_email": self.email,
            "client_id": "100000000000000000001",
            "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        }
        return json.dumps(told, indent=2)

    def token(self, begins: float, **otherwise: object) -> str:
        """A token that it signs itself, good for an hour, but for what is given otherwise (None: left out)."""
        claims: dict[str, object] = {
            "iss": self.email,
            "sub": self.email,
            "scope": SCOPES[0],
            "iat": int(begins),
            "exp": int(begins) + LONGEST,
        }
        told = {name: value for name, value in (claims | otherwise).items() if value is not None}
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        signed = ".".join(_packed(json.dumps(part).encode()) for part in (head, told))
        signature = self.private_key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_packed(signature)}"


class Accounts:
    """All accounts that are known, and what their tokens say: self-signed ones (JWT, RS256, with a scope, as
    https://google.aip.dev/auth/4111 has them), and those that the metadata server of a machine gives out."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[str, Account] = {}
        self._given: dict[str, tuple[Account, float]] = {}
        """Token → whom it speaks for, and until when."""
        self._lock = threading.Lock()

    def add(self, account: Account) -> Account:
        """Make an account known."""
        self._known[account.email] = account
        return account

    def give(self, account: Account, seconds: float) -> str:
        """A token as the metadata server gives them: nothing can be read from it."""
        token = f"ya29.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._given[token] = account, self._clock() + seconds
        return token

    def who(self, authorization: str | None) -> Account | None:
        """Whom a header speaks for, None for nobody; raises `Unknown`."""
        if authorization is None:
            return None
        kind, _, token = authorization.partition(" ")
        if kind != "Bearer" or not token:
            raise Unknown(f"Authorization: {kind}")
        with self._lock:
            known = self._given.get(token)
        if known is None:
            known = self._signed(token)
            with self._lock:
                self._given[token] = known
        account, until = known
        if self._clock() > until:
            raise Unknown("it has expired")
        return account

    def _signed(self, token: str) -> tuple[Account, float]:
        try:
            head, body, signature = token.split(".")
            header, claims = json.loads(_plain(head)), json.loads(_plain(body))
            account = self._known[str(claims["iss"])]
            account.private_key.public_key().verify(
                _plain(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            begins, ends = float(claims["iat"]), float(claims["exp"])
            scopes = str(claims["scope"]).split()
        except (ValueError, KeyError, TypeError, binascii.Error, InvalidSignature) as error:
            raise Unknown(f"no token of an account: {type(error).__name__}") from None
        now = self._clock()
        well = {
            "algorithm": header.get("alg") == "RS256",
            "key": header.get("kid") == account.key_id,
            "subject": claims.get("sub") == account.email,
            "scope": any(scope in SCOPES for scope in scopes),
            "times": begins - LEEWAY <= now <= ends and 0 < ends - begins <= LONGEST,
        }
        if not all(well.values()):
            raise Unknown(f"not well: {[name for name, is_well in well.items() if not is_well]}")
        return account, ends


def _plain(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
