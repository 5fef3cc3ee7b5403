"""What is under way to its place has no name, or a private one where the file system has no files without."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.step_context import SITE_KEY, place_with_directory

from towpath.domain.paths import Code
from towpath.hsm import nameless, private
from towpath.steps.copy import Copy
from towpath.storage.roots import OPEN_BENEATH, Root


def without_nameless(directory: int, path: bytes, flags: int, mode: int) -> int:
    """Opens as a file system does that knows no files without a name."""
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), path)
    return OPEN_BENEATH(directory, path, flags, mode)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """A directory."""
    with Root("data", os.fsencode(tmp_path)) as opened:
        yield opened


def test_a_file_has_no_name_until_it_takes_its_place(root: Root, tmp_path: Path) -> None:
    file = nameless.begin(root, b"a", SITE_KEY, is_new=False)
    os.write(file.fd, b"all of it")
    assert os.listdir(tmp_path) == []
    file.take_place(root)
    os.close(file.fd)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_bytes() == b"all of it"


def test_nothing_is_left_of_a_file_that_did_not_take_its_place(root: Root, tmp_path: Path) -> None:
    nameless.begin(root, b"a", SITE_KEY, is_new=False).abandon()
    assert os.listdir(tmp_path) == []


def test_a_file_never_takes_the_place_of_another(root: Root, tmp_path: Path) -> None:
    file = nameless.begin(root, b"a", SITE_KEY, is_new=False)
    (tmp_path / "a").write_bytes(b"another")
    with pytest.raises(FileExistsError):
        file.take_place(root)
    file.abandon()
    assert (tmp_path / "a").read_bytes() == b"another"


def test_a_private_file_that_an_earlier_run_left_goes(root: Root, tmp_path: Path) -> None:
    os.close(private.create(root, b"a", SITE_KEY))
    assert len(os.listdir(tmp_path)) == 1
    nameless.begin(root, b"a", SITE_KEY, is_new=False).abandon()
    assert os.listdir(tmp_path) == []


def test_a_copy_is_made_under_a_private_name_where_there_are_no_files_without(tmp_path: Path) -> None:
    place = place_with_directory(tmp_path)
    path = place.write("a", b"1")
    place.root.close()
    place.root = Root("data", os.fsencode(place.directory), without_nameless)
    file = nameless.begin(place.root, b"b", place.key, is_new=False)
    assert len(place.private_files()) == 1
    file.abandon()
    assert place.run_one(Copy(), path, to_path="out").code is Code.PROCESSED
    assert (place.directory / "out/a").read_bytes() == b"1"
    assert place.private_files() == []
    place.root.close()
