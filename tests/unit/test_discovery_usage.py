"""What lies in a directory is counted: each entry once, from any cursor on, and what cannot be looked at is told."""

import os
from pathlib import Path

import pytest

from towpath.discovery.protocol import Piece, Start
from towpath.discovery.recursive import Recursive
from towpath.discovery.usage import Counting
from towpath.domain.errors import Mistake
from towpath.domain.usage import MOST, Usage
from towpath.hsm import mark as marks
from towpath.hsm.mark import Mark, Reference, State
from towpath.storage.roots import Root

KEY = b"k" * 32


def lay(place: Path) -> None:
    """Three folders, four files of 1,000 bytes each, and a symbolic link."""
    for name in ("a", "a/b", "c"):
        (place / name).mkdir()
    for name in ("a/1", "a/b/2", "c/3", "4"):
        (place / name).write_bytes(b"x" * 1000)
    (place / "link").symlink_to("a")


def counted(pieces: list[Piece]) -> Usage:
    """What the last piece says."""
    return Usage.unpack(pieces[-1].cursor)[0]


def walked(place: Path, cursor: bytes = b"", start: Start | None = None, path: bytes = b"") -> list[Piece]:
    """All pieces of a count."""
    with Root("data", os.fsencode(place)) as root:
        discovery = Counting(Recursive(scouted_from=None)).of("oslo", KEY)
        return list(discovery.walk([start or Start(root, path)], {}, cursor))


def test_every_entry_counts_once_and_no_path_is_told(tmp_path: Path) -> None:
    lay(tmp_path)
    pieces = walked(tmp_path)
    found = counted(pieces)
    assert (found.folders, found.files, found.others) == (4, 4, 1)
    assert (found.bytes, found.unreadable) == (4000, 0)
    assert found.allocated >= 4000 or found.allocated == 0
    assert all(not piece.paths for piece in pieces)
    assert sum(piece.passed for piece in pieces) == 9


def test_a_count_goes_on_where_its_cursor_is(tmp_path: Path) -> None:
    for number in range(1500):
        (tmp_path / f"{number:04}").write_bytes(b"xy")
    pieces = walked(tmp_path)
    assert len(pieces) > 1
    whole = counted(pieces)
    assert (whole.files, whole.bytes) == (1500, 3000)
    for piece in pieces[:-1]:
        assert counted(walked(tmp_path, piece.cursor)) == whole


def test_what_is_left_out_does_not_count(tmp_path: Path) -> None:
    lay(tmp_path)
    with Root("data", os.fsencode(tmp_path)) as root:
        discovery = Counting().of("oslo", KEY)
        start = Start(root, b"", left_out=lambda path: path.startswith(b"a"))
        found = counted(list(discovery.walk([start], {}, b"")))
    assert (found.folders, found.files, found.others) == (2, 2, 1)


@pytest.mark.usefixtures("unprivileged")
def test_what_cannot_be_read_and_what_is_not_there_is_said(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "c").chmod(0)
    try:
        pieces = walked(tmp_path)
    finally:
        (tmp_path / "c").chmod(0o700)
    assert counted(pieces).unreadable == 1
    assert [bad.path for piece in pieces for bad in piece.unreadable] == [b"c"]
    pieces = walked(tmp_path, path=b"none")
    assert (counted(pieces).unreadable, pieces[-1].unreadable[0].reason) == (1, "nothing is there")


def test_a_stub_is_dehydrated_and_a_sparse_file_is_not(tmp_path: Path) -> None:
    sparse, stub, forged = (tmp_path / name for name in ("sparse", "stub", "forged"))
    for path in (sparse, stub, forged):
        with path.open("wb") as file:
            file.truncate(1_000_000)
    for path, key in ((stub, KEY), (forged, b"o" * 32)):
        found = path.stat()
        mark = Mark(
            State.OFFLINE,
            Reference(b"tagg", b"g" * 10, 0),
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            0o644,
        )
        with path.open("rb") as file:
            marks.write(file.fileno(), mark.pack(key))
    if os.getuid() != 0:
        stub.chmod(0)  # as a worker of an ordinary user leaves it
    usage = counted(walked(tmp_path))
    assert (usage.files, usage.bytes) == (3, 3_000_000)
    assert (usage.dehydrated_files, usage.dehydrated_bytes) == (1, 1_000_000)
    if os.getuid() != 0:
        assert stub.stat().st_mode & 0o7777 == 0


def test_numbers_stay_what_every_reader_keeps_exact_and_another_cursor_is_refused() -> None:
    usage, rest = Usage.unpack(Usage(files=2**63, bytes=5).pack() + b"rest")
    assert (usage.files, usage.bytes, rest) == (MOST, 5, b"rest")
    assert Usage.unpack(b"\xff" * 100)[0].files == MOST
    with pytest.raises(Mistake, match="expected a cursor of its own"):
        Usage.unpack(b"short")
