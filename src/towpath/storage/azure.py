"""The one call for the tier of an Azure blob, which obstore does not have: signed here, carried by urllib3."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import urllib3

from towpath.domain.paths import ErrorClass
from towpath.storage.answers import Answer, store_refused
from towpath.storage.protocol import StorageError

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


class AzureTiers:
    """Puts blobs into the archive, and has them brought back."""

    def __init__(self, place: AzurePlace, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._place, self._now = place, now
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5.0, read=place.timeout))

    def archive(self, key: str) -> None:
        """Put the blob into the archive, where nobody can read it."""
        self._set(key, ARCHIVE, "archive")

    def restore(self, key: str) -> None:
        """Have it brought back, which takes hours; nothing happens where that is under way."""
        self._set(key, READABLE, "have restored")

    def _set(self, key: str, tier: str, doing: str) -> None:
        place = self._place
        path = quote(f"/{place.container}/{self._prefix}{key}", safe="/-_.~")
        headers = {"x-ms-access-tier": tier, "x-ms-version": API}
        url = f"{place.endpoint.rstrip('/')}{path}?comp=tier"
        url, headers = self._signed(url, headers)
        try:
            answer = self._http.request("PUT", url, headers=headers, retries=2)
        except urllib3.exceptions.HTTPError:
            raise StorageError(
                f"{doing} '{key}': no answer from {place.endpoint}", ErrorClass.TRANSIENT, "Connect"
            ) from None
        code = answer.headers.get("x-ms-error-code", "") or _code(answer.data)
        if answer.status >= 300 and code != "BlobBeingRehydrated":
            told = Answer(answer.status, code, f"{answer.status} {code}".rstrip())
            raise store_refused(f"{doing} '{key}'", told)

    def _signed(self, url: str, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        """The request as the account takes it, by its key or by a token."""
        given, account = self._place.credentials, self._place.account
        if "sas_token" in given:
            return f"{url}&{given['sas_token'].lstrip('?')}", headers
        if "account_key" not in given:
            raise StorageError(
                "tiers of Azure: expected an account_key or a sas_token, found neither", ErrorClass.PERMANENT
            )
        headers = headers | {"x-ms-date": format_datetime(self._now(), usegmt=True)}
        named = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        text = f"PUT{chr(10) * 12}{named}/{account}{urlsplit(url).path}\ncomp:tier"
        key = base64.b64decode(given["account_key"])
        signature = base64.b64encode(hmac.digest(key, text.encode(), hashlib.sha256)).decode()
        return url, headers | {"authorization": f"SharedKey {account}:{signature}"}


def _code(body: bytes) -> str:
    try:
        return ElementTree.fromstring(body).findtext("Code") or ""  # noqa: S314  # expat bounds what it expands
    except ElementTree.ParseError:
        return ""
