"""Pytest fixtures: `towpath up` as people run it, black-box: commands, their output, and processes by their pids."""

import json
import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.forked import run_forked

from towpath.bus.ports import free_port
from towpath.cli.home import Home
from towpath.cli.running import read_status

PATIENCE = 60.0
SOONEST, LATEST = 0.05, 0.3
"""Seconds between two looks at what is waited for."""

REAPER = """
import fcntl, subprocess, sys
homes = [line.rstrip("\\n") for line in sys.stdin]
for home in homes:
    try:
        with open(home + "/run/lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        pass
    except BlockingIOError:
        subprocess.run([sys.executable, "-m", "towpath", "down", "--home", home], capture_output=True)
"""
"""Waits until the tests are over, however they end, and stops what they left running."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class Hub:
    """A home, and the commands that are run for it. Nothing runs until `up`."""

    root: Path
    port: int = field(default_factory=free_port)
    env: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    """A program that each command is run by, with its arguments."""
    more: tuple[str, ...] = ()
    """What `up` is told besides."""
    told: str = ""
    """What the last `up` printed."""
    _api: httpx.Client | None = None

    @property
    def home(self) -> Path:
        """The hub's home."""
        return self.root / "home"

    def environment(self) -> Mapping[str, str]:
        """That of every command."""
        own = {"TOWPATH_HOME": str(self.home), "TOWPATH_HEARTBEAT": "0.5", "NO_COLOR": "1"}
        hidden = ("TOWPATH_URL", "TOWPATH_API_KEY")
        return {**{k: v for k, v in os.environ.items() if k not in hidden}, **own, **self.env}

    def start(self, *arguments: str | bytes) -> subprocess.Popen[str]:
        """A command as a process."""
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "towpath", *arguments],
            env=self.environment(),
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def command(self, *arguments: str | bytes, timeout: float = 120) -> Ended:
        """Run a command to its end; most are forked, which takes a tenth of the time."""
        ran = run_forked(self.prefix, arguments, self.environment(), self.root, timeout)
        if ran is not None:
            return Ended(ran.returncode, ran.stdout, ran.stderr)
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=timeout)
            return Ended(process.returncode, out, err)

    def run(self, *arguments: str | bytes, status: int = 0) -> str:
        """What a command prints; it must end with that status."""
        ended = self.command(*arguments)
        assert ended.status == status, (arguments, ended)
        return ended.out

    def json(self, *arguments: str | bytes, status: int = 0) -> Any:
        """The document that a command prints."""
        return json.loads(self.run(*arguments, "--json", status=status))

    def site(self, name: str) -> Path:
        """The directory of a site, made where there is none."""
        place = self.root / name
        place.mkdir(exist_ok=True)
        return place

    def up(self, *sites: str) -> str:
        """Bring the hub up with these sites; returns once all is up."""
        named = [*self.more, *(f"--site={name}={self.site(name)}" for name in sites)]
        self.told = self.run("up", "--detach", "--listen", f"127.0.0.1:{self.port}", *named)
        return self.told

    def pids(self) -> dict[tuple[str, str | None], int | None]:
        """(role, site) → pid of what the supervisor keeps alive, without the process that `towpath status` would be."""
        status = read_status(Home(self.home))
        return {(child.role, child.site): child.pid for child in (status.children if status else ())}

    def supervisor(self) -> int:
        """The pid of the supervisor."""
        return int((self.home / "run" / "lock").read_text())

    @property
    def api(self) -> httpx.Client:
        """A client with the key that `up` wrote."""
        if self._api is None:
            said = tomllib.loads((self.home / "client.toml").read_text())
            self._api = httpx.Client(
                base_url=said["url"],
                headers={"Authorization": f"Api-Key {said['api_key']}"},
                timeout=PATIENCE,
                trust_env=False,
                verify=False,
            )
        return self._api

    def close(self) -> None:
        """Close the client."""
        if self._api is not None:
            self._api.close()
            self._api = None

    def get(self, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A document of the API."""
        found: dict[str, Any] = self.api.get(path, params=query).raise_for_status().json()
        return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait for a condition. What is long in coming is looked at more rarely, and what takes long to look at too: looks
    would hold up what they wait for."""
    began = time.monotonic()
    while True:
        looked = time.monotonic()
        if holds():
            return
        now = time.monotonic()
        assert now < began + patience, f"waited {patience:g} s in vain until {what}"
        time.sleep(max(SOONEST, now - looked, min(LATEST, (now - began) / 8)))


@contextmanager
def reaping() -> Iterator[Callable[[Path], None]]:
    """Takes homes whose hub is stopped at the end, even where this process is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", REAPER],
        stdin=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stdin is not None

        def take(home: Path) -> None:
            assert process.stdin is not None
            process.stdin.write(f"{home}\n")
            process.stdin.flush()

        yield take
        process.stdin.close()
        process.wait(PATIENCE)


@pytest.fixture(scope="session")
def reaper() -> Iterator[Callable[[Path], None]]:
    """Takes homes whose hub is stopped when the tests are over, however they end."""
    with reaping() as take:
        yield take


MakeHub = Callable[[], Hub]


@contextmanager
def _making(tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None]) -> Iterator[MakeHub]:
    made: list[Hub] = []

    def make() -> Hub:
        hub = Hub(tmp_path_factory.mktemp("hub"))
        reaper(hub.home)
        made.append(hub)
        return hub

    try:
        yield make
    finally:
        for hub in made:
            hub.close()
            if hub.home.exists():
                hub.command("down")


@pytest.fixture
def make_hub(tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None]) -> Iterator[MakeHub]:
    """Makes hubs that are stopped at the end of the test."""
    with _making(tmp_path_factory, reaper) as make:
        yield make


@pytest.fixture(scope="module")
def make_shared_hub(
    tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None]
) -> Iterator[MakeHub]:
    """Makes hubs that are stopped when the module's tests are over."""
    with _making(tmp_path_factory, reaper) as make:
        yield make
