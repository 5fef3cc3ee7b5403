"""An unprivileged reader: `python watch.py DIRECTORY SEED STOP RESULT` opens files of others, and reads them again and
again, through the descriptor and through a mapping, until the file STOP is there; RESULT says what it saw."""

import json
import mmap
import os
import random
import sys
from collections import Counter

READS = 6


def has_zero(fd: int) -> bool:
    """Whether a read gives a zero: nobody writes any."""
    return b"\0" in os.pread(fd, 1 << 20, 0)


def is_stub(fd: int) -> bool:
    """Whether the file has no permission bits, and so was freed before it was opened, or is left by its name."""
    return os.fstat(fd).st_mode & 0o7777 == 0


def watch(fd: int, chance: random.Random, seen: "Counter[str]") -> None:
    """Read one open file for a while. The first read tells whether the file was whole when it was opened."""
    if has_zero(fd):
        seen["zeros at once" if is_stub(fd) else "ZEROS IN AN OPEN FILE"] += 1
        return
    size = os.fstat(fd).st_size
    mapped = mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) if size and chance.random() < 0.3 else None
    for _ in range(READS):
        os.sched_yield()
        seen["reads"] += 1
        if has_zero(fd):
            seen["ZEROS IN A FILE THAT WAS OPEN BEFORE"] += 1
        # What is mapped behind the end of a file that was cut short cannot be read at all.
        if mapped is not None and os.fstat(fd).st_size >= size and b"\0" in mapped[: min(size, 4096)]:
            seen["ZEROS IN A MAPPING"] += 1
    if mapped is not None:
        mapped.close()


def main(place: str, seed: str, stop: str, result: str) -> None:
    """Read until it is time to stop."""
    chance, seen = random.Random(seed), Counter[str]()
    while not os.path.exists(stop):
        directory = os.path.join(place, chance.choice(("write", "rename", "delete")))
        names = os.listdir(directory)
        if not names:
            continue
        try:
            fd = os.open(os.path.join(directory, chance.choice(names)), os.O_RDONLY)
        except PermissionError:
            seen["closed"] += 1
        except FileNotFoundError:
            seen["gone"] += 1
        else:
            watch(fd, chance, seen)
            os.close(fd)
    with open(result, "w", encoding="ascii") as file:
        json.dump(seen, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
