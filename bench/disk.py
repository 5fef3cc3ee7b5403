"""A file system such as sites have, where the one beneath the temporary directory is none: ext4 with its journal."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@contextmanager
def usual_disk(room: int = 4 << 30) -> Iterator[Path | None]:
    """A directory on ext4 with a journal, of so many bytes; None where the temporary directory will do, or must.

    Without a journal ext4 gives no inode out again that was freed in the last minutes, and for each new file looks
    over all of those in its group: a run that replaces many files would measure that.
    """
    mkfs = shutil.which("mkfs.ext4", path=PROGRAMS)
    if os.geteuid() != 0 or mkfs is None or not _lacks_journal(Path(tempfile.gettempdir())):
        yield None
        return
    top = Path(tempfile.mkdtemp(prefix="towpath-bench-disk-"))
    image, place = top / "image", top / "place"
    place.mkdir()
    try:
        image.touch()
        os.truncate(image, room)
        told = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"]
        subprocess.run([mkfs, *told, str(image)], check=True)
        subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=True)
        try:
            yield place
        finally:
            subprocess.run(["umount", str(place)], check=True)
    finally:
        shutil.rmtree(top)


def _lacks_journal(directory: Path) -> bool:
    device = directory.stat().st_dev
    name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
    try:
        return Path(f"/sys/fs/ext4/{name}/journal_task").read_text().strip() == "<none>"
    except OSError:  # It is not ext4, or its kernel tells nothing of it.
        return False
