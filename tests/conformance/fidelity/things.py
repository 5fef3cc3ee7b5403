"""What a file may have: how each thing is planted in a tree, and how it is read again to be compared."""

import os
import pwd
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ACL_ACCESS: Final = "system.posix_acl_access"
_ACL_DEFAULT: Final = "system.posix_acl_default"
_CAPABILITY: Final = bytes.fromhex("0100000200040000000000000000000000000000")
_MARKS: Final = ("user.towpath", "trusted.towpath")
_BLOCK: Final = 4096
_HOLE: Final = 1 << 20
_MTIME: Final = 1_234_567_890_123_456_789
_ATIME: Final = 1_234_567_891_987_654_321
_NOBODY: Final = (0xFFFFFFFF,)
_USER_OBJ, _USER, _GROUP_OBJ, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
_SOMEBODY: Final = 1234 if os.geteuid() == 0 else os.geteuid()
"""Whom ACLs name: in a name space of users there may be nobody else."""
_SIZES: Final = (1, 4095, 4096, 4097, 70_001, (1 << 20) + 1)
_NAMES: Final = (b"n" * 255, b"\xff\xfe no text", b"two\nlines", b"-rf", "é@~%2F".encode())


@dataclass(frozen=True)
class Thing:
    """One thing: planted in an empty directory of its own, and read there. `root`: only root can plant it."""

    plant: Callable[[Path], None]
    read: Callable[[Path], object]
    root: bool = False


def _file(place: Path, name: str = "f", size: int = 10_000) -> Path:
    path = place / name
    path.write_bytes(os.urandom(size))
    return path


def _content(path: Path) -> bytes:
    """The bytes of a file, without leaving a trace of the reading; none where nobody may read it."""
    fd = os.open(path, os.O_RDONLY | os.O_NOATIME)
    try:
        return os.pread(fd, os.fstat(fd).st_size, 0)
    finally:
        os.close(fd)


def _plain(place: Path) -> None:
    _file(place)


def _contents(place: Path) -> None:
    for size in _SIZES:
        _file(place, f"{size}", size)


def _strange_names(place: Path) -> None:
    for name in _NAMES:
        (place / os.fsdecode(name)).write_bytes(name)


def _empty(place: Path) -> None:
    (place / "f").touch()


def _moded(mode: int) -> Callable[[Path], None]:
    return lambda place: _file(place).chmod(mode)


def _owned(uid: int, gid: int) -> Callable[[Path], None]:
    return lambda place: os.chown(_file(place), uid, gid)


def _timed(place: Path) -> None:
    os.utime(_file(place), ns=(_ATIME, _MTIME))


def _with(*pairs: tuple[str, bytes]) -> Callable[[Path], None]:
    def plant(place: Path) -> None:
        path = _file(place)
        for name, value in pairs:
            os.setxattr(path, name, value)

    return plant


def _acl(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _some_acl(user: int) -> bytes:
    nobody = _NOBODY[0]
    return _acl(
        (_USER_OBJ, 7, nobody),
        (_USER, 5, user),
        (_GROUP_OBJ, 4, nobody),
        (_MASK, 7, nobody),
        (_OTHER, 0, nobody),
    )


def _holes(place: Path) -> None:
    with (place / "f").open("wb") as file:
        for position in (3 * _HOLE, 7 * _HOLE):
            file.seek(position)
            file.write(os.urandom(_BLOCK))
        file.truncate(9 * _HOLE)
        os.fsync(file.fileno())


def _map_of_holes(place: Path) -> object:
    fd = os.open(place / "f", os.O_RDONLY | os.O_NOATIME)
    try:
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)  # xfs takes pages in memory for data.
        size, found, end = os.fstat(fd).st_size, [], 0
        while end < size:
            try:
                start = os.lseek(fd, end, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(fd, start, os.SEEK_HOLE)
            found.append((start, end))
        return size, found
    finally:
        os.close(fd)


def _links(place: Path) -> None:
    first = _file(place, "one")
    (place / "d").mkdir()
    for name in ("two", "d/three"):
        (place / name).hardlink_to(first)


def _same_files(place: Path) -> object:
    paths = [place / name for name in ("one", "two", "d/three")]
    return (
        len({path.stat().st_ino for path in paths}),
        {path.stat().st_nlink for path in paths},
        _content(paths[0]),
    )


def _symlinks(place: Path) -> None:
    for name, where in (
        ("up", "../elsewhere"),
        ("nowhere", "no/where"),
        ("odd", os.fsdecode(b"\xff\n")),
    ):
        (place / name).symlink_to(where)
        if os.geteuid() == 0:
            os.chown(place / name, 1234, 2345, follow_symlinks=False)
        os.utime(place / name, ns=(_ATIME, _MTIME), follow_symlinks=False)


def _below(place: Path) -> list[Path]:
    return sorted(path for path in place.rglob("*"))


def _stats(place: Path, *fields: str) -> object:
    found = {path.relative_to(place): path.lstat() for path in _below(place)}
    return {path: tuple(getattr(stat, field) for field in fields) for path, stat in found.items()}


def _attributes(path: Path) -> dict[str, bytes]:
    return {name: os.getxattr(path, name) for name in os.listxattr(path) if name not in _MARKS}


def _directory(place: Path) -> None:
    below = place / "d"
    below.mkdir()
    _file(below)
    os.setxattr(below, "user.colour", b"red")
    if os.geteuid() == 0:
        os.chown(below, 1234, 2345)
    below.chmod(0o2751)


def _directory_acls(place: Path) -> None:
    below = place / "d"
    below.mkdir()
    _file(below)
    for name, user in ((_ACL_ACCESS, _SOMEBODY), (_ACL_DEFAULT, _SOMEBODY)):
        os.setxattr(below, name, _some_acl(user))


def _directory_times(place: Path) -> None:
    below = place / "d"
    below.mkdir()
    _file(below)
    os.utime(below, ns=(_ATIME, _MTIME))


def _read(*fields: str) -> Callable[[Path], object]:
    return lambda place: _stats(place, *fields)


def _attributes_of(name: str) -> Callable[[Path], object]:
    return lambda place: _attributes(place / name)


_DAEMON: Final = pwd.getpwnam("daemon")

THINGS: Final[Mapping[str, Thing]] = {
    "content": Thing(_contents, lambda place: {path.name: _content(path) for path in _below(place)}),
    "size": Thing(_contents, _read("st_size")),
    "empty": Thing(
        lambda place: (place / "f").touch(), lambda place: (_content(place / "f"), _stats(place, "st_mode"))
    ),
    "name": Thing(_strange_names, lambda place: sorted(os.listdir(bytes(place)))),
    "mode": Thing(_moded(0o1746), _read("st_mode")),
    "setuid": Thing(_moded(0o6751), _read("st_mode")),
    "owner-name": Thing(_owned(_DAEMON.pw_uid, _DAEMON.pw_gid), _read("st_uid", "st_gid"), root=True),
    "owner-number": Thing(_owned(123_456, 234_567), _read("st_uid", "st_gid"), root=True),
    "mtime": Thing(_timed, _read("st_mtime_ns")),
    "atime": Thing(_timed, _read("st_atime_ns")),
    "ctime": Thing(_plain, _read("st_ctime_ns")),
    "inode": Thing(_plain, _read("st_ino")),
    "user-xattrs": Thing(
        _with(("user.colour", b"red\x00\xff"), ("user.empty", b""), ("user.long", b"x" * 2000)),
        _attributes_of("f"),
    ),
    "trusted-xattrs": Thing(_with(("trusted.overlay.opaque", b"y")), _attributes_of("f"), root=True),
    "capabilities": Thing(_with(("security.capability", _CAPABILITY)), _attributes_of("f"), root=True),
    "acl": Thing(_with((_ACL_ACCESS, _some_acl(_SOMEBODY))), _attributes_of("f")),
    "holes": Thing(_holes, _map_of_holes),
    "hard-links": Thing(_links, _same_files),
    "symlink": Thing(_symlinks, lambda place: {path.name: os.readlink(path) for path in _below(place)}),
    "symlink-owner": Thing(_symlinks, _read("st_uid", "st_gid", "st_mtime_ns")),
    "directory": Thing(_directory, lambda place: (_attributes(place / "d"), _owner_and_mode(place / "d"))),
    "directory-acl": Thing(_directory_acls, _attributes_of("d")),
    "directory-mtime": Thing(_directory_times, lambda place: (place / "d").stat().st_mtime_ns),
}
"""By the name of its row in the table."""


def _owner_and_mode(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_uid, found.st_gid, found.st_mode


def planted(tree: Path) -> list[str]:
    """Plant all that this user can, each in a directory of its name; the names."""
    names = [name for name, thing in THINGS.items() if os.geteuid() == 0 or not thing.root]
    for name in names:
        (tree / name).mkdir()
        THINGS[name].plant(tree / name)
    return names


def read(tree: Path, names: list[str]) -> dict[str, object]:
    """All things as they are now, but for those that this user is kept from seeing: of a stub, by its mode."""
    found = {}
    for name in names:
        with suppress(PermissionError):
            found[name] = THINGS[name].read(tree / name)
    return found
