"""What the migrate step promises, on a real directory and a directory target."""

import fcntl
import mmap
import os
import stat as modes
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from tests.step_context import OTHER_KEY, TAG, Place, place_with_directory

from towpath.domain.paths import Code, ErrorClass
from towpath.hsm import mark as marks
from towpath.hsm.mark import LENGTH, Reference, Standing
from towpath.hsm.stub import has_bytes_from
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Stopped, Target
from towpath.steps.recall import Recall
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Abilities, ObjectFound, Storage, StorageError, Stored

CONTENT = os.urandom(200_000)
IS_ROOT = marks.SETS_TRUSTED
root_only = pytest.mark.skipif(not IS_ROOT, reason="needs root")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


class Meddling:
    """A real storage, with something happening between a put's reading and its end."""

    def __init__(self, within: Storage, meddle: Any) -> None:
        self.within, self.meddle = within, meddle
        self.abilities: Abilities = within.abilities
        self.puts: list[str] = []
        self.synced: set[str] = set()

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Put, then meddle."""
        stored = self.within.put(key, BytesIO(source.read(size)), size)
        self.puts.append(key)
        self.meddle(key)
        return stored

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """As within."""
        return self.within.get(key, start, length)

    def look(self, key: str) -> ObjectFound | None:
        """As within."""
        return self.within.look(key)

    def delete(self, key: str) -> None:
        """As within."""
        self.within.delete(key)

    def give_up(self, key: str) -> None:
        """As within."""
        self.within.give_up(key)

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """As within."""
        return self.within.listing(prefix, after)

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """As within."""
        return self.within.everything(prefix, after)

    def sync(self, keys: list[str]) -> None:
        """Meddle, then sync."""
        self.meddle("sync")
        self.within.sync(keys)
        self.synced.update(keys)

    def check(self) -> str:
        """As within."""
        return self.within.check()


def meddle(place: Place, meddling: Any) -> Meddling:
    storage = Meddling(place.storage, meddling)
    place.targets[TAG] = Target("cold", TAG, storage)
    return storage


def is_stub(place: Place, name: bytes) -> bool:
    with place.look(name) as found:
        return not has_bytes_from(found.fd, 0) and found.mode == 0


def test_a_migrated_file_is_a_closed_stub_of_the_same_size_and_times(place: Place) -> None:
    name = place.write("a/b.bin", CONTENT)
    (place.directory / "a/b.bin").chmod(0o640)
    os.utime(place.directory / "a/b.bin", ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    before = place.root.stat(name)
    outcome = place.run_one(Migrate(), name)
    after = place.root.stat(name)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    assert is_stub(place, name)
    assert place.standing(name) is Standing.OFFLINE
    assert after.st_ino == before.st_ino
    assert after.st_size == before.st_size
    assert after.st_mtime_ns == before.st_mtime_ns
    assert after.st_atime_ns == before.st_atime_ns
    assert place.object_of(name) == CONTENT


def test_an_unprivileged_reader_is_kept_out_of_a_stub(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name)
    assert modes.S_IMODE(place.root.stat(name).st_mode) == 0
    if not IS_ROOT:
        with pytest.raises(PermissionError):
            (place.directory / "f").read_bytes()


def test_a_premigrated_file_keeps_its_data_and_its_mode(place: Place) -> None:
    name = place.write("f", CONTENT)
    outcome = place.run_one(Migrate(), name, premigrate=True)
    assert outcome.code is Code.PROCESSED
    assert place.standing(name) is Standing.PREMIGRATED
    assert (place.directory / "f").read_bytes() == CONTENT
    assert place.object_of(name) == CONTENT


def test_what_is_premigrated_is_not_copied_again_but_only_freed(place: Place) -> None:
    name = place.write("f", CONTENT)
    first = place.run_one(Migrate(), name, premigrate=True)
    again = place.run_one(Migrate(), name, premigrate=True)
    assert (again.code, again.bytes, again.carry) == (Code.ALREADY, 0, first.carry)
    freed = place.run_one(Migrate(), name)
    assert (freed.code, freed.bytes, freed.carry) == (Code.PROCESSED, 0, first.carry)
    assert is_stub(place, name)
    offline = place.run_one(Migrate(), name)
    assert (offline.code, offline.carry) == (Code.ALREADY, first.carry)


def test_the_reference_of_the_record_is_handed_on_for_each_processed_path(place: Place) -> None:
    names = [place.write(f"f{i}", b"x" * i) for i in range(5)]
    outcomes = place.run(Migrate(), *names, premigrate=True)
    references = [Reference.unpack(outcomes[name].carry or b"") for name in names]
    assert {reference.tag for reference in references} == {TAG}
    assert len({reference.group for reference in references}) == 1
    assert sorted(reference.index for reference in references) == list(range(5))


def test_a_file_edited_after_its_copy_is_copied_anew_before_it_is_freed(place: Place) -> None:
    name = place.write("f", b"first version")
    place.run_one(Migrate(), name, premigrate=True)
    place.write("f", b"second version")
    assert place.standing(name) is Standing.MODIFIED
    assert place.run_one(Migrate(), name).bytes == len(b"second version")
    place.run_one(Recall(), name)
    assert (place.directory / "f").read_bytes() == b"second version"


def test_fail_on_mismatch_fails_a_file_that_was_edited_after_its_copy(place: Place) -> None:
    name = place.write("f", b"first version")
    place.run_one(Migrate(), name, premigrate=True)
    place.write("f", b"second version")
    outcome = place.run_one(Migrate(), name, fail_on_mismatch=True)
    assert outcome.code is Code.FAILED
    assert "differs from its record" in outcome.reason
    assert (place.directory / "f").read_bytes() == b"second version"


def test_overwrite_puts_a_new_object_of_an_unmodified_file(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    outcome = place.run_one(Migrate(), name, premigrate=True, overwrite=True)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    assert len(list(place.storage.listing("oslo"))) == 2


@pytest.mark.parametrize("stub_size", [1, 4096, 10_000])
def test_stub_size_keeps_whole_blocks_at_the_head(place: Place, stub_size: int) -> None:
    name = place.write("f", CONTENT)
    assert place.run_one(Migrate(), name, stub_size=stub_size).code is Code.PROCESSED
    with place.look(name) as found:
        assert found.judged.mark is not None
        head = found.judged.mark.head
        assert head >= stub_size
        assert os.pread(found.fd, head, 0) == CONTENT[:head]
        assert not has_bytes_from(found.fd, head)
    place.run_one(Recall(), name)
    assert (place.directory / "f").read_bytes() == CONTENT


def test_a_file_no_larger_than_a_stubs_head_stays_premigrated(place: Place) -> None:
    name = place.write("f", b"x" * 4000)
    assert place.run_one(Migrate(), name, stub_size=4000).code is Code.PROCESSED
    assert place.standing(name) is Standing.PREMIGRATED
    assert (place.directory / "f").read_bytes() == b"x" * 4000


@pytest.mark.parametrize("stub_size", [-1, 1 << 40])
def test_a_senseless_stub_size_fails_each_path_with_the_reason(place: Place, stub_size: int) -> None:
    name = place.write("f", CONTENT)
    outcome = place.run_one(Migrate(), name, stub_size=stub_size)
    assert outcome.code is Code.FAILED
    assert "stub_size: expected" in outcome.reason


def test_an_empty_file_is_marked_and_stays_open_to_its_readers(place: Place) -> None:
    name = place.write("f", b"")
    (place.directory / "f").chmod(0o644)
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    assert modes.S_IMODE(place.root.stat(name).st_mode) == 0o644
    assert place.standing(name) is Standing.PREMIGRATED
    assert place.run_one(Migrate(), name).code is Code.ALREADY
    assert place.object_of(name) == b""


def test_a_mark_takes_no_more_than_sixty_bytes(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name)
    with place.look(name) as found:
        assert found.packed is not None
        assert len(found.packed) == LENGTH <= 60


def test_nothing_is_marked_before_copy_and_record_would_survive_a_power_cut(place: Place) -> None:
    name = place.write("f", CONTENT)
    standing: list[Standing] = []

    def look_now(key: str) -> None:
        if key == "sync":
            standing.append(place.standing(name))

    storage = meddle(place, look_now)
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    assert standing == [Standing.RESIDENT]
    assert storage.synced == set(storage.puts)
    assert len(storage.puts) == 2


# In use -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_RDWR])
def test_a_file_that_is_open_somewhere_is_copied_and_not_freed(place: Place, flags: int) -> None:
    name = place.write("f", CONTENT)
    fd = os.open(place.directory / "f", flags)
    outcome = place.run_one(Migrate(), name)
    os.close(fd)
    assert outcome.code is Code.SKIPPED
    assert "open or mapped" in outcome.reason
    assert place.standing(name) is Standing.PREMIGRATED
    assert (place.directory / "f").read_bytes() == CONTENT
    assert place.run_one(Migrate(), name).code is Code.PROCESSED


def test_a_file_that_another_process_has_open_is_not_freed(place: Place) -> None:
    name = place.write("f", CONTENT)
    reader = "import sys; f = open(sys.argv[1], 'rb'); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", reader, str(place.directory / "f")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert place.run_one(Migrate(), name).code is Code.SKIPPED
        assert (place.directory / "f").read_bytes() == CONTENT
        process.communicate()


@pytest.mark.parametrize("access", [mmap.ACCESS_READ, mmap.ACCESS_WRITE])
def test_a_file_that_is_only_mapped_is_not_freed(place: Place, access: int) -> None:
    name = place.write("f", CONTENT)
    fd = os.open(place.directory / "f", os.O_RDWR)
    mapped = mmap.mmap(fd, 0, access=access)
    os.close(fd)
    outcome = place.run_one(Migrate(), name)
    mapped.close()
    assert outcome.code is Code.SKIPPED
    assert (place.directory / "f").read_bytes() == CONTENT


def test_a_write_through_a_mapping_after_the_copy_is_never_lost(place: Place) -> None:
    name = place.write("f", CONTENT)
    fd = os.open(place.directory / "f", os.O_RDWR)
    mapped = mmap.mmap(fd, 0)
    os.close(fd)
    mapped[0:4] = b"AAAA"
    place.run_one(Migrate(), name, premigrate=True)
    mapped[0:4] = b"BBBB"
    mapped.close()
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    place.run_one(Recall(), name)
    assert (place.directory / "f").read_bytes() == b"BBBB" + CONTENT[4:]


def test_no_lease_is_left_behind(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name)
    with place.look(name) as found:
        assert fcntl.fcntl(found.fd, fcntl.F_GETLEASE) == fcntl.F_UNLCK


# Changed meanwhile --------------------------------------------------------------------------------------------


def edit_when_copied(place: Place, name: str) -> None:
    def edit(key: str) -> None:
        if name in key:
            with (place.directory / name).open("r+b") as file:
                file.write(b"edited")

    meddle(place, edit)


def test_a_file_edited_during_its_copy_fails_and_may_be_tried_again(place: Place) -> None:
    name = place.write("f", CONTENT)
    edit_when_copied(place, "f")
    outcome = place.run_one(Migrate(), name)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)
    assert (place.directory / "f").read_bytes() == b"edited" + CONTENT[6:]
    assert place.standing(name) is Standing.RESIDENT
    assert list(place.storage.listing(".towpath/records")) == []


def test_a_file_edited_during_its_copy_can_be_skipped(place: Place) -> None:
    name = place.write("f", CONTENT)
    edit_when_copied(place, "f")
    outcome = place.run_one(Migrate(), name, skip_modified_during_migrate=True)
    assert outcome.code is Code.SKIPPED
    assert "changed while it was copied" in outcome.reason


def test_a_file_cut_short_during_its_copy_can_be_skipped(place: Place) -> None:
    name = place.write("f", os.urandom(3_000_000))

    class Cutting(Meddling):
        def put(self, key: str, source: BinaryIO, size: int) -> Stored:
            os.truncate(place.directory / "f", 10)
            return self.within.put(key, source, size)

    place.targets[TAG] = Target("cold", TAG, Cutting(place.storage, None))
    outcome = place.run_one(Migrate(), name, skip_modified_during_migrate=True)
    assert outcome.code is Code.SKIPPED


def test_a_file_edited_between_its_copy_and_its_mark_is_not_marked(place: Place) -> None:
    name = place.write("f", CONTENT)

    def edit(key: str) -> None:
        if "records" in key:
            with (place.directory / "f").open("r+b") as file:
                file.write(b"edited")

    meddle(place, edit)
    outcome = place.run_one(Migrate(), name)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.TRANSIENT)
    assert place.standing(name) is Standing.RESIDENT
    assert (place.directory / "f").read_bytes().startswith(b"edited")


def test_nothing_is_freed_once_the_run_is_no_longer_ours(place: Place) -> None:
    name = place.write("f", CONTENT)

    def lost() -> None:
        raise Stopped

    place.certain = lost
    with pytest.raises(Stopped):
        place.run_one(Migrate(), name)
    assert (place.directory / "f").read_bytes() == CONTENT
    assert place.standing(name) is Standing.PREMIGRATED


def test_a_task_that_is_handed_back_has_outcomes_for_what_it_did(place: Place) -> None:
    names = [place.write(f"f{i:03}", b"x") for i in range(50)]
    left = iter([True] * 20)
    place.allow = lambda: next(left, False)
    outcomes = place.run(Migrate(), *names)
    assert 0 < len(outcomes) <= 20
    for name in names:
        expected = Standing.OFFLINE if name in outcomes else Standing.RESIDENT
        assert place.standing(name) is expected


# Marks that are not ours --------------------------------------------------------------------------------------


def set_mark(path: Path, packed: bytes) -> None:
    os.setxattr(path, marks.TRUSTED if marks.SETS_TRUSTED else marks.USER, packed)


def packed_mark(place: Place, name: bytes) -> bytes:
    with place.look(name) as found:
        assert found.packed is not None
        return found.packed


def test_a_mark_copied_from_a_stub_is_foreign_and_never_trusted(place: Place) -> None:
    stub, victim = place.write("stub", CONTENT), place.write("victim", b"v" * len(CONTENT))
    place.run_one(Migrate(), stub)
    set_mark(place.directory / "victim", packed_mark(place, stub))
    assert place.standing(victim) is Standing.FOREIGN
    for step in (Migrate(), Recall()):
        outcome = place.run_one(step, victim)
        assert outcome.code is Code.FAILED
        assert "not trusted" in outcome.reason
    assert (place.directory / "victim").read_bytes() == b"v" * len(CONTENT)


def test_a_copy_with_the_mark_of_a_whole_file_is_copied_anew(place: Place) -> None:
    whole, victim = place.write("whole", CONTENT), place.write("victim", b"v" * len(CONTENT))
    place.run_one(Migrate(), whole, premigrate=True)
    set_mark(place.directory / "victim", packed_mark(place, whole))
    assert place.run_one(Migrate(), victim).bytes == len(CONTENT)
    place.run_one(Recall(), victim)
    assert (place.directory / "victim").read_bytes() == b"v" * len(CONTENT)


@pytest.mark.parametrize("at", range(LENGTH))
def test_a_mark_with_any_byte_changed_is_foreign(place: Place, at: int) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    packed = bytearray(packed_mark(place, name))
    packed[at] ^= 1
    set_mark(place.directory / "f", bytes(packed))
    assert place.standing(name) is Standing.FOREIGN
    assert place.run_one(Migrate(), name).code is Code.FAILED
    assert (place.directory / "f").read_bytes() == CONTENT


def test_a_mark_of_another_site_is_foreign(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    place.key = OTHER_KEY
    outcome = place.run_one(Migrate(), name)
    assert outcome.code is Code.FAILED
    assert "not signed by this site" in outcome.reason


def test_a_stub_that_was_written_to_is_neither_migrated_nor_recalled(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name)
    (place.directory / "f").chmod(0o600)
    with (place.directory / "f").open("r+b") as file:
        file.write(b"edited")
    stands = (place.directory / "f").read_bytes()
    for step in (Migrate(), Recall()):
        outcome = place.run_one(step, name)
        assert outcome.code is Code.FAILED
        assert "written to" in outcome.reason
    assert (place.directory / "f").read_bytes() == stands
    assert place.object_of(name) == CONTENT


# What is no plain file ----------------------------------------------------------------------------------------


def test_a_hard_linked_file_is_copied_and_not_freed(place: Place) -> None:
    name = place.write("f", CONTENT)
    os.link(place.directory / "f", place.directory / "g")
    outcomes = place.run(Migrate(), name, b"g")
    assert {outcome.code for outcome in outcomes.values()} == {Code.SKIPPED}
    assert all("hard links" in outcome.reason for outcome in outcomes.values())
    assert place.standing(b"g") is Standing.PREMIGRATED
    assert (place.directory / "g").read_bytes() == CONTENT


def test_links_directories_and_fifos_are_skipped_with_the_reason(place: Place) -> None:
    (place.directory / "link").symlink_to("nowhere")
    (place.directory / "dir").mkdir()
    os.mkfifo(place.directory / "fifo")
    outcomes = place.run(Migrate(), b"link", b"dir", b"fifo", b"")
    assert {outcome.code for outcome in outcomes.values()} == {Code.SKIPPED}
    assert "a symbolic link" in outcomes[b"link"].reason
    assert "a directory" in outcomes[b"dir"].reason
    assert "fifo" in outcomes[b"fifo"].reason


def test_links_and_directories_get_records_where_all_do(place: Place) -> None:
    (place.directory / "link").symlink_to("nowhere")
    (place.directory / "dir").mkdir()
    os.mkfifo(place.directory / "fifo")
    outcomes = place.run(Migrate(), b"link", b"dir", b"fifo", b"", records="all")
    assert [outcomes[path].code for path in (b"link", b"dir", b"")] == [Code.PROCESSED] * 3
    assert all(outcomes[path].carry for path in (b"link", b"dir", b""))
    assert outcomes[b"fifo"].code is Code.SKIPPED


def test_a_path_that_became_a_link_since_it_was_found_is_not_followed(place: Place) -> None:
    secret = place.directory.parent / "secret"
    secret.write_bytes(b"secret")
    name = place.write("f", CONTENT)
    context = place.context(Migrate(), [name])
    (place.directory / "f").unlink()
    (place.directory / "f").symlink_to(secret)
    (outcome,) = Migrate().run(context)
    assert outcome.code in (Code.FAILED, Code.SKIPPED)
    assert secret.read_bytes() == b"secret"
    assert list(place.storage.listing()) == []


@pytest.mark.parametrize(("abort", "code"), [(False, Code.FAILED), (True, Code.ABORTED)])
def test_a_path_that_is_not_there_fails_or_is_aborted(place: Place, abort: bool, code: Code) -> None:
    place.write("f", b"x")
    outcomes = place.run(Migrate(), b"gone", b"f/below", abort_missing=abort)
    assert {outcome.code for outcome in outcomes.values()} == {code}


@pytest.mark.usefixtures("unprivileged")
def test_a_file_that_may_not_be_read_fails_for_want_of_permission(place: Place) -> None:
    name = place.write("f", CONTENT)
    (place.directory / "f").chmod(0o000)
    outcome = place.run_one(Migrate(), name)
    assert (outcome.code, outcome.error_class) == (Code.FAILED, ErrorClass.NO_PERMISSION)
    assert modes.S_IMODE(place.root.stat(name).st_mode) == 0


def test_a_read_only_file_is_migrated_and_comes_back_read_only(place: Place) -> None:
    name = place.write("f", CONTENT)
    (place.directory / "f").chmod(0o444)
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    assert modes.S_IMODE(place.root.stat(name).st_mode) == 0o444
    assert (place.directory / "f").read_bytes() == CONTENT


def test_the_targets_own_directory_beneath_the_root_is_left_alone(tmp_path: Path) -> None:
    inside = tmp_path / "site" / "cold"
    inside.mkdir(parents=True)
    (inside / "object").write_bytes(b"x")
    place = Place.at(tmp_path / "site", DirectoryStorage(str(inside).encode()), str(inside).encode())
    outcomes = place.run(Migrate(), b"cold/object", b"cold", place.write("coldest", b"x"))
    assert [outcomes[path].code for path in (b"cold/object", b"cold")] == [Code.SKIPPED] * 2
    assert outcomes[b"coldest"].code is Code.PROCESSED


# Targets ------------------------------------------------------------------------------------------------------


def add_second_target(place: Place) -> None:
    directory = place.directory.parent / "second"
    directory.mkdir()
    place.targets[b"tgt2"] = Target("second", b"tgt2", DirectoryStorage(str(directory).encode()))


def test_a_file_premigrated_elsewhere_is_copied_to_the_target_that_is_named(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.run_one(Migrate(), name, premigrate=True)
    add_second_target(place)
    context = place.context(Migrate(), [name], endpoint="second")
    context.endpoint = b"tgt2"
    (outcome,) = Migrate().run(context)
    assert (outcome.code, outcome.bytes) == (Code.PROCESSED, len(CONTENT))
    with place.look(name) as found:
        assert found.judged.mark is not None
        assert found.judged.mark.reference.tag == b"tgt2"
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    assert (place.directory / "f").read_bytes() == CONTENT


def test_without_its_target_each_path_fails_and_nothing_is_touched(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.targets.clear()
    outcome = place.run_one(Migrate(), name)
    assert outcome.code is Code.FAILED
    assert place.standing(name) is Standing.RESIDENT


def test_no_stub_is_made_where_neither_a_daemon_nor_a_word_of_the_site_allows_it(place: Place) -> None:
    name = place.write("f", CONTENT)
    place.unguarded = False
    outcome = place.run_one(Migrate(), name)
    assert outcome.code is Code.FAILED
    assert "unguarded = true" in outcome.reason
    assert place.standing(name) is Standing.RESIDENT
    assert place.run_one(Migrate(), name, premigrate=True).code is Code.PROCESSED


def test_a_group_whose_records_cannot_be_kept_fails_and_marks_nothing(place: Place) -> None:
    names = [place.write(f"f{i}", b"x") for i in range(3)]

    def refuse(key: str) -> None:
        if "records" in key:
            raise StorageError("the target is full", ErrorClass.NO_SPACE)

    meddle(place, refuse)
    outcomes = place.run(Migrate(), *names)
    assert {(o.code, o.error_class) for o in outcomes.values()} == {(Code.FAILED, ErrorClass.NO_SPACE)}
    assert {place.standing(name) for name in names} == {Standing.RESIDENT}


def test_migrate_offline_files_records_a_stubs_new_metadata(place: Place) -> None:
    name = place.write("f", CONTENT)
    (place.directory / "f").chmod(0o640)
    first = place.run_one(Migrate(), name)
    if IS_ROOT:
        os.setxattr(place.directory / "f", "user.colour", b"red")
    outcome = place.run_one(Migrate(), name, migrate_offline_files=True)
    assert outcome.code is Code.PROCESSED
    assert outcome.bytes == 0
    assert not IS_ROOT or outcome.carry != first.carry
    assert is_stub(place, name)
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    assert (place.directory / "f").read_bytes() == CONTENT
    assert modes.S_IMODE(place.root.stat(name).st_mode) == 0o640


@pytest.mark.parametrize("level", ["partial", "implicit", "none"])
def test_a_file_in_use_is_not_freed_at_any_lock_level(place: Place, level: str) -> None:
    name = place.write("f", CONTENT)
    with (place.directory / "f").open("rb"):
        assert place.run_one(Migrate(), name, lock_level=level).code is Code.SKIPPED
    assert place.run_one(Migrate(), name, lock_level=level).code is Code.PROCESSED


def test_a_large_file_is_hashed_while_it_is_read(place: Place) -> None:
    content = os.urandom(9_000_001)
    name = place.write("f", content)
    place.run_one(Migrate(), name)
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    assert (place.directory / "f").read_bytes() == content


def test_many_files_share_few_record_objects(place: Place) -> None:
    names = [place.write(f"d/{i:04}", b"%d" % i) for i in range(600)]
    outcomes = place.run(Migrate(), *names)
    assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}
    assert len(list(place.storage.listing(".towpath/records"))) <= 4


def test_names_that_are_no_text_are_migrated_and_recalled(place: Place) -> None:
    name = b"n\xff\x01 \xc3\xa9.txt"
    (place.directory / os.fsdecode(name)).write_bytes(CONTENT)
    assert place.run_one(Migrate(), name).code is Code.PROCESSED
    assert place.run_one(Recall(), name).code is Code.PROCESSED
    assert (place.directory / os.fsdecode(name)).read_bytes() == CONTENT


@root_only
def test_a_user_mark_gives_way_to_the_one_that_only_root_can_set(place: Place) -> None:
    name = place.write("f", CONTENT)
    os.setxattr(place.directory / "f", marks.USER, b"forged")
    assert place.standing(name) is Standing.FOREIGN
    os.removexattr(place.directory / "f", marks.USER)
    place.run_one(Migrate(), name, premigrate=True)
    os.setxattr(place.directory / "f", marks.USER, b"forged")
    assert place.standing(name) is Standing.PREMIGRATED
