"""What the reverse_stub step promises: two sites, and a target between them."""

import io
import os
import stat as modes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.step_context import OTHER_KEY, SITE_KEY, TAG, Place, place_with_directory
from xxhash import xxh3_128_digest

from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm import private
from towpath.hsm.keys import record_key
from towpath.hsm.mark import Standing
from towpath.hsm.record import Kind as RecordKind
from towpath.hsm.record import Record, pack_group, sign
from towpath.hsm.stub import has_bytes_from
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Stopped
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub
from towpath.storage.roots import Root

CONTENT = os.urandom(200_000)
IS_ROOT = marks.SETS_TRUSTED
root_only = pytest.mark.skipif(not IS_ROOT, reason="needs root")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    """The site that sends."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


@pytest.fixture
def there(here: Place) -> Iterator[Place]:
    """The site that receives, with a key of its own, and the same target."""
    directory = here.directory.parent / "there"
    directory.mkdir()
    made = Place(directory, Root("data", str(directory).encode()), here.targets, OTHER_KEY, "bergen")
    yield made
    made.root.close()


def send(here: Place, there: Place, *paths: bytes, **arguments: Any) -> dict[bytes, PathOutcome]:
    """Premigrate here, and make the paths there."""
    sent = here.run(Migrate(), *paths, premigrate=True, records="all")
    there.carried = {i: sent[path].carry or b"" for i, path in enumerate(paths) if sent[path].carry}
    context = there.context(ReverseStub(), paths, **arguments)
    context.items = here.items(paths)
    outcomes = list(ReverseStub().run(context))
    assert sorted(outcome.index for outcome in outcomes) == list(range(len(paths)))
    return {paths[outcome.index]: outcome for outcome in outcomes}


def test_a_file_arrives_as_a_stub_that_its_new_site_can_recall(here: Place, there: Place) -> None:
    name = here.write("d/e/f", CONTENT)
    (here.directory / "d/e/f").chmod(0o640)
    os.utime(here.directory / "d/e/f", ns=(10**18 + 1, 10**18 + 2))
    outcome = send(here, there, name)[name]
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, 0)
    found = there.root.stat(name)
    assert (found.st_size, found.st_mtime_ns, found.st_atime_ns) == (200_000, 10**18 + 2, 10**18 + 1)
    assert modes.S_IMODE(found.st_mode) == 0
    with there.look(name) as stub:
        assert not has_bytes_from(stub.fd, 0)
        assert stub.judged.standing is Standing.OFFLINE
    assert there.run_one(Recall(), name).code is Code.PROCESSED
    assert (there.directory / "d/e/f").read_bytes() == CONTENT
    assert modes.S_IMODE(there.root.stat(name).st_mode) == 0o640
    assert there.private_files() == []


def test_hydrate_brings_the_data_too(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    outcome = send(here, there, name, hydrate=True)[name]
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    assert (there.directory / "f").read_bytes() == CONTENT
    assert there.standing(name) is Standing.PREMIGRATED


def test_a_tree_arrives_with_its_directories_links_and_empty_files(here: Place, there: Place) -> None:
    here.write("d/e/f", b"x")
    here.write("d/empty", b"")
    (here.directory / "d/link").symlink_to("e/f")
    (here.directory / "d/e").chmod(0o750)
    for name in ("d/e", "d"):
        os.setxattr(here.directory / name, "user.colour", b"red")
        os.utime(here.directory / name, ns=(10**18 + 3, 10**18 + 4))
    os.utime(here.directory / "d/link", ns=(5, 10**18 + 6), follow_symlinks=False)
    paths = (b"", b"d", b"d/e", b"d/e/f", b"d/empty", b"d/link")
    outcomes = send(here, there, *paths)
    assert all(outcome.code in (Code.PROCESSED, Code.ALREADY) for outcome in outcomes.values()), outcomes
    for path in (b"d", b"d/e", b"d/link"):
        one, other = here.root.stat(path), there.root.stat(path)
        assert (one.st_mode, one.st_mtime_ns) == (other.st_mode, other.st_mtime_ns)
    assert os.getxattr(there.directory / "d/e", "user.colour") == b"red"
    assert (there.directory / "d/link").readlink() == Path("e/f")
    assert (there.directory / "d/empty").read_bytes() == b""


def test_to_send_again_changes_nothing(here: Place, there: Place) -> None:
    here.write("d/f", CONTENT)
    (here.directory / "d/link").symlink_to("f")
    paths = (b"d", b"d/f", b"d/link")
    send(here, there, *paths)
    again = send(here, there, *paths)
    assert {outcome.code for outcome in again.values()} == {Code.ALREADY}
    assert there.standing(b"d/f") is Standing.OFFLINE


def test_a_stub_sent_before_is_hydrated_where_that_is_wanted(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    send(here, there, name)
    assert send(here, there, name, hydrate=True)[name].bytes == len(CONTENT)
    assert (there.directory / "f").read_bytes() == CONTENT
    assert send(here, there, name, hydrate=True)[name].code is Code.ALREADY


def test_a_file_with_the_same_data_is_left_alone(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    there.write("f", CONTENT)
    before = there.root.stat(name)
    assert send(here, there, name)[name].code is Code.ALREADY
    assert there.root.stat(name) == before


@pytest.mark.parametrize(
    ("preference", "age", "code", "replaced"),
    [
        ("local", "older", Code.SKIPPED, False),
        ("local", "newer", Code.SKIPPED, False),
        ("newest", "older", Code.PROCESSED, True),
        ("newest", "newer", Code.SKIPPED, False),
        ("ignore", "older", Code.ABORTED, False),
        ("ignore", "newer", Code.ABORTED, False),
    ],
)
def test_which_of_two_different_files_stays_is_a_matter_of_preference(
    here: Place, there: Place, preference: str, age: str, code: Code, replaced: bool
) -> None:
    name = here.write("f", CONTENT)
    there.write("f", b"local")
    os.utime(here.directory / "f", ns=(0, 2_000))
    os.utime(there.directory / "f", ns=(0, 1_000 if age == "older" else 3_000))
    outcome = send(here, there, name, hydrate=True, conflict_preference=preference)[name]
    assert outcome.code is code
    assert (there.directory / "f").read_bytes() == (CONTENT if replaced else b"local")


@pytest.mark.parametrize("hydrate", [False, True])
def test_overwrite_replaces_a_different_file_whatever_the_preference(
    here: Place, there: Place, hydrate: bool
) -> None:
    name = here.write("f", CONTENT)
    there.write("f", b"local")
    outcome = send(here, there, name, overwrite=True, hydrate=hydrate)[name]
    assert outcome.code is Code.PROCESSED
    there.run_one(Recall(), name)
    assert (there.directory / "f").read_bytes() == CONTENT
    assert there.private_files() == []


@pytest.mark.parametrize(
    ("level", "code"), [("partial", Code.FAILED), ("implicit", Code.FAILED), ("none", Code.PROCESSED)]
)
def test_a_file_that_is_open_for_writing_is_only_replaced_without_locks(
    here: Place, there: Place, level: str, code: Code
) -> None:
    name = here.write("f", CONTENT)
    there.write("f", b"local")
    with (there.directory / "f").open("r+b"):
        outcome = send(here, there, name, overwrite=True, lock_level=level)[name]
    assert outcome.code is code
    assert (outcome.error_class is ErrorClass.TRANSIENT) == (code is Code.FAILED)


def test_a_link_is_replaced_by_another_and_by_a_file(here: Place, there: Place) -> None:
    (here.directory / "link").symlink_to("new")
    name = here.write("f", CONTENT)
    for path in ("link", "f"):
        (there.directory / path).symlink_to("old")
    kept = send(here, there, b"link", name)
    assert {outcome.code for outcome in kept.values()} == {Code.SKIPPED}
    replaced = send(here, there, b"link", name, overwrite=True, hydrate=True)
    assert {outcome.code for outcome in replaced.values()} == {Code.PROCESSED}
    assert (there.directory / "link").readlink() == Path("new")
    assert (there.directory / "f").read_bytes() == CONTENT


def test_a_directory_never_makes_room_for_a_file_nor_a_file_for_a_directory(
    here: Place, there: Place
) -> None:
    here.write("f", CONTENT)
    here.write("d/x", b"x")
    (there.directory / "f").mkdir()
    there.write("d", b"local")
    outcomes = send(here, there, b"f", b"d", b"d/x", overwrite=True)
    assert {outcome.code for outcome in outcomes.values()} == {Code.FAILED}
    assert (there.directory / "f").is_dir()
    assert (there.directory / "d").read_bytes() == b"local"


def test_no_link_on_the_way_is_followed(here: Place, there: Place) -> None:
    name = here.write("d/f", CONTENT)
    outside = there.directory.parent / "outside"
    outside.mkdir()
    (there.directory / "d").symlink_to(outside)
    assert send(here, there, name)[name].code is Code.FAILED
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("stub_size", [1, 4096])
def test_stub_size_brings_the_head(here: Place, there: Place, stub_size: int) -> None:
    name = here.write("f", CONTENT)
    send(here, there, name, stub_size=stub_size)
    with there.look(name) as found:
        assert os.pread(found.fd, 4096, 0) == CONTENT[:4096]
        assert not has_bytes_from(found.fd, 4096)
    assert there.run_one(Recall(), name).code is Code.PROCESSED
    assert (there.directory / "f").read_bytes() == CONTENT


def test_a_file_no_larger_than_the_head_comes_whole(here: Place, there: Place) -> None:
    name = here.write("f", b"small")
    assert send(here, there, name, stub_size=10)[name].bytes == 5
    assert (there.directory / "f").read_bytes() == b"small"
    assert there.standing(name) is Standing.PREMIGRATED


def test_skip_hash_compares_size_and_time_instead_of_data(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    there.write("f", b"!" * len(CONTENT))
    for place in (here, there):
        os.utime(place.directory / "f", ns=(0, 1_000))
    assert send(here, there, name)[name].code is Code.SKIPPED
    assert send(here, there, name, skip_hash=True)[name].code is Code.ALREADY


def test_data_that_is_not_the_records_is_not_taken(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    here.run_one(Migrate(), name, premigrate=True)
    (found,) = here.storage.listing("oslo")
    (here.directory.parent / "target" / found.key).write_bytes(b"!" * len(CONTENT))
    assert send(here, there, name, hydrate=True)[name].code is Code.FAILED
    assert list(there.directory.iterdir()) == []


def test_without_a_record_each_path_fails_with_the_reason(there: Place) -> None:
    outcome = there.run_one(ReverseStub(), there.write("f", b"x"))
    assert outcome.code is Code.FAILED
    assert "no record" in outcome.reason


def test_a_reference_that_is_none_fails(there: Place) -> None:
    there.carried = {0: b"short"}
    assert there.run_one(ReverseStub(), b"f").code is Code.FAILED


def test_no_stub_is_made_where_the_site_does_not_allow_it(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    there.unguarded = False
    assert "unguarded = true" in send(here, there, name)[name].reason
    assert list(there.directory.iterdir()) == []
    assert send(here, there, name, hydrate=True)[name].code is Code.PROCESSED


def test_rights_come_back_only_where_the_same_site_signed_them(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    (here.directory / "f").chmod(0o4755)
    send(here, there, name, hydrate=True)
    assert modes.S_IMODE(there.root.stat(name).st_mode) == 0o755
    (there.directory / "f").unlink()
    there.key = SITE_KEY
    send(here, there, name, hydrate=True)
    assert modes.S_IMODE(there.root.stat(name).st_mode) == 0o4755


@pytest.mark.parametrize("recall", [False, True])
def test_a_stub_from_another_site_gives_no_rights_once_it_is_recalled(
    here: Place, there: Place, recall: bool
) -> None:
    name = here.write("f", CONTENT)
    (here.directory / "f").chmod(0o6755)
    send(here, there, name, hydrate=not recall)
    there.run_one(Recall(), name)
    assert modes.S_IMODE(there.root.stat(name).st_mode) == 0o755


@root_only
def test_the_owner_comes_along_or_the_default_where_the_name_is_unknown(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    os.chown(here.directory / "f", 1234, 4321)
    send(here, there, name)
    assert (there.root.stat(name).st_uid, there.root.stat(name).st_gid) == (1234, 4321)
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    other = here.write("g", CONTENT)
    os.setxattr(here.directory / "g", "security.capability", capability)
    send(here, there, other)
    there.run_one(Recall(), other)
    assert "security.capability" not in os.listxattr(there.directory / "g")
    here.run_one(Migrate(), other)
    here.run_one(Recall(), other)
    assert os.getxattr(here.directory / "g", "security.capability") == capability


def test_a_place_that_another_run_works_on_fails_and_may_be_tried_again(here: Place, there: Place) -> None:
    name = here.write("f", CONTENT)
    fd = private.create(there.root, name, there.key)
    outcome = send(here, there, name)[name]
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)
    os.close(fd)
    assert send(here, there, name)[name].code is Code.PROCESSED
    assert there.private_files() == []


@pytest.mark.parametrize("stands", [False, True])
def test_nothing_is_made_once_the_run_is_no_longer_ours(here: Place, there: Place, stands: bool) -> None:
    name = here.write("f", CONTENT)
    (here.directory / "link").symlink_to("new")
    if stands:
        there.write("f", b"local")
        (there.directory / "link").symlink_to("old")

    def lost() -> None:
        raise Stopped

    there.certain = lost
    with pytest.raises(Stopped):
        send(here, there, name, overwrite=True)
    assert not stands or (there.directory / "f").read_bytes() == b"local"
    assert stands or list(there.directory.iterdir()) == []
    with pytest.raises(Stopped):
        send(here, there, b"link", overwrite=True)
    assert not stands or (there.directory / "link").readlink() == Path("old")
    assert there.private_files() == []
    assert stands or list(there.directory.iterdir()) == []


@root_only
@pytest.mark.parametrize("hydrate", [True, False])
def test_an_owner_whose_name_is_not_known_here_is_the_default_one_or_the_recorded_number(
    here: Place, there: Place, hydrate: bool
) -> None:
    for place in (here, there):
        place.storage.put("oslo/data/f@1", io.BytesIO(CONTENT), len(CONTENT))
    told = (0o600, 1234, 4321, "no-such-user", "no-such-group", 1, 2, len(CONTENT), ())
    record = Record(b"f", RecordKind.FILE, *told, "oslo/data/f@1", xxh3_128_digest(CONTENT))
    group, packed = pack_group("oslo", "data", [sign(record, here.key)])
    there.storage.put(record_key(group), io.BytesIO(packed), len(packed))
    there.carried = {0: marks.Reference(TAG, group, 0).pack()}
    owners = {}
    for name, instead in ((b"given", {"default_uid": 77, "default_gid": 78}), (b"none", {})):
        outcome = there.run_one(ReverseStub(), name, hydrate=hydrate, **instead)
        assert outcome.code is Code.PROCESSED
        found = there.root.stat(name)
        owners[name] = (found.st_uid, found.st_gid)
    assert owners == {b"given": (77, 78), b"none": (1234, 4321)}
