"""The step that runs a command which the site's administrator has listed, over the paths."""

import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, ClassVar, Final

from towpath.domain.catalogue import RUN, StepSpec
from towpath.domain.errors import did_you_mean
from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.steps.outcomes import all_failed, failed, processed, skipped
from towpath.steps.protocol import Context, HandedBack, Item
from towpath.steps.settings import Command
from towpath.storage.protocol import StorageError

LOOK_UP: Final = 0.2
"""Seconds after which it is looked whether the task is to be given back."""
GRACE: Final = 5.0
"""Seconds that a command has to end once it was told to."""
LONGEST_LINE: Final = 4096
SAID: Final = 500
"""Bytes of the end of what a command says on its error output that go into reasons."""
ENVIRONMENT: Final = ("PATH", "LANG", "LC_ALL", "TZ")
"""What of the worker's own environment a command has."""


class Run:
    """Gives the paths of a task to a command on its standard input, each relative to the root and ended by a NUL; the
    command runs in the root's directory, in a process group of its own.

    - `command`: its name in the site's settings. Nothing else of it can be said by a workflow.

    A command with `answers = "lines"` writes one line for each path, as soon as it is done: the path's number in the
    order of the input, from 0, then `processed`, `failed`, `skipped` or `aborted`, then a reason if it likes. What it
    says nothing of has failed. With `answers = "status"` all paths are processed where it exits with 0, and failed
    otherwise. A command that takes longer than its `timeout` is ended, and so is one whose task is paused with
    `--now`, or cancelled: paths without an answer then have no outcome, and are run again. So a command has to be
    safe to repeat.
    """

    spec: ClassVar[StepSpec] = RUN

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Run the command; see the class."""
        known, name = context.site.settings.commands, context.arguments["command"] or ""
        command = known.get(name)
        if command is None:
            text = f"command: the administrator of site {context.site.name} has listed none '{name}'"
            yield from all_failed(
                context, StorageError(text + did_you_mean(name, known), ErrorClass.PERMANENT)
            )
        elif context.items and context.proceed():
            yield from _Running(context, command).outcomes()


class _Running:
    """One command under way."""

    def __init__(self, context: Context, command: Command) -> None:
        self._context, self._command = context, command
        self._open: dict[int, Item] = dict(enumerate(context.items))
        """The paths that have no outcome, by their number on the input."""
        self._buffer = b""
        self._ready: list[PathOutcome] = []

    def outcomes(self) -> Iterator[PathOutcome]:
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
            given.write(b"".join(item.path + b"\0" for item in self._context.items))
            given.seek(0)
            try:
                child = self._start(given, errors)
            except (OSError, LookupError) as error:
                text = f"command {self._command.argv[0]}: {getattr(error, 'strerror', None) or error}"
                yield from all_failed(self._context, StorageError(text, ErrorClass.PERMANENT))
                return
            try:
                yield from self._heard(child)
            except HandedBack:
                _end(child)
                yield from self._ready  # Those without an outcome are run again.
                return
            finally:
                _end(child)
            yield from self._rest(child, _last_of(errors))

    def _start(self, given: IO[bytes], errors: IO[bytes]) -> subprocess.Popen[bytes]:
        here = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        self._context.confirm()
        return subprocess.Popen(
            self._command.argv,
            stdin=given,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=self._context.root.path,
            env=here | {"TOWPATH_SITE": self._context.site.name, "TOWPATH_JOB": str(self._context.job)},
            user=self._command.user or None,
            start_new_session=True,
        )

    def _heard(self, child: subprocess.Popen[bytes]) -> Iterator[PathOutcome]:
        """What the command says, until it ends, has used up its time, or the task is to be given back."""
        assert child.stdout is not None
        until = time.monotonic() + self._command.timeout
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while time.monotonic() < until:
                self._context.go_on()
                if not selector.select(LOOK_UP):
                    if child.poll() is not None:  # Something that it has started still has its output.
                        return
                    continue
                piece = os.read(child.stdout.fileno(), 64 * 1024)
                self._take(piece)
                yield from self._ready
                self._ready = []
                if not piece:
                    with suppress(subprocess.TimeoutExpired):
                        child.wait(max(0.0, until - time.monotonic()))
                    return

    def _take(self, piece: bytes) -> None:
        if self._command.answers == "status":
            return
        *lines, self._buffer = (self._buffer + piece).split(b"\n")
        self._buffer = self._buffer[:LONGEST_LINE]
        for line in lines if piece else [self._buffer]:
            self._answer(line.decode("utf-8", "backslashreplace"))

    def _answer(self, line: str) -> None:
        number, _, rest = line.strip().partition(" ")
        word, _, reason = rest.strip().partition(" ")
        code = _WORDS.get(word)
        item = self._open.pop(int(number), None) if code and number.isdecimal() else None
        if item is None or code is None:
            return  # Any other line is the command's own business.
        if code is Code.PROCESSED:
            self._ready.append(processed(item))
        elif code is Code.SKIPPED:
            self._ready.append(skipped(item, reason or "the command skipped it"))
        else:
            error_class = ErrorClass.PERMANENT if code is Code.FAILED else None
            said = reason or f"the command says it has {word}"
            self._ready.append(PathOutcome(item.index, code, said, error_class))

    def _rest(self, child: subprocess.Popen[bytes], said: str) -> Iterator[PathOutcome]:
        """The outcomes of the paths that the command said nothing of."""
        status = child.returncode
        name = self._context.arguments["command"]
        for item in self._open.values():
            if status == 0 and self._command.answers == "status":
                yield processed(item)
            elif status == 0:
                yield failed(item, f"command {name} said nothing of it")
            elif status == TIMED_OUT:
                yield failed(item, f"command {name} was ended after {self._command.timeout} s{said}")
            else:
                how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
                yield failed(item, f"command {name} {how}{said}")


_WORDS: Final = {
    "processed": Code.PROCESSED,
    "failed": Code.FAILED,
    "skipped": Code.SKIPPED,
    "aborted": Code.ABORTED,
}
TIMED_OUT: Final = 1000
"""What stands for the exit status of a command that we ended: no process has it."""


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the command, and all that it has started, if it still runs: kindly, then surely."""
    if child.returncode is None and child.poll() is None:
        _signal(child, signal.SIGTERM)
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            _signal(child, signal.SIGKILL)
            child.wait()
        child.returncode = TIMED_OUT
    if child.stdout is not None:
        child.stdout.close()


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _last_of(errors: IO[bytes]) -> str:
    """The end of what a command said on its error output, for a reason."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - SAID))
    text = " ".join(errors.read().decode("utf-8", "backslashreplace").split())
    return f": {text}" if text else ""
