"""A second process that reads directories ahead of a walk, so that a large tree is walked on two cores.

The walk stays right, and in order, without it: what the scout does not say, the walk finds out itself.

It says `READY` once it is; nothing is asked of it before, so that the walk never waits for it to start.
A request is the length of a path and the path. An answer is the number of entries, the length of their names, then a
kind a byte, eight bytes a size, and the names with a NUL between them. Where it says `NOT_SAID`, nothing follows: the
directory cannot be read whole, or is large.
"""

import os
import select
import struct
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, Final, NamedTuple

from towpath.discovery.level import OPEN, Level
from towpath.storage.roots import Root

MOST_ENTRIES: Final = 1024
"""In one answer."""
MOST_ASKED: Final = 64
"""Directories asked for and not yet taken: with `MOST_ENTRIES` it bounds the memory."""
MOST_ON_THE_WAY: Final = 48
"""Of these, ones whose answers were not yet read: so many that neither waits for the other on a busy machine. Where
long paths fill the pipe, fewer are asked for."""
LONGEST_ASKED: Final = 4000
"""Bytes of a path: a pipe takes so much whole or not at all."""
READY: Final = b"ready"
NOT_SAID: Final = 2**32 - 1
COMMAND: Final = (sys.executable, "-m", "towpath.discovery.scout")

_LENGTH: Final = struct.Struct("=I")
_HEAD: Final = struct.Struct("=II")


class Entries(NamedTuple):
    """All entries of a directory in the order of a walk, in columns."""

    names: list[bytes]
    kinds: bytes
    sizes: list[int]


class Scout:
    """The walk's side. A scout that has died only knows nothing any more."""

    def __init__(self, root: Root, command: Sequence[str] = COMMAND) -> None:
        there = os.fstat(root.fd)
        words = [*command, os.fsdecode(root.path), str(there.st_dev), str(there.st_ino)]
        self._child = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._to, self._from = self._child.stdin, self._child.stdout
        os.set_blocking(self._to.fileno(), False)
        # Not select(2), which refuses descriptors from 1,024 on: a node that is at work has more files open.
        self._heard = select.poll()
        self._heard.register(self._from, select.POLLIN)
        self._on_the_way: deque[bytes] = deque()
        self._known: dict[bytes, Entries | None] = {}
        self._lost = False
        self._is_ready = False

    def ready(self, seconds: float = 0) -> bool:
        """Whether it has started, or died in the attempt; waits so long for it at most."""
        if not self._is_ready and self._heard.poll(seconds * 1000):
            self._is_ready = True
            self._lost = self._from.read(len(READY)) != READY
        return self._is_ready

    def ask(self, path: bytes) -> bool:
        """Have a directory read, whose `answer` must be taken later; False where that is not to be had."""
        asked = len(self._on_the_way) + len(self._known)
        if not self.ready() or self._lost or asked >= MOST_ASKED or len(path) > LONGEST_ASKED:
            return False
        if len(self._on_the_way) >= MOST_ON_THE_WAY:
            self._hear()
        try:
            os.write(self._to.fileno(), _LENGTH.pack(len(path)) + path)
        except OSError as error:
            self._lost = not isinstance(error, BlockingIOError)
            return False
        self._on_the_way.append(path)
        return True

    def answer(self, path: bytes) -> Entries | None:
        """What a directory holds, once it is known; None where it was not asked for, or will not be said."""
        if path in self._on_the_way:
            while path not in self._known:
                self._hear()
        return self._known.pop(path, None)

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._from.close()
        with suppress(OSError):
            self._to.close()
        self._child.wait()

    def _hear(self) -> None:
        """Take in the next answer."""
        path = self._on_the_way.popleft()
        self._known[path] = None
        if not self._lost:
            try:
                self._known[path] = receive(self._from)
            except EOFError:
                self._lost = True


def receive(stream: IO[bytes]) -> Entries | None:
    """The next answer, None for one that says nothing; raises `EOFError` where it ends early."""
    count, length = _HEAD.unpack(_exactly(stream, _HEAD.size))
    if count == NOT_SAID:
        return None
    body = _exactly(stream, count * 9 + length)
    sizes = array("Q", body[count : count * 9])
    return Entries(body[count * 9 :].split(b"\0") if count else [], body[:count], sizes.tolist())


def _exactly(stream: IO[bytes], length: int) -> bytes:
    found = stream.read(length)
    if len(found) < length:
        raise EOFError
    return found


def look_through(root: Root, path: bytes) -> Entries | None:
    """All that a directory holds; None where something could not be looked at, or there is too much."""
    try:
        level = Level(root.open(path, OPEN), path)
    except OSError:
        return None
    try:
        if not level.read_few(MOST_ENTRIES):
            return None
        entries = Entries([], b"", [])
        while (looked := level.look()) is not None:
            if looked.failed is not None:
                return None
            entries.sizes.extend(looked.sizes)
            entries.names.extend(looked.names)
            entries = entries._replace(kinds=entries.kinds + looked.kinds)
        return None if level.wrong() else entries
    except OSError:
        return None
    finally:
        level.close()


def serve(root: Root, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    answers.write(READY)
    answers.flush()
    while head := requests.read(_LENGTH.size):
        entries = look_through(root, _exactly(requests, *_LENGTH.unpack(head)))
        if entries is None:
            answers.write(_HEAD.pack(NOT_SAID, 0))
        else:
            names = b"\0".join(entries.names)
            sizes = array("Q", entries.sizes).tobytes()
            answers.write(_HEAD.pack(len(entries.kinds), len(names)) + entries.kinds + sizes + names)
        answers.flush()


def main(words: Sequence[str]) -> int:
    """The scout's side: `PATH DEVICE INODE`. A directory that is another one by now is not looked at."""
    path, device, inode = words
    with Root("scouted", os.fsencode(path)) as root:
        there = os.fstat(root.fd)
        if (there.st_dev, there.st_ino) == (int(device), int(inode)):
            serve(root, sys.stdin.buffer, sys.stdout.buffer)
    return 0


if __name__ == "__main__":
    with suppress(BrokenPipeError, EOFError):  # the walk has ended
        main(sys.argv[1:])
    os._exit(0)  # answers that nobody takes need not be flushed
