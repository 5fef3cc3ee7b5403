"""Programs that tests call: the machine's own, else fetched unpacked from Debian's packages, which needs no root."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest
from tests.kept import kept

PACKAGES: Final[Mapping[str, str]] = {
    "b3sum": "b3sum",
    "getfacl": "acl",
    "mkfs.btrfs": "btrfs-progs",
    "mkfs.ext4": "e2fsprogs",
    "mkfs.xfs": "xfsprogs",
    "openssl": "openssl",
    "promtool": "prometheus",
    "rsync": "rsync",
    "setfacl": "acl",
    "slapd": "slapd",
    "xxhsum": "xxhash",
}
"""The package of each program that a bare machine lacks; what is not named here every Linux has."""
PLACES: Final = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
BESIDE: Final = os.pathsep.join(("/usr/sbin", "/sbin"))
"""Where an ordinary user's PATH does not lead, and a mkfs lies."""
FETCHED_WITHIN: Final = 600.0
"""Seconds."""


def found(name: str) -> str | None:
    """The absolute path of a program of the machine's own."""
    return shutil.which(name) or shutil.which(name, path=BESIDE)


def program(name: str) -> str:
    """The absolute path of a program; the test is skipped, in so many words, where it cannot be had."""
    own = found(name)
    if own is not None:
        return own
    package = PACKAGES.get(name)
    if package is None or shutil.which("apt-get") is None:
        pytest.skip(f"needs the program {name}, which this machine lacks and has no apt-get to fetch")
    home = kept(f"debian-{_release()}-{package}", lambda fresh: _unpack(package, fresh))
    return str(_wrapped(home, name))


def _release() -> str:
    """Which Debian, on which processor: what one can run, another may not."""
    try:
        known = platform.freedesktop_os_release()
    except OSError:
        known = {}
    return f"{known.get('VERSION_CODENAME', 'unknown')}-{platform.machine()}"


def _unpack(package: str, fresh: Path) -> None:
    """Fetch a package, and what it needs that is not installed, by apt's own client, and unpack all of it there."""
    apt, root = fresh / "apt", fresh / "root"
    for place in ("state/lists/partial", "cache/archives/partial", "etc"):
        (apt / place).mkdir(parents=True)
    root.mkdir()
    told = {
        "Dir::State": apt / "state",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": apt / "cache",
        "Debug::NoLocking": "1",
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "3",
    }
    options = [f"-o{name}={value}" for name, value in told.items()]
    wanted = ("install", "--download-only", "--reinstall", "--no-install-recommends", "--yes", package)
    for command in (("update",), wanted):
        _do("apt-get", "-qq", *options, *command)
    for archive in sorted((apt / "cache" / "archives").glob("*.deb")):
        _do("dpkg-deb", "--extract", str(archive), str(root))
    shutil.rmtree(apt)


def _do(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCHED_WITHIN, check=False)
    if done.returncode:
        pytest.skip(f"needs a program that could not be fetched: {' '.join(command)}: {done.stderr[-1000:]}")


def _wrapped(home: Path, name: str) -> Path:
    """A script that runs the unpacked program with the libraries that were unpacked beside it."""
    root = home / "root"
    real = next(path for place in PLACES if (path := root / place.lstrip("/") / name).exists())
    libraries = {str(path.parent) for path in root.rglob("*.so*")}
    script = home / f"{name}.{os.getpid()}"
    script.write_text(
        f'#!/bin/sh\nLD_LIBRARY_PATH="{os.pathsep.join(sorted(libraries))}" exec "{real}" "$@"\n'
    )
    script.chmod(0o755)
    script.rename(home / name)
    return home / name
