"""A hub with its sites, in a home of its own, for a benchmark to work on."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class Ground:
    """A running hub: its home, its sites' directories, and a client of its API."""

    home: Path
    sites: dict[str, Path]
    api: httpx.Client
    database_url: str

    def towpath(self, *words: str, stdin: str | None = None) -> str:
        """What a `towpath` command prints; raises where it fails."""
        done = subprocess.run(
            [sys.executable, "-m", "towpath", *words],
            env={**os.environ, "TOWPATH_HOME": str(self.home)},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"towpath {' '.join(words)}: exit {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def finish(self, job_id: int, seconds: float = 600, apart: float = 0.1) -> dict[str, Any]:
        """The job once it is over, read from the API, which is asked every `apart` seconds, and less often a job that
        takes long: each answer costs the hub some milliseconds."""
        began = time.monotonic()
        until = began + seconds
        while time.monotonic() < until:
            job: dict[str, Any] = self.api.get(f"/api/jobs/{job_id}/").raise_for_status().json()
            if job["ended_at"] is not None:
                return job
            time.sleep(max(apart, (time.monotonic() - began) / 50))
        raise RuntimeError(f"job {job_id} is {job['state']} after {seconds:.0f} s: {job}")

    def submit(self, workflow: str, *paths: Path) -> int:
        """Start a job at the site oslo over these paths as they are; its id."""
        body = {
            "workflow": workflow,
            "site": "oslo",
            "discovery": None,
            "paths": [str(path) for path in paths],
        }
        return int(self.api.post("/api/file/workflow/", json=body).raise_for_status().json()["id"])

    def pid(self, role: str) -> int:
        """The process of that role (`hub`, `worker`, …), as `towpath status` has it."""
        running = json.loads(self.towpath("status", "--json"))
        return next(int(one["pid"]) for one in running if one["role"] == role)

    def start(self, *words: str) -> None:
        """`towpath up` in this home, once more."""
        self.towpath("up", "--home", str(self.home), "--detach", *words)

    def stop(self) -> None:
        """`towpath down`."""
        self.towpath("down", "--home", str(self.home))


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def hub(sites: Sequence[str], scratch: Path | None = None, database: str | None = None) -> Iterator[Ground]:
    """`towpath up` with these sites in a temporary directory (beneath `scratch`), taken down at the end.

    `database` is the URL of another database than the embedded one.
    """
    top = Path(tempfile.mkdtemp(prefix="towpath-bench-", dir=scratch))
    places = {name: top / name for name in sites}
    for place in places.values():
        place.mkdir()
    home = top / "home"
    up = ["up", "--home", str(home), "--listen", f"127.0.0.1:{free_port()}", "--detach"]
    up += ["--database", database] if database else []
    words = [*up, *(word for name, place in places.items() for word in ("--site", f"{name}={place}"))]
    try:
        subprocess.run([sys.executable, "-m", "towpath", *words], check=True, stdout=subprocess.DEVNULL)
        said = tomllib.loads((home / "client.toml").read_text())
        headers = {"Authorization": f"Api-Key {said['api_key']}"}
        with httpx.Client(base_url=said["url"], headers=headers, timeout=120) as api:
            yield Ground(home, places, api, database or f"sqlite:///{home / 'hub.db'}")
    finally:
        subprocess.run([sys.executable, "-m", "towpath", "down", "--home", str(home)], check=False)
        shutil.rmtree(top, ignore_errors=True)
