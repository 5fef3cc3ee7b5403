"""Uploads in parts at Azure Blob: blocks that are not committed yet, each of whose names says what is in it."""

import base64
import binascii
import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from xml.etree import ElementTree

import google_crc32c

from towpath.domain.paths import ErrorClass
from towpath.storage.azure import AzureCalls
from towpath.storage.parts import Begun, Part, UploadGone, Whole
from towpath.storage.protocol import StorageError, has_class

BLOCKS_MD5: Final = "the store has checked the MD5 of each block"
UPLOAD: Final = "blocks"
"""The id of every upload: a blob has one set of blocks that are not committed."""

_NAME: Final = struct.Struct(">7sII")
"""A block's name: ours, the part's number, the CRC32C of its bytes. Azure wants all names of a blob equally long."""
_OURS: Final = b"towpath"
_BLOCK_LIST: Final = {"comp": "blocklist"}


@dataclass(frozen=True, slots=True)
class _Block:
    """A block as the store lists it."""

    name: str
    size: int

    @property
    def part(self) -> Part | None:
        """The part that it is; None for one that another client has sent."""
        try:
            ours, number, crc32c = _NAME.unpack(base64.b64decode(self.name, validate=True))
        except (binascii.Error, struct.error):
            return None
        return Part(number, self.size, self.name, crc32c) if ours == _OURS else None


class AzureBlocks:
    """The uploads in blocks of one container; see `PartStore`.

    The store tells names and sizes of blocks, and no checksums. It compares the MD5 of each when it comes; so a block's
    name, which has its CRC32C, stands for its bytes. Blocks that nobody commits Azure itself takes away after a week.
    """

    def __init__(self, calls: AzureCalls, storage_class: str = "") -> None:
        self._calls, self._class = calls, storage_class

    def begun(self, prefix: str) -> Iterator[Begun]:
        """That of the key itself, by Get Block List: to find others every blob would have to be listed. None is old:
        what is left a week ago Azure has taken away."""
        if self._blocks(prefix):
            yield Begun(prefix, UPLOAD, datetime.now(UTC))

    def begin(self, key: str) -> str:
        """Nothing: the first block begins it."""
        return UPLOAD

    def parts(self, key: str, upload: str) -> Iterator[Part]:
        """By Get Block List. Blocks that another client has sent go first: theirs and ours have no room together."""
        found = self._blocks(key)
        parts = [block.part for block in found]
        if not found or None in parts:
            self.abort(key, upload)
            raise UploadGone(key)
        yield from (part for part in parts if part is not None)

    def send(self, key: str, upload: str, number: int, content: bytes, crc32c: int) -> Part:
        """Put Block, with the MD5 that the store is to compare: a wrong one where `crc32c` is not that of the bytes."""
        digest = bytearray(hashlib.md5(content, usedforsecurity=False).digest())
        if google_crc32c.value(content) != crc32c:
            digest[0] ^= 1
        name = _named(number, crc32c)
        headers = {"content-md5": base64.b64encode(digest).decode()}
        query = {"comp": "block", "blockid": name}
        self._calls.call(f"send a part of '{key}'", "PUT", key, query, content, headers)
        # The ETag that `PartStore` has for S3 is the MD5; here it vouches for nothing more than the store's check.
        return Part(number, len(content), name, crc32c)

    def finish(self, key: str, upload: str, parts: list[Part]) -> Whole:
        """Put Block List: the blob is made of these blocks, or not at all."""
        top = ElementTree.Element("BlockList")
        for part in sorted(parts, key=lambda part: part.number):
            ElementTree.SubElement(top, "Latest").text = part.etag
        headers = {"x-ms-access-tier": self._class} if self._class and has_class(key) else {}
        try:
            answer = self._calls.call(
                f"put '{key}'", "PUT", key, _BLOCK_LIST, ElementTree.tostring(top), headers
            )
        except StorageError as error:
            if error.error_name.endswith("InvalidBlockList"):
                raise UploadGone(key) from None
            raise
        return Whole(answer.headers.get("etag", "").strip('"'), vouched=BLOCKS_MD5)

    def abort(self, key: str, upload: str) -> None:
        """Drop what was sent. Azure has no call for that: where no blob is, an empty one is made of it, and goes."""
        if not self._blocks(key):
            return
        doing = f"give up '{key}'"
        try:
            made = self._calls.call(
                doing, "PUT", key, _BLOCK_LIST, b"<BlockList></BlockList>", {"if-none-match": "*"}
            )
            self._calls.call(doing, "DELETE", key, {}, headers={"if-match": made.headers.get("etag", "*")})
        except StorageError as error:
            # There is a blob of that key: what was sent beside it stays until the store takes it away.
            if not error.error_name.endswith(("BlobAlreadyExists", "ConditionNotMet", "BlobNotFound")):
                raise

    def _blocks(self, key: str) -> list[_Block]:
        """The blocks of a key that are not committed; none where there is no such blob."""
        query = _BLOCK_LIST | {"blocklisttype": "uncommitted"}
        try:
            answer = self._calls.call(f"ask for the parts of '{key}'", "GET", key, query)
        except StorageError as error:
            if error.error_name.endswith("BlobNotFound"):
                return []
            raise
        found = _document(answer.data).iterfind("UncommittedBlocks/Block")
        return [_Block(block.findtext("Name") or "", int(block.findtext("Size") or "0")) for block in found]


def _named(number: int, crc32c: int) -> str:
    return base64.b64encode(_NAME.pack(_OURS, number, crc32c)).decode()


def _document(body: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(body)  # noqa: S314  # expat bounds what it expands
    except ElementTree.ParseError:
        raise StorageError("the answer is no XML", ErrorClass.TRANSIENT) from None
