"""Records: a group's id vouches for its bytes, a record's signature for the rights in it."""

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tests.step_context import OTHER_KEY, SITE_KEY

from towpath.hsm import record as records
from towpath.hsm.keys import record_key
from towpath.hsm.mark import Reference
from towpath.hsm.record import Kind, Malformed, Record, harmless, is_signed, pack_group, sign, unpack_group
from towpath.hsm.shelf import Shelf
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Corrupt, ObjectMissing, StorageError

RECORDS = st.builds(
    Record,
    path=st.binary(),
    kind=st.sampled_from(Kind),
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 2**32 - 1),
    gid=st.integers(0, 2**32 - 1),
    owner=st.text(),
    group=st.text(),
    atime_ns=st.integers(-(2**63), 2**63 - 1),
    mtime_ns=st.integers(-(2**63), 2**63 - 1),
    size=st.integers(0, 2**63 - 1),
    xattrs=st.lists(st.tuples(st.binary(), st.binary())).map(tuple),
    key=st.text("abc/"),
    checksum=st.binary(max_size=16),
    link=st.binary(),
    sparse=st.booleans(),
)


def record(path: bytes = b"f", **fields: object) -> Record:
    made = Record(path, Kind.FILE, 0o644, 1, 2, "ana", "staff", 3, 4)
    return msgspec.structs.replace(made, **fields)


@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_a_group_comes_back_as_it_was_packed(made: list[Record]) -> None:
    name, packed = pack_group("oslo", "data", made)
    group = unpack_group(packed, name)
    assert (group.site, group.root, list(group.records)) == ("oslo", "data", made)


def test_the_same_group_has_the_same_id() -> None:
    assert pack_group("oslo", "data", [record()]) == pack_group("oslo", "data", [record()])
    assert pack_group("oslo", "data", [record()])[0] != pack_group("oslo", "other", [record()])[0]


@pytest.mark.parametrize("count", [0, 1001])
def test_a_group_has_one_to_a_thousand_records(count: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 1000"):
        pack_group("oslo", "data", [record()] * count)


def test_a_group_with_any_byte_changed_is_malformed() -> None:
    name, packed = pack_group("oslo", "data", [record()])
    for at in range(len(packed)):
        with pytest.raises(Malformed):
            unpack_group(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :], name)


def as_group(raw: bytes) -> tuple[bytes, bytes]:
    packed = b"TWPR" + zstandard.ZstdCompressor().compress(raw)
    return packed, records.group_id(packed)


def test_fields_that_newer_software_added_are_passed_over() -> None:
    _, packed = pack_group("oslo", "data", [record()])
    plain = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(packed[4:]))
    plain[3][0].append("newer")
    plain.append("newer")
    group = unpack_group(*as_group(msgspec.msgpack.encode(plain)))
    assert group.records == (record(),)


@pytest.mark.parametrize("raw", [b"", b"\xc1", msgspec.msgpack.encode([2, "s", "r", []]), b"[]"])
def test_what_is_no_group_of_ours_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        unpack_group(*as_group(raw))


@pytest.mark.parametrize(
    "change",
    [
        {"mode": 0o4755},
        {"uid": 0},
        {"gid": 0},
        {"checksum": b"other"},
        {"key": "other"},
        {"size": 9},
        {"xattrs": ((b"security.capability", b"all"),)},
    ],
)
def test_a_signature_holds_only_while_rights_and_content_are_the_same(change: dict[str, object]) -> None:
    signed = sign(record(), SITE_KEY)
    assert is_signed(signed, SITE_KEY)
    assert not is_signed(signed, OTHER_KEY)
    assert not is_signed(msgspec.structs.replace(signed, **change), SITE_KEY)
    assert not is_signed(record(), SITE_KEY)


def test_a_record_made_harmless_gives_no_rights() -> None:
    given_rights = record(
        mode=0o6755,
        xattrs=((b"user.a", b"1"), (b"security.capability", b"2"), (b"trusted.x", b"3")),
    )
    assert harmless(given_rights) == record(mode=0o755, xattrs=((b"user.a", b"1"),))
    directory = msgspec.structs.replace(given_rights, kind=Kind.DIRECTORY)
    assert harmless(directory).mode == 0o6755


class Counting(DirectoryStorage):
    """A directory that counts how often it is read."""

    reads = 0

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Count, and read."""
        self.reads += 1
        return super().get(key, start, length)

    def keep(self, made: list[Record]) -> bytes:
        """Put a group; its id."""
        name, packed = pack_group("oslo", "data", made)
        source: BinaryIO = io.BytesIO(packed)
        self.put(record_key(name), source, len(packed))
        return name


@pytest.fixture
def storage(tmp_path: Path) -> Counting:
    """A directory."""
    return Counting(str(tmp_path).encode())


def test_a_group_is_read_once_however_many_threads_want_it(storage: Counting) -> None:
    made = [record(b"%d" % number) for number in range(100)]
    name = storage.keep(made)
    shelf = Shelf()
    found: list[Record] = []

    def find(index: int) -> None:
        found.append(shelf.find(storage, Reference(b"tgt1", name, index)))

    threads = [threading.Thread(target=find, args=(index,)) for index in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.path for one in found} == {one.path for one in made}
    assert storage.reads == 1


def test_the_groups_least_lately_used_are_forgotten_first(storage: Counting) -> None:
    names = [storage.keep([record(b"%d" % number, link=bytes(100_000))]) for number in range(4)]
    shelf = Shelf(limit=1_300_000)
    for name in (*names, names[3], names[0]):
        shelf.find(storage, Reference(b"tgt1", name, 0))
    assert storage.reads == 5


def test_a_record_that_is_not_in_its_group_is_told(storage: Counting) -> None:
    name = storage.keep([record()])
    with pytest.raises(StorageError, match="has 1 entries, and not number 1"):
        Shelf().find(storage, Reference(b"tgt1", name, 1))


def test_a_group_that_is_gone_or_altered_is_told(storage: Counting, tmp_path: Path) -> None:
    name = storage.keep([record()])
    with pytest.raises(ObjectMissing):
        Shelf().find(storage, Reference(b"tgt1", bytes(10), 0))
    (tmp_path / record_key(name)).write_bytes(b"altered")
    with pytest.raises(Corrupt, match="not the one that was written"):
        Shelf().find(storage, Reference(b"tgt1", name, 0))
