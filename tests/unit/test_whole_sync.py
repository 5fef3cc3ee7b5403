"""One sync of a file system serves all who asked before it began, and nobody else."""

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

from towpath.storage.durable import ONE_BY_ONE, Durable
from towpath.storage.roots import Root
from towpath.storage.whole import Whole, let_go, whole_of

WITHIN = 20.0
"""Seconds that a thread is waited for."""


class Disk:
    """Its syncs end when they are told to, with the error that they are told."""

    def __init__(self) -> None:
        self.began: SimpleQueue[int] = SimpleQueue()
        self.ends: SimpleQueue[int] = SimpleQueue()

    def sync(self, fd: int) -> int:
        """Begin, and wait to be told to end."""
        self.began.put(fd)
        return self.ends.get(timeout=WITHIN)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """A directory."""
    with Root("data", os.fsencode(tmp_path)) as opened:
        yield opened


def files_in(directory: Path, count: int) -> dict[bytes, int]:
    """So many open files that have something written to them."""
    made = {}
    for number in range(count):
        made[b"%d" % number] = fd = os.open(directory / str(number), os.O_RDWR | os.O_CREAT)
        os.write(fd, b"x")
    return made


def descriptor_of(root: Root) -> int:
    return root.open(b"", os.O_RDONLY | os.O_DIRECTORY)


def test_who_asks_while_a_sync_is_under_way_is_served_by_the_next(root: Root) -> None:
    disk = Disk()
    whole = Whole(descriptor_of(root), disk.sync)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(whole.sync)
        disk.began.get(timeout=WITHIN)
        second = threads.submit(whole.sync)
        disk.ends.put(0)
        first.result(WITHIN)
        disk.began.get(timeout=WITHIN)
        assert not second.done()
        disk.ends.put(0)
        second.result(WITHIN)
    whole.close()


def test_all_that_wrote_before_a_sync_that_failed_hear_of_it(root: Root, tmp_path: Path) -> None:
    disk = Disk()
    whole = Whole(descriptor_of(root), disk.sync)
    whole.users = 3
    files = files_in(tmp_path, ONE_BY_ONE + 1)
    before, beside = Durable(root, lambda _: whole), Durable(root, lambda _: whole)
    disk.ends.put(errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        before.sync_content(files)
    disk.began.get(timeout=WITHIN)
    for durable in (before, beside):
        durable.sync_content(files)
        durable.sync(files)
    assert disk.began.empty()  # They were synced one by one.
    after = Durable(root, lambda _: whole)
    disk.ends.put(0)
    after.sync_content(files)
    assert not disk.began.empty()
    for durable in (before, beside, after):
        durable.close()
    for fd in files.values():
        os.close(fd)


def test_a_file_system_is_one_for_as_long_as_anybody_needs_it(root: Root) -> None:
    one, other = whole_of(root), whole_of(root)
    assert one is other
    let_go(one)
    other.sync()
    let_go(other)
