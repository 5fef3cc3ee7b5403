"""The calls for uploads in parts of S3's protocol, which Google speaks too: signed by botocore, carried by urllib3."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.session import Session

from towpath.domain.error_table import class_of_names
from towpath.domain.paths import ErrorClass
from towpath.storage.answers import Answer, store_refused
from towpath.storage.parts import Begun, Part, UploadGone, Whole
from towpath.storage.protocol import StorageError, has_class

CONNECT_TIMEOUT: Final = 5.0
RESTORED_DAYS: Final = 7
"""How long what an archive brought back stays readable."""
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
"""What is tried again at once: each of these calls may be made twice."""
ONCE: Final = RETRIES.new(read=0)
"""For a call that may not: where its answer was lost, nobody knows whether it was done."""

_HASH: Final = re.compile(r"crc32c=([A-Za-z0-9+/=]+)")
"""Where Google tells the CRC32C of a whole."""
_UNSIGNED: Final = Config(s3={"payload_signing_enabled": False})
"""The payload goes unsigned: the store compares it with its CRC32C, which costs a tenth of a SHA-256."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a store that speaks S3's protocol wants checksums and classes to be written."""

    storage_class: str
    """The header that an object's class is told in."""
    begins: Mapping[str, str]
    """Headers that ask for a checksum of the whole."""
    part: Callable[[bytes, int], dict[str, str]]
    """Headers that tell the checksum of a part, of its bytes and their CRC32C."""
    tells: bool = False
    """The store says the CRC32C of each part, and wants it again with the list of them."""


def _of_crc32c(_content: bytes, crc32c: int) -> dict[str, str]:
    return {"x-amz-checksum-crc32c": packed(crc32c)}


def _of_md5(content: bytes, _crc32c: int) -> dict[str, str]:
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    return {"content-md5": base64.b64encode(md5).decode()}


S3: Final = Dialect(
    "x-amz-storage-class",
    {"x-amz-checksum-algorithm": "CRC32C", "x-amz-checksum-type": "FULL_OBJECT"},
    _of_crc32c,
    tells=True,
)
PLAIN: Final = Dialect("x-amz-storage-class", {}, _of_md5)
"""Of a store that knows no checksum of S3's but MD5: Google's, with HMAC keys, is told to refuse a part that bears
another."""


@dataclass(frozen=True, slots=True)
class S3Place:
    """A bucket, or a prefix in one, and how it is reached: `timeout` in seconds, for one request. Without
    credentials, those of the worker's environment or of its machine are used."""

    endpoint: str
    bucket: str
    prefix: str
    region: str
    credentials: Mapping[str, str]
    timeout: float
    storage_class: str = ""
    dialect: Dialect = S3


class S3Uploads:
    """The uploads in parts at an S3 store; see `PartStore`. `sign` gives a request what proves who asks; where it is
    not given, it is signed as S3 wants it."""

    def __init__(self, place: S3Place, sign: Callable[[AWSRequest], None] | None = None) -> None:
        self._place, self._dialect = place, place.dialect
        self._sign = sign or _signer(place)
        self._prefix = f"{place.prefix}/" if place.prefix else ""
        self._http = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=place.timeout),
        )

    def begun(self, prefix: str) -> Iterator[Begun]:
        """By pages of ListMultipartUploads."""
        query = {"uploads": "", "prefix": self._prefix + prefix}
        while True:
            found = self._ask("GET", "", query)
            for each in found.findall("{*}Upload"):
                key = _text(each, "Key")
                if key.startswith(self._prefix):
                    yield Begun(
                        key[len(self._prefix) :], _text(each, "UploadId"), _at(_text(each, "Initiated"))
                    )
            if _text(found, "IsTruncated") != "true":
                return
            query |= {
                "key-marker": _text(found, "NextKeyMarker"),
                "upload-id-marker": _text(found, "NextUploadIdMarker"),
            }

    def begin(self, key: str) -> str:
        """CreateMultipartUpload; asks for a CRC32C of the whole where the store knows it.

        Made a second time at once, it would leave an upload that nobody knows of: who puts again looks first for what
        was begun.
        """
        headers = dict(self._dialect.begins)
        if self._place.storage_class and has_class(key):
            headers[self._dialect.storage_class] = self._place.storage_class
        return _text(self._ask("POST", key, {"uploads": ""}, headers=headers, retries=ONCE), "UploadId")

    def parts(self, key: str, upload: str) -> Iterator[Part]:
        """By pages of ListParts."""
        query = {"uploadId": upload}
        while True:
            found = self._ask("GET", key, query)
            for each in found.findall("{*}Part"):
                yield _part(each)
            if _text(found, "IsTruncated") != "true":
                return
            query |= {"part-number-marker": _text(found, "NextPartNumberMarker")}

    def send(self, key: str, upload: str, number: int, content: bytes, crc32c: int) -> Part:
        """UploadPart, with the checksum that the store is to compare."""
        query = {"partNumber": str(number), "uploadId": upload}
        answer = self._call("PUT", key, query, content, self._dialect.part(content, crc32c))
        etag = _plain(answer.headers.get("etag", ""))
        return Part(number, len(content), etag, crc32c if self._dialect.tells else None)

    def finish(self, key: str, upload: str, parts: list[Part]) -> Whole:
        """CompleteMultipartUpload. The checksum of the whole is not sent, so that what is answered is the store's."""
        answer = self._call("POST", key, {"uploadId": upload}, _completion(parts))
        found = _document("POST", key, answer)
        kind = _text(found, "ChecksumType")
        crc = _crc(_text(found, "ChecksumCRC32C")) if kind in ("", "FULL_OBJECT") else None
        told = _HASH.search(answer.headers.get("x-goog-hash", ""))
        return Whole(_plain(_text(found, "ETag")), _crc(told[1]) if told else crc)

    def archive(self, key: str) -> None:
        """Nothing: an object of S3 is put with its class."""

    def restore(self, key: str) -> None:
        """RestoreObject: a copy for a week; nothing happens where that is under way."""
        body = b"<RestoreRequest><Days>%d</Days></RestoreRequest>" % RESTORED_DAYS
        try:
            self._call("POST", key, {"restore": ""}, body, {"content-type": "application/xml"})
        except StorageError as error:
            if not error.error_name.endswith("RestoreAlreadyInProgress"):
                raise

    def abort(self, key: str, upload: str) -> None:
        """AbortMultipartUpload."""
        try:
            self._call("DELETE", key, {"uploadId": upload})
        except UploadGone:
            return

    # Asking ---------------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        retries: urllib3.Retry = RETRIES,
    ) -> ElementTree.Element:
        """The document that the store answers with; an error may come with the status 200."""
        return _document(method, key, self._call(method, key, query, body, headers, retries))

    def _call(
        self,
        method: str,
        key: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        retries: urllib3.Retry = RETRIES,
    ) -> urllib3.BaseHTTPResponse:
        signed = self._signed(method, key, query, dict(headers or {}))
        try:
            answer = self._http.request(
                method, signed.url or "", body=body, headers=dict(signed.headers.items()), retries=retries
            )
        except urllib3.exceptions.HTTPError as error:
            raise _broken(method, key, self._place.endpoint, error) from None
        if answer.status < 300:
            return answer
        raise _refused(method, key, answer.status, answer.data)

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: dict[str, str]) -> AWSRequest:
        place = self._place
        path = quote(f"/{place.bucket}/{self._prefix}{key}" if key else f"/{place.bucket}", safe="/-_.~")
        url = f"{place.endpoint}{path}?{urlencode(sorted(query.items()), quote_via=quote, safe='-_.~')}"
        request = AWSRequest(method, url, headers)
        self._sign(request)
        return request


# Words of the protocol ----------------------------------------------------------------------------------------


def _signer(place: S3Place) -> Callable[[AWSRequest], None]:
    credentials = _credentials(place.credentials)

    def sign(request: AWSRequest) -> None:
        request.context["client_config"] = _UNSIGNED
        S3SigV4Auth(credentials(), "s3", place.region).add_auth(request)

    return sign


def _document(method: str, key: str, answer: urllib3.BaseHTTPResponse) -> ElementTree.Element:
    """What the store answers with; an error may come with the status 200."""
    try:
        document = ElementTree.fromstring(answer.data)  # noqa: S314  # expat bounds what it expands
    except ElementTree.ParseError:
        raise StorageError(f"{_doing(method, key)}: the answer is no XML", ErrorClass.TRANSIENT) from None
    if document.tag.rpartition("}")[2] == "Error":
        raise _refused(method, key, 500, answer.data)
    return document


def _credentials(given: Mapping[str, str]) -> Callable[[], Credentials | ReadOnlyCredentials]:
    """Those that were given; else the machine's own, which are looked for when they are first needed."""
    if given:
        known = ReadOnlyCredentials(
            given["access_key_id"], given["secret_access_key"], given.get("session_token")
        )
        return lambda: known
    session = Session()

    def found() -> ReadOnlyCredentials:
        own = session.get_credentials()
        if own is None:
            raise StorageError("no credentials: none were given, and the machine has none", _DENIED)
        return own.get_frozen_credentials()

    return found


_DENIED: Final = ErrorClass.NO_PERMISSION


def _completion(parts: list[Part]) -> bytes:
    top = ElementTree.Element("CompleteMultipartUpload")
    for part in sorted(parts, key=lambda part: part.number):
        one = ElementTree.SubElement(top, "Part")
        ElementTree.SubElement(one, "PartNumber").text = str(part.number)
        ElementTree.SubElement(one, "ETag").text = f'"{part.etag}"'
        if part.crc32c is not None:
            ElementTree.SubElement(one, "ChecksumCRC32C").text = packed(part.crc32c)
    return ElementTree.tostring(top)


def _part(listed: ElementTree.Element) -> Part:
    at = _text(listed, "LastModified")
    return Part(
        int(_text(listed, "PartNumber")),
        int(_text(listed, "Size")),
        _plain(_text(listed, "ETag")),
        _crc(_text(listed, "ChecksumCRC32C")),
        _at(at) if at else None,
    )


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _plain(etag: str) -> str:
    return etag.strip('"').lower()


def packed(crc32c: int) -> str:
    """A CRC32C as the protocol writes it."""
    return base64.b64encode(crc32c.to_bytes(4)).decode()


def _crc(text: str) -> int | None:
    """A CRC32C as the protocol writes it; None for none, and for one that is composed of the parts' (`…-3`)."""
    return int.from_bytes(base64.b64decode(text)) if text and "-" not in text else None


_VERBS: Final = {"PUT": "send a part of", "GET": "ask for the parts of", "POST": "put", "DELETE": "give up"}


def _doing(method: str, key: str) -> str:
    return f"{_VERBS[method]} '{key}'" if key else "ask which uploads are under way"


def _refused(method: str, key: str, status: int, body: bytes) -> StorageError | UploadGone:
    code, message = "", ""
    try:
        document = ElementTree.fromstring(body)  # noqa: S314
        code = _text(document, "Code")
        message = _text(document, "Details") or _text(document, "Message")
    except ElementTree.ParseError:
        pass
    if code == "NoSuchUpload":
        return UploadGone(message)
    words = f"{status} {code}{f': {message}' if message else ''}".rstrip()
    return store_refused(_doing(method, key), Answer(status, code, words))


def _broken(method: str, key: str, endpoint: str, error: urllib3.exceptions.HTTPError) -> StorageError:
    """An exchange that never came to an answer."""
    cause = error.reason if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason else error
    deep = cause.args[1] if len(cause.args) > 1 and isinstance(cause.args[1], Exception) else cause
    late = isinstance(cause, urllib3.exceptions.TimeoutError) or isinstance(deep, TimeoutError)
    fresh = isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError)
    name = "Connect" if fresh else "Timeout" if late else "Interrupted"
    said = {"Connect": "no connection", "Timeout": "no answer in time", "Interrupted": "the connection broke"}
    known = class_of_names((name,)) or ErrorClass.TRANSIENT
    return StorageError(f"{_doing(method, key)}: {said[name]} with {endpoint}", known, name)
