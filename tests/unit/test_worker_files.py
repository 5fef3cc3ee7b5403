"""What a node sees at a path: the path itself, its entries page by page, and how each file stands."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath import wire
from towpath.steps.migrate import Migrate
from towpath.storage.roots import Roots
from towpath.worker import files

BYTES = 150 * 1024


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def see(
    place: Place, path: bytes = b"", after: bytes = b"", limit: int = 100, most: int = BYTES
) -> wire.Seen:
    """What a node sees there."""
    question = wire.Question(1, "files", "", limit=limit, root=place.root.name, path=path, after_name=after)
    return files.see(Roots([place.root]), place.key, question, most)


def test_each_file_is_shown_as_it_stands(place: Place) -> None:
    for name in ("resident", "whole", "stub", "edited"):
        place.write(name, b"x" * 200_000)
        (place.directory / name).chmod(0o640)
    place.run(Migrate(), b"whole", b"edited", premigrate=True)
    place.run_one(Migrate(), b"stub")
    (place.directory / "edited").write_bytes(b"edited")
    (place.directory / "link").symlink_to("resident")
    os.mkfifo(place.directory / "pipe")
    (place.directory / "d").mkdir()
    before = {path: os.lstat(path).st_ctime_ns for path in place.directory.iterdir()}
    seen = {entry.name: entry for entry in see(place).entries}
    assert {path: os.lstat(path).st_ctime_ns for path in place.directory.iterdir()} == before
    assert {name: entry.type for name, entry in seen.items() if entry.type != "file"} == {
        b"d": "directory",
        b"link": "symlink",
        b"pipe": "other",
    }
    assert {name: seen[name].standing for name in (b"resident", b"whole", b"edited", b"d")} == {
        b"resident": "resident",
        b"whole": "premigrated",
        b"edited": "modified",
        b"d": "",
    }
    assert seen[b"whole"].tag == seen[b"edited"].tag != b""
    assert (seen[b"stub"].size, seen[b"stub"].allocated) == (200_000, 0)
    assert (seen[b"whole"].size, seen[b"whole"].mode) == (200_000, 0o640)
    if os.geteuid() == 0:  # A guarded stub lets nobody else read its mark.
        assert (seen[b"stub"].standing, seen[b"stub"].mode) == ("offline", 0o640)
    else:
        assert (seen[b"stub"].standing, seen[b"stub"].mode) == ("", 0)


def test_a_mark_of_another_site_is_foreign(place: Place) -> None:
    place.write("a", b"x" * 200_000)
    place.run(Migrate(), b"a", premigrate=True)
    question = wire.Question(1, "files", "", limit=1, root=place.root.name, path=b"a")
    seen = files.see(Roots([place.root]), OTHER_KEY, question, BYTES)
    assert seen.here is not None
    assert (seen.here.name, seen.here.standing, seen.entries) == (b"a", "foreign", [])


def test_entries_come_in_pages_by_their_names(place: Place) -> None:
    names = [*(b"f%03d" % number for number in range(250)), b"\xff\n-"]
    for name in names:
        (place.directory / os.fsdecode(name)).write_bytes(b"")
    (place.directory / ".towpath-0123456789abcdef.part").write_bytes(b"ours")
    seen: list[bytes] = []
    pages = 0
    while True:
        page = see(place, after=seen[-1] if seen else b"", limit=100)
        seen += [entry.name for entry in page.entries]
        pages += 1
        if not page.more:
            break
    assert (seen, pages) == (names, 3)
    few = see(place, most=500)
    assert (few.more, 1 <= len(few.entries) < 10) == (True, True)


def test_what_is_not_there_and_what_cannot_be_looked_at_are_told(place: Place) -> None:
    place.write("a", b"")
    (place.directory / "d").mkdir()
    (place.directory / "way").symlink_to("d")
    assert see(place, b"none").here is None
    assert see(place, b"a/none").here is None
    with pytest.raises(files.Unseen, match=r"way/x: Too many levels of symbolic links"):
        see(place, b"way/x")
    link = see(place, b"way").here
    assert link is not None
    assert link.type == "symlink"


def test_a_directory_that_may_not_be_read_is_told(place: Place, unprivileged: None) -> None:
    (place.directory / "d").mkdir(mode=0o000)
    try:
        with pytest.raises(files.Unseen, match="d: Permission denied"):
            see(place, b"d")
    finally:
        (place.directory / "d").chmod(0o700)
