"""Freeing under a lease: who opens a file in the last moment gets all of it, and ends the freeing."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.step_context import SITE_KEY, Place, place_with_directory

from towpath.hsm.lease import MOMENTS, NO_WRITER, NOBODY, Answer, has_writer, leased
from towpath.hsm.mark import Mark, Reference, Standing, State
from towpath.hsm.stub import Freeing, Kept, free, head_of, is_all_head

CONTENT = os.urandom(100_000)
PATIENCE = 30


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def premigrated(place: Place) -> Mark:
    """A file that bears a mark, which is returned."""
    place.write("f", CONTENT)
    with place.look(b"f") as found:
        mark = Mark.of(State.PREMIGRATED, Reference(b"tgt1", bytes(10), 0), found.stat)
        found.set_mark(mark.pack(SITE_KEY))
    return mark


def free_it(place: Place, mark: Mark, confirm: Callable[[], None] = lambda: None) -> Kept | None:
    with place.look(b"f") as found:
        return free(found, mark, Freeing(SITE_KEY, 0, confirm))


def waits_for_a_lease(inode: int) -> bool:
    """Whether the kernel is breaking a lease on that file, as /proc/locks tells."""
    lines = Path("/proc/locks").read_text().splitlines()
    return any("LEASE" in line and "BREAKING" in line and f":{inode} " in line for line in lines)


def test_one_who_opens_in_the_last_moment_gets_all_of_the_file(place: Place) -> None:
    mark = premigrated(place)
    seen: list[bytes] = []
    reader = threading.Thread(target=lambda: seen.append((place.directory / "f").read_bytes()))

    def open_now() -> None:
        reader.start()
        gone = threading.Event()
        for _ in range(PATIENCE * 1000):
            if waits_for_a_lease(mark.inode) or gone.wait(0.001):
                return
        raise AssertionError("the reader never came to wait")

    mode = place.root.stat(b"f").st_mode
    assert free_it(place, mark, open_now) is Kept.IN_USE
    reader.join(PATIENCE)
    assert seen == [CONTENT]
    assert place.standing(b"f") is Standing.PREMIGRATED
    assert place.root.stat(b"f").st_mode == mode
    assert free_it(place, mark) is None
    assert place.standing(b"f") is Standing.OFFLINE


def test_a_file_that_is_not_as_its_mark_says_is_kept(place: Place) -> None:
    mark = premigrated(place)
    os.utime(place.directory / "f", ns=(1, 1))
    assert free_it(place, mark) is Kept.CHANGED
    os.utime(place.directory / "f", ns=(1, mark.mtime_ns))
    with place.look(b"f") as found:
        found.erase_mark()
    assert free_it(place, mark) is Kept.CHANGED
    assert (place.directory / "f").read_bytes() == CONTENT


def test_a_running_program_is_kept(place: Place) -> None:
    (place.directory / "f").write_bytes(Path("/bin/cat").read_bytes())
    (place.directory / "f").chmod(0o755)
    reading, writing = os.pipe()
    pid = os.posix_spawn(place.directory / "f", ["cat"], {}, file_actions=[(os.POSIX_SPAWN_DUP2, reading, 0)])
    os.close(reading)
    with place.look(b"f") as found:
        mark = Mark.of(State.PREMIGRATED, Reference(b"tgt1", bytes(10), 0), found.stat)
        found.set_mark(mark.pack(SITE_KEY))
    assert free_it(place, mark) is Kept.IN_USE
    os.close(writing)
    os.waitpid(pid, 0)


def test_the_mode_of_a_stub_is_the_one_at_the_time_of_freeing(place: Place) -> None:
    mark = premigrated(place)
    (place.directory / "f").chmod(0o604)
    assert free_it(place, mark) is None
    with place.look(b"f") as found:
        assert found.judged.ours.mode == 0o604


def test_a_lease_tells_who_has_the_file_open(place: Place) -> None:
    path = place.directory / "f"
    path.write_bytes(b"x")
    fd = os.open(path, os.O_RDONLY)
    with leased(fd, NOBODY) as answer:
        assert answer is Answer.HELD
    with path.open("rb"):
        with leased(fd, NOBODY) as answer:
            assert answer is Answer.IN_USE
        assert not has_writer(fd)
    with path.open("r+b"), leased(fd, NO_WRITER) as answer:
        assert answer is Answer.IN_USE
        assert has_writer(fd)
    os.close(fd)


def test_a_program_that_is_just_being_started_does_not_use_the_file(place: Place) -> None:
    path = place.directory / "f"
    path.write_bytes(b"x")
    held = os.open(path, os.O_RDONLY)
    # As between fork and exec: it has our descriptor, which we have closed.
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[held])
    os.close(held)
    waits: list[float] = []

    def until_it_is_another_program(seconds: float) -> None:
        waits.append(seconds)
        child.communicate(timeout=PATIENCE)

    fd = os.open(path, os.O_RDONLY)
    with leased(fd, NOBODY, until_it_is_another_program) as answer:
        assert answer is Answer.HELD
    assert waits == [MOMENTS[0]]
    os.close(fd)


def test_a_lease_that_cannot_be_had_is_told_from_one_that_is_taken(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with leased(fd, NOBODY) as answer:
        assert answer is not Answer.HELD
    os.close(fd)


@pytest.mark.parametrize(
    ("wanted", "block", "head"),
    [
        (0, 4096, 0),
        (1, 4096, 4096),
        (4096, 4096, 4096),
        (4097, 4096, 8192),
        (1, 65536, 65536),
        (1, 512, 4096),
    ],
)
def test_a_head_is_kept_in_whole_blocks(wanted: int, block: int, head: int) -> None:
    assert head_of(wanted, block) == head
    assert is_all_head(head, wanted, block)
    assert not is_all_head(head + 1, wanted, block)
