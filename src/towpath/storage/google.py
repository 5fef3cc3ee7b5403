"""Tokens for Google's storage, which an account signs itself with its key."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import StorageError

if TYPE_CHECKING:
    # A type of obstore's stubs alone.
    from obstore.store import GCSCredential

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
GOOD_FOR: Final = 3600
"""Seconds: no longer than Google takes them for (https://google.aip.dev/auth/4111)."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key of a service account."""

    email: str
    identity: str
    private: rsa.RSAPrivateKey


def read_key(text: str) -> SigningKey:
    """The key in the JSON that Google gives for it; raises `StorageError`, which repeats nothing of it."""
    try:
        found = json.loads(text)
    except ValueError:
        raise _odd("JSON", "other text") from None
    names = ("client_email", "private_key_id", "private_key")
    missing = [name for name in names if not isinstance(found, dict) or not isinstance(found.get(name), str)]
    if missing:
        raise _odd(", ".join(names), f"no {missing[0]}")
    try:
        private = serialization.load_pem_private_key(found["private_key"].encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _odd("a private_key in PEM", "one that cannot be read") from None
    if not isinstance(private, rsa.RSAPrivateKey):
        raise _odd("an RSA key", "a private_key of another kind")
    return SigningKey(found["client_email"], found["private_key_id"], private)


def _odd(expected: str, found: str) -> StorageError:
    reason = f"credentials: service_account_key: expected the file of an account's key, with {expected}; found {found}"
    return StorageError(reason, ErrorClass.PERMANENT)


def self_signed(key: SigningKey, clock: Callable[[], float] = time.time) -> "Callable[[], GCSCredential]":
    """What gives a new token whenever it is asked; `clock` gives seconds since the epoch."""

    def token() -> "GCSCredential":
        now = int(clock())
        head = {"alg": "RS256", "typ": "JWT", "kid": key.identity}
        claims = {"iss": key.email, "sub": key.email, "scope": SCOPE, "iat": now, "exp": now + GOOD_FOR}
        signed = f"{_packed(json.dumps(head).encode())}.{_packed(json.dumps(claims).encode())}"
        signature = key.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        ends = datetime.fromtimestamp(now + GOOD_FOR, UTC)
        return {"token": f"{signed}.{_packed(signature)}", "expires_at": ends}

    return token


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
