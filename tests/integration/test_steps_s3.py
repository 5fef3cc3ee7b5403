"""Steps against a real S3 server: what goes there comes back as it was, and one can leave with the objects alone."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conformance.storage.proxy import proxy
from tests.fixtures_seaweed import Seaweed
from tests.step_context import OTHER_KEY, Place

from towpath.discovery.listing import Listing
from towpath.discovery.protocol import Start
from towpath.domain.paths import Code
from towpath.hsm.keys import read_key
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.record import RecordObjects
from towpath.steps.reverse_stub import ReverseStub
from towpath.steps.verify import Verify
from towpath.storage.opening import open_storage
from towpath.storage.roots import Root


@pytest.fixture
def place(tmp_path: Path, seaweed: Seaweed, bucket: str) -> Iterator[Place]:
    """A site whose target is a fresh bucket."""
    storage = open_storage(seaweed.url(bucket, "cold"), seaweed.credentials, [])
    made = Place.at(tmp_path / "site", storage)
    yield made
    made.root.close()


def test_a_round_trip_keeps_the_edit_the_bytes_and_the_metadata(place: Place) -> None:
    name = place.write("d/f", os.urandom(50_000))
    path = place.directory / "d/f"
    os.setxattr(path, "user.colour", b"red")
    assert place.run_one(Migrate(), name, premigrate=True).code is Code.PROCESSED
    content = os.urandom(9_000_000)
    path.write_bytes(content)
    path.chmod(0o640)
    os.utime(path, ns=(10**18 + 1, 10**18 + 2))
    before = place.root.stat(name)
    assert place.run_one(Migrate(), name).bytes == len(content)
    assert place.standing(name) is Standing.OFFLINE
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    after = place.root.stat(name)
    assert path.read_bytes() == content
    assert os.getxattr(path, "user.colour") == b"red"
    for field in ("st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_atime_ns"):
        assert getattr(after, field) == getattr(before, field)


def test_an_upload_in_parts_that_is_asked_back_is_gone_on_with_by_the_next_run(
    tmp_path: Path, seaweed: Seaweed, bucket: str
) -> None:
    with proxy(seaweed.endpoint) as between:
        url = seaweed.url(bucket, "cold", between.endpoint)
        place = Place.at(tmp_path / "site", open_storage(url, seaweed.credentials, []))
        content = os.urandom(80_000_000)
        name = place.write("d/f", content)
        place.back = lambda: b"partNumber=6" in b"".join(between.seen)
        assert place.run(Migrate(), name) == {}
        assert list(place.storage.listing()) == []
        place.back = lambda: False
        assert place.run_one(Migrate(), name).code is Code.PROCESSED
        assert place.object_of(name) == content
        first = sum(line.startswith(b"PUT ") and b"partNumber=1&" in line for line in between.seen)
        assert first == 1, "what was there was not sent again"
        place.root.close()


def test_an_object_whose_reading_back_is_given_up_does_not_stay(
    tmp_path: Path, seaweed: Seaweed, bucket: str
) -> None:
    with proxy(seaweed.endpoint, hides_etags=True) as between:
        url = seaweed.url(bucket, "cold", between.endpoint)
        place = Place.at(tmp_path / "site", open_storage(url, seaweed.credentials, []))
        name = place.write("d/f", os.urandom(5_000_000))
        place.back = lambda: any(line.startswith(b"GET ") for line in between.seen)
        assert place.run(Migrate(), name) == {}
        assert list(place.storage.listing()) == []
        place.root.close()


def test_many_small_files_go_and_come_back(place: Place) -> None:
    contents = {place.write(f"d{i % 7}/f {i} ü", os.urandom(i * 10)): i for i in range(300)}
    before = {name: (place.directory / os.fsdecode(name)).read_bytes() for name in contents}
    migrated = place.run(Migrate(), *contents)
    assert {outcome.code for outcome in migrated.values()} == {Code.PROCESSED}
    recalled = place.run(Recall(), *contents)
    assert {outcome.code for outcome in recalled.values()} == {Code.PROCESSED, Code.ALREADY}
    assert {name: (place.directory / os.fsdecode(name)).read_bytes() for name in contents} == before


def test_the_objects_alone_are_the_files_under_readable_keys(place: Place) -> None:
    names = [place.write(name, name.encode()) for name in ("a/b.txt", "a/c d", "me@home", "ünï")]
    place.run(Migrate(), *names)
    found = {}
    for entry in place.storage.listing("oslo"):
        named = read_key(entry.key)
        assert named is not None
        found[named.path] = b"".join(place.storage.get(entry.key))
    assert found == {name: name for name in names}


def test_a_tree_is_sent_to_another_site_through_the_bucket(place: Place) -> None:
    name = place.write("d/f", b"content" * 1000)
    paths = (b"d", name)
    sent = place.run(Migrate(), *paths, premigrate=True, records="all")
    directory = place.directory.parent / "there"
    directory.mkdir()
    there = Place(directory, Root("data", str(directory).encode()), place.targets, OTHER_KEY, "bergen")
    there.carried = {i: sent[path].carry or b"" for i, path in enumerate(paths)}
    arrived = there.run(ReverseStub(), *paths)
    assert {outcome.code for outcome in arrived.values()} == {Code.PROCESSED}
    assert there.run_one(Recall(), name).code is Code.PROCESSED
    assert (directory / "d/f").read_bytes() == b"content" * 1000
    there.root.close()


def test_what_others_put_into_a_bucket_is_imported_from_any_place_of_its_listing(place: Place) -> None:
    names = [f"lab/{letter}/{number:03}" for letter in "ab" for number in range(30)]
    for name in names:
        place.storage.put(name, io.BytesIO(name.encode()), len(name))
    options = {"prefix": "lab", "to_path": "in"}
    starts = [Start(place.root, b"in")]
    listing = Listing().at(place.storage)
    found = [path for piece in listing.walk(starts, options, b"") for path in piece.paths]
    assert found == [b"in/" + name.removeprefix("lab/").encode() for name in names]
    cursor = listing.cursor(0, found[17])
    assert [path for piece in listing.walk(starts, options, cursor) for path in piece.paths] == found[18:]
    recorded = place.run(RecordObjects(), *found, **options)
    place.carried = {i: recorded[path].carry or b"" for i, path in enumerate(found)}
    assert {o.code for o in place.run(ReverseStub(), *found).values()} == {Code.PROCESSED}
    assert {o.code for o in place.run(Verify(), *found, depth="data").values()} == {Code.PROCESSED}
    assert {o.code for o in place.run(Recall(), *found).values()} == {Code.PROCESSED}
    assert (place.directory / "in/b/029").read_bytes() == b"lab/b/029"


def test_verify_finds_what_was_lost_or_spoilt_in_a_bucket(place: Place) -> None:
    names = [place.write(name, name.encode() * 100) for name in ("same", "lost", "spoilt")]
    place.run(Migrate(), *names)
    keys = {
        found.key.partition("@")[0].rpartition("/")[2]: found.key for found in place.storage.listing("oslo")
    }
    place.storage.delete(keys["lost"])
    place.storage.put(keys["spoilt"], io.BytesIO(b"x" * 600), 600)
    outcomes = place.run(Verify(), *names, depth="data")
    assert outcomes[b"same"].code is Code.PROCESSED
    assert outcomes[b"lost"].reason.startswith("its object is missing")
    assert outcomes[b"spoilt"].reason == "differs: the bytes of its object are not those that were put there"
