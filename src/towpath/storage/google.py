"""What Google's storage wants of requests: tokens that an account signs itself with its key, headers of its own."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.awsrequest import AWSRequest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import StorageError
from towpath.storage.s3 import Dialect, packed

if TYPE_CHECKING:
    # A type of obstore's stubs alone.
    from obstore.store import GCSCredential

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
GOOD_FOR: Final = 3600
"""Seconds: no longer than Google takes them for (https://google.aip.dev/auth/4111)."""
BEFORE: Final = timedelta(minutes=5)
"""So long before its end a token is no longer used."""


def _of_crc32c(_content: bytes, crc32c: int) -> dict[str, str]:
    return {"x-goog-hash": f"crc32c={packed(crc32c)}"}


GOOGLES: Final = Dialect("x-goog-storage-class", {}, _of_crc32c)
"""How its XML API differs from S3's in uploads in parts."""


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


def bearer(give: "Callable[[], GCSCredential]") -> Callable[[AWSRequest], None]:
    """What signs requests with a token, and takes a new one before that ends."""
    newest: list[GCSCredential] = []

    def sign(request: AWSRequest) -> None:
        ends = newest[-1]["expires_at"] if newest else None
        if ends is None or ends - datetime.now(UTC) < BEFORE:
            newest[:] = [give()]  # Two threads may both do so: each token is as good.
        request.headers["authorization"] = f"Bearer {newest[-1]['token']}"

    return sign


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
