"""Whether a supervisor runs in a home, and what it says that it keeps alive."""

import fcntl
import json
import os
import time
from pathlib import Path

import msgspec

from towpath.cli.home import Home, replace_file
from towpath.domain.errors import Mistake

PID_PATIENCE = 5.0
"""Seconds that a supervisor which has just taken the lock may need to say its pid."""


class Child(msgspec.Struct, frozen=True):
    """A process that the supervisor keeps alive; `born` tells it from a later one with the same pid."""

    role: str
    site: str | None
    pid: int | None
    restarts: int
    since: str
    born: int = 0


class Status(msgspec.Struct, frozen=True):
    """What a supervisor runs."""

    pid: int
    url: str
    children: list[Child]


def take_lock(home: Home) -> int | None:
    """Take the home's lock, kept until the descriptor closes; None where a supervisor has it."""
    descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    return descriptor


def sign_lock(descriptor: int, pid: int) -> None:
    """Say whose the lock is."""
    os.pwrite(descriptor, f"{pid}\n".encode(), 0)


def is_running(home: Home) -> bool:
    """Whether a supervisor lives."""
    try:
        descriptor = os.open(home.lock_file, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError:
        raise Mistake(f"{home.root}: belongs to another user") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def supervisor_of(home: Home) -> int | None:
    """The pid of the supervisor; None where none lives."""
    end = time.monotonic() + PID_PATIENCE
    while is_running(home):
        text = home.lock_file.read_text("ascii").strip()
        if text.isdigit():
            return int(text)
        if time.monotonic() > end:
            raise Mistake(f"{home.lock_file}: locked, but it does not say by which process")
        time.sleep(0.02)
    return None


def born_at(pid: int) -> int:
    """When a process began, in ticks since the machine started; 0 where it is gone or was never reaped."""
    try:
        # The name in the second field may hold anything, blanks and brackets too.
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def write_status(home: Home, status: Status) -> None:
    """Tell `towpath status` what runs."""
    replace_file(home.status_file, json.dumps(msgspec.to_builtins(status), indent=2) + "\n")


def read_status(home: Home) -> Status | None:
    """What runs, each process looked after: one that is gone has no pid.

    None where no supervisor lives, or the one that does has said nothing yet: what an earlier one wrote counts for
    nothing.
    """
    pid = supervisor_of(home)
    if pid is None:
        return None
    try:
        status = msgspec.json.decode(home.status_file.read_bytes(), type=Status)
    except FileNotFoundError:
        return None
    if status.pid != pid:
        return None
    alive = [
        child
        if child.pid is not None and born_at(child.pid) == child.born != 0
        else msgspec.structs.replace(child, pid=None)
        for child in status.children
    ]
    return msgspec.structs.replace(status, children=alive)
