"""What tests fetch once for all sessions of a user: a directory of its own in that user's cache."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def kept(name: str, make: Callable[[Path], None]) -> Path:
    """The directory of that name, filled by `make` where it is not there yet; whoever comes second waits."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = Path(base) / "towpath-tests" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with (place.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            fresh = Path(tempfile.mkdtemp(dir=place.parent))
            try:
                make(fresh)
                fresh.rename(place)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    return place
