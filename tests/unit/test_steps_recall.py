"""What the recall step promises, on a real directory and a directory target."""

import os
import resource
import stat as modes
import struct
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.step_context import SITE_KEY, TAG, Place, place_with_directory

from towpath.domain.paths import Code, ErrorClass
from towpath.hsm import mark as marks
from towpath.hsm import private
from towpath.hsm.mark import Standing, State
from towpath.steps.groups import SHARE
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Stopped, Target
from towpath.steps.recall import GROUP, Recall
from towpath.storage.durable import Durable
from towpath.storage.protocol import Storage

CONTENT = os.urandom(200_000)
IS_ROOT = marks.SETS_TRUSTED
root_only = pytest.mark.skipif(not IS_ROOT, reason="needs root")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


@pytest.fixture
def stub(place: Place) -> bytes:
    """A stub of CONTENT."""
    name = place.write("d/f", CONTENT)
    (place.directory / "d/f").chmod(0o640)
    os.utime(place.directory / "d/f", ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    return name


def opened(place: Place) -> Path:
    """The stub, with permission bits that let its owner in."""
    path = place.directory / "d/f"
    path.chmod(0o600)
    return path


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL as the kernel has it: (tag, permissions, id) each."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY_READS = acl(
    (1, 6, 0xFFFFFFFF), (2, 4, 65534), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF)
)


def test_a_recalled_file_is_the_file_that_was_migrated(place: Place) -> None:
    name = place.write("f", CONTENT)
    path = place.directory / "f"
    os.setxattr(path, "user.colour", b"red")
    os.setxattr(path, "user.\xff\udcff", b"\x00\xff")
    os.setxattr(path, "system.posix_acl_access", NOBODY_READS)
    if IS_ROOT:
        os.chown(path, 1234, 4321)
        path.chmod(0o4750)
    os.utime(path, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    before = place.root.stat(name)
    with place.look(name) as found:
        attributes = sorted(found.attributes)
    place.run_one(Migrate(), name)
    outcome = place.run_one(Recall(), name)
    after = place.root.stat(name)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert (after.st_atime_ns, after.st_mtime_ns) == (before.st_atime_ns, before.st_mtime_ns)
    with place.look(name) as found:
        assert sorted(found.attributes) == attributes
    assert path.read_bytes() == CONTENT
    assert place.private_files() == []


def test_a_recalled_file_is_premigrated_and_can_be_freed_without_a_copy(place: Place, stub: bytes) -> None:
    place.run_one(Recall(), stub)
    assert place.standing(stub) is Standing.PREMIGRATED
    outcome = place.run_one(Migrate(), stub)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, 0)
    place.run_one(Recall(), stub)
    assert (place.directory / "d/f").read_bytes() == CONTENT


def test_what_is_here_already_is_left_alone(place: Place, stub: bytes) -> None:
    place.run_one(Recall(), stub)
    resident, empty = place.write("resident", b"x"), place.write("empty", b"")
    place.run_one(Migrate(), empty)
    outcomes = place.run(Recall(), stub, resident, empty)
    assert {outcome.code for outcome in outcomes.values()} == {Code.ALREADY}


def test_a_round_trip_keeps_the_edit_that_was_made_on_the_way(place: Place) -> None:
    name = place.write("f", b"first")
    place.run_one(Migrate(), name, premigrate=True)
    place.write("f", b"second, and longer")
    place.run_one(Migrate(), name)
    place.run_one(Recall(), name)
    assert (place.directory / "f").read_bytes() == b"second, and longer"


def test_attributes_that_were_set_on_the_stub_stay(place: Place, stub: bytes) -> None:
    path = opened(place)
    os.setxattr(path, "user.colour", b"blue")
    path.chmod(0)
    place.run_one(Recall(), stub)
    assert os.getxattr(path, "user.colour") == b"blue"
    assert path.read_bytes() == CONTENT


def test_a_mode_that_somebody_gave_the_stub_stays(place: Place, stub: bytes) -> None:
    (place.directory / "d/f").chmod(0o604)
    place.run_one(Recall(), stub)
    assert modes.S_IMODE(place.root.stat(stub).st_mode) == 0o604


@pytest.mark.parametrize("left", [0o1600, 0o1200])
def test_a_stub_that_a_crash_left_open_is_closed_at_the_next_look(
    place: Place, stub: bytes, left: int
) -> None:
    (place.directory / "d/f").chmod(left)
    assert place.standing(stub) is Standing.OFFLINE
    assert modes.S_IMODE(place.root.stat(stub).st_mode) == 0
    place.run_one(Recall(), stub)
    assert modes.S_IMODE(place.root.stat(stub).st_mode) == 0o640


def test_holes_stay_holes(place: Place) -> None:
    name = place.write("f", b"")
    with (place.directory / "f").open("r+b") as file:
        file.write(b"head")
        file.seek(50_000_000)
        file.write(b"tail")
    blocks = place.root.stat(name).st_blocks
    place.run_one(Migrate(), name)
    place.run_one(Recall(), name)
    assert place.root.stat(name).st_blocks <= blocks
    with (place.directory / "f").open("rb") as file:
        assert file.read(5) == b"head\0"
        file.seek(49_999_999)
        assert file.read() == b"\0tail"


# Edits --------------------------------------------------------------------------------------------------------


def test_a_stub_that_was_written_to_is_not_recalled_even_with_its_old_times(
    place: Place, stub: bytes
) -> None:
    path = opened(place)
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"edited")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    outcome = place.run_one(Recall(), stub)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.PERMANENT)
    assert "written to" in outcome.reason
    assert path.read_bytes()[100_000:100_006] == b"edited"
    assert place.object_of(stub) == CONTENT
    assert place.private_files() == []


def test_a_stub_whose_kept_head_was_edited_is_not_recalled(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, stub_size=4096)
    path = place.directory / "f"
    times = path.stat()
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.write(b"edited")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert place.run_one(Recall(), name).code is Code.FAILED
    assert path.read_bytes().startswith(b"edited")


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_stub_of_another_size_is_not_recalled(place: Place, stub: bytes, size: int) -> None:
    os.truncate(opened(place), size)
    outcome = place.run_one(Recall(), stub)
    assert outcome.code is Code.FAILED
    assert place.root.stat(stub).st_size == size


def test_the_data_of_a_stub_that_was_written_to_is_not_even_asked_for(place: Place, stub: bytes) -> None:
    path = opened(place)
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"edited")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (found,) = (o for o in place.storage.listing() if o.key.startswith("oslo/"))
    place.storage.delete(found.key)
    assert "written to" in place.run_one(Recall(), stub).reason


class MeddlingContent:
    """A storage at which something happens once an object's bytes have been read."""

    def __init__(self, within: Storage, meddle: object) -> None:
        self._within, self._meddle = within, meddle

    def __getattr__(self, name: str) -> object:
        return getattr(self._within, name)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """As within; then meddle."""
        yield from self._within.get(key, start, length)
        if "records" not in key and callable(self._meddle):
            self._meddle()


def meddle(place: Place, meddling: object) -> None:
    storage = MeddlingContent(place.storage, meddling)
    place.targets[TAG] = Target("cold", TAG, storage)  # type: ignore[arg-type]


def test_a_stub_that_is_touched_while_its_data_is_brought_stays(place: Place, stub: bytes) -> None:
    path = place.directory / "d/f"
    meddle(place, lambda: os.utime(path))
    outcome = place.run_one(Recall(), stub)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)
    assert place.private_files() == []
    assert path.stat().st_mode & 0o7777 == 0


def test_a_stub_that_is_replaced_while_its_data_is_brought_stays_replaced(place: Place, stub: bytes) -> None:
    path = place.directory / "d/f"

    def replace_it() -> None:
        (place.directory / "new").write_bytes(b"new")
        (place.directory / "new").rename(path)

    meddle(place, replace_it)
    assert place.run_one(Recall(), stub).code is Code.FAILED
    assert path.read_bytes() == b"new"
    assert place.private_files() == []


def test_a_stub_that_is_removed_while_its_data_is_brought_stays_away(place: Place, stub: bytes) -> None:
    path = place.directory / "d/f"
    meddle(place, path.unlink)
    assert place.run_one(Recall(), stub).code is Code.FAILED
    assert not path.exists()
    assert place.private_files() == []


def test_a_file_that_is_put_there_in_the_very_last_moment_stays(place: Place, stub: bytes) -> None:
    path = place.directory / "d/f"

    def replace_it() -> None:
        (place.directory / "new").write_bytes(b"new")
        (place.directory / "new").rename(path)

    place.certain = replace_it
    assert place.run_one(Recall(), stub).code is Code.FAILED
    assert path.read_bytes() == b"new"
    assert place.private_files() == []


def test_a_directorys_default_acl_does_not_come_upon_a_recalled_file(place: Place, stub: bytes) -> None:
    os.setxattr(place.directory / "d", "system.posix_acl_default", NOBODY_READS)
    assert place.run_one(Recall(), stub).code is Code.PROCESSED
    assert "system.posix_acl_access" not in os.listxattr(place.directory / "d/f")
    assert modes.S_IMODE(place.root.stat(stub).st_mode) == 0o640


@pytest.mark.parametrize(
    ("level", "code"), [("partial", Code.FAILED), ("implicit", Code.FAILED), ("none", Code.PROCESSED)]
)
def test_a_stub_that_is_open_for_writing_is_only_replaced_without_locks(
    place: Place, stub: bytes, level: str, code: Code
) -> None:
    path = opened(place)
    fd = os.open(path, os.O_RDWR)
    path.chmod(0)
    assert place.run_one(Recall(), stub, lock_level=level).code is code
    os.close(fd)
    assert place.run_one(Recall(), stub).code in (Code.PROCESSED, Code.ALREADY)


def test_nothing_changes_places_once_the_run_is_no_longer_ours(place: Place, stub: bytes) -> None:
    def lost() -> None:
        raise Stopped

    place.certain = lost
    with pytest.raises(Stopped):
        place.run_one(Recall(), stub)
    assert place.standing(stub) is Standing.OFFLINE


# What comes from the target -----------------------------------------------------------------------------------


def spoil(place: Place, name: bytes, content: bytes) -> None:
    (found,) = (o for o in place.storage.listing() if o.key.startswith(f"oslo/data/{name.decode()}@"))
    (place.directory.parent / "target" / found.key).write_bytes(content)


def test_data_that_is_not_what_was_put_is_not_taken(place: Place, stub: bytes) -> None:
    spoil(place, stub, CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    outcome = place.run_one(Recall(), stub)
    assert outcome.code is Code.FAILED
    assert "not those that were put there" in outcome.reason
    assert place.standing(stub) is Standing.OFFLINE
    assert place.private_files() == []


def test_skip_hash_takes_data_of_the_right_length_as_it_comes(place: Place, stub: bytes) -> None:
    spoil(place, stub, b"!" * len(CONTENT))
    assert place.run_one(Recall(), stub, skip_hash=True).code is Code.PROCESSED
    assert (place.directory / "d/f").read_bytes() == b"!" * len(CONTENT)


@pytest.mark.parametrize("skip_hash", [False, True])
@pytest.mark.parametrize("length", [0, 100, 200_001])
def test_data_of_another_length_is_never_taken(
    place: Place, stub: bytes, skip_hash: bool, length: int
) -> None:
    spoil(place, stub, os.urandom(length))
    outcome = place.run_one(Recall(), stub, skip_hash=skip_hash)
    assert outcome.code is Code.FAILED
    assert place.standing(stub) is Standing.OFFLINE


def test_a_lost_object_fails_and_leaves_the_stub(place: Place, stub: bytes) -> None:
    (found,) = (o for o in place.storage.listing() if o.key.startswith("oslo/"))
    place.storage.delete(found.key)
    outcome = place.run_one(Recall(), stub)
    assert outcome.code is Code.FAILED
    assert "no object" in outcome.reason
    assert place.standing(stub) is Standing.OFFLINE
    assert place.private_files() == []


def test_records_that_were_altered_at_the_target_are_not_believed(place: Place, stub: bytes) -> None:
    (found,) = place.storage.listing(".towpath/records")
    path = place.directory.parent / "target" / found.key
    packed = path.read_bytes()
    path.write_bytes(packed[:-1] + bytes([packed[-1] ^ 1]))
    outcome = place.run_one(Recall(), stub)
    assert outcome.code is Code.FAILED
    assert "not the one that was written" in outcome.reason


def test_the_target_that_the_mark_names_is_used_whatever_the_task_says(place: Place, stub: bytes) -> None:
    context = place.context(Recall(), [stub], endpoint="elsewhere")
    context.endpoint = b"none"
    (outcome,) = Recall().run(context)
    assert outcome.code is Code.PROCESSED


# Arguments ----------------------------------------------------------------------------------------------------


def test_update_times_sets_them_to_now(place: Place, stub: bytes) -> None:
    began = time.time_ns() - 10**9
    place.run_one(Recall(), stub, update_atime=True, update_mtime=True)
    found = place.root.stat(stub)
    assert found.st_atime_ns > began
    assert found.st_mtime_ns > began
    assert place.standing(stub) is Standing.PREMIGRATED


@pytest.mark.parametrize("recalled", [False, True])
def test_delete_remote_makes_the_file_resident(place: Place, stub: bytes, recalled: bool) -> None:
    if recalled:
        place.run_one(Recall(), stub)
    assert place.run_one(Recall(), stub, delete_remote=True).code is Code.PROCESSED
    assert place.standing(stub) is Standing.RESIDENT
    with place.look(stub) as found:
        assert found.packed is None
    assert (place.directory / "d/f").read_bytes() == CONTENT
    assert place.object_of(stub) == CONTENT


@pytest.mark.parametrize(("abort", "code"), [(False, Code.FAILED), (True, Code.ABORTED)])
def test_a_path_that_is_not_there_fails_or_is_aborted(place: Place, abort: bool, code: Code) -> None:
    assert place.run_one(Recall(), b"gone", abort_missing=abort).code is code


def test_what_has_no_data_is_skipped(place: Place) -> None:
    (place.directory / "link").symlink_to("nowhere")
    (place.directory / "dir").mkdir()
    outcomes = place.run(Recall(), b"link", b"dir")
    assert {outcome.code for outcome in outcomes.values()} == {Code.SKIPPED}


@root_only
def test_an_owner_is_kept_by_root_whatever_the_defaults(place: Place) -> None:
    name = place.write("f", CONTENT)
    os.chown(place.directory / "f", 1234, 4321)
    place.run_one(Migrate(), name)
    place.run_one(Recall(), name, default_uid=1, default_gid=1)
    assert (place.root.stat(name).st_uid, place.root.stat(name).st_gid) == (1234, 4321)


# Private files ------------------------------------------------------------------------------------------------


def test_somebody_elses_file_under_the_private_name_is_never_removed(place: Place, stub: bytes) -> None:
    beside = place.directory / "d" / os.fsdecode(private.name_beside(b"f"))
    beside.write_bytes(b"precious")
    outcome = place.run_one(Recall(), stub)
    assert outcome.code is Code.FAILED
    assert "not ours" in outcome.reason
    assert place.run_one(Migrate(), b"d/" + private.name_beside(b"f")).code is Code.SKIPPED
    assert beside.read_bytes() == b"precious"


def test_two_runs_never_bring_the_same_stub_at_once(place: Place, stub: bytes) -> None:
    seen = []

    def again() -> None:
        meddle(place, None)
        seen.append(place.run_one(Recall(), stub))

    meddle(place, again)
    assert place.run_one(Recall(), stub).code is Code.PROCESSED
    assert [outcome.code for outcome in seen] == [Code.FAILED]
    assert "another run" in seen[0].reason
    assert (place.directory / "d/f").read_bytes() == CONTENT


def test_a_file_left_half_freed_and_then_edited_is_not_recalled(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    path = place.directory / "f"
    with place.look(name) as found:
        assert found.judged.mark is not None
        going = replace(found.judged.mark, state=State.FREEING)
        found.set_mark(going.pack(SITE_KEY))
    assert place.standing(name) is Standing.INTERRUPTED
    with path.open("r+b") as file:
        file.write(b"edited")
    for step in (Recall(), Migrate()):
        outcome = place.run_one(step, name)
        assert outcome.code is Code.FAILED
    assert path.read_bytes().startswith(b"edited")


# Groups -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stubs(place: Place) -> list[bytes]:
    """More of them than a group has."""
    names = [place.write(f"d/{number}", b"%d" % number * 100) for number in range(GROUP + 10)]
    assert {outcome.code for outcome in place.run(Migrate(), *names).values()} == {Code.PROCESSED}
    return names


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_many_small_stubs_come_back_in_groups(place: Place, stubs: list[bytes]) -> None:
    before = descriptors()
    outcomes = place.run(Recall(), *stubs)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    for number, name in enumerate(stubs):
        assert (place.directory / os.fsdecode(name)).read_bytes() == b"%d" % number * 100
    assert descriptors() == before


def test_a_run_that_is_lost_within_a_group_leaves_stubs_and_nothing_else(
    place: Place, stubs: list[bytes]
) -> None:
    asked = []

    def lost() -> None:
        asked.append(1)
        if len(asked) > 5:
            raise Stopped

    place.certain, before = lost, descriptors()
    with pytest.raises(Stopped):
        place.run(Recall(), *stubs)
    assert place.private_files() == []
    assert descriptors() == before
    standings = Counter(place.standing(name) for name in stubs)
    assert standings == {Standing.PREMIGRATED: 5, Standing.OFFLINE: len(stubs) - 5}


def test_a_stub_that_is_written_to_while_it_waits_for_its_group_stays(
    place: Place, stubs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = Durable.sync_content
    path = place.directory / os.fsdecode(stubs[0])

    def edited_meanwhile(durable: Durable, files: Mapping[bytes, int]) -> None:
        if stubs[0] in files:
            path.chmod(0o600)  # Whoever is not root gets at a guarded stub by its permission bits alone.
            path.write_bytes(b"edited")
        sync(durable, files)

    monkeypatch.setattr(Durable, "sync_content", edited_meanwhile)
    outcomes = place.run(Recall(), *stubs)
    assert outcomes[stubs[0]].code is Code.FAILED
    path.chmod(0o600)
    assert path.read_bytes() == b"edited"
    assert place.private_files() == []
    assert {outcomes[name].code for name in stubs[1:]} == {Code.PROCESSED}


def test_where_descriptors_are_few_stubs_come_back_one_by_one(
    place: Place, stubs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (2 * SHARE, 2 * SHARE))
    outcomes = place.run(Recall(), *stubs)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
