"""A real Chromium for tests: the machine's own, else the one that an npm package brings."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, sync_playwright
from tests.kept import kept
from tests.npm import INSTALL_WITHIN, NODE, NPM
from tests.programs import found

VERSION: Final = "153.0.0"
FLAGS: Final = (
    # As root there is no sandbox, and the pages are the hub's own.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
)
UNPACK: Final = """
import chromium, { inflate } from "@sparticuz/chromium";
await chromium.executablePath();
await inflate("node_modules/@sparticuz/chromium/bin/al2023.tar.br");
"""


def installed() -> tuple[Path, Path | None]:
    """The program, and a directory of libraries for a machine that lacks them."""
    own = found("chromium")
    if own is not None:
        return Path(own), None
    home = kept(f"chromium-{VERSION}", _install)
    return home / "chromium", home / "al2023" / "lib"


def _install(fresh: Path) -> None:
    path, options = os.environ.get("PATH", ""), os.environ.get("NODE_OPTIONS", "")
    told = {
        "PATH": f"{NODE.parent}:{path}",
        "NODE_OPTIONS": f"--use-system-ca {options}".strip(),
        "TMPDIR": str(fresh),
    }
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
    install: list[str | Path] = [
        NODE,
        NPM,
        "install",
        f"--prefix={fresh}",
        *quiet,
        f"@sparticuz/chromium@{VERSION}",
    ]
    unpack: list[str | Path] = [NODE, "--input-type=module", "--eval", UNPACK]
    for command in (install, unpack):
        done = subprocess.run(
            command,
            cwd=fresh,
            env={**os.environ, **told},
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"npm could not install Chromium: {done.stderr[-2000:]}")


def _environment(libraries: Path | None) -> dict[str, str | float | bool]:
    """Its own libraries only where the machine's do not do: theirs are of another Linux."""
    told: dict[str, str | float | bool] = dict(os.environ)
    program, _ = installed()
    lacking = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    if libraries is not None and "not found" in lacking:
        told["LD_LIBRARY_PATH"] = str(libraries)
    return told


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser that ends with the block."""
    program, libraries = installed()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(program), args=list(FLAGS), env=_environment(libraries), timeout=120_000
        )
        try:
            yield browser
        finally:
            browser.close()
