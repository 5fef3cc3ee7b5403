"""What every place that keeps objects promises: each promise of the contract is a test."""

import errno
import io
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import obstore
import pytest
import xxhash
from tests.conformance.storage.sources import Failing, Generated, Stuttering, Watching, as_file
from tests.fixtures_seaweed import Seaweed

from towpath.domain.paths import ErrorClass
from towpath.storage.opening import open_storage
from towpath.storage.protocol import (
    ESCAPE,
    LONGEST_COMPONENT,
    LONGEST_KEY,
    PRIVATE_PREFIX,
    SAFE_KEY_CHARACTERS,
    ObjectMissing,
    Storage,
    StorageError,
)

ALL_SAFE = bytes(sorted(SAFE_KEY_CHARACTERS)).decode()
AWKWARD_KEYS = (
    "plain",
    "site/data/report (final) +1.txt@0123456789abcdef",
    f"all/{ALL_SAFE}x",
    "escapes/100%25/%0A%00%FF/Z%C3%BCrich/%2E%2E/%2F",
    "hidden/.profile",
    "dashes/-rf",
    "tilde/~",
    "equals/year=2024/month=01",
    "spaces/ a b",
    "long/" + "n" * LONGEST_COMPONENT,
    "/".join(["deep"] * 150),
    "/".join(["l" * 127] * 7) + "x",
    ".towpath/records/00ff",
)
UNSAFE_KEYS = (
    "",
    "/absolute",
    "trailing/",
    "double//slash",
    ".",
    "..",
    "up/../down",
    "here/./there",
    "dot.",
    "space /x",
    "new\nline",
    "back\\slash",
    "ü",
    "star*",
    "half%4",
    "lower%2f",
    "n" * (LONGEST_COMPONENT + 1),
    "/".join(["l" * 127] * 7) + "xx",
    f"{PRIVATE_PREFIX}/mine",
)


def put(place: Storage, key: str, content: bytes) -> None:
    """Put bytes."""
    place.put(key, io.BytesIO(content), len(content))


def get(place: Storage, key: str, start: int = 0, length: int | None = None) -> bytes:
    """Get bytes."""
    return b"".join(place.get(key, start, length))


def keys(place: Storage, prefix: str = "", after: str = "") -> list[str]:
    """The keys of a listing."""
    return [found.key for found in place.listing(prefix, after)]


def test_what_was_put_comes_back(place: Storage) -> None:
    stored = place.put("a/b", io.BytesIO(b"hello"), 5)
    assert (stored.key, stored.size) == ("a/b", 5)
    assert stored.how
    assert get(place, "a/b") == b"hello"


def test_an_empty_object_is_an_object(place: Storage) -> None:
    put(place, "empty", b"")
    assert get(place, "empty") == b""
    assert get(place, "empty", 0, 10) == b""
    found = place.look("empty")
    assert found is not None
    assert found.size == 0
    assert keys(place) == ["empty"]


def test_a_look_tells_size_and_time(place: Storage) -> None:
    put(place, "a/b", b"hello")
    found = place.look("a/b")
    assert found is not None
    assert (found.key, found.size) == ("a/b", 5)
    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=5)


def test_only_so_many_bytes_are_read_from_where_the_source_stands(place: Storage) -> None:
    source = io.BytesIO(b"before|content|after")
    source.seek(7)
    place.put("middle", source, 7)
    assert get(place, "middle") == b"content"
    assert source.tell() == 14


def test_a_source_that_gives_little_at_a_time_is_read_to_its_end(place: Storage) -> None:
    content = bytes(range(256)) * 100
    place.put("stuttered", as_file(Stuttering(content, 7)), len(content))
    assert get(place, "stuttered") == content


def test_a_source_that_ends_early_keeps_nothing(place: Storage) -> None:
    with pytest.raises(StorageError, match="expected 100 bytes, found 5"):
        place.put("short/file", io.BytesIO(b"hello"), 100)
    assert place.look("short/file") is None
    assert keys(place) == []


def test_a_large_source_that_ends_early_keeps_nothing(place: Storage) -> None:
    size = 30 << 20
    with pytest.raises(StorageError, match=f"expected {size} bytes, found {size - 1}"):
        place.put("short/large", as_file(Generated(size - 1)), size)
    assert keys(place) == []


def test_a_put_that_fails_leaves_the_object_that_stood_there(place: Storage) -> None:
    put(place, "kept", b"the old one")
    with pytest.raises(StorageError):
        place.put("kept", io.BytesIO(b"new"), 100)
    assert get(place, "kept") == b"the old one"


@pytest.mark.parametrize("size", [1_000, 20 << 20])
def test_an_error_of_the_callers_file_comes_as_it_is(place: Storage, size: int) -> None:
    broken = OSError(errno.EIO, "the caller's disk broke")
    with pytest.raises(OSError, match="the caller's disk broke") as caught:
        place.put("broken", as_file(Failing(bytes(size // 2), broken)), size)
    assert caught.value is broken
    assert place.look("broken") is None
    assert keys(place) == []


def test_nothing_shows_while_a_put_is_under_way(place: Storage) -> None:
    seen: list[object] = []

    def watch() -> None:
        seen.extend([keys(place), place.look("under/way")])

    content = bytes(3 << 20)
    place.put("under/way", as_file(Watching(content, watch)), len(content))
    assert seen
    assert all(sight in ([], None) for sight in seen)


def test_an_object_is_replaced_atomically(place: Storage) -> None:
    versions = [bytes([letter]) * 200_000 for letter in b"abcd"]
    put(place, "swapped", versions[0])
    over = threading.Event()

    def replace() -> None:
        for turn in range(40):
            put(place, "swapped", versions[turn % len(versions)])
        over.set()

    with ThreadPoolExecutor(1) as pool:
        replacing = pool.submit(replace)
        reads = 0
        while not (over.is_set() or replacing.done()) or not reads:
            assert get(place, "swapped") in versions
            reads += 1
        replacing.result()


def test_each_safe_key_comes_back_unchanged(place: Storage) -> None:
    for key in AWKWARD_KEYS:
        put(place, key, key.encode())
    assert sorted(keys(place)) == sorted(AWKWARD_KEYS)
    for key in AWKWARD_KEYS:
        assert get(place, key) == key.encode()
        found = place.look(key)
        assert found is not None
        assert found.key == key
    for key in AWKWARD_KEYS:
        place.delete(key)
    assert keys(place) == []


def test_the_awkward_keys_go_to_the_limits() -> None:
    assert max(map(len, AWKWARD_KEYS)) == LONGEST_KEY
    assert len(UNSAFE_KEYS[-2]) == LONGEST_KEY + 1
    assert ord(ESCAPE) not in SAFE_KEY_CHARACTERS


@pytest.mark.parametrize("key", UNSAFE_KEYS)
def test_an_unsafe_key_is_a_bug(place: Storage, key: str) -> None:
    with pytest.raises(ValueError, match="safe key"):
        place.put(key, io.BytesIO(b""), 0)
    with pytest.raises(ValueError, match="safe key"):
        list(place.get(key))
    with pytest.raises(ValueError, match="safe key"):
        place.look(key)
    with pytest.raises(ValueError, match="safe key"):
        place.delete(key)


def test_a_missing_object_is_missing(place: Storage) -> None:
    put(place, "there/one", b"x")
    for key in ("nothing", "there", "there/two", "there/one2"):
        assert place.look(key) is None
        for length in (None, 0, 1):
            pieces = place.get(key, 0, length)
            with pytest.raises(ObjectMissing, match=key):
                next(pieces)


def test_the_class_of_a_missing_object_is_permanent(place: Storage) -> None:
    with pytest.raises(StorageError) as caught:
        get(place, "nothing")
    assert caught.value.error_class is ErrorClass.PERMANENT


def test_deleting_twice_does_no_harm(place: Storage) -> None:
    put(place, "a/b/c", b"x")
    put(place, "a/d", b"y")
    place.delete("a/b/c")
    place.delete("a/b/c")
    place.delete("never/was")
    assert place.look("a/b/c") is None
    assert keys(place) == ["a/d"]


@pytest.mark.parametrize(
    ("start", "length"),
    [
        (0, None),
        (0, 0),
        (0, 1),
        (1, 3),
        (9, 1),
        (9, 100),
        (5, None),
        (10, None),
        (10, 5),
        (11, 1),
        (99, None),
    ],
)
def test_a_range_is_what_a_slice_would_be(place: Storage, start: int, length: int | None) -> None:
    content = b"0123456789"
    put(place, "digits", content)
    end = None if length is None else start + length
    assert get(place, "digits", start, length) == content[start:end]


def test_an_object_comes_in_small_pieces(place: Storage) -> None:
    content = bytes(range(256)) * (5 << 12)
    put(place, "pieces", content)
    pieces = list(place.get("pieces"))
    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= 3 << 20
    assert get(place, "pieces", 1_000_001, 3_000_000) == content[1_000_001:4_000_001]


def test_an_object_of_70_mib_goes_and_comes_back(place: Storage) -> None:
    size = (70 << 20) + 12_345
    expected, source = xxhash.xxh3_128(), Generated(size)
    while piece := source.read(1 << 20):
        expected.update(piece)
    stored = place.put("large", as_file(Generated(size)), size)
    assert stored.size == size
    found = xxhash.xxh3_128()
    for piece in place.get("large"):
        found.update(piece)
    assert found.digest() == expected.digest()
    look = place.look("large")
    assert look is not None
    assert look.size == size


def test_a_prefix_is_a_number_of_whole_components(place: Storage) -> None:
    everything = {"a/b/c", "a/b/d/e", "a/bc", "a-b", "ab/c", "b"}
    for key in everything:
        put(place, key, b"x")
    assert set(keys(place)) == everything
    assert set(keys(place, "a")) == {"a/b/c", "a/b/d/e", "a/bc"}
    assert set(keys(place, "a/b")) == {"a/b/c", "a/b/d/e"}
    assert keys(place, "b") == []
    assert keys(place, "none") == []


def test_a_listing_goes_on_behind_each_key_that_it_yielded(place: Storage) -> None:
    for key in ("a/b/c", "a/b/d", "a/b.c", "a/b-c", "a/bb/x", "a0", "a-b", "b/c/d", "b/c0", "c"):
        put(place, key, key.encode())
    for prefix in ("", "a", "b", "a/b"):
        everything = keys(place, prefix)
        assert everything == keys(place, prefix)
        for index, key in enumerate(everything):
            assert keys(place, prefix, key) == everything[index + 1 :]


def test_a_listing_tells_sizes_and_times(place: Storage) -> None:
    put(place, "a/one", b"1")
    put(place, "a/three", b"333")
    assert {found.key: found.size for found in place.listing()} == {"a/one": 1, "a/three": 3}
    assert all(found.modified_at.tzinfo is not None for found in place.listing())


def test_a_listing_of_more_than_one_page_is_whole(place: Storage) -> None:
    expected = sorted(f"many/{number:05}" for number in range(1_200))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: put(place, key, b""), expected))
    assert keys(place) == expected
    assert keys(place, "many", "many/01100") == expected[1_101:]


def test_many_threads_may_use_one_place(place: Storage) -> None:
    def round_trip(number: int) -> None:
        key, content = f"threads/{number % 7}/{number}", str(number).encode() * 1_000
        put(place, key, content)
        assert get(place, key) == content
        place.sync([key])
        if number % 2:
            place.delete(key)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(round_trip, range(100)))
    assert len(keys(place)) == 50


@pytest.mark.parametrize("number", [1, 40])
def test_a_sync_returns_once_all_is_safe(place: Storage, number: int) -> None:
    names = [f"synced/{index % 3}/{index}" for index in range(number)]
    for name in names:
        put(place, name, b"x")
    place.sync(names)
    place.sync([])


def test_a_check_says_that_it_works_and_leaves_nothing(place: Storage) -> None:
    put(place, "mine", b"x")
    line = place.check()
    assert line.startswith("works: ")
    assert "\n" not in line
    assert keys(place) == ["mine"]


def test_everything_is_what_a_listing_has_where_all_keys_are_safe(place: Storage) -> None:
    for key in ("a/b/c", "a-b", "b", ".towpath/records/x"):
        put(place, key, key.encode())
    for prefix, after in (("", ""), ("a", ""), ("", "a/b/c"), ("a/b", "a/b/c")):
        assert list(place.everything(prefix, after)) == list(place.listing(prefix, after))


def test_what_others_put_under_a_key_that_is_not_safe_is_in_everything_and_in_no_listing(
    seaweed: Seaweed, bucket: str
) -> None:
    storage = open_storage(seaweed.url(bucket, "some"), seaweed.credentials, ())
    put(storage, "safe", b"1")
    for key in ("some/Zürich/x", "some/star*", "beside"):
        obstore.put(seaweed.store(bucket), key, b"22", use_multipart=False)
    assert keys(storage) == ["safe"]
    assert [found.key for found in storage.everything()] == ["Zürich/x", "safe", "star*"]
    assert [found.key for found in storage.everything("", "Zürich/x")] == ["safe", "star*"]
