"""Calls of Azure Blob's protocol that obstore does not have: signed here, carried by urllib3."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote, urlencode, urlsplit
from xml.etree import ElementTree

import urllib3

from towpath.domain.paths import ErrorClass
from towpath.storage.answers import Answer, store_refused
from towpath.storage.protocol import StorageError

CONNECTIONS: Final = 32
RETRIES: Final = urllib3.Retry(
    connect=3,
    read=1,
    status=3,
    other=0,
    redirect=0,
    backoff_factor=0.2,
    backoff_max=5,
    status_forcelist={429, 500, 502, 503, 504},
    allowed_methods=None,
    raise_on_status=False,
)
API: Final = "2021-08-06"
ARCHIVE: Final = "Archive"
READABLE: Final = "Hot"
"""The tier to which an archived blob is brought back."""


@dataclass(frozen=True, slots=True)
class AzurePlace:
    """A container, or a prefix in one: `endpoint` is the account's, `timeout` in seconds for one request."""

    endpoint: str
    account: str
    container: str
    prefix: str
    credentials: Mapping[str, str]
    timeout: float


class AzureCalls:
    """Calls of an account's own protocol, each of which may be made twice. May be used by several threads at once."""

    def __init__(self, place: AzurePlace, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._place, self._now = place, now
        self.prefix = f"{place.prefix}/" if place.prefix else ""
        """What stands before each key."""
        self._http = urllib3.PoolManager(
            maxsize=CONNECTIONS, retries=RETRIES, timeout=urllib3.Timeout(connect=5.0, read=place.timeout)
        )

    def call(
        self,
        doing: str,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> urllib3.BaseHTTPResponse:
        """The answer to a request for a key ("" = the container); `doing` is for people.

        Raises `StorageError`, whose name ends in the store's own code.
        """
        place = self._place
        whole = f"/{place.container}/{self.prefix}{key}" if key else f"/{place.container}"
        url = f"{place.endpoint.rstrip('/')}{quote(whole, safe='/-_.~')}"
        url, signed = self._signed(method, url, query, len(body), dict(headers or {}))
        try:
            answer = self._http.request(method, url, body=body, headers=signed)
        except urllib3.exceptions.HTTPError:
            raise StorageError(
                f"{doing}: no answer from {place.endpoint}", ErrorClass.TRANSIENT, "Connect"
            ) from None
        if answer.status < 300:
            return answer
        code = answer.headers.get("x-ms-error-code", "") or _code(answer.data)
        raise store_refused(doing, Answer(answer.status, code, f"{answer.status} {code}".rstrip()))

    def _signed(
        self, method: str, url: str, query: Mapping[str, str], length: int, headers: dict[str, str]
    ) -> tuple[str, dict[str, str]]:
        """The request as the account takes it, by its key or by a token."""
        given, account = self._place.credentials, self._place.account
        headers["x-ms-version"] = API
        # Else urllib3 names a type by itself, which is signed too.
        headers.setdefault("content-type", "application/octet-stream")
        asked = urlencode(sorted(query.items()), quote_via=quote, safe="-_.~")
        if "sas_token" in given:
            token = given["sas_token"].lstrip("?")
            return f"{url}?{asked}&{token}", headers
        if "account_key" not in given:
            raise StorageError(
                "Azure: expected an account_key or a sas_token, found neither", ErrorClass.PERMANENT
            )
        headers["x-ms-date"] = format_datetime(self._now(), usegmt=True)
        named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers) if name.startswith("x-ms-"))
        plain = [headers.get(name, "") for name in _SIGNED]
        plain[_LENGTH] = str(length or "")
        resource = "".join(f"\n{name}:{value}" for name, value in sorted(query.items()))
        text = "\n".join([method, *plain, f"{named}/{account}{urlsplit(url).path}{resource}"])
        key = base64.b64decode(given["account_key"])
        signature = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
        return f"{url}?{asked}", headers | {"authorization": f"SharedKey {account}:{signature}"}


_SIGNED: Final = (
    "content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
    "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range",
)  # fmt: skip
"""The headers whose values are signed, in this order."""
_LENGTH: Final = _SIGNED.index("content-length")


class AzureTiers:
    """Puts blobs into the archive, and has them brought back."""

    def __init__(self, calls: AzureCalls) -> None:
        self._calls = calls

    def archive(self, key: str) -> None:
        """Put the blob into the archive, where nobody can read it."""
        self._set(key, ARCHIVE, "archive")

    def restore(self, key: str) -> None:
        """Have it brought back, which takes hours; nothing happens where that is under way."""
        self._set(key, READABLE, "have restored")

    def _set(self, key: str, tier: str, doing: str) -> None:
        try:
            headers = {"x-ms-access-tier": tier}
            self._calls.call(f"{doing} '{key}'", "PUT", key, {"comp": "tier"}, headers=headers)
        except StorageError as error:
            if not error.error_name.endswith("BlobBeingRehydrated"):
                raise


def _code(body: bytes) -> str:
    try:
        return ElementTree.fromstring(body).findtext("Code") or ""  # noqa: S314  # expat bounds what it expands
    except ElementTree.ParseError:
        return ""
