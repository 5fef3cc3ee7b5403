"""The demo's hub: `towpath up` in a temporary home, and its jobs shown as they happen."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from demo.say import say
from towpath.cli.home import Home, find_connection
from towpath.cli.progress import watching
from towpath.client import Client
from towpath.client.shapes import JobFacts

POLL = 0.05
PATIENCE = 170.0


class Wrong(Exception):
    """The demo did not go as it should."""


@dataclass(frozen=True)
class Ran:
    """A job of the demo, for the closing table."""

    what: str
    job: JobFacts
    seconds: float


@dataclass
class Demo:
    """A running hub, and the jobs that were run on it."""

    home: Path
    client: Client
    ran: list[Ran] = field(default_factory=list)

    def submit(
        self, workflow: str, site: str, path: Path, fields: Mapping[str, bool | int | str] | None = None
    ) -> JobFacts:
        """Start a job."""
        return self.client.jobs.run(workflow, site, [path], fields=fields).facts

    def job(self, job_id: int) -> JobFacts:
        """A job as it stands."""
        return self.client.jobs.get(job_id).facts

    def ask(self, job: JobFacts, verb: str, body: Mapping[str, object] | None = None) -> JobFacts:
        """Pause, resume, cancel or retry a job; a retry is a new one."""
        return msgspec.json.decode(
            self.client.post(f"/api/jobs/{job.id}/{verb}/", dict(body or {})), type=JobFacts
        )

    def watch(self, what: str, job: JobFacts, until: Callable[[JobFacts], bool]) -> JobFacts:
        """Show a job until it stands as asked, with each state that it passes through."""
        give_up = time.monotonic() + PATIENCE
        states: list[str] = []
        with watching() as watcher:
            while True:
                job = self.job(job.id)
                if job.state not in states[-1:]:
                    states.append(job.state)
                watcher.show(job)
                if until(job) or job.ended_at:
                    break
                if time.monotonic() > give_up:
                    raise Wrong(f"{what}: job {job.id} is still {job.state} after {PATIENCE:.0f} s")
                time.sleep(POLL)
        say(f"  {what}: " + " → ".join(states))
        return job

    def finish(self, what: str, job: JobFacts, expected: str) -> JobFacts:
        """Show a job to its end, which must be the one expected."""
        began = time.monotonic()
        job = self.watch(what, job, lambda j: j.ended_at is not None)
        self.ran.append(Ran(what, job, time.monotonic() - began))
        if job.state != expected:
            raise Wrong(f"{what}: expected job {job.id} to end {expected}, found {job.state}")
        return job

    def failed_paths(self, job: JobFacts) -> list[dict[str, object]]:
        """The paths of a job that failed, with their reasons."""
        query = {"outcome": "failed"}
        return [msgspec.json.decode(line) for line in self.client.lines(f"/api/jobs/{job.id}/paths/", query)]


def towpath(home: Path, *words: str) -> None:
    """Run a `towpath` command, and show it."""
    say(f"[dim]$ towpath {' '.join(words)}[/]")
    done = subprocess.run(
        [sys.executable, "-m", "towpath", *words], env={**os.environ, "TOWPATH_HOME": str(home)}, check=False
    )
    if done.returncode:
        raise Wrong(f"towpath {words[0]} ended with exit status {done.returncode}")


def start(home: Path, sites: Sequence[tuple[str, Path]]) -> Demo:
    """Bring up the hub with its sites."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    places = [word for name, place in sites for word in ("--site", f"{name}={place}")]
    towpath(home, "up", "--home", str(home), "--listen", f"127.0.0.1:{port}", *places, "--detach")
    connection = find_connection(Home(home))
    if connection is None:
        raise Wrong(f"{home}: expected client.toml, found none")
    return Demo(home, Client(connection=connection))
