"""How both clients speak HTTP: the headers, whose certificates are believed, and what came of a request."""

import json
import ssl

import httpx

from towpath import __version__
from towpath.client.connection import Connection
from towpath.client.errors import Misconfigured
from towpath.client.plans import NOTHING, Answer, Ask, Broken

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
JSON = {"Content-Type": "application/json"}
CONNECT_SECONDS = 10.0


class Way:
    """The way to a hub: makes requests of what is asked, and answers of what comes."""

    def __init__(self, connection: Connection, seconds: float) -> None:
        self.url = connection.url.rstrip("/")
        try:
            parts = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise Misconfigured(f"url: expected http://HOST:PORT, found '{self.url}': {error}") from None
        self.headers = {
            "Authorization": f"Api-Key {connection.api_key}",
            "User-Agent": f"towpath/{__version__}",
        }
        # A proxy for the outside world knows nothing of this machine's loopback.
        self.trust_env = parts.host not in LOOPBACK
        self.verify = _trusted(parts.scheme, connection.ca)
        self._seconds = seconds
        self._name = connection.name

    def request(self, ask: Ask) -> httpx.Request:
        """The request that is sent for what is asked."""
        headers = {**self.headers, **ask.headers}
        content: bytes | None = None
        if isinstance(ask.body, str):
            content = ask.body.encode()
        elif ask.body is not NOTHING:
            content = json.dumps(ask.body, separators=(",", ":"), allow_nan=False).encode()
            headers = {**JSON, **headers}
        url = httpx.URL(self.url + ask.path, params=dict(ask.query) or None)
        seconds = self._seconds if ask.seconds is None else ask.seconds
        timeout = httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        extensions: dict[str, object] = {"timeout": timeout.as_dict()}
        if self._name is not None:
            extensions["sni_hostname"] = self._name
        return httpx.Request(ask.method, url, headers=headers, content=content, extensions=extensions)

    def answer(self, response: httpx.Response, content: bytes) -> Answer:
        """What came."""
        return Answer(response.status_code, response.headers, content, self.url)

    def broken(self, error: httpx.TransportError) -> Broken:
        """That nothing came, or no more."""
        text = str(error) or type(error).__name__
        sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return Broken(
                f"{self.url} is not trusted ({text}); its ca, or TOWPATH_CA, says whose certificates are",
                sent,
            )
        return Broken(f"hub not reachable at {self.url} ({text}); is it up? (towpath up)", sent)


def _trusted(scheme: str, ca: str | None) -> ssl.SSLContext | bool:
    """Whose certificates are believed."""
    if scheme == "http":
        # Without TLS, the authorities' certificates need not be read, which would take longer than all else.
        return False
    if ca is None:
        return True
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError) as error:
        found = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise Misconfigured(f"ca {ca}: expected certificates of authorities in PEM, found: {found}") from None
    # So the hub's own certificate, which no authority of the file has signed, may stand there too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
