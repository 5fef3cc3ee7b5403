"""A front that speaks the XML API of Google Cloud Storage before a real S3 server, so that Google's own client can be
tried where no Google is.

It was written from Google's reference (https://cloud.google.com/storage/docs/xml-api and
https://cloud.google.com/storage/docs/access-control/iam-xml) and from what is told of real answers, not from what our
code would like. It was never compared with Google itself.

What it models: PUT, GET, HEAD and DELETE of objects, ranges, lists (`list-type=2`, in the order of the bytes of names),
uploads in parts, storage classes, custom metadata; checksums that are sent along (`Content-MD5`, `x-goog-hash`) and
told (an object of parts has a CRC32C, no MD5, and an ETag that follows from none); generations and
`x-goog-if-generation-match`; Bearer tokens of accounts, each permission that a request needs (to replace an object
takes `storage.objects.delete`), and the errors' codes. A bucket that is not there is told of to those alone who may
see the whole project; an object that is not there, to those who may list.

What it does not: signed URLs and HMAC keys, ACLs, resumable uploads, composing and copying, versions, holds, retention
and lifecycle, customer's keys, decompression, requester-pays, CORS, quotas (Google takes one write a second of the same
name) and delays. What it does not model it refuses with 501, that no test takes silence for an answer.
"""

import base64
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from tests.fixtures_seaweed import Seaweed
from tests.gcs_accounts import Account, Accounts, Unknown
from tests.gcs_kept import Behind, Kept, Objects, Part, Upload, part_of
from tests.gcs_words import META, NAMES, entry, hashes, part_entry, told, upload_entry, versions

ERRORS: Final[Mapping[str, tuple[int, str]]] = {
    "AccessDenied": (403, "Access denied."),
    "AuthenticationRequired": (401, "Authentication required."),
    "BadDigest": (400, "The Content-MD5 or checksum you specified did not match what we received."),
    "CrcMismatch": (400, "The CRC32C you specified did not match what we computed."),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed object size."),
    "InvalidArgument": (400, "Invalid argument."),
    "InvalidPart": (400, "One or more of the specified parts could not be found."),
    "InvalidPartOrder": (400, "The list of parts was not in ascending order."),
    "InvalidRange": (416, "The requested range cannot be satisfied."),
    "InvalidStorageClass": (400, "The storage class you specified is not valid."),
    "KeyTooLong": (400, "Your key is too long."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "NoSuchBucket": (404, "The specified bucket does not exist."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchUpload": (404, "The requested upload was not found."),
    "NotImplemented": (501, "A header or query you provided requested a function that is not implemented."),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold."),
}
"""Code → status, and what Google says with it."""

CLASSES: Final = ("STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE")
LONGEST_NAME: Final = 1024
SMALLEST_PART: Final = 5 << 20
MOST_PARTS: Final = 10_000
PAGE: Final = 1_000
MODELLED: Final = frozenset(
    {"x-goog-hash", "x-goog-if-generation-match", "x-goog-storage-class", "x-goog-user-project"}
)
UNMODELLED: Final = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
"""Headers without a prefix that would change what is answered."""
TOKEN: Final = "computeMetadata"  # where a machine asks for its token

_RANGE: Final = re.compile(r"bytes=(\d*)-(\d*)")


class Refused(Exception):  # it is an answer
    """An answer that is an error."""

    def __init__(self, code: str, details: str = "") -> None:
        super().__init__(code, details)
        self.code, self.details = code, details


@dataclass(frozen=True)
class Request:
    """A request for a bucket, or for an object in one."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes

    @property
    def about(self) -> str:
        """Which of the method's calls it is."""
        about = ("uploads", "partNumber", "uploadId", "list-type")
        return next((name for name in about if name in self.query), "")


@dataclass(frozen=True)
class Answer:
    """An answer. `size` is told in place of the body's own, where there is none (HEAD)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    size: int | None = None


@dataclass(frozen=True)
class Call:
    """One call: what it needs, which query names it takes, and how it is answered."""

    needs: tuple[str, ...]
    takes: frozenset[str]
    answer: Callable[["Front", Request, Account | None], Answer]


class Front:
    """The XML API over the buckets of an S3 server; `clock` gives seconds since the epoch."""

    def __init__(self, seaweed: Seaweed, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.accounts = Accounts(clock)
        self.machine: Account | None = None
        """The account of the machine that this is the metadata server of, too."""
        self.objects = Objects(Behind(seaweed), clock)
        self.seen: list[Request] = []
        """Every request, in the order of their coming."""
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Answer:
        """What Google would say."""
        with self._lock:
            self.seen.append(request)
        try:
            if request.bucket == TOKEN:
                return self._token(request)
            return self._answer(request)
        except Refused as refused:
            status, message = ERRORS[refused.code]
            details = f"<Details>{escape(refused.details)}</Details>" if refused.details else ""
            said = f"<Error><Code>{refused.code}</Code><Message>{message}</Message>{details}</Error>"
            return _document(said, status)

    def _answer(self, request: Request) -> Answer:
        try:
            account = self.accounts.who(request.headers.get("authorization"))
        except Unknown:
            raise Refused("AuthenticationRequired") from None
        call = CALLS.get((request.method, bool(request.key), request.about))
        strange = {name for name in request.headers if name.startswith("x-goog-")} - MODELLED
        strange = {name for name in strange if not name.startswith(META)}
        strange |= request.headers.keys() & set(UNMODELLED)
        if call is None or strange or request.query.keys() - call.takes or not request.bucket:
            raise Refused("NotImplemented", f"{request.method} {request.about} {sorted(strange)}")
        if len(request.key.encode()) > LONGEST_NAME:
            raise Refused("KeyTooLong")
        if request.method in ("PUT", "POST") and "content-length" not in request.headers:
            raise Refused("MissingContentLength")
        self._require_bucket(request, account, call.needs[0])
        for permission in call.needs:
            self.require(request, account, permission)
        return call.answer(self, request, account)

    def _require_bucket(self, request: Request, account: Account | None, permission: str) -> None:
        if self.objects.has_bucket(request.bucket):
            return
        if account is not None and account.everywhere:
            raise Refused("NoSuchBucket")
        raise Refused("AccessDenied", _denied(request, account, permission))

    def require(self, request: Request, account: Account | None, permission: str) -> None:
        """Refuse who may not do that."""
        if account is None or permission not in account.permissions:
            raise Refused("AccessDenied", _denied(request, account, permission))

    def _token(self, request: Request) -> Answer:
        """As the metadata server of a machine: https://cloud.google.com/compute/docs/metadata/overview."""
        if self.machine is None or request.key != "v1/instance/service-accounts/default/token":
            return Answer(404)
        if request.headers.get("metadata-flavor") != "Google":
            return Answer(403)
        token = self.accounts.give(self.machine, 3599)
        said = f'{{"access_token":"{token}","expires_in":3599,"token_type":"Bearer"}}'
        return Answer(200, {"content-type": "application/json", "metadata-flavor": "Google"}, said.encode())

    # Objects --------------------------------------------------------------------------------------------------

    def get(self, request: Request, account: Account | None) -> Answer:
        """GET and HEAD of an object."""
        bucket, key = request.bucket, request.key
        with self.objects.alone(bucket, key):
            kept = self._found(request, account)
            asked = _range(request.headers.get("range"), kept.size)
            start, end = asked or (0, kept.size)
            headers = told(kept)
            status = 206 if asked else 200
            if asked:
                headers["content-range"] = f"bytes {start}-{end - 1}/{kept.size}"
            if request.method == "HEAD":
                return Answer(status, headers, size=end - start)
            content = self.objects.content(bucket, key, start, end)
        if content is None:
            raise Refused("NoSuchKey", f"No such object: {bucket}/{key}")
        return Answer(status, headers, content)

    def put(self, request: Request, account: Account | None) -> Answer:
        """PUT of an object."""
        part = _received(request)
        with self.objects.alone(request.bucket, request.key):
            self._may_replace(request, account)
            kept = self.objects.put(self._upload(request), request.body)
        headers = {"etag": f'"{kept.etag}"', "x-goog-hash": hashes(part.crc32c, part.md5)}
        return Answer(200, {**headers, **versions(kept), "x-goog-stored-content-length": str(kept.size)})

    def delete(self, request: Request, account: Account | None) -> Answer:
        """DELETE of an object: one that is not there is an error."""
        with self.objects.alone(request.bucket, request.key):
            self._found(request, account)
            self.objects.delete(request.bucket, request.key)
        return Answer(204)

    def _found(self, request: Request, account: Account | None) -> Kept:
        """The object that is asked for, if it is as the request wants it."""
        kept = self.objects.find(request.bucket, request.key)
        wanted = request.query.get("generation")
        if kept is None or (wanted is not None and wanted != str(kept.generation)):
            self.require(request, account, "storage.objects.list")
            raise Refused("NoSuchKey", f"No such object: {request.bucket}/{request.key}")
        _precondition(request, kept)
        return kept

    def _may_replace(self, request: Request, account: Account | None) -> None:
        """Refuse a write over what the request does not expect, or over anything where objects may not be deleted."""
        kept = self.objects.find(request.bucket, request.key)
        _precondition(request, kept)
        if kept is not None:
            self.require(request, account, "storage.objects.delete")

    def _upload(self, request: Request) -> Upload:
        """What the object is to be, of a PUT or of an upload's beginning."""
        named = request.headers.get("x-goog-storage-class", "STANDARD")
        if named not in CLASSES:
            raise Refused("InvalidStorageClass")
        kind = request.headers.get("content-type", "application/octet-stream")
        given = request.headers.items()
        meta = {name[len(META) :]: value for name, value in given if name.startswith(META)}
        return Upload(request.bucket, request.key, self.objects.generation(), named, kind, meta)

    # Lists ----------------------------------------------------------------------------------------------------

    def list(self, request: Request, _account: Account | None) -> Answer:
        """GET of a bucket."""
        prefix, query = request.query.get("prefix", ""), request.query
        token = base64.urlsafe_b64decode(query.get("continuation-token", "")).decode()
        after = max(token, query.get("start-after", ""), key=str.encode)
        most = min(int(query.get("max-keys", PAGE)), PAGE)
        found = [
            one for one in self.objects.listing(request.bucket, prefix) if one[0].encode() > after.encode()
        ]
        page, more = found[:most], len(found) > most
        said = [
            f"<Name>{request.bucket}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
        ]
        said += [entry(key, kept) for key, kept in page]
        said.append(f"<IsTruncated>{str(more).lower()}</IsTruncated>")
        if more:
            goes_on = base64.urlsafe_b64encode(page[-1][0].encode()).decode()
            said.append(f"<NextContinuationToken>{goes_on}</NextContinuationToken>")
        return _document(f"<ListBucketResult {NAMES}>{''.join(said)}</ListBucketResult>")

    # Uploads in parts -----------------------------------------------------------------------------------------

    def begin(self, request: Request, _account: Account | None) -> Answer:
        """POST of an object's uploads."""
        identity = self.objects.begin(self._upload(request))
        named = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
        said = f"{named}<UploadId>{identity}</UploadId>"
        return _document(f"<InitiateMultipartUploadResult {NAMES}>{said}</InitiateMultipartUploadResult>")

    def send(self, request: Request, _account: Account | None) -> Answer:
        """PUT of a part."""
        identity, number = self._identity(request), int(request.query["partNumber"])
        part = _received(request)
        if not 1 <= number <= MOST_PARTS:
            raise Refused("InvalidArgument")
        try:
            self.objects.send(identity, number, request.body)
        except KeyError:  # It was let go of meanwhile.
            raise Refused("NoSuchUpload") from None
        return Answer(200, {"etag": f'"{part.etag}"', "x-goog-hash": hashes(part.crc32c, part.md5)})

    def finish(self, request: Request, account: Account | None) -> Answer:
        """POST of an upload: its parts become the object."""
        with self.objects.alone(request.bucket, request.key):
            identity = self._identity(request)
            numbers = _numbers(request.body, self.objects.uploads[identity].parts)
            self._may_replace(request, account)
            kept = self.objects.finish(identity, numbers)
        named = f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"
        said = f'{named}<ETag>"{kept.etag}"</ETag>'
        document = f"<CompleteMultipartUploadResult {NAMES}>{said}</CompleteMultipartUploadResult>"
        return _document(document, more={**versions(kept), "x-goog-hash": hashes(kept.crc32c, "")})

    def abort(self, request: Request, _account: Account | None) -> Answer:
        """DELETE of an upload."""
        self.objects.abort(self._identity(request))
        return Answer(204)

    def parts(self, request: Request, _account: Account | None) -> Answer:
        """GET of an upload: the parts that came."""
        after = int(request.query.get("part-number-marker", "0"))
        upload = self.objects.uploads[self._identity(request)]
        numbers = [number for number in sorted(upload.parts) if number > after]
        said = [f"<Bucket>{request.bucket}</Bucket><Key>{escape(request.key)}</Key>"]
        said += [part_entry(number, upload.parts[number]) for number in numbers[:PAGE]]
        said.append(f"<IsTruncated>{str(len(numbers) > PAGE).lower()}</IsTruncated>")
        if len(numbers) > PAGE:
            said.append(f"<NextPartNumberMarker>{numbers[PAGE - 1]}</NextPartNumberMarker>")
        return _document(f"<ListPartsResult {NAMES}>{''.join(said)}</ListPartsResult>")

    def under_way(self, request: Request, _account: Account | None) -> Answer:
        """GET of a bucket's uploads, on one page."""
        prefix = request.query.get("prefix", "")
        ours = [
            (upload.key, identity, upload)
            for identity, upload in list(self.objects.uploads.items())
            if upload.bucket == request.bucket and upload.key.startswith(prefix)
        ]
        said = [
            upload_entry(identity, upload) for _, identity, upload in sorted(ours, key=lambda one: one[:2])
        ]
        said.append("<IsTruncated>false</IsTruncated>")
        return _document(f"<ListMultipartUploadsResult {NAMES}>{''.join(said)}</ListMultipartUploadsResult>")

    def _identity(self, request: Request) -> str:
        identity = request.query["uploadId"]
        upload = self.objects.uploads.get(identity)
        if upload is None or (upload.bucket, upload.key) != (request.bucket, request.key):
            raise Refused("NoSuchUpload")
        return identity


_OBJECT: Final = ("generation",)


def _call(
    needs: str, takes: tuple[str, ...], answer: Callable[[Front, Request, Account | None], Answer]
) -> Call:
    return Call(tuple(f"storage.{name}" for name in needs.split()), frozenset(takes), answer)


_PARTS: Final = "multipartUploads.create objects.create"
_LIST: Final = ("list-type", "prefix", "max-keys", "continuation-token", "start-after")

CALLS: Final[Mapping[tuple[str, bool, str], Call]] = {
    ("GET", False, "list-type"): _call("objects.list", _LIST, Front.list),
    ("GET", True, ""): _call("objects.get", _OBJECT, Front.get),
    ("HEAD", True, ""): _call("objects.get", _OBJECT, Front.get),
    ("PUT", True, ""): _call("objects.create", (), Front.put),
    ("DELETE", True, ""): _call("objects.delete", _OBJECT, Front.delete),
    ("POST", True, "uploads"): _call(_PARTS, ("uploads",), Front.begin),
    ("PUT", True, "partNumber"): _call(_PARTS, ("partNumber", "uploadId"), Front.send),
    ("POST", True, "uploadId"): _call(_PARTS, ("uploadId",), Front.finish),
    ("GET", True, "uploadId"): _call(
        "multipartUploads.listParts", ("uploadId", "part-number-marker"), Front.parts
    ),
    ("GET", False, "uploads"): _call("multipartUploads.list", ("uploads", "prefix"), Front.under_way),
    ("DELETE", True, "uploadId"): _call("multipartUploads.abort", ("uploadId",), Front.abort),
}
"""Method, whether it is for an object, and what about it → the call."""


# What is said, and what is compared ---------------------------------------------------------------------------


def _document(said: str, status: int = 200, more: Mapping[str, str] | None = None) -> Answer:
    headers = {"content-type": "application/xml; charset=UTF-8", **(more or {})}
    return Answer(status, headers, f"<?xml version='1.0' encoding='UTF-8'?>{said}".encode())


def _denied(request: Request, account: Account | None, permission: str) -> str:
    who = "Anonymous caller" if account is None else account.email
    what = "object" if request.key else "bucket"
    return (
        f"{who} does not have {permission} access to the Google Cloud Storage {what}. "
        f"Permission '{permission}' denied on resource (or it may not exist)."
    )


def _precondition(request: Request, kept: Kept | None) -> None:
    wanted = request.headers.get("x-goog-if-generation-match")
    if wanted is not None and wanted != str(kept.generation if kept else 0):
        raise Refused("PreconditionFailed")


def _received(request: Request) -> Part:
    """The body's checksums, once those that were sent along are found to be theirs."""
    part = part_of(request.body)
    sent = {("md5", request.headers["content-md5"])} if "content-md5" in request.headers else set()
    for each in request.headers.get("x-goog-hash", "").split(","):
        name, _, value = each.strip().partition("=")
        sent |= {(name, value)} if name else set()
    for name, value in sent:
        if value != {"md5": part.md5, "crc32c": part.crc32c}.get(name):
            raise Refused("CrcMismatch" if name == "crc32c" else "BadDigest")
    return part


def _range(asked: str | None, size: int) -> tuple[int, int] | None:
    """From where, and up to where; None without a range: a header that is none is passed over."""
    found = _RANGE.fullmatch(asked or "")
    if not found or found[1] == found[2] == "":
        return None
    start = int(found[1]) if found[1] else max(0, size - int(found[2]))
    end = min(size, int(found[2]) + 1) if found[1] and found[2] else size
    if start >= size:
        raise Refused("InvalidRange")
    return start, end


def _numbers(body: bytes, came: Mapping[int, Part]) -> list[int]:
    """The numbers of the parts that a completion names, each of which came."""
    try:
        named = [
            (int(part.findtext("{*}PartNumber") or ""), (part.findtext("{*}ETag") or "").strip('"'))
            for part in ElementTree.fromstring(body).findall("{*}Part")
        ]
    except (ElementTree.ParseError, ValueError):
        raise Refused("InvalidArgument") from None
    numbers = [number for number, _ in named]
    if not numbers or numbers != sorted(set(numbers)):
        raise Refused("InvalidPartOrder")
    if any(number not in came or came[number].etag != etag for number, etag in named):
        raise Refused("InvalidPart")
    if any(came[number].size < SMALLEST_PART for number in numbers[:-1]):
        raise Refused("EntityTooSmall")
    return numbers
