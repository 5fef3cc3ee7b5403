"""File systems of a few kinds to run on, each made in a file and mounted once a session."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.applicable import mount, require_file_system, require_mounting
from tests.programs import program

KINDS: Final = ("here", "tmpfs", "ext4", "xfs", "btrfs")
"""`here` is whatever the tests' own directory lies on, and needs no rights."""
IN_MEMORY: Final = ("tmpfs", "ramfs")
"""`ramfs` knows no attributes of users."""
MIB: Final = 1 << 20
MADE: Final = {
    "ext4": (96 * MIB, ("-q", "-F", "-b", "4096", "-I", "256")),
    "xfs": (300 * MIB, ("-q", "-f")),
    "btrfs": (120 * MIB, ("-q", "--mixed")),
}
"""The size of each, about the least that it takes, and what its mkfs is told."""


class Disks:
    """The file systems of this session; each is mounted when it is asked for."""

    def __init__(self, base: Path) -> None:
        self._base, self._mounted, self._closing = base, dict[str, Path](), ExitStack()

    def of(self, kind: str) -> Path:
        """A directory of that file system, where this machine can mount one; if not, the test is not for it."""
        if kind not in self._mounted:
            self._mounted[kind] = self._mount(kind)
        return self._mounted[kind]

    def _mount(self, kind: str) -> Path:
        place = self._base / kind
        place.mkdir(exist_ok=True)
        if kind == "here":
            return place
        require_mounting()
        require_file_system(kind)
        if kind in IN_MEMORY:
            mount(kind, kind, place, "")
        else:
            mount(kind, str(self._image(kind)), place, "loop")
        self._closing.callback(partial(subprocess.run, ["umount", "--lazy", place], check=True))
        return place

    def _image(self, kind: str) -> Path:
        """A file with an empty file system in it."""
        image = self._base / f"{kind}.img"
        size, told = MADE[kind]
        with image.open("wb") as file:
            file.truncate(size)
        done = subprocess.run([program(f"mkfs.{kind}"), *told, image], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return image

    def close(self) -> None:
        """Unmount them."""
        self._closing.close()


@pytest.fixture(scope="session")
def disks() -> Iterator[Disks]:
    """The session's file systems."""
    with tempfile.TemporaryDirectory(prefix="towpath-disks-") as base:
        made = Disks(Path(base))
        try:
            yield made
        finally:
            made.close()
