"""Commands run by a process that is forked from one which has loaded what they load: most of a short one is loading."""

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests import forking
from tests.forking import LENGTH, NUMBER

LASTING = frozenset({"up", "hub", "worker", "supervise"})
"""Commands that start others or stay: these are started as whoever types them does."""
INTERPRETER = ("PYTHON", "LC_", "LANG", "LD_")
"""What the names of variables begin with at which a process looks when it starts, and never again."""


class Forker:
    """A process that forks commands, and dies with this one. Each is a process of its own, with its own arguments,
    environment, directory, output and status; it has the rights of its forker."""

    def __init__(self, prefix: Sequence[str], env: Mapping[str, str]) -> None:
        self._line, theirs = socket.socketpair()
        self._free = threading.Lock()
        command = [*prefix, sys.executable, "-P", forking.__file__]
        with theirs:
            self._process = subprocess.Popen(
                command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, env=env
            )
        atexit.register(self._close)

    def run(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, timeout: float
    ) -> "subprocess.CompletedProcess[str] | None":
        """Run a command to its end; None where another one is being run. Raises `TimeoutExpired`."""
        if not self._free.acquire(blocking=False):
            return None
        question = json.dumps({"arguments": arguments, "env": dict(env), "cwd": str(cwd)}).encode()
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            try:
                socket.send_fds(self._line, [LENGTH.pack(len(question))], [out.fileno(), err.fileno()])
                self._line.sendall(question)
                status = self._await_end(arguments, timeout)
            finally:
                self._free.release()
            for printed in (out, err):
                printed.seek(0)
            return subprocess.CompletedProcess(arguments, status, out.read(), err.read())

    def _await_end(self, arguments: Sequence[str], timeout: float) -> int:
        child = self._number()
        self._line.settimeout(timeout)
        try:
            return self._number()
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            self._line.settimeout(None)
            self._number()
            raise subprocess.TimeoutExpired(list(arguments), timeout) from None
        finally:
            self._line.settimeout(None)

    def _number(self) -> int:
        answer = self._line.recv(NUMBER.size, socket.MSG_WAITALL)
        assert answer, f"the process that forks commands has ended: {self._process.wait()}"
        return int(*NUMBER.unpack(answer))

    def _close(self) -> None:
        self._line.close()
        self._process.wait()


def run_forked(
    prefix: Sequence[str], arguments: Sequence[str | bytes], env: Mapping[str, str], cwd: Path, timeout: float
) -> "subprocess.CompletedProcess[str] | None":
    """Run a `towpath` command to its end, by the forker that has its prefix; None where it must be started instead."""
    words = [os.fsdecode(argument) for argument in arguments]
    if LASTING.intersection(words):
        return None
    looked_at = tuple(sorted((name, value) for name, value in env.items() if name.startswith(INTERPRETER)))
    return _forker(tuple(prefix), (os.geteuid(), os.getegid()), looked_at).run(words, env, cwd, timeout)


@cache
def _forker(
    prefix: tuple[str, ...], _rights: tuple[int, int], looked_at: tuple[tuple[str, str], ...]
) -> Forker:
    rest = {name: value for name, value in os.environ.items() if not name.startswith(INTERPRETER)}
    return Forker(prefix, {**rest, **dict(looked_at)})
