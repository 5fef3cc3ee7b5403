"""What was written of a large file goes to disk while the rest of it is still to come."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from towpath.hsm.content import PIECE, copy_content
from towpath.storage.durable import STRETCH, written

_CACHESTAT = 451
"""The number of cachestat(2), on every machine; since Linux 6.5."""


class _Range(ctypes.Structure):
    _fields_ = (("off", ctypes.c_uint64), ("len", ctypes.c_uint64))


class _Found(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64) for name in ("cache", "dirty", "writeback", "evicted", "recently_evicted")
    )


_libc = ctypes.CDLL(None, use_errno=True)


def waiting(fd: int, start: int, length: int) -> int:
    """Pages of a file that were written to and have not been sent on their way to disk."""
    asked, found = _Range(start, length), _Found()
    if _libc.syscall(_CACHESTAT, fd, ctypes.byref(asked), ctypes.byref(found), 0):
        pytest.skip(f"this kernel does not tell which pages wait: {os.strerror(ctypes.get_errno())}")
    return int(found.dirty)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    """An empty file on a disk."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", tmp_path], capture_output=True, text=True, check=True)
    if (name := kind.stdout.strip()) in ("tmpfs", "overlayfs"):
        pytest.skip(f"{tmp_path} is on {name}, of whose pages the kernel tells nothing")
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def test_a_stretch_that_is_full_goes_to_disk_at_once(file: int) -> None:
    for offset in range(0, 2 * STRETCH, PIECE):
        os.pwrite(file, bytes([1]) * PIECE, offset)
        written(file, offset, PIECE)
    assert waiting(file, 0, 2 * STRETCH) == 0


def test_what_comes_in_ranges_of_whole_stretches_goes_to_disk_range_by_range(file: int) -> None:
    os.pwrite(file, bytes([1]) * STRETCH, STRETCH)
    written(file, STRETCH, STRETCH)
    assert waiting(file, STRETCH, STRETCH) == 0


def test_a_copy_of_a_large_file_is_on_its_way_to_disk_before_it_is_synced(file: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(PIECE) * (2 * STRETCH // PIECE) + b"the rest")
    with source.open("rb") as opened:
        copy_content(opened.fileno(), file, os.fstat(opened.fileno()), lambda _: None)
    assert waiting(file, 0, 2 * STRETCH) == 0
    assert os.pread(file, 8, 2 * STRETCH) == b"the rest"
