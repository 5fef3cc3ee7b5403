"""The settings of the hub's process: read once, then passed."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from towpath.domain.errors import Mistake

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the API listens."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT

    @classmethod
    def parse(cls, text: str) -> "Listen":
        """`HOST:PORT`, `[IPv6]:PORT` or `:PORT`; raises `Mistake`."""
        host, colon, port = text.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() else 0
        if not colon or not 0 < number < 65536:
            raise Mistake(
                f"--listen: expected HOST:PORT such as {DEFAULT_HOST}:{DEFAULT_PORT}, found '{text}'"
            )
        listen = cls(host.strip("[]") or DEFAULT_HOST, number)
        if listen.host not in LOOPBACK:
            raise Mistake(
                f"--listen {text}: expected an address of this machine's loopback ({DEFAULT_HOST}), since API keys"
                " would cross the network in the clear; put a TLS proxy in front of the hub to open it to others"
            )
        return listen

    @property
    def url(self) -> str:
        """The URL of the API."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def __str__(self) -> str:
        return self.url.removeprefix("http://")


@dataclass(frozen=True, slots=True)
class HubSettings:
    """All that the hub's process is told from outside."""

    home: Path
    """The hub's own directory: its database by default, its keys, its logs."""
    database_url: str
    """Where the truth is kept: `sqlite:///file` or `postgresql+psycopg://…`."""
    bus_url: str
    """The NATS server, or servers with commas between, that nodes and hub meet on."""
    listen: Listen = Listen()
    """Where the API listens."""
    heartbeat: float = 5.0
    """Seconds between a node's heartbeats."""
    lease_beats: int = 4
    """Heartbeats a node may miss, while the hub could hear it, before its tasks are released."""
    max_body: int = 32 * 1024 * 1024
    """Bytes that the body of a request may have."""
    drain_seconds: float = 10.0
    """How long a stopping hub waits for requests under way."""
    keep_days: float = 90.0
    """Days for which jobs that are over are kept; 0 = for ever."""

    given_key: Path | None = None
    """The file of the key under which secrets are encrypted, where somebody else keeps it; the hub only reads it."""

    @property
    def name(self) -> str:
        """By what other hubs on the same database know this one; the same after a restart."""
        return f"{socket.gethostname()}:{self.home}"[:300]

    @property
    def key_file(self) -> Path:
        """Where the hub keeps that key itself: 32 bytes."""
        return self.home / "hub.key"

    @property
    def seed_file(self) -> Path:
        """The NKEY seed with which the hub joins the bus."""
        return self.home / "hub.nk"


def read_key_file(env: Mapping[str, str]) -> Path | None:
    """The file that `TOWPATH_KEY_FILE` names, as a container is given a secret; None where it names none."""
    named = env.get("TOWPATH_KEY_FILE", "")
    return Path(named) if named else None


def read_keep_days(env: Mapping[str, str]) -> float:
    """Days for which jobs that are over are kept: `TOWPATH_KEEP_DAYS`, 90 by default; raises `Mistake`."""
    text = env.get("TOWPATH_KEEP_DAYS", "90")
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= 100_000:
        raise Mistake(f"TOWPATH_KEEP_DAYS: expected days, 0 for ever, found '{text}'")
    return days


def read_heartbeat(env: Mapping[str, str]) -> float:
    """Seconds between heartbeats: `TOWPATH_HEARTBEAT`, 5 by default; raises `Mistake`."""
    text = env.get("TOWPATH_HEARTBEAT", "5")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.05 <= seconds <= 60:
        raise Mistake(f"TOWPATH_HEARTBEAT: expected seconds from 0.05 to 60, found '{text}'")
    return seconds
