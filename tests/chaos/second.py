"""A second node of a site, beside the one that `towpath up` keeps alive: tasks find another node, zombies meet one."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath.bus import tether
from towpath.bus.keys import load_or_make_seed, public_key
from towpath.bus.server import HOST, PORT
from towpath.cli.home import Home
from towpath.cli.running import Child, born_at
from towpath.engine import registry
from towpath.store import schema
from towpath.store.database import Database
from towpath.worker import keys

NAME = "second"


@dataclass
class SecondNode:
    """A worker that we start, and start again."""

    hub: Home
    site: str
    directory: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def home(self) -> Path:
        """Its own home."""
        return self.hub.site(f"{self.site}-{NAME}")

    def admit(self, database_url: str) -> None:
        """Let it join the bus; before the first `up`, which tells the server of all that may."""
        self.hub.make()
        for home in (self.home, self.hub.site(self.site)):
            home.mkdir(mode=0o700)
            key = keys.load_or_make(self.home / "site.key")
            # The nodes of a site have one key.
            (home / "site.key").touch(mode=0o600)
            (home / "site.key").write_bytes(key)
        schema.upgrade(database_url)
        database = Database(database_url, lambda: time.time_ns() // 1000)
        with database.writing() as tx:
            registry.add_site(tx, self.site)
            registry.register_node(tx, self.site, NAME, public_key(load_or_make_seed(self._seed)))
        database.stop()

    @property
    def _seed(self) -> Path:
        return self.home / "node.nk"

    def start(self, env: Mapping[str, str]) -> None:
        """Start it, unless it lives, or nobody can say where the bus is."""
        port = self.hub.nats / PORT
        if self.child() is not None or not port.exists():
            return
        identity = ["--site", self.site, "--node", NAME, "--seed", str(self._seed), "--home", str(self.home)]
        place = ["--root", f"data={self.directory}", "--bus", f"nats://{HOST}:{port.read_text().strip()}"]
        command = [sys.executable, "-m", "towpath", "worker", *identity, *place, "--unguarded"]
        tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid()), *command]
        with self.hub.log("worker", f"{self.site}-{NAME}").open("ab") as log:
            self.process = subprocess.Popen(
                [*tied, "--allow-target", "/"],
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def child(self) -> Child | None:
        """It, as the supervisor would tell of it, if it lives."""
        if self.process is None or self.process.poll() is not None:
            return None
        pid = self.process.pid
        return Child(NAME, self.site, pid, 0, "", born_at(pid))

    def end(self) -> None:
        """Let it end in good order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(60)
