"""What the front of Google's storage keeps: bytes in a real S3 server, and beside them what S3 has no word for."""

import base64
import hashlib
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

import google_crc32c
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from tests.fixtures_seaweed import PATIENCE, Seaweed

META: Final = "x-amz-meta-"
_UNSIGNED: Final = Config(s3={"payload_signing_enabled": False})


@dataclass(frozen=True)
class Kept:
    """What is said of an object; `modified` in seconds since the epoch. An object of parts has no MD5."""

    size: int
    modified: float
    generation: int
    etag: str
    behind: str
    """Its ETag at the S3 server, by which it is known again whatever others do behind the front's back."""
    crc32c: str = ""
    md5: str = ""
    storage_class: str = "STANDARD"
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Part:
    """A part that came: its size, its checksums as Google writes them, and when it came, in seconds."""

    size: int
    md5: str
    crc32c: str
    came: float = 0

    @property
    def etag(self) -> str:
        """In hexadecimals."""
        return base64.b64decode(self.md5).hex()


@dataclass
class Upload:
    """An upload in parts that is under way, with what its object is to be."""

    bucket: str
    key: str
    generation: int
    storage_class: str
    content_type: str
    metadata: Mapping[str, str]
    parts: dict[int, Part] = field(default_factory=dict)


class Behind:
    """The S3 server behind the front, asked as its administrator."""

    def __init__(self, seaweed: Seaweed) -> None:
        self._endpoint = seaweed.endpoint
        self._credentials = ReadOnlyCredentials(seaweed.access_key_id, seaweed.secret_access_key, None)
        self._http = urllib3.PoolManager(maxsize=64, timeout=PATIENCE, retries=False)

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> urllib3.BaseHTTPResponse:
        """Its answer; raises where it is neither a success nor a 404."""
        url = f"{self._endpoint}{quote(f'/{path}', safe='/-_.~')}"
        if query:
            url += f"?{urlencode(sorted(query.items()), quote_via=quote, safe='-_.~')}"
        request = AWSRequest(method, url, dict(headers or {}))
        request.context["client_config"] = _UNSIGNED
        S3SigV4Auth(self._credentials, "s3", "us-east-1").add_auth(request)
        answer = self._http.request(method, url, body=body, headers=dict(request.headers.items()))
        if answer.status >= 300 and answer.status != 404:
            raise RuntimeError(f"SeaweedFS: {method} {path}: {answer.status} {answer.data[:500]!r}")
        return answer

    def document(self, *asked: str, **more: Mapping[str, str] | bytes) -> ElementTree.Element:
        """The same, where it answers with XML."""
        answer = self.ask(*asked, **more)  # type: ignore[arg-type]
        found = ElementTree.fromstring(answer.data)
        if answer.status != 200 or found.tag.endswith("Error"):
            raise RuntimeError(f"SeaweedFS: {asked}: {answer.status} {answer.data[:500]!r}")
        return found


class Objects:
    """All objects, in all buckets, each with one owner at a time."""

    def __init__(self, behind: Behind, clock: Callable[[], float]) -> None:
        self.behind, self._clock = behind, clock
        self.uploads: dict[str, Upload] = {}
        self._kept: dict[tuple[str, str], Kept] = {}
        """By bucket and name: what was put through the front."""
        self._newest = 0
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._buckets: set[str] = set()

    @contextmanager
    def alone(self, bucket: str, key: str) -> Iterator[None]:
        """Nobody else does anything with that object meanwhile."""
        with self._lock:
            one = self._locks[f"{bucket}/{key}"]
        with one:
            yield

    def has_bucket(self, bucket: str) -> bool:
        """Whether there is such a bucket."""
        if bucket not in self._buckets:
            if self.behind.ask("HEAD", bucket).status == 404:
                return False
            self._buckets.add(bucket)
        return True

    def generation(self) -> int:
        """A new one: Google's are microseconds too."""
        with self._lock:
            self._newest = max(self._newest + 1, int(self._clock() * 1e6))
            return self._newest

    def find(self, bucket: str, key: str) -> Kept | None:
        """What is there now, also where somebody else put it at the S3 server."""
        found = self.behind.ask("HEAD", f"{bucket}/{key}")
        if found.status == 404:
            return None
        at = parsedate_to_datetime(found.headers["last-modified"])
        return self._known(bucket, key, int(found.headers["content-length"]), at, found.headers["etag"])

    def _known(self, bucket: str, key: str, size: int, at: datetime, etag: str) -> Kept:
        kept, plain, seconds = self._kept.get((bucket, key)), etag.strip('"'), at.timestamp()
        if kept is not None and (kept.behind, kept.size) == (plain, size):
            return kept
        return Kept(size, seconds, int(seconds * 1e6), plain, plain)

    def put(self, upload: Upload, content: bytes) -> Kept:
        """Put an object in one request."""
        path, headers = f"{upload.bucket}/{upload.key}", _headers(upload)
        found = self.behind.ask("PUT", path, headers=headers, body=content)
        part = part_of(content)
        return self._keep(
            upload, found.headers["etag"], Kept(len(content), 0, 0, part.etag, "", part.crc32c, part.md5)
        )

    def content(self, bucket: str, key: str, start: int, end: int) -> bytes | None:
        """The bytes from `start` up to `end`; None where it was taken away behind the front's back."""
        if start >= end:
            return b""
        asked = {"range": f"bytes={start}-{end - 1}"}
        found = self.behind.ask("GET", f"{bucket}/{key}", headers=asked)
        return None if found.status == 404 else found.data

    def delete(self, bucket: str, key: str) -> None:
        """Delete it."""
        self.behind.ask("DELETE", f"{bucket}/{key}")

    def listing(self, bucket: str, prefix: str) -> list[tuple[str, Kept]]:
        """All objects beneath a prefix, in the order of the bytes of their names: the S3 server has one of its own."""
        query: dict[str, str] = {"list-type": "2", "prefix": prefix}
        found: dict[str, Kept] = {}
        while True:
            page = self.behind.document("GET", bucket, query=query)
            for one in page.findall("{*}Contents"):
                key, size, etag = _text(one, "Key"), int(_text(one, "Size")), _text(one, "ETag")
                at = datetime.fromisoformat(_text(one, "LastModified"))
                found[key] = self._known(bucket, key, size, at, etag)
            if _text(page, "IsTruncated") != "true":
                return sorted(found.items(), key=lambda one: one[0].encode())
            query["continuation-token"] = _text(page, "NextContinuationToken")

    # Uploads in parts -----------------------------------------------------------------------------------------

    def begin(self, upload: Upload) -> str:
        """The id of a new upload."""
        headers = _headers(upload) | {
            "x-amz-checksum-algorithm": "CRC32C",
            "x-amz-checksum-type": "FULL_OBJECT",
        }
        path = f"{upload.bucket}/{upload.key}"
        found = self.behind.document("POST", path, query={"uploads": ""}, headers=headers)
        identity = _text(found, "UploadId")
        self.uploads[identity] = upload
        return identity

    def send(self, identity: str, number: int, content: bytes) -> Part:
        """Keep a part."""
        upload, part = self.uploads[identity], replace(part_of(content), came=self._clock())
        query = {"partNumber": str(number), "uploadId": identity}
        headers = {"x-amz-checksum-crc32c": part.crc32c}
        self.behind.ask("PUT", f"{upload.bucket}/{upload.key}", query, headers, content)
        upload.parts[number] = part
        return part

    def finish(self, identity: str, numbers: list[int]) -> Kept:
        """Make the object of these parts."""
        upload = self.uploads.pop(identity)
        top = ElementTree.Element("CompleteMultipartUpload")
        for number in numbers:
            one, part = ElementTree.SubElement(top, "Part"), upload.parts[number]
            ElementTree.SubElement(one, "PartNumber").text = str(number)
            ElementTree.SubElement(one, "ETag").text = f'"{part.etag}"'
            ElementTree.SubElement(one, "ChecksumCRC32C").text = part.crc32c
        path, query = f"{upload.bucket}/{upload.key}", {"uploadId": identity}
        found = self.behind.document("POST", path, query=query, body=ElementTree.tostring(top))
        size = sum(upload.parts[number].size for number in numbers)
        kept = Kept(size, 0, 0, _opaque(upload.generation), "", _text(found, "ChecksumCRC32C"))
        return self._keep(upload, _text(found, "ETag"), kept)

    def abort(self, identity: str) -> None:
        """Let go of an upload."""
        upload = self.uploads.pop(identity)
        self.behind.ask("DELETE", f"{upload.bucket}/{upload.key}", {"uploadId": identity})

    def _keep(self, upload: Upload, behind: str, kept: Kept) -> Kept:
        whole = replace(
            kept,
            modified=self._clock(),
            generation=upload.generation,
            behind=behind.strip('"'),
            storage_class=upload.storage_class,
            content_type=upload.content_type,
            metadata=upload.metadata,
        )
        self._kept[upload.bucket, upload.key] = whole
        return whole


def part_of(content: bytes) -> Part:
    """Its size and checksums."""
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    crc32c = google_crc32c.value(content).to_bytes(4)
    return Part(len(content), base64.b64encode(md5).decode(), base64.b64encode(crc32c).decode())


def _headers(upload: Upload) -> dict[str, str]:
    named = {f"{META}{name}": value for name, value in upload.metadata.items()}
    return named | {"content-type": upload.content_type}


def _text(element: ElementTree.Element, name: str) -> str:
    return element.findtext(f"{{*}}{name}") or ""


def _opaque(generation: int) -> str:
    """The ETag of an object of parts, which follows from no MD5: Google's tell the generation, as a message of
    protocol buffers in Base64 behind a hyphen."""
    number, told = generation, bytearray(b"\x08")
    while number > 0x7F:
        told.append(number & 0x7F | 0x80)
        number >>= 7
    told += bytes([number, 0x10, 0x01])
    return f"-{base64.b64encode(told).decode()}"
