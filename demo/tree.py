"""The files of the demo: a copy of a real tree, made large enough, and its checksum."""

import os
import random
import shutil
from dataclasses import dataclass
from pathlib import Path

import xxhash

LEAST_FILES = 20_000
LEAST_BYTES = 200 * 1000**2
MOST_BYTES = 5 * 1000**3
IN_DIRECTORY = 200


@dataclass(frozen=True)
class Size:
    """How much there is."""

    files: int
    bytes: int


def measure(top: Path) -> Size:
    """The regular files beneath a directory, and their bytes."""
    files = total = 0
    for here, _, names in os.walk(top):
        for name in names:
            found = os.lstat(os.path.join(here, name))
            if not os.path.islink(os.path.join(here, name)):
                files += 1
                total += found.st_size
    return Size(files, total)


def copy(source: Path, to: Path) -> None:
    """A copy with symbolic links as they are; what cannot be read is left out."""

    def unreadable(here: str, names: list[str]) -> list[str]:
        return [name for name in names if name == "__pycache__" or not _is_plain(os.path.join(here, name))]

    shutil.copytree(source, to, symlinks=True, ignore=unreadable)


def _is_plain(path: str) -> bool:
    if os.path.islink(path):
        return True
    readable = os.R_OK | (os.X_OK if os.path.isdir(path) else 0)
    return (os.path.isdir(path) or os.path.isfile(path)) and os.access(path, readable)


def fill(top: Path, size: Size) -> None:
    """Add files of random bytes, until there are enough of them to see something."""
    files = max(0, LEAST_FILES - size.files)
    missing = max(0, LEAST_BYTES - size.bytes)
    if not files and missing:
        files = missing // 100_000 + 1
    each = max(100, missing // files) if files else 0
    source = random.Random(7)
    for number in range(files):
        place = top / "generated" / f"d{number // IN_DIRECTORY:03d}"
        if number % IN_DIRECTORY == 0:
            place.mkdir(parents=True)
        (place / f"f{number:06d}.bin").write_bytes(source.randbytes(each // 2 + source.randrange(each + 1)))


def checksum(top: Path) -> str:
    """xxh3_128 over each path with its type, mode, modification time and content."""
    whole = xxhash.xxh3_128()
    for here, directories, names in os.walk(top):
        directories.sort()
        for name in sorted(names):
            path = os.path.join(here, name)
            found = os.lstat(path)
            head = f"{os.path.relpath(path, top)}\0{found.st_mode}\0{found.st_mtime_ns}\0{found.st_size}\0"
            whole.update(os.fsencode(head))
            whole.update(_content(path))
    return whole.hexdigest()


def _content(path: str) -> bytes:
    if os.path.islink(path):
        return os.fsencode(os.readlink(path))
    with open(path, "rb") as file:
        return xxhash.xxh3_128(file.read()).digest()


def allocated(top: Path) -> int:
    """Bytes of disk that the files beneath a directory take."""
    return sum(
        os.lstat(os.path.join(here, name)).st_blocks * 512
        for here, _, names in os.walk(top)
        for name in names
    )
