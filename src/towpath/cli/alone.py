"""What a hub must have to itself: its home, and a database that takes one hub only."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from towpath.config import HubSettings
from towpath.domain.errors import Mistake

SQLITE = "sqlite:///"


@contextmanager
def alone(settings: HubSettings) -> Iterator[None]:
    """Hold them while the hub lives; raises `Mistake` where another hub does. The kernel lets go of what one held
    that was killed."""
    with ExitStack() as held:
        taken = "towpath status says what runs; give each hub a --home of its own"
        held.enter_context(_lock(settings.home / "run" / "hub.lock", f"--home {settings.home}", taken))
        if settings.database_url.startswith(SQLITE):
            file = Path(settings.database_url.removeprefix(SQLITE))
            several = "SQLite takes one hub; several need PostgreSQL"
            held.enter_context(_lock(file.with_name(f"{file.name}.lock"), f"--database {file}", several))
        yield


@contextmanager
def _lock(file: Path, what: str, advice: str) -> Iterator[None]:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Mistake(f"{what}: {error.strerror}: {file}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 20, 0).decode().strip() or "unknown"
        os.close(descriptor)
        raise Mistake(f"{what}: another hub has it (pid {holder}); {advice}") from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    try:
        yield
    finally:
        os.close(descriptor)
