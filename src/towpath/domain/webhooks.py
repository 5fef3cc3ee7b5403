"""Webhooks as Standard Webhooks has them: where one may lead, how a message is signed, when it is tried again."""

import base64
import hashlib
import hmac
import secrets
from typing import Final
from urllib.parse import urlsplit

from towpath.domain.errors import Mistake

LONGEST_URL: Final = 2_000
SECRET_START: Final = "whsec_"  # noqa: S105  what every secret begins with
SECRET_BYTES: Final = 32
MOST_WEBHOOKS: Final = 100

SECOND: Final = 1_000_000
FIRST_WAIT, LONGEST_WAIT = 5 * SECOND, 3_600 * SECOND
"""Microseconds between two tries: each is twice as long as the one before, up to an hour."""
PATIENCE: Final = 72 * 3_600 * SECOND
"""Microseconds after which a delivery is given up."""
GONE: Final = 410
"""A receiver that answers so wants nothing more: its webhook is disabled."""


def check_url(url: str) -> None:
    """Raises `Mistake` for a URL that a webhook cannot have."""
    try:
        parts = urlsplit(url)
        _port, host = parts.port, parts.hostname
    except ValueError as error:
        raise Mistake(
            f"url: expected http://… or https://…, found one that cannot be read: {error}"
        ) from None
    if parts.scheme not in ("http", "https") or not host or len(url) > LONGEST_URL:
        raise Mistake(
            f"url: expected http://HOST/… or https://HOST/… of at most {LONGEST_URL} characters, found"
            f" '{url[:100]}'"
        )
    if parts.username or parts.password or parts.fragment or not url.isascii() or not url.isprintable():
        raise Mistake("url: expected plain ASCII without a user, a password or a #fragment, found otherwise")


def make_secret() -> bytes:
    """A new secret, which receiver and hub share."""
    return secrets.token_bytes(SECRET_BYTES)


def shown_secret(secret: bytes) -> str:
    """A secret as receivers' libraries take it."""
    return SECRET_START + base64.b64encode(secret).decode()


def headers_of(secret: bytes, message: str, seconds: int, body: bytes) -> dict[str, str]:
    """What a message carries: its id, the time in seconds since 1970, and the signature of both and the body."""
    signed = f"{message}.{seconds}.".encode() + body
    signature = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": message,
        "webhook-timestamp": str(seconds),
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
    }


def wait(attempts: int, dice: float) -> int:
    """Microseconds until the next try after so many; `dice` in [0, 1) keeps many from coming at the same time."""
    plain = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(attempts - 1, 20))
    return int(plain * (0.8 + 0.4 * dice))
