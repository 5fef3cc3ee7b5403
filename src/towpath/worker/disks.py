"""How full the file systems of a node's roots are, looked at by a thread that may hang without harm."""

import os
import threading
from collections.abc import Mapping

LOOK_EVERY = 60.0
"""Seconds."""


class DiskWatch:
    """Call it for what was seen since the last call: root → bytes that ordinary users may still fill, and in all."""

    def __init__(self, roots: Mapping[str, str]) -> None:
        self._roots = dict(roots)
        self._lock = threading.Lock()
        self._news: dict[str, tuple[int, int]] = {}
        # A file system that answers nobody holds this thread alone; a process that ends does not wait for it.
        threading.Thread(target=self._look_for_ever, name="disks", daemon=True).start()

    def __call__(self) -> dict[str, tuple[int, int]]:
        """What is new; nothing where nothing is."""
        with self._lock:
            news, self._news = self._news, {}
        return news

    def _look_for_ever(self) -> None:
        never = threading.Event()
        while True:
            for name, directory in self._roots.items():
                seen = look(directory)
                if seen is not None:
                    with self._lock:
                        self._news[name] = seen
            never.wait(LOOK_EVERY)


def look(directory: str) -> tuple[int, int] | None:
    """Bytes that ordinary users may still fill on a directory's file system, and bytes in all; None: it is not there.

    As `df` counts: what only root may fill is neither.
    """
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    return found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize
