"""Hubs and workers started one by one, as on many machines: one database, one bus, a home for each."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.world import CHAINS, HEARTBEAT, World, plant_rig
from tests.fixtures_hub import is_alive, until
from tests.fixtures_nats import Bus

from towpath.bus.keys import public_key
from towpath.bus.ports import free_port
from towpath.cli.children import environment, spawn
from towpath.cli.home import Home, write_connection
from towpath.client.connection import Connection
from towpath.engine import registry
from towpath.store import conductor, schema
from towpath.store.database import Database
from towpath.store.tables import nodes

SITE = "oslo"


@dataclass
class Member(World):
    """One hub of several, with a client of its own API."""

    process: "subprocess.Popen[bytes] | None" = None

    @property
    def name(self) -> str:
        """As the others know it."""
        return f"{socket.gethostname()}:{self.home}"

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.root / "hub.log").read_text(errors="replace")

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        if number is signal.SIGKILL:
            self.process.wait()


@dataclass
class Fleet:
    """What is started on one database and one bus; all of it ends with the test."""

    root: Path
    url: str
    bus: Bus
    key: str
    database: Database
    members: list[Member] = field(default_factory=list)
    others: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def hub(self, name: str) -> Member:
        """Start a hub; it answers on return."""
        member = Member(self.root / name, free_port())
        member.home.mkdir(parents=True)
        (member.home / "hub.key").write_bytes(b"k" * 32)
        (member.home / "hub.key").chmod(0o600)
        (member.home / "hub.nk").write_text(f"{self.bus.hub_seed}\n")
        write_connection(Home(member.home), Connection(f"http://127.0.0.1:{member.port}", self.key))
        place = ["--home", str(member.home), "--listen", f"127.0.0.1:{member.port}"]
        arguments = ["hub", "--bus", self.bus.child.url, "--database", self.url, *place]
        member.process = spawn(arguments, member.root / "hub.log", self.environment(), tied=True)
        self.members.append(member)
        until(lambda: self._is_up(member), f"{name} answered")
        return member

    @staticmethod
    def _is_up(member: Member) -> bool:
        assert member.process is not None
        assert member.process.poll() is None, member.log
        return member.answers()

    def environment(self) -> Mapping[str, str]:
        """That of all of them."""
        return {**environment(os.environ), "TOWPATH_HEARTBEAT": str(HEARTBEAT)}

    def worker(self, node: str, towpath: Path | None = None) -> "subprocess.Popen[bytes]":
        """Start a node of the site, with the tests' plugin; or of another Towpath, installed there, without it."""
        (self.root / SITE).mkdir(exist_ok=True)
        self.let_in(node)
        seed = self.root / f"{node}.nk"
        seed.write_text(f"{self.bus.seeds[SITE, node]}\n")
        seed.chmod(0o600)
        identity = ["--site", SITE, "--node", node, "--seed", str(seed), "--bus", self.bus.child.url]
        place = ["--home", str(self.root / f"{node}-home"), "--root", f"data={self.root / SITE}"]
        queues = ["--queue", "default=worker:2", "--queue", "default=discovery:1"]
        arguments = ["worker", *identity, *place, *queues]
        own = dict(self.environment())
        if towpath is None:
            (rig := self.root / f"{node}-rig").mkdir()
            own["PYTHONPATH"] = os.pathsep.join(filter(None, [own.get("PYTHONPATH"), str(plant_rig(rig))]))
        else:
            own["PYTHONPATH"] = str(towpath)
        log = self.root / f"{node}.log"
        process = spawn(arguments, log, own, tied=True)
        self.others.append(process)
        return process

    def let_in(self, node: str) -> None:
        """Have hubs and bus know a node of the site."""
        names = [*self.bus.seeds, (SITE, node)]
        self.bus.let_in(*dict.fromkeys(names))
        key = public_key(self.bus.seeds[SITE, node])
        with self.database.writing() as tx:
            registry.add_site(tx, SITE)
            registry.register_node(tx, SITE, node, key)

    def conducting(self) -> Member | None:
        """The hub that does the upkeep; None while none that lives does."""
        with self.database.reading() as conn:
            holder = conductor.look(conn).holder
        return next(
            (m for m in self.members if m.name == holder and m.process and is_alive(m.process.pid)), None
        )

    def lost_nodes(self) -> Sequence[str]:
        """The nodes whose leases were taken."""
        with self.database.reading() as conn:
            return list(conn.scalars(nodes.select().with_only_columns(nodes.c.name).where(nodes.c.lost)))

    def stop(self) -> None:
        """End everything."""
        for member in self.members:
            member.close()
        processes = [*self.others, *(member.process for member in self.members if member.process)]
        for process in processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.database.stop()


@contextmanager
def sailing(root: Path, url: str) -> Iterator[Fleet]:
    """A fleet without a hub or worker yet, on a database that is empty, with the workflows of all worlds."""
    schema.upgrade(url)
    database = Database(url, lambda: 1_700_000_000_000_000)
    with database.writing() as tx:
        key = registry.make_api_key(tx, "ana")
    bus = Bus(root / "nats")
    bus.start()
    fleet = Fleet(root, url, bus, key, database)
    try:
        yield fleet
    finally:
        fleet.stop()
        bus.child.stop(grace=1)


def teach(member: Member) -> None:
    """Give the hubs the workflows that every world has, once a node has told of the steps in them."""
    until(
        lambda: any(site["health"] == "ok" for site in member.get("/api/sites/")["results"]),
        "a node was heard",
    )
    for document in CHAINS:
        member.post("/api/workflows/", document)
