"""Starting other people's servers for tests: on a free port of this machine, and never outliving the tests."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

PATIENCE = 60.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str], home: Path, log: Path, more: Mapping[str, str] | None = None
) -> "subprocess.Popen[bytes]":
    """A server that dies with this process, whatever happens to it; it writes to `log` and works in `home`."""
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home,
            # What it leaves in the directory for temporary files goes with its home.
            env={**os.environ, "TMPDIR": str(home), **(more or {})},
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509  # one system call, no lock
            start_new_session=True,
        )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a server at once: it may ignore SIGTERM."""
    process.kill()
    process.wait()


def free_port() -> int:
    """A port that is free here and now; another process may take it, so whoever starts a server tries again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def quiet_port() -> int:
    """A free port that no outgoing connection is given: for a server that comes up much later."""
    for port in random.sample(range(22_800, 32_000), 200):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free from 22800 to 32000")


def comes_up(process: "subprocess.Popen[bytes]", answers: Callable[[], bool]) -> bool:
    """Wait until the server answers; False where it has ended, or takes too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if answers():
            return True
        time.sleep(0.05)
    return False


def _die_with(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
