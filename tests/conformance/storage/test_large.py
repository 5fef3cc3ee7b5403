"""Large objects go to an S3 server in parts, and go on where they broke off; what vouches for them."""

import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import google_crc32c
import pytest
from tests.conformance.storage.proxy import Proxy, Weather, proxy
from tests.conformance.storage.sources import Generated, as_file
from tests.conformance.storage.test_on_the_way import kept
from tests.fixtures_seaweed import Seaweed

from towpath.domain.paths import ErrorClass
from towpath.storage.buckets import is_googles
from towpath.storage.large import CRC32C, PARTS_MD5, Sizes
from towpath.storage.objects import READ_BACK, ObjectStorage
from towpath.storage.opening import open_storage
from towpath.storage.parts import Part, Whole
from towpath.storage.protocol import Corrupt, GivenUp, Storage, StorageError
from towpath.storage.s3 import PLAIN, S3Place, S3Uploads
from towpath.storage.sources import SourceEnded

PART = 5 << 20
"""The least that an S3 server takes."""
SMALL = Sizes(single=PART, part=PART, in_flight=2 * PART)
COUNT = 8
SIZE = COUNT * PART - 17
KEY = "oslo/data/film@0123456789abcdef"

_SENT = re.compile(rb"PUT /\S*partNumber=(\d+)&")


@pytest.fixture
def between(seaweed: Seaweed) -> Iterator[Proxy]:
    """A proxy before the server that counts what is sent."""
    with proxy(seaweed.endpoint) as running:
        yield running


def through(between: Proxy, seaweed: Seaweed, bucket: str) -> Storage:
    """A prefix in the bucket, in small parts."""
    return open_storage(seaweed.url(bucket, "cold", between.endpoint), seaweed.credentials, (), SMALL)


def under_way(seaweed: Seaweed, bucket: str) -> list[str]:
    """The keys of the uploads that the server keeps for the whole bucket."""
    place = S3Place(seaweed.endpoint, bucket, "", "us-east-1", seaweed.credentials, 30)
    return sorted(begun.key for begun in S3Uploads(place).begun(""))


def sent(between: Proxy) -> "Counter[int]":
    """How often each part was sent; the one beyond the last is the trial with a wrong checksum."""
    found = (_SENT.match(line) for line in between.seen)
    return Counter(int(match[1]) for match in found if match and int(match[1]) <= COUNT)


def once() -> "Counter[int]":
    """Each part, one time."""
    return Counter(range(1, COUNT + 1))


class Asking(io.RawIOBase):
    """A source that may raise whenever it is read or asked."""

    def __init__(self, source: io.RawIOBase, ask: Callable[[], None]) -> None:
        self._source, self._ask = source, ask

    def read(self, size: int = -1, /) -> bytes:
        self._ask()
        return self._source.read(size) or b""


def interrupted(storage: Storage, between: Proxy, after: int, key: str = KEY) -> None:
    """A put that is given up once so many parts were sent."""

    def ask() -> None:
        if sum(sent(between).values()) >= after:
            raise GivenUp

    with pytest.raises(GivenUp):
        storage.put(key, as_file(Asking(Generated(SIZE), ask)), SIZE)


def put(storage: Storage, key: str = KEY) -> str:
    """Put the whole; how it was verified."""
    return storage.put(key, as_file(Generated(SIZE)), SIZE).how


def test_an_upload_of_whose_beginning_nobody_was_told_is_gone_on_with_and_none_is_left(
    seaweed: Seaweed, bucket: str
) -> None:
    def is_first_beginning(line: bytes) -> bool:
        return line.startswith(b"POST ") and b"uploads=" in line and not lossy.cut

    with proxy(seaweed.endpoint, weather=Weather(loses=is_first_beginning)) as lossy:
        storage = through(lossy, seaweed, bucket)
        with pytest.raises(StorageError) as broken:
            storage.put(KEY, io.BytesIO(bytes(SIZE)), SIZE)
        assert (lossy.cut, broken.value.error_class) == (1, ErrorClass.TRANSIENT)
        storage.put(KEY, io.BytesIO(bytes(SIZE)), SIZE)
    assert under_way(seaweed, bucket) == []


def test_the_stores_own_checksum_of_the_whole_vouches_for_a_large_object(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    storage = through(between, seaweed, bucket)
    assert put(storage) == CRC32C
    assert sent(between) == once()
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()
    assert not [line for line in between.seen if line.startswith(b"HEAD ")]


def test_a_put_that_was_given_up_is_gone_on_with_and_sends_no_part_again_that_is_there(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    interrupted(through(between, seaweed, bucket), between, 6)
    assert under_way(seaweed, bucket) == [f"cold/{KEY}"]
    storage = through(between, seaweed, bucket)  # Another process would know no more than this.
    assert list(storage.listing()) == []
    assert put(storage) == CRC32C
    again = sent(between) - once()
    assert sum(again.values()) <= SMALL.in_flight // SMALL.part
    assert b"".join(storage.get(KEY)) == Generated(SIZE).read()
    assert under_way(seaweed, bucket) == []


def test_what_is_there_of_other_bytes_is_sent_anew(between: Proxy, seaweed: Seaweed, bucket: str) -> None:
    storage = through(between, seaweed, bucket)
    interrupted(storage, between, 6)
    other = b"x" + (Generated(SIZE).read() or b"")[1:]
    assert storage.put(KEY, io.BytesIO(other), SIZE).how == CRC32C
    assert b"".join(storage.get(KEY)) == other
    assert sent(between)[1] == 2


def test_an_upload_of_another_version_of_the_file_is_left_to_whoever_began_it(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    storage = through(between, seaweed, bucket)
    interrupted(storage, between, 3)
    changed = KEY[:-1] + "0"
    put(storage, changed)
    assert under_way(seaweed, bucket) == [f"cold/{KEY}"]
    assert kept(seaweed, bucket) == {f"cold/{changed}": SIZE}


def test_an_upload_beside_it_is_left_alone(between: Proxy, seaweed: Seaweed, bucket: str) -> None:
    storage = through(between, seaweed, bucket)
    beside = "oslo/data/film2@0123456789abcdef"
    interrupted(storage, between, 3, beside)
    put(storage)
    assert under_way(seaweed, bucket) == [f"cold/{beside}"]


def test_what_a_put_has_left_can_be_taken_away(between: Proxy, seaweed: Seaweed, bucket: str) -> None:
    storage = through(between, seaweed, bucket)
    interrupted(storage, between, 3)
    storage.give_up(KEY)
    assert under_way(seaweed, bucket) == []
    storage.give_up(KEY)


def test_a_source_that_was_cut_short_leaves_no_upload(between: Proxy, seaweed: Seaweed, bucket: str) -> None:
    storage = through(between, seaweed, bucket)
    with pytest.raises(SourceEnded):
        storage.put(KEY, as_file(Generated(SIZE - 1)), SIZE)
    assert (kept(seaweed, bucket), under_way(seaweed, bucket)) == ({}, [])


def test_a_bit_flipped_in_a_part_once_costs_that_part_alone(seaweed: Seaweed, bucket: str) -> None:
    flips = [True]
    with proxy(
        seaweed.endpoint, lambda line: b"partNumber=2&" in line and bool(flips) and flips.pop()
    ) as bad:
        assert put(through(bad, seaweed, bucket)) == CRC32C
        assert sent(bad) - once() == Counter({2: 1})
        assert bad.flipped


def test_a_part_in_which_a_bit_is_always_flipped_fails_the_put_and_nothing_stays(
    seaweed: Seaweed, bucket: str
) -> None:
    with proxy(seaweed.endpoint, lambda line: b"partNumber=2&" in line) as bad:
        with pytest.raises(Corrupt, match="refused what arrived"):
            put(through(bad, seaweed, bucket))
        assert bad.flipped
    assert (kept(seaweed, bucket), under_way(seaweed, bucket)) == ({}, [])


class Lax(S3Uploads):
    """A store that takes any checksum, and so vouches for nothing; its ETags may mean nothing either."""

    def __init__(self, seaweed: Seaweed, bucket: str, *, opaque: bool = False, spoils: int = 0) -> None:
        super().__init__(S3Place(seaweed.endpoint, bucket, "", "us-east-1", seaweed.credentials, 30))
        self._opaque, self._spoils = opaque, spoils
        self._true: dict[int, Part] = {}

    def send(self, key: str, upload: str, number: int, content: bytes, crc32c: int) -> Part:
        kept = bytes(len(content)) if number == self._spoils else content
        part = self._true[number] = super().send(key, upload, number, kept, int(google_crc32c.value(kept)))
        return replace(part, etag="opaque" if self._opaque else part.etag)

    def finish(self, key: str, upload: str, parts: list[Part]) -> Whole:
        whole = super().finish(key, upload, [self._true[part.number] for part in parts])
        return Whole("opaque" if self._opaque else whole.etag)


@pytest.mark.parametrize(("opaque", "how"), [(False, PARTS_MD5), (True, READ_BACK)])
def test_a_store_that_checks_no_checksums_is_not_believed(
    seaweed: Seaweed, bucket: str, opaque: bool, how: str
) -> None:
    lax = Lax(seaweed, bucket, opaque=opaque)
    assert put(ObjectStorage(seaweed.store(bucket), parts=lax, sizes=SMALL)) == how
    assert kept(seaweed, bucket) == {KEY: SIZE}


@pytest.mark.parametrize("opaque", [False, True])
def test_what_a_store_that_checks_nothing_got_wrong_is_found(
    seaweed: Seaweed, bucket: str, opaque: bool
) -> None:
    lax = Lax(seaweed, bucket, opaque=opaque, spoils=2)
    with pytest.raises(Corrupt, match="keeps not what was sent"):
        put(ObjectStorage(seaweed.store(bucket), parts=lax, sizes=SMALL))
    assert (kept(seaweed, bucket), under_way(seaweed, bucket)) == ({}, [])


def plainly(between: Proxy, seaweed: Seaweed, bucket: str) -> ObjectStorage:
    """The bucket, whose parts go by the proxy as to a store that knows no checksum but MD5."""
    place = S3Place(between.endpoint, bucket, "", "us-east-1", seaweed.credentials, 30, dialect=PLAIN)
    return ObjectStorage(seaweed.store(bucket), S3Uploads(place), SMALL)


def test_no_checksum_but_md5_goes_to_a_store_that_knows_no_other(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    storage = plainly(between, seaweed, bucket)
    interrupted(storage, between, 6)
    assert put(storage) == PARTS_MD5
    assert sum((sent(between) - once()).values()) <= SMALL.in_flight // SMALL.part
    asked = b"".join(between.heads).lower()
    assert asked.count(b"\r\ncontent-md5: ") == sum(b"partNumber=" in head for head in between.heads)
    assert b"x-amz-checksum" not in asked


@pytest.mark.parametrize("always", [False, True])
def test_a_bit_flipped_on_the_way_to_a_store_that_knows_md5_alone_is_found(
    seaweed: Seaweed, bucket: str, always: bool
) -> None:
    flips = [True]
    with proxy(
        seaweed.endpoint, lambda line: b"partNumber=2&" in line and (always or (bool(flips) and flips.pop()))
    ) as bad:
        storage = plainly(bad, seaweed, bucket)
        if always:
            with pytest.raises(Corrupt):
                put(storage)
        else:
            assert put(storage) == PARTS_MD5
        assert bad.flipped
    assert list(kept(seaweed, bucket)) == ([] if always else [KEY])


@pytest.mark.parametrize(
    ("endpoint", "is_it"),
    [
        ("https://storage.googleapis.com", True),
        ("https://storage.europe-west3.rep.googleapis.com", True),
        ("https://googleapis.com.example.org", False),
        ("https://notgoogleapis.com", False),
        ("http://127.0.0.1:9000", False),
    ],
)
def test_google_is_told_by_its_name_where_it_speaks_as_s3_does(endpoint: str, is_it: bool) -> None:
    assert is_googles(endpoint) is is_it


def test_a_key_of_odd_bytes_is_signed_as_the_server_reads_it(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    key = "oslo/data/a b+c%25%0A (~) =,@0123456789abcdef"
    storage = through(between, seaweed, bucket)
    assert put(storage, key) == CRC32C
    assert [found.key for found in storage.listing()] == [key]


def test_a_token_that_is_refused_says_so(seaweed: Seaweed, bucket: str) -> None:
    wrong = {**seaweed.credentials, "secret_access_key": "wrong"}
    storage = open_storage(seaweed.url(bucket), wrong, (), SMALL)
    with pytest.raises(Exception, match="403 SignatureDoesNotMatch") as caught:
        storage.put(KEY, io.BytesIO(os.urandom(2 * PART)), 2 * PART)
    assert "wrong" not in str(caught.value)


def test_only_what_nobody_has_gone_on_with_for_a_week_is_swept(
    between: Proxy, seaweed: Seaweed, bucket: str
) -> None:
    storage = through(between, seaweed, bucket)
    assert isinstance(storage, ObjectStorage)
    interrupted(storage, between, 3)
    now = datetime.now(UTC)
    assert storage.sweep("oslo", now + timedelta(days=6)) == 0
    assert storage.sweep("bergen", now + timedelta(days=8)) == 0
    assert under_way(seaweed, bucket) == [f"cold/{KEY}"]
    assert storage.sweep("oslo", now + timedelta(days=8)) == 1
    assert under_way(seaweed, bucket) == []
