"""Trees of files for the acceptance tests: planted, and pictured in order to compare what came back."""

import os
import random
import stat as modes
from collections.abc import Callable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

MARKS = ("user.towpath", "trusted.towpath")
SIZES = (0, 1, 4095, 4096, 70_001, 3_000_000)
MODES = (0o644, 0o600, 0o755, 0o440, 0o4711, 0o606)


class Entry(NamedTuple):
    """All of a directory entry that must come back."""

    mode: int
    owner: tuple[int, int]
    size: int
    mtime_ns: int
    content: bytes
    attributes: tuple[tuple[str, bytes], ...]


def everything(top: Path) -> Iterator[bytes]:
    """Each path beneath a directory, and itself; links are not followed."""
    for directory, below, files in os.walk(bytes(top)):
        yield directory
        links = [name for name in below if os.path.islink(os.path.join(directory, name))]
        yield from (os.path.join(directory, name) for name in (*links, *files))


def files(top: Path) -> list[bytes]:
    """The regular files beneath a directory."""
    return [path for path in everything(top) if modes.S_ISREG(os.lstat(path).st_mode)]


def picture(top: Path) -> dict[bytes, Entry]:
    """Relative path → entry, of a tree whose data is all there."""
    return {os.path.relpath(path, bytes(top)): entry(path) for path in everything(top)}


def entry(path: bytes) -> Entry:
    """One entry; of a directory, whose time changes with what happens in it, no time."""
    found = os.lstat(path)
    content = b""
    if modes.S_ISREG(found.st_mode):
        with open(path, "rb") as file:
            content = blake2b(file.read()).digest()
    elif modes.S_ISLNK(found.st_mode):
        content = os.readlink(path)
    names = () if modes.S_ISLNK(found.st_mode) else os.listxattr(path)
    kept = sorted(name for name in names if name not in MARKS)
    is_directory = modes.S_ISDIR(found.st_mode)
    return Entry(
        found.st_mode,
        (found.st_uid, found.st_gid),
        0 if is_directory else found.st_size,
        0 if is_directory else found.st_mtime_ns,
        content,
        tuple((name, os.getxattr(path, name)) for name in kept),
    )


def strangers(number: int) -> tuple[int, int] | None:
    """Another owner for each file, where that can be."""
    return (1000 + number, 2000 + number) if os.geteuid() == 0 else None


def nobody_else(_number: int) -> tuple[int, int] | None:
    """The files are their maker's."""
    return None


def plant(top: Path, owners: Callable[[int], tuple[int, int] | None] = strangers) -> None:
    """Files of many sizes in two directories, with modes, owners, times and attributes of their own, and links."""
    chance = random.Random(1)
    for name in ("near", "far/away"):
        directory = top / name
        directory.mkdir(parents=True)
        for number, size in enumerate(SIZES):
            write(directory / f"{number}.dat", chance.randbytes(size), number, owners(number))
    (top / "far").chmod(0o750)
    (top / "near" / "link").symlink_to("0.dat")
    (top / "near" / "dangling").symlink_to("nowhere/at all")


def write(path: Path, content: bytes, number: int, owner: tuple[int, int] | None) -> None:
    """A file whose metadata is unlike its neighbours'."""
    path.write_bytes(content)
    os.setxattr(path, "user.colour", b"blue %d" % number)
    if owner is not None:
        os.chown(path, *owner)
    path.chmod(MODES[number % len(MODES)])
    os.utime(path, ns=(1_600_000_000_000_000_001 + number, 1_500_000_000_123_456_789 - number))


def sow(top: Path, count: int, size: int = 100) -> None:
    """Many small files, in directories of at most 1,000."""
    chance = random.Random(count)
    for number in range(count):
        directory = top / f"{number // 1000:03}"
        if number % 1000 == 0:
            directory.mkdir()
        (directory / f"{number:06}").write_bytes(chance.randbytes(size))


def stretch(file: Path, size: int) -> None:
    """A large file that is mostly a hole; what is written into it differs from MiB to MiB."""
    with file.open("wb") as out:
        out.truncate(size)
        for place in range(0, size, 1 << 20):
            out.seek(place)
            out.write(place.to_bytes(8))


def is_stub(path: bytes, size: int, mtime_ns: int) -> bool:
    """Whether a file's blocks were freed, while it looks as large and as old as it was.

    Attributes that do not fit into the inode take a block of their own.
    """
    found = os.lstat(path)
    blocks = 0 if size == 0 else found.st_blocks
    return blocks * 512 <= 4096 and found.st_size == size and found.st_mtime_ns == mtime_ns
