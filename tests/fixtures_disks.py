"""File systems of a few kinds to run on, each mounted once a session: from images that were made beforehand.

An image is what mkfs made of an empty file (`mkfs.xfs` 300 MB, `mkfs.btrfs --mixed` 120 MB, `mkfs.ext4 -b 4096 -I 256`
96 MB), compressed: so a machine needs no mkfs, only a kernel that knows the file system, and root.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import zstandard

IMAGES: Final = Path(__file__).parent / "images"
KINDS: Final = ("here", "tmpfs", "ext4", "xfs", "btrfs")
"""`here` is whatever the tests' own directory lies on, and needs no rights."""
IN_MEMORY: Final = ("tmpfs", "ramfs")
"""`ramfs` knows no attributes of users."""
_PIECE: Final = 1 << 20


class Disks:
    """The file systems of this session; each is mounted when it is asked for."""

    def __init__(self, base: Path) -> None:
        self._base, self._mounted, self._closing = base, dict[str, Path](), ExitStack()

    def of(self, kind: str) -> Path:
        """A directory of that file system. Skips the test for want of root, in so many words; a kernel that does not
        know the file system makes it an expected failure, since nothing that we do could change that."""
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
        """The image, unpacked into a file with holes."""
        image = self._base / f"{kind}.img"
        with (IMAGES / f"{kind}.img.zst").open("rb") as packed, image.open("wb") as file:
            with zstandard.ZstdDecompressor().stream_reader(packed) as content:
                while piece := content.read(_PIECE):
                    if piece.count(0) == len(piece):
                        file.seek(len(piece), os.SEEK_CUR)
                    else:
                        file.write(piece)
            file.truncate(file.tell())
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
