"""How the front of Google's storage says things: headers of objects, and the entries of its lists."""

from datetime import UTC, datetime
from email.utils import formatdate
from typing import Final
from xml.sax.saxutils import escape

from tests.gcs_kept import Kept, Part, Upload

META: Final = "x-goog-meta-"
NAMES: Final = "xmlns='http://doc.s3.amazonaws.com/2006-03-01'"


def hashes(crc32c: str, md5: str) -> str:
    """The checksums that there are."""
    told = (("crc32c", crc32c), ("md5", md5))
    return ",".join(f"{name}={value}" for name, value in told if value)


def versions(kept: Kept) -> dict[str, str]:
    """Which version of an object it is."""
    return {"x-goog-generation": str(kept.generation), "x-goog-metageneration": "1"}


def told(kept: Kept) -> dict[str, str]:
    """The headers of an object."""
    headers = {
        "content-type": kept.content_type,
        "etag": f'"{kept.etag}"',
        "last-modified": formatdate(kept.modified, usegmt=True),
        "accept-ranges": "bytes",
        "x-goog-storage-class": kept.storage_class,
        "x-goog-stored-content-encoding": "identity",
        "x-goog-stored-content-length": str(kept.size),
        **versions(kept),
        **{f"{META}{name}": value for name, value in kept.metadata.items()},
    }
    checksums = hashes(kept.crc32c, kept.md5)
    return headers | {"x-goog-hash": checksums} if checksums else headers


def part_entry(number: int, part: Part) -> str:
    """A part in a list."""
    return (
        f"<Part><PartNumber>{number}</PartNumber><LastModified>{time_of(part.came)}</LastModified>"
        f'<ETag>"{part.etag}"</ETag><Size>{part.size}</Size></Part>'
    )


def upload_entry(identity: str, upload: Upload) -> str:
    """An upload in a list."""
    return (
        f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{identity}</UploadId>"
        f"<StorageClass>{upload.storage_class}</StorageClass>"
        f"<Initiated>{time_of(upload.generation / 1e6)}</Initiated></Upload>"
    )


def time_of(seconds: float) -> str:
    """A moment, in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def entry(key: str, kept: Kept) -> str:
    """An object in a list."""
    return (
        f"<Contents><Key>{escape(key)}</Key><Generation>{kept.generation}</Generation>"
        f"<MetaGeneration>1</MetaGeneration><LastModified>{time_of(kept.modified)}</LastModified>"
        f'<ETag>"{kept.etag}"</ETag><Size>{kept.size}</Size></Contents>'
    )
