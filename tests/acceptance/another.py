"""A small program that becomes another one, as another user where root runs it, who has nothing but may read.

Run by path (`python -I -S another.py UID PROGRAM ARGUMENT…`), standard library only. That user may read everything, for
the interpreter may lie where only root reads; he owns nothing, and may write and signal nothing of root's.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_READ_SEARCH = 2
VERSION_3 = 0x20080522


def main(uid: int, program: list[str]) -> None:
    """Become the user, and then the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        # Effective, permitted, inheritable, for capabilities 0 to 31, then for the others.
        wanted = (ctypes.c_uint32 * 6)(*[1 << CAP_DAC_READ_SEARCH] * 3, 0, 0, 0)
        _check(libc.capset((ctypes.c_uint32 * 2)(VERSION_3, 0), wanted))
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH, 0, 0))
    # At the end, since a change of users undoes it: whoever runs the tests may be killed.
    _check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    os.execv(program[0], program)


def _check(status: int) -> None:
    if status != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
