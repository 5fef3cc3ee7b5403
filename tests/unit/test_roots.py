"""Nothing is opened but beneath a declared root, by the kernel's rule and by the walk that stands in for it."""

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from towpath.domain.errors import NotFound
from towpath.storage.roots import OpenBeneath, OutsideRoot, Root, Roots, open_by_kernel, open_by_walk

WAYS = pytest.mark.parametrize("beneath", [open_by_kernel, open_by_walk])
UNCLEAN = (b"/etc", b"../x", b"a/../b", b"a//b", b"a/./b", b"a/", b".", b"..", b"a\0b", b"x/" * 2049)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small tree with links that lead astray, beside a secret."""
    (tmp_path / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    (root / "dir" / "sub").mkdir(parents=True)
    (root / "dir" / "file").write_bytes(b"content")
    os.symlink("file", root / "dir" / "link")
    os.symlink("dir", root / "dirlink")
    os.symlink("/", root / "absolute")
    os.symlink("..", root / "up")
    os.symlink("nowhere", root / "dangling")
    return root


@pytest.fixture(params=[open_by_kernel, open_by_walk])
def root(tree: Path, request: pytest.FixtureRequest) -> Iterator[Root]:
    """The tree as a root, opened in each way."""
    beneath: OpenBeneath = request.param
    with Root("data", bytes(tree), beneath) as root:
        yield root


def read(root: Root, path: bytes) -> bytes:
    """A file's content."""
    fd = root.open(path, os.O_RDONLY)
    with os.fdopen(fd, "rb") as file:
        return file.read()


def test_a_file_beneath_the_root_is_read(root: Root) -> None:
    assert read(root, b"dir/file") == b"content"


def test_the_empty_path_is_the_root_itself(root: Root, tree: Path) -> None:
    fd = root.open(b"", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert os.path.sameopenfile(fd, root.fd)
    finally:
        os.close(fd)
    assert root.stat(b"").st_ino == tree.stat().st_ino
    assert (root.name, root.path) == ("data", bytes(tree))


def test_each_descriptor_closes_on_exec(root: Root) -> None:
    with root.holding(b"dir/file") as (directory, _):
        fd = root.open(b"dir/file", os.O_RDONLY)
        try:
            for each in (root.fd, directory, fd):
                assert fcntl.fcntl(each, fcntl.F_GETFD) & fcntl.FD_CLOEXEC
        finally:
            os.close(fd)


@pytest.mark.parametrize("path", UNCLEAN)
def test_an_unclean_path_is_outside(root: Root, path: bytes) -> None:
    for attempt in (root.stat, root.holding, lambda unclean: root.open(unclean, os.O_RDONLY)):
        with pytest.raises(OutsideRoot, match="root 'data': expected a path") as caught:
            attempt(path)
        assert caught.value.errno == errno.EXDEV


@pytest.mark.parametrize(
    "flags", [os.O_RDONLY, os.O_PATH, os.O_RDONLY | os.O_DIRECTORY, os.O_WRONLY | os.O_CREAT]
)
@pytest.mark.parametrize(
    "path",
    [
        b"dir/link",
        b"dirlink",
        b"dirlink/file",
        b"absolute",
        b"absolute/etc/passwd",
        b"up",
        b"up/secret",
        b"dangling",
    ],
)
def test_a_symbolic_link_anywhere_is_refused(root: Root, path: bytes, flags: int) -> None:
    with pytest.raises(OSError, match="symbolic links") as caught:
        root.open(path, flags)
    assert caught.value.errno == errno.ELOOP


def test_a_link_itself_can_be_looked_at(root: Root) -> None:
    assert stat.S_ISLNK(root.stat(b"dir/link").st_mode)
    assert stat.S_ISLNK(root.stat(b"up").st_mode)
    with pytest.raises(OSError, match="symbolic links"):
        root.stat(b"dirlink/file")
    fd = root.open(b"dir/link", os.O_PATH | os.O_NOFOLLOW)
    try:
        assert stat.S_ISLNK(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


def test_what_is_missing_is_said_to_be_missing(root: Root) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        root.open(b"dir/none", os.O_RDONLY)
    assert caught.value.filename == b"dir/none"
    with pytest.raises(FileNotFoundError):
        root.stat(b"none/x")
    with pytest.raises(NotADirectoryError):
        root.open(b"dir/file/x", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        root.open(b"dir/file", os.O_RDONLY | os.O_DIRECTORY)


def test_a_file_is_made_with_its_mode(root: Root) -> None:
    os.close(root.open(b"dir/sub/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))
    assert stat.S_IMODE(root.stat(b"dir/sub/new").st_mode) == 0o640
    with pytest.raises(FileExistsError):
        root.open(b"dir/sub/new", os.O_WRONLY | os.O_CREAT | os.O_EXCL)


def test_holding_gives_the_parent_and_the_last_name(root: Root, tree: Path) -> None:
    with root.holding(b"dir/sub") as (directory, name):
        assert name == b"sub"
        os.rename(name, b"moved", src_dir_fd=directory, dst_dir_fd=directory)
    assert (tree / "dir" / "moved").is_dir()
    with root.holding(b"dir/link") as (directory, name):
        assert os.readlink(name, dir_fd=directory) == b"file"
    with root.holding(b"top") as (directory, name):
        os.mkdir(name, dir_fd=directory)
    assert (tree / "top").is_dir()


def test_holding_through_a_link_is_refused(root: Root) -> None:
    with pytest.raises(OSError, match="symbolic links"), root.holding(b"up/secret"):
        pass


def test_the_root_has_no_name_beneath_itself(root: Root) -> None:
    with pytest.raises(OutsideRoot, match="beneath it"):
        root.holding(b"")


def test_no_descriptor_leaks(root: Root) -> None:
    def attempt(path: bytes) -> None:
        with suppress(OSError):
            os.close(root.open(path, os.O_RDONLY))
        with root.holding(b"dir/sub/x"):
            pass

    before = len(os.listdir("/proc/self/fd"))
    for path in (b"dir/file", b"dir/sub/none", b"dirlink/file", b"dir/file/x", b"", b"dir/link") * 5:
        attempt(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_are_bytes(root: Root) -> None:
    name = b"dir/new\nline \xff\xfe" + b"x" * 200
    os.close(root.open(name, os.O_WRONLY | os.O_CREAT))
    assert root.stat(name).st_size == 0


@WAYS
def test_a_directory_that_is_moved_stays_the_root(tree: Path, beneath: OpenBeneath) -> None:
    with Root("data", bytes(tree), beneath) as root:
        tree.rename(tree.with_name("elsewhere"))
        assert read(root, b"dir/file") == b"content"


def test_a_root_must_be_an_absolute_directory(tree: Path) -> None:
    with pytest.raises(ValueError, match="expected an absolute directory, found 'here'"):
        Root("data", b"here")
    with pytest.raises(FileNotFoundError):
        Root("data", bytes(tree / "none"))
    with pytest.raises(NotADirectoryError):
        Root("data", bytes(tree / "dir" / "file"))


def test_roots_are_found_by_name(tree: Path) -> None:
    with Roots([Root("data", bytes(tree)), Root("scratch", bytes(tree / "dir"))]) as roots:
        assert sorted(roots) == ["data", "scratch"]
        assert len(roots) == 2
        assert roots["data"] is roots.of("data")
        with pytest.raises(NotFound, match="this site has no root 'dat', did you mean 'data'"):
            roots.of("dat")
    with pytest.raises(OSError, match="Bad file descriptor"):
        roots["data"].stat(b"dir")


def test_closing_twice_does_no_harm(tree: Path) -> None:
    root = Root("data", bytes(tree))
    root.close()
    root.close()
