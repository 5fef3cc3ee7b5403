"""The commands that the documents show, and a shell that runs them as a reader would type them, below a directory."""

import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from docs.generate import HERE
from tests.fixtures_hub import PATIENCE, Ended, Hub, until

FENCED = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACES = re.compile(r"(?:(?<=file://)|(?<![\w.~/]))/(?=(?:srv|var|etc)/)")
"""Where a command names a place of the whole machine: it is looked for below the test's directory."""
COMMENT = re.compile(r"\s+# .*$")
SETS = re.compile(r"\b([A-Z_]+)=")
LASTING_LOG = "lasting.log"

CURL = """
import argparse, sys
import httpx
known = argparse.ArgumentParser()
known.add_argument("url")
known.add_argument("-H", action="append", default=[])
known.add_argument("-s", action="store_true")
known.add_argument("-N", action="store_true")
known.add_argument("-o")
known.add_argument("--json")
asked = known.parse_args()
headers = dict(line.split(": ", 1) for line in asked.H)
if asked.json is not None:
    headers |= {"Content-Type": "application/json", "Accept": "application/json"}
method, body = ("GET", None) if asked.json is None else ("POST", asked.json)
with httpx.stream(method, asked.url, headers=headers, content=body, timeout=60, trust_env=False) as answer:
    into = open(asked.o, "wb") if asked.o else sys.stdout.buffer
    for part in answer.iter_bytes():
        into.write(part)
        into.flush()
sys.exit(22 if answer.is_error else 0)
"""
"""What of curl the documents use, for machines that have none."""


@dataclass(frozen=True)
class Example:
    """A command as it stands in a document, and the lines that it is shown to print."""

    command: str
    told: tuple[str, ...]


def examples(page: str) -> list[Example]:
    """The commands of a document, in their order; `page` is its path from the project's root."""
    found: list[Example] = []
    for block in FENCED.findall((HERE.parent / page).read_text()):
        for shown in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, *lines = shown.replace("\\\n", "\\\0").splitlines()
            found.append(Example(first.replace("\0", "\n"), tuple(lines)))
    return found


def pages() -> list[str]:
    """The documents that show commands."""
    known = [HERE.parent / "README.md", HERE.parent / "CONTRIBUTING.md", *sorted(HERE.glob("*.md"))]
    return [str(page.relative_to(HERE.parent)) for page in known if examples(str(page))]


def as_told(lines: tuple[str, ...], out: str) -> bool:
    """Whether a command printed what its page shows: but for numbers, for what `…` stands for, and blanks."""
    shown = [COMMENT.sub("", line).split() for line in lines]
    patterns = [r"\s+".join(map(_pattern, words)) for words in shown]
    return re.fullmatch(r"\s+".join(patterns), out.strip()) is not None


def _pattern(word: str) -> str:
    literal = "".join(r"\S*" if part == "…" else re.escape(part) for part in re.split("(…)", word))
    return re.sub(r"\d+", r"\\d+", literal)


@dataclass
class Reader(Hub):
    """Somebody with a home and a shell, who types what a page shows."""

    names: dict[str, str] = field(default_factory=dict)
    """What a page has → what it is here: ids, hosts, tokens."""
    variables: dict[str, str] = field(default_factory=dict)
    """What the shell has set."""
    receiver: int = 0
    """The port of a server that takes whatever is sent to it."""
    typed: list[Ended] = field(default_factory=list)
    """How the commands of this page have ended."""

    def __post_init__(self) -> None:
        """Make what a machine has."""
        for name in ("srv/data", "srv/vault", "var", "etc"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        # An answer that refuses is no success, which curl takes it for where nobody says so.
        (self.root / ".curlrc").write_text("fail-with-body\n")

    @property
    def home(self) -> Path:
        """Where `towpath` has its state when nothing else is said."""
        return self.root / ".towpath"

    def environment(self) -> Mapping[str, str]:
        """The reader's home, and the commands of the installation first."""
        tools = [str(_curl(self.root)), sysconfig.get_path("scripts"), os.environ["PATH"]]
        own = {"HOME": str(self.root), "PATH": os.pathsep.join(filter(None, tools)), "no_proxy": "*"}
        inherited = {name: value for name, value in super().environment().items() if name != "TOWPATH_HOME"}
        return {**inherited, **own, **self.variables}

    @property
    def data(self) -> Path:
        """The directory of the site."""
        return self.root / "srv/data"

    @property
    def url(self) -> str:
        """Where the hub is asked."""
        return str(self.api.base_url).rstrip("/")

    @property
    def key(self) -> str:
        """The key that `up` wrote."""
        return self.api.headers["Authorization"].removeprefix("Api-Key ")

    def reasons(self) -> list[str]:
        """Why paths of the newest job failed, for what is said of a test that fails."""
        if not (self.home / "client.toml").exists():
            return []
        newest = self.get("/api/jobs/", {"page_size": "1"})["results"]
        rows = [row for job in newest for row in self.get(f"/api/jobs/{job['id']}/paths/")["results"]]
        return [str(row["reason"]) for row in rows]

    def begin(self) -> None:
        """Take another page."""
        self.names, self.variables, self.typed = {}, {}, []

    def has_vault(self) -> None:
        """Let the site send to the target vault by default, whatever a page did before."""
        if self.api.get("/api/targets/vault/").status_code == 404:
            body = {"name": "vault", "url": (self.root / "srv/vault").as_uri()}
            self.api.post("/api/targets/", json=body).raise_for_status()
        self.api.patch("/api/sites/oslo/", json={"default_target": "vault"}).raise_for_status()

    def place(self, name: str, content: bytes | None = None) -> Path:
        """A file or, without content, a directory at the site, made where there is none."""
        path = self.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)
        return path

    def meant(self, command: str) -> str:
        """A command as it is run here."""
        there = command.replace("127.0.0.1:8420", f"127.0.0.1:{self.port}")
        if there.startswith("towpath up") and "--listen" not in there:
            there = there.replace("towpath up", f"towpath up --listen 127.0.0.1:{self.port}", 1)
        for shown, here in self.names.items():
            there = here.join(re.split(rf"(?<![\w.]){re.escape(shown)}(?!\w)", there))
        return PLACES.sub(f"{self.root}/", there)

    def type(self, command: str) -> Ended:
        """Run a command to its end; what it sets stays set for those after it."""
        names = [name for name in SETS.findall(command) if command.startswith((name, "export "))]
        kept = self.root / "variables"
        values = " ".join(f'"${name}"' for name in names)
        keep = f"\nprintf '%s\\0' {values} > '{kept}'" if names else ""
        with self._shell(f"set -e\n{self.meant(command)}{keep}", subprocess.PIPE) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(f"`{command}` did not end: {process.communicate()}") from None
        if names:
            self.variables.update(zip(names, kept.read_text().split("\0"), strict=False))
        self.typed.append(Ended(process.returncode, out, err))
        return self.typed[-1]

    @contextmanager
    def lasting(self, command: str, says: str, provoke: Callable[[], object] = bool) -> Iterator[None]:
        """A command that works until Ctrl-C, from when it has said something; meanwhile that is provoked."""
        log = self.root / LASTING_LOG
        log.write_bytes(b"")
        with log.open("ab") as said, self._shell(self.meant(command), said) as process:
            try:

                def heard() -> bool:
                    assert process.poll() is None, log.read_text()
                    provoke()
                    return says in log.read_text(errors="replace")

                until(heard, f"`{command}` said {says!r}")
                yield
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGINT)
                process.wait(PATIENCE)

    def _shell(self, script: str, out: int | BinaryIO) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*self.prefix, str(shutil.which("bash")), "-c", script],
            env=self.environment(),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE if out is subprocess.PIPE else subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def _curl(root: Path) -> Path | str:
    """Where curl is, if the machine has none."""
    if shutil.which("curl"):
        return ""
    place = root / "bin"
    if not place.exists():
        place.mkdir()
        (place / "curl.py").write_text(CURL)
        (place / "curl").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{place}/curl.py" "$@"\n')
        (place / "curl").chmod(0o755)
    return place
