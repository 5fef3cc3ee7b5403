"""Objects in an object store (S3, Azure, Google, memory), through obstore."""

import hashlib
import io
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

import obstore
import xxhash
from obstore.store import ObjectStore

from towpath.domain.paths import ErrorClass
from towpath.storage.answers import OBSTORE_ERRORS, answer_of, storage_error
from towpath.storage.azure import ARCHIVE
from towpath.storage.large import AT_ONCE, USUAL, LargePuts, Sizes
from towpath.storage.parts import PartStore
from towpath.storage.protocol import (
    PRIVATE_PREFIX,
    Abilities,
    Archived,
    Corrupt,
    ObjectFound,
    ObjectMissing,
    StorageError,
    Stored,
    has_class,
    is_safe_key,
    require_safe,
)
from towpath.storage.sources import pieces

if TYPE_CHECKING:
    # A type of obstore's stubs alone.
    from obstore import Attributes

PIECE: Final = 1024 * 1024
STRAY_AFTER: Final = timedelta(days=7)
WINDOW: Final = 16 * 1024 * 1024
"""Bytes that one request brings at most, so that each has a time to end in: what creeps ends as what is silent does."""
PAGE: Final = 1_000

MD5: Final = "the store's MD5 equals ours"
READ_BACK: Final = "read back"


class Tiers(Protocol):
    """The way to an archive and back, where a store has one."""

    def archive(self, key: str) -> None:
        """Put an object into the archive that was put with no class, and verified."""

    def restore(self, key: str) -> None:
        """Ask for it to be brought back; asking again while that is under way does no harm."""


class ObjectStorage:
    """A bucket, or a prefix in one.

    A put is verified by the ETag in its own answer, where that is the MD5 of what the store received (for parts,
    the MD5 of their MD5s): equal digests of 128 bits are no accident, so nothing needs to be known of the store.
    Where the ETag is something else (Azure, or S3 with keys of its own), the object is read back; a store that
    was once found to be like that is not asked again. Where `parts` is given, large objects go through
    it, and can be gone on with; else obstore puts them in parts, of which nothing stays where the put does not come
    to its end.
    """

    abilities: Abilities

    def __init__(
        self,
        store: ObjectStore,
        parts: PartStore | None = None,
        sizes: Sizes = USUAL,
        storage_class: str = "",
        tiers: Tiers | None = None,
    ) -> None:
        self.abilities = Abilities(parts_over=sizes.single if parts is not None else None)
        self._sizes, self._class, self._tiers = sizes, storage_class, tiers
        self._puts = LargePuts(parts, sizes) if parts is not None else None
        self._store = store
        self._etag_tells = {True: True, False: True}
        """For objects put in one request, and for those put in parts."""
        self._large = threading.BoundedSemaphore(AT_ONCE)
        """For those that obstore puts in parts."""

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Put in one request up to 8 MiB, else in parts; verify; delete what is not what was sent."""
        require_safe(key)
        stored = Stored(key, size, self._keep(key, source, size))
        if self._tiers is not None and self._archives_late and has_class(key):
            self._tiers.archive(key)
        return stored

    @property
    def _archives_late(self) -> bool:
        """Azure's archive: nothing in it can be read back, so objects go there once they are verified."""
        return self._class == ARCHIVE

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The object's bytes, by one request."""
        require_safe(key)
        return self._pieces(key, start, length)

    def look(self, key: str) -> ObjectFound | None:
        """The object's size and time, by a HEAD request."""
        require_safe(key)
        return self._find(key)

    def delete(self, key: str) -> None:
        """Delete the object."""
        require_safe(key)
        self._remove(key)

    def give_up(self, key: str) -> None:
        """Abort the uploads of that key."""
        require_safe(key)
        if self._puts is not None:
            self._puts.give_up(key)

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The store's listing, page by page, in its own order. Objects under no safe key are not ours."""
        if prefix:
            require_safe(prefix)
        return (found for found in self._list(prefix, after) if is_safe_key(found.key))

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The store's listing, private keys left out."""
        private = f"{PRIVATE_PREFIX}/"
        return (found for found in self._list(prefix, after) if not found.key.startswith(private))

    def sweep(self, site: str, now: datetime) -> int:
        """Abort the uploads to keys of that site that nobody has gone on with for a week; how many went."""
        return 0 if self._puts is None else self._puts.sweep(f"{site}/", now - STRAY_AFTER)

    def sync(self, keys: list[str]) -> None:
        """Nothing: a store answers a put once it has it."""

    def check(self) -> str:
        """Put, read, list and delete a private object."""
        key, content = f"{PRIVATE_PREFIX}/check-{secrets.token_hex(8)}", secrets.token_bytes(1024)
        try:
            how = self._keep(key, io.BytesIO(content), len(content))
            if b"".join(self._pieces(key, 0, None)) != content:
                raise Corrupt(f"check: '{key}' reads back otherwise than it was written")
            if not any(found.key == key for found in self._list(PRIVATE_PREFIX, "")):
                reason = f"check: '{key}' was written and is not listed"
                raise StorageError(reason, ErrorClass.PERMANENT)
            self._remove(key)
        except BaseException:
            with suppress(StorageError):
                self._remove(key)
            raise
        verified = "verified by the store's MD5" if how == MD5 else "verified by reading back"
        return f"works: wrote, read, listed and deleted an object; puts are {verified}"

    # Writing --------------------------------------------------------------------------------------------------

    def _keep(self, key: str, source: BinaryIO, size: int) -> str:
        """Put and verify; how it was verified."""
        single = size <= self._sizes.single
        if not single and self._puts is not None:
            return self._put_resumable(self._puts, key, _Sent(source, size, self._sizes, md5=False))
        etag_tells = self._etag_tells[single]
        sent = _Sent(source, size, self._sizes, md5=etag_tells)
        if single:
            etag = self._put_single(key, next(sent, b""))
        else:
            with self._large:
                etag = self._put_parts(key, sent)
        if etag_tells and etag == sent.etag():
            return MD5
        self._verify_by_reading(key, sent)
        self._etag_tells[single] = False
        return READ_BACK

    def _put_resumable(self, puts: LargePuts, key: str, sent: "_Sent") -> str:
        how = puts.put(key, sent)
        if how is None:
            self._verify_by_reading(key, sent)
        return how or READ_BACK

    def _put_single(self, key: str, content: bytes) -> str:
        with _told(f"put '{key}'"):
            answer = obstore.put(
                self._store, key, content, attributes=self._attributes(key), use_multipart=False
            )
        return _plain(answer["e_tag"])

    def _attributes(self, key: str) -> "Attributes | None":
        at_once = self._class and not self._archives_late and has_class(key)
        return {"Storage-Class": self._class} if at_once else None

    def _put_parts(self, key: str, sent: "_Sent") -> str:
        part, concurrency = self._sizes.part_of(sent.size), self._sizes.at_once(sent.size)
        try:
            with _told(f"put '{key}'"):
                answer = obstore.put(
                    self._store,
                    key,
                    sent,
                    attributes=self._attributes(key),
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=concurrency,
                )
        except BaseException:
            # obstore aborts the upload and raises what the source raised; tell that apart from the store's words.
            if sent.broken is not None:
                raise sent.broken from None
            raise
        return _plain(answer["e_tag"])

    def _verify_by_reading(self, key: str, sent: "_Sent") -> None:
        try:
            size, digest = self._digest(key, sent)
            if (size, digest) == (sent.size, sent.digest()):
                return
            found = f"{size} bytes with another checksum" if size == sent.size else f"{size} bytes"
        except ObjectMissing:
            found = "no object"
        except Archived:
            found = "one in an archive, which nobody can read back"
        except BaseException:
            if sent.broken is not None:  # Nobody has been told of the object: it must not be left.
                with suppress(StorageError):
                    self._remove(key)
            raise
        reason = f"put '{key}': the store keeps not what was sent: expected {sent.size} bytes, found {found}"
        try:
            self._remove(key)
        except StorageError as error:
            reason += f"; it could not be deleted: {error.reason}"
        raise Corrupt(reason)

    def _digest(self, key: str, sent: "_Sent") -> tuple[int, bytes]:
        """The size and the xxh3_128 of what the store gives back; the source is asked whether to go on."""
        digest, size = xxhash.xxh3_128(), 0
        for piece in self._pieces(key, 0, None):
            sent.ask()
            digest.update(piece)
            size += len(piece)
        return size, digest.digest()

    def _remove(self, key: str) -> None:
        with _told(f"delete '{key}'"), suppress(FileNotFoundError):
            obstore.delete(self._store, key)

    # Reading --------------------------------------------------------------------------------------------------

    def _pieces(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        if length == 0:
            if self._find(key) is None:
                raise ObjectMissing(key)
            return
        while length is None or length > 0:
            wanted = WINDOW if length is None else min(WINDOW, length)
            came, last = 0, True
            for piece, is_last in self._window(key, start, wanted):
                came, last = came + len(piece), is_last
                yield from _cut(piece)
            if last:
                return
            start, length = start + came, None if length is None else length - came

    def _window(self, key: str, start: int, length: int) -> Iterator[tuple[bytes, bool]]:
        """Up to so many bytes, by one request that has a time to end in, however slowly they come; each piece with
        whether the object ends within the window. Nothing where the window begins past its end."""
        try:
            if length <= PIECE:  # In one go: a stream costs half as much again, and most objects are small.
                yield bytes(obstore.get_range(self._store, key, start=start, length=length)), True
                return
            found = obstore.get(self._store, key, options={"range": (start, start + length)})
            last = start + length >= found.meta["size"]
            for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece), last
        except OBSTORE_ERRORS as error:
            answer = answer_of(error)
            if answer.past_the_end:
                return
            if answer.missing:
                raise ObjectMissing(key) from None
            if answer.archived:
                raise self._archived(key, answer.name) from None
            raise storage_error(f"get '{key}'", error) from None

    def _archived(self, key: str, name: str) -> StorageError:
        """What is said of an archived object, once the store was asked to bring it back."""
        if self._tiers is None:
            return StorageError(f"get '{key}': it is in an archive: {name}", ErrorClass.PERMANENT, name)
        self._tiers.restore(key)
        return Archived(key, name)

    def _find(self, key: str) -> ObjectFound | None:
        with _told(f"look at '{key}'"):
            try:
                meta = obstore.head(self._store, key)
            except FileNotFoundError:
                return None
        return ObjectFound(key, meta["size"], meta["last_modified"])

    def _list(self, prefix: str, after: str) -> Iterator[ObjectFound]:
        doing = f"list '{prefix}'"
        with _told(doing):
            pages = obstore.list(self._store, prefix or None, offset=after or None, chunk_size=PAGE)
        while True:
            with _told(doing):
                page = next(pages, None)
            if page is None:
                return
            for meta in page:
                yield ObjectFound(meta["path"], meta["size"], meta["last_modified"])


class _Sent(Iterator[bytes]):
    """A source cut into parts, with the digests of what was handed on."""

    def __init__(self, source: BinaryIO, size: int, sizes: Sizes, *, md5: bool) -> None:
        self.size = size
        self._single = size <= sizes.single
        self.broken: BaseException | None = None
        self._source = source
        self._parts = pieces(source, size, sizes.single if self._single else sizes.part_of(size))
        self._whole = xxhash.xxh3_128()
        self._md5 = md5
        self._md5s: list[bytes] = []

    def __next__(self) -> bytes:
        try:
            part = next(self._parts)
        except StopIteration:
            raise
        except BaseException as error:
            self.broken = error
            raise
        self._whole.update(part)
        if self._md5:
            self._md5s.append(_md5(part))
        return part

    def ask(self) -> None:
        """Read nothing, so that a source which is to be given up can say so: what it raises is raised here."""
        try:
            self._source.read(0)
        except BaseException as error:
            self.broken = error
            raise

    def digest(self) -> bytes:
        """The xxh3_128 of all parts."""
        return self._whole.digest()

    def etag(self) -> str:
        """The ETag that S3 gives to such an object."""
        if self._single:
            return (self._md5s[0] if self._md5s else _md5(b"")).hex()
        return f"{_md5(b''.join(self._md5s)).hex()}-{len(self._md5s)}"


def _cut(chunk: bytes) -> Iterator[bytes]:
    """A chunk as it came, but for one that is much larger than was asked for."""
    if len(chunk) <= 2 * PIECE:
        yield chunk
        return
    for start in range(0, len(chunk), PIECE):
        yield chunk[start : start + PIECE]


def _md5(content: bytes) -> bytes:
    return hashlib.md5(content, usedforsecurity=False).digest()


def _plain(etag: str | None) -> str:
    """An ETag without its quotes."""
    return (etag or "").strip('"').lower()


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """The store's errors as `StorageError`."""
    try:
        yield
    except OBSTORE_ERRORS as error:
        raise storage_error(doing, error) from None
