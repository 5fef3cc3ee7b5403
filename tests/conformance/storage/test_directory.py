"""What a directory target does beyond the contract."""

import io
import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.conformance.storage.sources import Generated, Watching, as_file

from towpath.domain.paths import ErrorClass
from towpath.storage import walking
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import PRIVATE_PREFIX, GivenUp, ObjectMissing, StorageError
from towpath.storage.sources import SourceEnded

TOMORROW = datetime.now(UTC) + timedelta(days=2)


@pytest.fixture
def path(directory: DirectoryStorage) -> Path:
    """Where the target lies."""
    return Path(os.fsdecode(directory.real_path))


def put(directory: DirectoryStorage, key: str, content: bytes = b"x") -> None:
    """Put bytes."""
    directory.put(key, io.BytesIO(content), len(content))


def private(path: Path) -> list[str]:
    """The private files there are."""
    return os.listdir(path / PRIVATE_PREFIX)


def test_objects_are_plain_files_for_their_owner_alone(directory: DirectoryStorage, path: Path) -> None:
    put(directory, "a/b", b"hello")
    assert (path / "a" / "b").read_bytes() == b"hello"
    assert stat.S_IMODE((path / "a" / "b").stat().st_mode) == 0o600
    assert stat.S_IMODE((path / "a").stat().st_mode) == 0o700
    assert private(path) == []
    assert directory.abilities.needs_sync


def test_a_link_in_the_way_is_not_followed(directory: DirectoryStorage, path: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b").write_bytes(b"precious")
    (path / "a").symlink_to(outside)
    with pytest.raises(StorageError, match="symbolic link"):
        put(directory, "a/b")
    with pytest.raises(StorageError, match="symbolic link"):
        next(directory.get("a/b"))
    with pytest.raises(StorageError, match="symbolic link"):
        directory.delete("a/b")
    assert (outside / "b").read_bytes() == b"precious"
    assert list(directory.listing()) == []
    assert private(path) == []


def test_a_link_where_an_object_goes_is_replaced(
    directory: DirectoryStorage, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (path / "a").symlink_to(tmp_path / "precious")
    put(directory, "a", b"mine")
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (path / "a").read_bytes() == b"mine"


def test_what_is_no_regular_file_is_no_object(directory: DirectoryStorage, path: Path) -> None:
    os.mkfifo(path / "fifo")
    (path / "dir").mkdir()
    (path / "caf\u00e9").write_bytes(b"foreign")
    (path / "new\nline").write_bytes(b"foreign")
    for key in ("fifo", "dir"):
        assert directory.look(key) is None
        with pytest.raises(ObjectMissing):
            next(directory.get(key))
    assert list(directory.listing()) == []
    with pytest.raises(StorageError, match="put 'dir'"):
        put(directory, "dir")
    assert private(path) == []


def test_a_delete_takes_the_directories_that_it_empties(directory: DirectoryStorage, path: Path) -> None:
    put(directory, "a/b/c/d")
    put(directory, "a/x")
    directory.delete("a/b/c/d")
    assert os.listdir(path / "a") == ["x"]


def test_puts_and_deletes_of_neighbours_do_not_meet(directory: DirectoryStorage) -> None:
    def come_and_go(name: int) -> None:
        for turn in range(150):
            put(directory, f"same/dir/{name}/{turn % 2}")
            directory.delete(f"same/dir/{name}/{turn % 2}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, [0, 0, 1, 2]))
    assert list(directory.listing()) == []


def test_a_listing_goes_component_by_component(directory: DirectoryStorage) -> None:
    for key in ("a/b", "a-b", "a.b/c", "a0", "b"):
        put(directory, key)
    assert [found.key for found in directory.listing()] == ["a/b", "a-b", "a.b/c", "a0", "b"]


def test_a_directory_larger_than_a_window_is_listed_whole(
    directory: DirectoryStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walking, "WINDOW", 3)
    expected = sorted(f"many/{number:02}" for number in range(12)) + [f"z/{number}/x" for number in range(7)]
    for key in expected:
        put(directory, key)
    assert [found.key for found in directory.listing()] == expected
    assert [found.key for found in directory.listing("many", "many/04")] == expected[5:12]


def test_a_cursor_outside_of_the_prefix_takes_all_or_nothing(directory: DirectoryStorage) -> None:
    put(directory, "b/1")
    assert [found.key for found in directory.listing("b", "a/9")] == ["b/1"]
    assert [found.key for found in directory.listing("b", "c")] == []


def test_a_private_file_of_a_dead_process_is_swept_after_a_day(
    directory: DirectoryStorage, path: Path
) -> None:
    code = (
        "import io, os, sys; from towpath.storage.posix import DirectoryStorage\n"
        "class Dying(io.RawIOBase):\n"
        "    def read(self, size=-1): os.kill(os.getpid(), 9)\n"
        "DirectoryStorage(os.fsencode(sys.argv[1])).put('a/b', Dying(), 10)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    died = subprocess.run([sys.executable, "-c", code, str(path)], env=environment, check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(private(path)) == 1
    assert directory.sweep(datetime.now(UTC)) == 0
    assert directory.sweep(TOMORROW) == 1
    assert private(path) == []


def test_a_private_file_under_way_is_not_swept(directory: DirectoryStorage) -> None:
    swept: list[int] = []
    source = Watching(b"hello", lambda: swept.append(directory.sweep(TOMORROW)))
    directory.put("a/b", as_file(source), 5)
    assert swept
    assert not any(swept)


def test_a_private_file_of_another_machine_is_swept_after_a_day(
    directory: DirectoryStorage, path: Path
) -> None:
    put(directory, "a/b")
    (path / PRIVATE_PREFIX / "00000000-1-0123456789abcdef").write_bytes(b"stray")
    assert directory.sweep(datetime.now(UTC)) == 0
    assert directory.sweep(TOMORROW) == 1


def test_a_private_file_goes_with_an_error_of_the_place(directory: DirectoryStorage, path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        with pytest.raises(StorageError, match="put 'a/b': File too large"):
            directory.put("a/b", as_file(Generated(5 << 20)), 5 << 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert private(path) == []
    assert directory.look("a/b") is None


def test_a_sync_of_what_is_not_there_says_so(directory: DirectoryStorage) -> None:
    with pytest.raises(StorageError, match="sync 1 objects: No such file"):
        directory.sync(["never/was"])


@pytest.mark.parametrize(
    ("options", "error_class", "reason"),
    [
        ("size=1m", ErrorClass.NO_SPACE, "No space left on device"),
        ("ro", ErrorClass.NO_PERMISSION, "Read-only file system"),
    ],
)
def test_a_place_that_is_full_or_read_only_says_so(
    tmp_path: Path, options: str, error_class: ErrorClass, reason: str
) -> None:
    said = put_4_mib_into_tmpfs(tmp_path, options)
    assert said.stdout == f"{error_class} put 'a/b': {reason}\n[]\n", said.stderr


def put_4_mib_into_tmpfs(directory: Path, options: str) -> "subprocess.CompletedProcess[str]":
    """Try it in name spaces of its own, where a mount needs no privilege; tells the error and what lies there."""
    code = (
        "import io, os, sys; from towpath.storage.posix import DirectoryStorage\n"
        "from towpath.storage.protocol import StorageError\n"
        "storage = DirectoryStorage(os.fsencode(sys.argv[1]))\n"
        "try: storage.put('a/b', io.BytesIO(bytes(4 << 20)), 4 << 20)\n"
        "except StorageError as error: print(error.error_class, error.reason)\n"
        "print([file for _, _, files in os.walk(sys.argv[1]) for file in files])"
    )
    mount = f'mount -t tmpfs -o {options} tiny "{directory}" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    return subprocess.run(
        [*command, sys.executable, "-c", code, str(directory)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        check=False,
        text=True,
    )


def interrupted(storage: DirectoryStorage, content: bytes, after: int, key: str = "oslo/film@1") -> None:
    """A put that is given up once so many bytes were read."""

    class Stopping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= after:
                raise GivenUp
            return super().read(size)

    with pytest.raises(GivenUp):
        storage.put(key, Stopping(content), len(content))


def left(tmp_path: Path) -> list[Path]:
    """What puts have left."""
    return list((tmp_path / "target" / ".towpath" / "tmp").glob("*.part"))


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[DirectoryStorage]:
    """A directory in which puts of more than a MiB can be gone on with."""
    (tmp_path / "target").mkdir()
    storage = DirectoryStorage(bytes(tmp_path / "target"), stays_over=1 << 20)
    yield storage
    storage.close()


def test_a_large_put_that_was_given_up_is_gone_on_with_in_the_same_file(
    patient: DirectoryStorage, tmp_path: Path
) -> None:
    content = os.urandom(5 << 20)
    interrupted(patient, content, 3 << 20)
    (begun,) = left(tmp_path)
    assert begun.stat().st_size == 3 << 20
    inode = begun.stat().st_ino
    patient.put("oslo/film@1", io.BytesIO(content), len(content))
    assert (tmp_path / "target" / "oslo" / "film@1").stat().st_ino == inode
    assert b"".join(patient.get("oslo/film@1")) == content
    assert left(tmp_path) == []


def test_what_was_left_and_is_not_the_files_is_written_anew(
    patient: DirectoryStorage, tmp_path: Path
) -> None:
    content = os.urandom(5 << 20)
    interrupted(patient, content, 3 << 20)
    (begun,) = left(tmp_path)
    begun.write_bytes(bytes(6 << 20))
    patient.put("oslo/film@1", io.BytesIO(content), len(content))
    assert b"".join(patient.get("oslo/film@1")) == content


def test_what_a_large_put_has_left_can_be_taken_away(patient: DirectoryStorage, tmp_path: Path) -> None:
    interrupted(patient, os.urandom(5 << 20), 3 << 20)
    patient.give_up("oslo/other@1")
    assert len(left(tmp_path)) == 1
    patient.give_up("oslo/film@1")
    assert left(tmp_path) == []


def test_two_large_puts_of_the_same_do_not_meet_in_one_file(
    patient: DirectoryStorage, tmp_path: Path
) -> None:
    content = os.urandom(3 << 20)

    class Meeting(io.BytesIO):
        met = False

        def read(self, size: int | None = -1, /) -> bytes:
            if not self.met:
                self.met = True
                patient.put("oslo/film@1", io.BytesIO(content), len(content))
            return super().read(size)

    patient.put("oslo/film@1", Meeting(content), len(content))
    assert b"".join(patient.get("oslo/film@1")) == content
    assert left(tmp_path) == []


def test_a_source_that_was_cut_short_leaves_no_large_private_file(
    patient: DirectoryStorage, tmp_path: Path
) -> None:
    with pytest.raises(SourceEnded):
        patient.put("oslo/film@1", io.BytesIO(bytes(4 << 20)), 5 << 20)
    assert left(tmp_path) == []
