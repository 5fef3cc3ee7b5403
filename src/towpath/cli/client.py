"""The hub as the command line sees it: HTTP, with each error as one line."""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Self

import httpx
import msgspec

from towpath import __version__
from towpath.cli.errors import HubBug, Unreachable
from towpath.cli.home import Connection
from towpath.config import LOOPBACK
from towpath.domain.errors import Mistake, NotFound

NDJSON = "application/x-ndjson"
ATTEMPTS = 4
"""How often a request that may be repeated is sent, where the connection breaks under it."""


class _Fault(msgspec.Struct):
    place: str
    text: str


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    problems: list[_Fault] = []


class Hub:
    """The hub's API. Every method raises `Mistake`, `Unreachable` or `HubBug` with one line for people."""

    def __init__(self, connection: Connection) -> None:
        self.url = connection.url.rstrip("/")
        try:
            url = httpx.URL(self.url)
        except httpx.InvalidURL as error:
            raise Mistake(f"TOWPATH_URL: expected http://HOST:PORT, found '{self.url}': {error}") from None
        self._http = httpx.Client(
            base_url=self.url,
            headers={
                "Authorization": f"Api-Key {connection.api_key}",
                "User-Agent": f"towpath/{__version__}",
            },
            timeout=httpx.Timeout(60, connect=10),
            # A proxy for the outside world knows nothing of this machine's loopback.
            trust_env=url.host not in LOOPBACK,
            verify=_trusted(url.scheme, connection.ca),
        )
        self._name = connection.name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """The document at that path."""
        return self._send(httpx.Request("GET", self._at(path, query)), repeatable=True)

    def look(self, path: str, seconds: float) -> bytes:
        """The document at that path, asked for once; raises `Unreachable` where it does not come in time."""
        request = self._prepared(httpx.Request("GET", self._at(path)), httpx.Timeout(seconds))
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            raise self._unreachable(error) from None
        if response.is_error:
            self._refuse(response)
        return response.content

    def post(self, path: str, body: object, key: str = "") -> bytes:
        """Send a document; with an idempotency key it is sent again where the connection breaks."""
        headers = {"Idempotency-Key": key} if key else {}
        return self._send(
            httpx.Request("POST", self._at(path), json=body, headers=headers), repeatable=bool(key)
        )

    def patch(self, path: str, body: object) -> bytes:
        """Change what is at that path."""
        return self._send(httpx.Request("PATCH", self._at(path), json=body), repeatable=True)

    def put(self, path: str, body: object) -> bytes:
        """Put that at that path."""
        return self._send(httpx.Request("PUT", self._at(path), json=body), repeatable=True)

    def delete(self, path: str) -> None:
        """Delete what is at that path."""
        self._send(httpx.Request("DELETE", self._at(path)), repeatable=False)

    def lines(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """Every row of a list as one JSON object each, streamed."""
        yield from self._streamed(path, query, NDJSON, _split)

    def download(self, path: str, query: Mapping[str, str]) -> Iterator[bytes]:
        """A file that the hub makes, streamed."""
        yield from self._streamed(path, query, "*/*", iter)

    def _streamed(
        self,
        path: str,
        query: Mapping[str, str],
        accept: str,
        cut: Callable[[Iterator[bytes]], Iterator[bytes]],
    ) -> Iterator[bytes]:
        request = self._prepared(httpx.Request("GET", self._at(path, query), headers={"Accept": accept}))
        try:
            response = self._http.send(request, stream=True)
            try:
                if response.is_error:
                    response.read()
                    self._refuse(response)
                yield from cut(response.iter_bytes())
            finally:
                response.close()
        except httpx.TransportError as error:
            raise self._unreachable(error) from None

    def _at(self, path: str, query: Mapping[str, str] | None = None) -> httpx.URL:
        return httpx.URL(self.url + path, params=dict(query) if query else None)

    def _prepared(self, request: httpx.Request, timeout: httpx.Timeout | None = None) -> httpx.Request:
        for name, value in self._http.headers.items():
            request.headers.setdefault(name, value)
        request.extensions = {"timeout": (timeout or self._http.timeout).as_dict()}
        if self._name is not None:
            request.extensions["sni_hostname"] = self._name
        return request

    def _send(self, request: httpx.Request, repeatable: bool) -> bytes:
        self._prepared(request)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._http.send(request)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
                if not repeatable or attempt == ATTEMPTS:
                    raise self._unreachable(error) from None
                time.sleep(0.5 * attempt)
                continue
            except httpx.TransportError as error:
                raise self._unreachable(error) from None
            if response.is_error:
                self._refuse(response)
            return response.content
        raise AssertionError("the last attempt returns or raises")

    def _unreachable(self, error: httpx.TransportError) -> Unreachable:
        text = str(error) or type(error).__name__
        if "CERTIFICATE_VERIFY_FAILED" in text:
            return Unreachable(
                f"{self.url} is not trusted ({text}); --ca FILE, or TOWPATH_CA, says whose certificates are"
            )
        return Unreachable(f"hub not reachable at {self.url} ({text}); is it up? (towpath up)")

    def _refuse(self, response: httpx.Response) -> None:
        try:
            problem = msgspec.json.decode(response.content, type=_Problem)
        except msgspec.MsgspecError:
            problem = _Problem()
        detail = problem.detail or f"{self.url} answered {response.status_code} {response.reason_phrase}"
        if response.status_code == httpx.codes.SERVICE_UNAVAILABLE:
            raise Unreachable(detail)
        if response.is_server_error:
            raise HubBug(detail)
        if response.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(detail)
        raise Mistake(detail)


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
        raise Mistake(f"--ca {ca}: expected certificates of authorities in PEM, found: {found}") from None
    # So the hub's own certificate, which no authority of the file has signed, may stand there too.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _split(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines of a stream, without their ends."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        # The hub ends each row with a newline: half a row means that it went away.
        raise httpx.RemoteProtocolError(f"the list broke off after {len(rest)} bytes of a row")
