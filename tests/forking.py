"""A small program that forks a `towpath` command for each that it is asked for, on the socket that is its input.

Run by path (`python -P forking.py`). What commands load of other projects it has loaded; what is Towpath's own, each of
them loads for itself.
"""

import gc
import json
import os
import runpy
import socket
import struct
import sys
import time
from importlib import import_module
from typing import Any

LENGTH = struct.Struct("=I")
"""Precedes a question: how many bytes it has. With them come the files for what the command prints."""
NUMBER = struct.Struct("=i")
"""What is answered: the id of the command's process once it is there, then its status, or less 0 the signal."""


def load() -> None:
    """Load what commands load, but for what is Towpath's own."""
    # Loaded here, and forgotten at the end.
    from towpath.cli.main import command_line

    import_module("towpath.client.blocking")
    # What a command loads once it looks at its options.
    command_line()(["job", "list", "--help"], standalone_mode=False)
    for name in [name for name in sys.modules if name.partition(".")[0] == "towpath"]:
        del sys.modules[name]
    sys.stdout.flush()
    gc.collect()
    gc.freeze()


def asked(line: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next question, and the files that came with it; None once nobody asks any more."""
    head, files, _flags, _address = socket.recv_fds(line, LENGTH.size, 2, socket.MSG_WAITALL)
    if not head:
        return None
    (length,) = LENGTH.unpack(head)
    return json.loads(line.recv(length, socket.MSG_WAITALL)), files


def become(question: dict[str, Any], files: list[int]) -> None:
    """Be the command, in this process: as if it was started where that was asked for."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
    os.closerange(3, 100)
    os.chdir(question["cwd"])
    os.environ.clear()
    os.environ.update(question["env"])
    time.tzset()
    sys.path.insert(0, question["cwd"])
    sys.argv[1:] = question["arguments"]
    runpy.run_module("towpath", run_name="__main__", alter_sys=True)


def main() -> None:
    """Fork a command for each question, one at a time."""
    line = socket.socket(fileno=os.dup(0))
    load()
    while (question := asked(line)) is not None:
        child = os.fork()
        if child == 0:
            become(*question)
            return
        for file in question[1]:
            os.close(file)
        line.sendall(NUMBER.pack(child))
        line.sendall(NUMBER.pack(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))


if __name__ == "__main__":
    main()
