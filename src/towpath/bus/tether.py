"""A small program that becomes another one, which the kernel kills as soon as its parent is gone.

Run by path (`python -I -S tether.py PARENT PROGRAM ARGUMENT…`), standard library only. It asks the kernel for the
signal and then replaces itself: `subprocess`'s `preexec_fn` would do the same between fork and exec, where a
program that has threads may hang. The kernel watches the *thread* that started the child: it must live on.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
ORPHANED = 125
"""Exit status where the parent had died before the kernel could be asked."""


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become the program; exits where that was too late."""
    parent, program = int(arguments[0]), arguments[1]
    libc = ctypes.CDLL(None, use_errno=True)
    # SIGKILL, not SIGTERM: a server that is stopped or hangs would keep its port from the one that comes after.
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_PDEATHSIG): {os.strerror(code)}")
    if os.getppid() != parent:
        sys.exit(ORPHANED)
    os.execv(program, arguments[1:])  # noqa: S606  there is no shell and none is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
