"""The embedded NATS server: a child process with its own directory that dies with its parent."""

import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from towpath.bus import tether
from towpath.bus.authority import SERVER_NAME, Authority
from towpath.bus.ports import free_port
from towpath.bus.server_config import NodeKey, ServerSettings, render_config
from towpath.config import Listen
from towpath.domain.errors import Mistake

PROGRAM = "nats-server"
OLDEST = (2, 11)
HOST = "127.0.0.1"
CONFIG, PORT, LOG, COMPLAINTS = "nats.conf", "port", "nats.log", "nats.err"
_POLL_SECONDS = 0.01
_TAIL_BYTES = 16 * 1024


class ServerFailed(RuntimeError):
    """The NATS server did not come up: the exit status or the time waited, and the end of its log."""


def find_server(given: Path | None = None) -> Path:
    """The NATS server's program: the one given, else the wheel's beside this Python, else one on PATH.

    Raises `Mistake` where there is none that can be run.
    """
    if given is not None:
        if not (given.is_file() and os.access(given, os.X_OK)):
            raise Mistake(f"--nats-server {given}: expected a program that may be run, found none")
        return given.absolute()
    beside = os.pathsep.join((str(Path(sys.executable).parent), sysconfig.get_path("scripts")))
    found = shutil.which(PROGRAM, path=beside) or shutil.which(PROGRAM)
    if found is None:
        raise Mistake(
            f"{PROGRAM}: expected it beside {sys.executable} or on PATH, found none; give --nats-server PATH"
        )
    return Path(found).absolute()


class NatsChild:
    """A NATS server that runs as a child of this process, under a directory of its own.

    Port and keys stay the same however often it is started anew, so connections find it again; its directory may
    be deleted while it is down. It is killed by the kernel as soon as this process is gone, however it went.
    The methods block for moments (`start`) or as long as they say; one thread at a time may call them.
    """

    def __init__(
        self,
        directory: Path,
        hub_key: str,
        nodes: Sequence[NodeKey] = (),
        server: Path | None = None,
        listen: Listen | None = None,
        authority: Authority | None = None,
    ) -> None:
        """`listen`: elsewhere than at a free port of the loopback; port 0 is any that is free. With an authority,
        whose files are there, it speaks TLS."""
        self._directory = directory.absolute()
        self._hub_key = hub_key
        self._nodes = tuple(nodes)
        self._server = find_server(server)
        self._process: subprocess.Popen[bytes] | None = None
        self._name = ""
        self._listen = listen or Listen(HOST, 0)
        self._authority = authority
        self._port = self._listen.port or self._kept_port() or free_port(self._listen.host)

    @property
    def url(self) -> str:
        """Where it listens, or will."""
        return f"{'nats' if self._authority is None else 'tls'}://{self._here}"

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return self._port

    @property
    def _here(self) -> Listen:
        return Listen(self._listen.host, self._port).here

    @property
    def pid(self) -> int | None:
        """Its process id; None before the first start."""
        return None if self._process is None else self._process.pid

    def poll(self) -> int | None:
        """None while it runs, else its exit status (negative: the signal that ended it); -1 before the first start."""
        return -1 if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start it, or start it anew; returns before it is ready. Nothing happens where it runs already."""
        if self.poll() is None:
            return
        self._name = f"towpath-{secrets.token_hex(8)}"
        self._write_files()
        started: Future[subprocess.Popen[bytes]] = Future()
        # The kernel kills the child when the thread that started it ends, so it gets a thread that lives as long.
        threading.Thread(target=self._own, args=(started,), name=PROGRAM, daemon=True).start()
        self._process = started.result()

    def wait_ready(self, timeout: float = 10.0) -> None:
        """Wait until it takes connections; raises `ServerFailed` where it ended or `timeout` seconds went by."""
        end = time.monotonic() + timeout
        while not self._answers():
            if (status := self.poll()) is not None:
                raise ServerFailed(f"{PROGRAM} ended with status {status}: {self._last_words()}")
            if time.monotonic() > end:
                raise ServerFailed(f"{PROGRAM} was not ready within {timeout:g} s: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def reload(self, nodes: Sequence[NodeKey], timeout: float = 10.0) -> None:
        """Let exactly these nodes in from now on; connections of nodes that stay are not touched.

        The server takes the change up a moment later. Where it is down, its next start brings the change.
        """
        self._nodes = tuple(nodes)
        self._write_files()
        if self._process is not None and self._process.poll() is None:
            # A server that has not yet come as far as to handle the signal would be ended by it.
            self.wait_ready(timeout)
            self._process.send_signal(signal.SIGHUP)

    def stop(self, grace: float = 5.0) -> None:
        """End it, by force where it takes more than `grace` seconds; nothing happens where it does not run."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _own(self, started: "Future[subprocess.Popen[bytes]]") -> None:
        try:
            process = self._spawn()
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        tied = [sys.executable, "-I", "-S", tether.__file__, str(os.getpid())]
        command = [*tied, str(self._server), "--config", str(self._directory / CONFIG)]
        with (self._directory / COMPLAINTS).open("wb") as complaints:
            # A session of its own: Ctrl-C in a terminal is for the parent, which then stops it in good order.
            return subprocess.Popen(
                command,
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=complaints,
                stderr=complaints,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        """Whether it is this start of the server, and no other program, that greets on the port."""
        try:
            with socket.create_connection((self._here.host, self._port), 1) as connection:
                connection.settimeout(1)
                greeting = self._greeting(connection)
        except OSError:
            return False
        if not greeting.startswith(b"INFO "):
            return False
        info = json.loads(greeting[5:])
        if info.get("server_name") != self._name:
            return False
        _check_version(str(info.get("version")))
        return True

    def _greeting(self, connection: socket.socket) -> bytes:
        if self._authority is None:
            return connection.makefile("rb").readline(65536)
        context = ssl.create_default_context(cafile=self._authority.ca)
        with context.wrap_socket(connection, server_hostname=SERVER_NAME) as line:
            return line.makefile("rb").readline(65536)

    def _last_words(self) -> str:
        """What this start of the server complained of, else its last lines."""
        if complaints := _tail(self._directory / COMPLAINTS):
            return " ".join(complaints)
        own = [line for line in _tail(self._directory / LOG) if line.startswith(f"[{self.pid}] ")]
        grave = [line.partition(mark)[2] for line in own for mark in ("[FTL] ", "[ERR] ") if mark in line]
        return "; ".join(grave or own[-3:]) or "it said nothing"

    def _kept_port(self) -> int | None:
        file = self._directory / PORT
        if not file.exists():
            return None
        text = file.read_text("ascii", "replace").strip()
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise Mistake(f"{file}: expected a port number, found {text[:40]!r}")
        return int(text)

    def _write_files(self) -> None:
        # Relative paths: the directory may have a name that the server's syntax cannot quote.
        settings = ServerSettings(
            self._port, store_dir=Path(), log_file=Path(LOG), name=self._name, host=self._listen.host
        )
        if self._authority is not None:
            files = (
                Path(os.path.relpath(f, self._directory)) for f in (self._authority.cert, self._authority.key)
            )
            cert, key = files
            settings = replace(settings, cert=cert, cert_key=key)
        config = render_config(settings, self._hub_key, self._nodes)
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(self._directory / CONFIG, config)
        _replace(self._directory / PORT, f"{self._port}\n")


def _check_version(version: str) -> None:
    numbers = version.removeprefix("v").split(".")
    if [int(n) if n.isdigit() else 0 for n in numbers[:2]] < list(OLDEST):
        raise ServerFailed(f"{PROGRAM}: expected version {OLDEST[0]}.{OLDEST[1]} or later, found {version}")


def _tail(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read().decode("utf-8", "replace").split("\n")[:-1]


def _replace(path: Path, text: str) -> None:
    private = path.with_name(f".{path.name}.new")
    private.write_text(text, "utf-8")
    private.replace(path)
