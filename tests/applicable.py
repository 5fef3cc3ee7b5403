"""What cannot be tried on a machine, whatever is installed there: no failure, and told at the end of each run."""

import re
import subprocess
from pathlib import Path
from typing import Final, NoReturn

import pytest
from tests.programs import found

NOT_HERE: Final = "not applicable here: "
_CAP_SYS_ADMIN: Final = 21
"""The bit of the right to mount, in `linux/capability.h`."""


def not_here(reason: str) -> NoReturn:
    """End the test: this machine is not one that it is for."""
    pytest.skip(f"{NOT_HERE}{reason}")


def require_mounting() -> None:
    """End the test where this process may not mount: it is not root's, or root's in a container without that right."""
    status = Path("/proc/self/status").read_text()
    rights = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    assert rights is not None, status
    if not int(rights[1], 16) >> _CAP_SYS_ADMIN & 1:
        not_here("mounting needs CAP_SYS_ADMIN")


def require_file_system(kind: str) -> None:
    """End the test where the kernel neither knows a file system nor has a module for it."""
    known = Path("/proc/filesystems")
    if kind not in known.read_text().split() and (modprobe := found("modprobe")) is not None:
        subprocess.run([modprobe, "--quiet", kind], capture_output=True, check=False)
    if kind not in known.read_text().split():
        not_here(f"this kernel knows no {kind}")


def mount(kind: str, source: str, place: Path, options: str) -> None:
    """Mount a file system, where this machine can; a mount that then fails is an error."""
    require_mounting()
    require_file_system(kind)
    command = ["mount", "-t", kind, *(("-o", options) if options else ()), source, str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
