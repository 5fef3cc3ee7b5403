"""The processes that the supervisor keeps alive."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from towpath.bus import tether

DELAYS = (0.1, 0.3, 0.6, 1.0, 1.5)
"""Seconds before a child is started anew, the first time, the second, …: so it is back well within five."""

SETTLED_SECONDS = 30.0
"""A child that lived so long starts with the shortest delay again."""

DRAIN_SECONDS = 20.0
"""How long a worker's running tasks may go on once it was told to stop."""

GRACE_SECONDS = 30.0
"""How long each kind of child may take to end before it is ended by force."""

LOG_LIMIT = 16 * 1024 * 1024


class Program(Protocol):
    """A process that can be started again and again."""

    @property
    def pid(self) -> int | None:
        """Its id; None before the first start."""

    def start(self) -> None:
        """Start it."""

    def poll(self) -> int | None:
        """None while it runs, else its exit status."""

    def stop(self, grace: float) -> None:
        """End it: kindly, and by force once `grace` seconds went by."""


class Command:
    """A command of towpath as a child: it dies with this process, and appends what it says to a log."""

    def __init__(self, arguments: Sequence[str], log: Path, env: Mapping[str, str]) -> None:
        self._arguments = list(arguments)
        self._log = log
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its id; None before the first start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it."""
        self._process = spawn(self._arguments, self._log, self._env, tied=True)

    def poll(self) -> int | None:
        """None while it runs, else its exit status."""
        return -1 if self._process is None else self._process.poll()

    def stop(self, grace: float) -> None:
        """End it: kindly, and by force once `grace` seconds went by."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(max(0, grace))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def spawn(
    arguments: Sequence[str], log: Path, env: Mapping[str, str], tied: bool, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a command of towpath in a session of its own; `tied`: the kernel kills it as soon as this thread ends."""
    command = [sys.executable, "-P", "-m", "towpath", *arguments]
    if tied:
        command = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command]
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd="/",
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=pass_fds,
        )


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment for children: they run elsewhere, so what is relative in it is made absolute."""
    paths = [os.path.abspath(path) for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**env, "PYTHONPATH": os.pathsep.join(paths)} if paths else dict(env)


def trim_log(log: Path) -> None:
    """Put a log that has grown too long aside as `.1`; the child goes on writing at the start of the file."""
    # A log that is not there yet, or a disk with no room for a copy: it is looked at again soon.
    with suppress(OSError):
        if log.stat().st_size > LOG_LIMIT:
            shutil.copyfile(log, log.with_name(f"{log.name}.1"))
            os.truncate(log, 0)


class Slot:
    """A place that the supervisor keeps filled: which program, since when, and how often it came back."""

    def __init__(self, role: str, site: str | None, program: Program, log: Path) -> None:
        self.role = role
        self.site = site
        self.log = log
        self.restarts = 0
        self.since = datetime.now(UTC)
        self.due: float | None = None
        """When the program is to be started again, on the monotonic clock; None while it runs."""
        self._program = program
        self._began = 0.0
        self._failures = 0

    @property
    def name(self) -> str:
        """What it is, for people."""
        return self.role if self.site is None else f"{self.role} of site {self.site}"

    @property
    def pid(self) -> int | None:
        """The id of the process that runs; None where none does."""
        return self._program.pid if self._program.poll() is None else None

    def start(self) -> None:
        """Start the program."""
        self._began = time.monotonic()
        self.due = None
        self._program.start()
        self.since = datetime.now(UTC)

    def look(self, now: float) -> str | None:
        """Start the program again if that is due; a sentence where something happened."""
        if self.due is not None:
            return self._start_again() if now >= self.due else None
        status = self._program.poll()
        return None if status is None else self._put_off(now, ended(status))

    def hurry(self) -> None:
        """Start the program without delay, if it waits for that."""
        if self.due is not None:
            self.due = 0.0

    def ask_to_stop(self) -> None:
        """Tell the program to end; returns at once."""
        self.due = None
        if (pid := self.pid) is not None:
            os.kill(pid, signal.SIGTERM)

    def stop(self, grace: float) -> None:
        """End the program: kindly, and by force once `grace` seconds went by."""
        self.due = None
        self._program.stop(grace)

    def _start_again(self) -> str:
        try:
            self.start()
        except OSError as error:
            # A full disk or too many processes pass: the others must not die of it.
            return self._put_off(time.monotonic(), f"could not be started: {error}")
        self.restarts += 1
        return f"{self.name} was started again"

    def _put_off(self, now: float, what: str) -> str:
        if now - self._began >= SETTLED_SECONDS:
            self._failures = 0
        self.due = now + DELAYS[min(self._failures, len(DELAYS) - 1)]
        self._failures += 1
        return f"{self.name} {what}"


def ended(status: int) -> str:
    """How a process ended, from its exit status (negative: the signal)."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"
