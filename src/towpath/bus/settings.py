"""Where the bus is, and the key with which one joins it."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from towpath.bus.keys import public_key
from towpath.domain.errors import Mistake

SCHEMES = ("nats", "tls")


@dataclass(frozen=True, slots=True)
class BusSettings:
    """NATS servers of one cluster, any of which will do, and the NKEY seed to sign in with, where they ask for one.

    `tls` servers are checked against the system's certificate authorities, or those in `SSL_CERT_FILE`.
    """

    urls: tuple[str, ...]
    seed: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.urls:
            raise Mistake("bus: expected the URL of a NATS server (nats://HOST:PORT), found none")
        for url in self.urls:
            _check_url(url)
        if self.seed is not None:
            public_key(self.seed)

    @classmethod
    def parse(cls, urls: str, seed: str | None = None) -> "BusSettings":
        """Settings from URLs with commas between; raises `Mistake`."""
        return cls(tuple(url.strip() for url in urls.split(",") if url.strip()), seed)


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
