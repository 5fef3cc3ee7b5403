"""File systems of a few kinds to run on, each made in a file and mounted once a session."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest

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
PROGRAMS: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


class Disks:
    """The file systems of this session; each is mounted when it is asked for."""

    def __init__(self, base: Path) -> None:
        self._base, self._mounted, self._closing = base, dict[str, Path](), ExitStack()

    def of(self, kind: str) -> Path:
        """A directory of that file system. Skips the test for want of root, in so many words; a kernel that does not
        know the file system, or a machine without its mkfs, makes it an expected failure: nothing that we do could
        change that."""
        if kind not in self._mounted:
            self._mounted[kind] = self._mount(kind)
        return self._mounted[kind]

    def _mount(self, kind: str) -> Path:
        place = self._base / kind
        place.mkdir(exist_ok=True)
        if kind == "here":
            return place
        if os.geteuid() != 0:
            pytest.skip(f"needs root, to mount {kind}")
        if kind not in _known_to_the_kernel():
            pytest.xfail(f"NOT TESTED ON {kind}: this kernel does not know it (see /proc/filesystems)")
        source = [kind] if kind in IN_MEMORY else ["-o", "loop", str(self._image(kind))]
        done = subprocess.run(["mount", "-t", kind, *source, place], capture_output=True, check=False)
        if done.returncode != 0:
            pytest.xfail(f"NOT TESTED ON {kind}: this machine lets root mount none: {done.stderr.decode()}")
        self._closing.callback(partial(subprocess.run, ["umount", "--lazy", place], check=True))
        return place

    def _image(self, kind: str) -> Path:
        """A file with an empty file system in it; where the machine cannot make one, that is an expected failure."""
        mkfs = shutil.which(f"mkfs.{kind}", path=PROGRAMS)
        if mkfs is None:
            pytest.xfail(f"NOT TESTED ON {kind}: this machine has no mkfs.{kind}")
        image = self._base / f"{kind}.img"
        size, told = MADE[kind]
        with image.open("wb") as file:
            file.truncate(size)
        subprocess.run([mkfs, *told, image], check=True, capture_output=True)
        return image

    def close(self) -> None:
        """Unmount them."""
        self._closing.close()


def _known_to_the_kernel() -> list[str]:
    subprocess.run(
        ["modprobe", "-a", "xfs", "btrfs"], capture_output=True, check=False
    ) if _has_modprobe() else None
    return Path("/proc/filesystems").read_text().split()


def _has_modprobe() -> bool:
    return any((Path(place) / "modprobe").exists() for place in ("/sbin", "/usr/sbin", "/bin"))


@pytest.fixture(scope="session")
def disks() -> Iterator[Disks]:
    """The session's file systems."""
    with tempfile.TemporaryDirectory(prefix="towpath-disks-") as base:
        made = Disks(Path(base))
        try:
            yield made
        finally:
            made.close()
