"""A small program that becomes another one, for which, run by root, permission bits count as for anybody.

Run by path (`python -I -S weaken.py PROGRAM ARGUMENT…`), standard library only. What root may do past the permission
bits of files goes out of the bounding set, and so none of the processes that come after can have it.
"""

import ctypes
import os
import sys

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2


def main(program: list[str]) -> None:
    """Give up what lets root read everything, and become the program."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH) if os.geteuid() == 0 else ():
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"prctl(PR_CAPBSET_DROP): {os.strerror(code)}")
    os.execv(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
