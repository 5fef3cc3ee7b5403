"""The comparison of what stands at a target with what is referred to: which of a site's objects are orphans."""

from collections.abc import Collection, Generator, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from towpath.domain.errors import Mistake
from towpath.domain.lives import begun_key
from towpath.hsm.keys import INSTANCE_LENGTH, RECORDS, SEPARATOR, read_key
from towpath.hsm.mark import Reference
from towpath.hsm.record import Group, Kind, Malformed, Record, is_signed, unpack_group
from towpath.hsm.scratch import PARTS, Scratch, part_of
from towpath.hsm.shelf import content_of
from towpath.hsm.sweeps import entries_in, entry_of, references_prefix
from towpath.storage.protocol import ObjectFound, Storage
from towpath.wire import Orphan

STEP: Final = 500
"""So many objects, or groups of records, are looked at between two chances to stop."""
_DIGEST: Final = 16
SECOND: Final = 1_000_000


class _Named(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one record says of one object of the site: `free` unless the object is to be left alone for it."""

    digest: bytes
    free: bool
    root: str
    path: bytes
    entry: bytes


class _Object(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An object that was listed; its key's digest, and `modified` in microseconds."""

    digest: bytes
    key: str
    size: int
    modified: int


_pack = msgspec.msgpack.encode
_named = msgspec.msgpack.Decoder(_Named)
_object = msgspec.msgpack.Decoder(_Object)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a comparison is told: of which sweep, under whose name and key, and what has been walked.

    `sites` are all that the hub knows, `roots` those of this site that were walked, `expected` is how many references
    were written. `plain`: the target's keys say which file they are of.
    """

    sweep: str
    site: str
    key: bytes
    sites: Collection[str]
    roots: Collection[str]
    expected: int
    plain: bool


@dataclass(slots=True)
class Looked:
    """What one part of the comparison came to: its orphans, and how many objects were looked at for them."""

    part: int
    orphans: list[Orphan]
    objects: int


class Comparison:
    """One comparison, with scratch files in a directory that is its own; nothing is held whole in memory.

    An object of the site is an orphan where each record that names it was signed by the site, and none is referred
    to. It is left alone where a record that names it came to the target after the sweep began, or is one of another
    Towpath, or of what others wrote (`import`), or of a root that was not walked; and where it did so itself.
    """

    def __init__(self, storage: Storage, terms: Terms, scratch: Path) -> None:
        self._storage, self._terms = storage, terms
        self._begun = self._when_begun()
        self._referred = Scratch(scratch / "referred")
        self._records = Scratch(scratch / "records")
        self._objects = Scratch(scratch / "objects")
        self._sound = True

    def _when_begun(self) -> int:
        marker = self._storage.look(begun_key(self._terms.sweep, self._terms.site))
        if marker is None:
            raise Mistake(f"sweep {self._terms.sweep}: expected its beginning at the target, found none")
        return _micros(marker)

    def gather(self) -> Generator[None, None, None]:
        """Read all that is needed, pausing now and then; raises `Mistake` where references are missing."""
        yield from self._read_references()
        yield from self._read_records()
        yield from self._list_objects()

    def orphans(self, first: int = 0) -> Iterator[Looked]:
        """The orphans of each part, from one on; the same order each time."""
        for part in range(first, PARTS):
            yield self._compare(part)

    # Reading --------------------------------------------------------------------------------------------------

    def _read_references(self) -> Generator[None, None, None]:
        count = 0
        for found in self._storage.listing(references_prefix(self._terms.sweep)):
            for entry in entries_in(self._storage.get(found.key)):
                self._referred.add(entry, entry)
                count += 1
            yield
        if count < self._terms.expected:
            raise Mistake(f"references at the target: expected {self._terms.expected}, found {count}")

    def _read_records(self) -> Generator[None, None, None]:
        part, referred = -1, set[bytes]()
        for found in self._storage.listing(RECORDS.rstrip("/")):
            yield
            try:
                name = bytes.fromhex(found.key.removeprefix(RECORDS))
                group = unpack_group(content_of(self._storage, found.key), name)
            except (ValueError, Malformed):
                # Nobody can tell which objects it names: what seems to be named by none may be.
                self._sound = False
                continue
            if part != part_of(name):
                part = part_of(name)
                referred = set(self._referred.read(part))
            self._sort_out(group, name, referred, is_new=_micros(found) >= self._begun)

    def _sort_out(self, group: Group, name: bytes, referred: Collection[bytes], *, is_new: bool) -> None:
        for index, record in enumerate(group.records):
            if record.kind is not Kind.FILE or not record.key.startswith(f"{self._terms.site}/"):
                continue
            entry = entry_of(Reference(b"", name, index))
            is_referred = is_new or entry in referred
            if not is_referred and group.site != self._terms.site and group.site in self._terms.sites:
                continue  # Another site's record of our object: it counts while it is referred to.
            free = not is_referred and self._is_ours(group, record)
            digest = _digest_of(record.key)
            self._records.add(digest, _pack(_Named(digest, free, group.root, record.path, entry)))

    def _is_ours(self, group: Group, record: Record) -> bool:
        terms = self._terms
        own = group.site == terms.site and group.root in terms.roots
        return own and bool(record.checksum) and is_signed(record, terms.key)

    def _list_objects(self) -> Generator[None, None, None]:
        for number, found in enumerate(self._storage.listing(self._terms.site)):
            digest = _digest_of(found.key)
            self._objects.add(digest, _pack(_Object(digest, found.key, found.size, _micros(found))))
            if number % STEP == 0:
                yield

    # Comparing ------------------------------------------------------------------------------------------------

    def _compare(self, part: int) -> Looked:
        named: dict[bytes, _Named] = {}
        for packed in self._records.read(part):
            record = _named.decode(packed)
            before = named.get(record.digest)
            if before is None or before.free:
                named[record.digest] = record
        looked = Looked(part, [], 0)
        for packed in self._objects.read(part):
            found = _object.decode(packed)
            looked.objects += 1
            orphan = self._judge(found, named.get(found.digest))
            if orphan is not None and found.modified < self._begun:
                looked.orphans.append(orphan)
        return looked

    def _judge(self, found: _Object, record: _Named | None) -> Orphan | None:
        if not is_instance(found.key):
            return None
        if record is not None:
            own = (record.root, record.path, record.entry)
            return Orphan(found.key, found.size, found.modified, *own) if record.free else None
        said = read_key(found.key)
        if not (self._sound and self._terms.plain) or said is None or said.path is None:
            return None
        if said.root not in self._terms.roots:
            return None
        return Orphan(found.key, found.size, found.modified, said.root, said.path)


def is_instance(key: str) -> bool:
    """Whether a key ends as those do that Towpath makes for files."""
    _, at, instance = key.rpartition(SEPARATOR)
    return bool(at) and len(instance) == INSTANCE_LENGTH and not instance.strip("0123456789abcdef")


def _digest_of(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=_DIGEST).digest()


def _micros(found: ObjectFound) -> int:
    return int(found.modified_at.timestamp() * SECOND)
