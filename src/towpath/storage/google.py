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
BEFORE: Final = 300
"""Seconds before its end from which on a token is no longer used."""
AGAIN: Final = timedelta(seconds=1)
"""How long obstore may keep one."""


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


class Tokens:
    """The tokens of one key. The newest is used until shortly before its end by this machine's clock, also where that
    was set or the machine slept meanwhile. May be asked by several threads: each of their tokens is as good."""

    def __init__(self, key: SigningKey, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock
        self._newest, self._made = "", 0

    def token(self) -> str:
        """One that is good for five minutes more."""
        now = int(self._clock())
        if not self._newest or not self._made <= now < self._made + GOOD_FOR - BEFORE:
            self._newest, self._made = self._signed(now), now
        return self._newest

    def credential(self) -> "GCSCredential":
        """As obstore wants it, which is to ask again soon: its own clock stands still while a machine sleeps."""
        return {"token": self.token(), "expires_at": datetime.now(UTC) + AGAIN}

    def sign(self, request: AWSRequest) -> None:
        """Give a request of ours its token."""
        request.headers["authorization"] = f"Bearer {self.token()}"

    def _signed(self, now: int) -> str:
        key = self._key
        head = {"alg": "RS256", "typ": "JWT", "kid": key.identity}
        claims = {"iss": key.email, "sub": key.email, "scope": SCOPE, "iat": now, "exp": now + GOOD_FOR}
        signed = f"{_packed(json.dumps(head).encode())}.{_packed(json.dumps(claims).encode())}"
        signature = key.private.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_packed(signature)}"


def _packed(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
