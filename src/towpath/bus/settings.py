"""Where the bus is, and the key with which one joins it."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from towpath.bus.keys import public_key
from towpath.config import is_loopback
from towpath.domain.errors import Mistake

SCHEMES = ("nats", "tls")


@dataclass(frozen=True, slots=True)
class BusSettings:
    """NATS servers of one cluster, any of which will do, and the NKEY seed to sign in with, where they ask for one.

    `tls` servers are checked against the authorities in `ca`, else the system's, or those in `SSL_CERT_FILE`. `name`
    is what the certificate of a hub's own server names, which speaks TLS from its first byte on.
    """

    urls: tuple[str, ...]
    seed: str | None = field(default=None, repr=False)
    ca: Path | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not self.urls:
            raise Mistake("bus: expected the URL of a NATS server (nats://HOST:PORT), found none")
        for url in self.urls:
            _check_url(url)
        if self.seed is not None:
            public_key(self.seed)

    @classmethod
    def parse(
        cls, urls: str, seed: str | None = None, ca: Path | None = None, name: str = ""
    ) -> "BusSettings":
        """Settings from URLs with commas between; raises `Mistake`."""
        return cls(split_urls(urls), seed, ca, name)

    @property
    def is_encrypted(self) -> bool:
        """Whether any of its servers speaks TLS."""
        return any(url.startswith("tls:") for url in self.urls)

    def tls(self) -> ssl.SSLContext | None:
        """Whom to trust; None where no server speaks TLS. Raises `Mistake`."""
        if not self.is_encrypted:
            return None
        try:
            return ssl.create_default_context(cafile=self.ca)
        except (OSError, ssl.SSLError) as error:
            found = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise Mistake(f"bus: expected certificates of authorities in {self.ca}, found: {found}") from None


def split_urls(text: str) -> tuple[str, ...]:
    """The URLs in a text, with commas between."""
    return tuple(url.strip() for url in text.split(",") if url.strip())


def _check_url(url: str) -> None:
    expected = "expected nats://HOST:PORT or tls://HOST:PORT"
    try:
        parts = urlsplit(url)
        sound = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise Mistake(f"bus: {expected}, found {url!r}") from None
    if "@" in parts.netloc:
        raise Mistake(
            f"bus: {expected} without a name or password in it, since URLs are shown; use an NKEY seed"
        )
    if not sound:
        raise Mistake(f"bus: {expected}, found {url!r}")
    if parts.scheme == "nats" and not is_loopback(parts.hostname or ""):
        raise Mistake(
            f"bus: expected tls://HOST:PORT for a server elsewhere, found {url!r}: what nodes and hub say would cross"
            " the network in the clear"
        )
