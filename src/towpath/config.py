"""The settings of the hub's process: read once, then passed."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from towpath.domain.errors import Mistake

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8420
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  names for it, and how to reach it from here


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the API listens; port 0 is any that is free."""

    host: str = DEFAULT_HOST
    port: int = DEFAULT_PORT

    @classmethod
    def parse(cls, text: str, option: str = "--listen") -> "Listen":
        """`HOST:PORT`, `[IPv6]:PORT` or `:PORT`; raises `Mistake`."""
        host, colon, port = text.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() else -1
        if not colon or not 0 <= number < 65536:
            raise Mistake(
                f"{option}: expected HOST:PORT such as {DEFAULT_HOST}:{DEFAULT_PORT}, found '{text}'"
            )
        return cls(host.strip("[]") or DEFAULT_HOST, number)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def here(self) -> "Listen":
        """Where this machine itself reaches it: one that listens everywhere is reached on the loopback."""
        return Listen(EVERYWHERE.get(self.host, self.host), self.port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a host, as a URL names it, is this machine and nothing else."""
    try:
        return host in LOOPBACK or ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Front:
    """How the API is reached; raises `Mistake` for a way on which keys and passwords could be read."""

    listen: Listen = Listen()
    cert: Path | None = None
    """The certificate's file, PEM, with those between it and its authority behind it; None = plain HTTP."""
    key: Path | None = None
    """The file of the certificate's private key."""
    proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies: what they say of whom they speak for is believed, and of nobody else."""
    url: str = ""
    """Under which others reach it, where that is not where it listens."""

    def __post_init__(self) -> None:
        if (self.cert is None) != (self.key is None):
            given, missing = ("--tls-key", "--tls-cert") if self.cert is None else ("--tls-cert", "--tls-key")
            raise Mistake(f"{given}: expected {missing} with it, found it alone")
        for proxy in self.proxies:
            _check_proxy(proxy)
        if self.url:
            _check_url(self.url)
        if self.cert is None and not self.proxies and not self.listen.is_loopback:
            raise Mistake(
                f"--listen {self.listen}: expected --tls-cert and --tls-key, or --behind-proxy with the address of a"
                " proxy that speaks TLS, where others than this machine can reach it; found neither, and keys and"
                " passwords would cross the network in the clear"
            )

    @property
    def url_here(self) -> str:
        """Under which this machine itself reaches it."""
        return f"{'http' if self.cert is None else 'https'}://{self.listen.here}"

    @property
    def is_for_proxies_alone(self) -> bool:
        """Whether it speaks plain HTTP where others could come too, who are to be refused."""
        return self.cert is None and not self.listen.is_loopback


def _check_proxy(text: str) -> None:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise Mistake(f"--behind-proxy: expected an address or a network, found '{text}'") from None
    if network.prefixlen == 0:
        raise Mistake(f"--behind-proxy: expected the addresses of proxies, found every address ({text})")


def _check_url(text: str) -> None:
    try:
        parts = urlsplit(text)
        sound = bool(parts.hostname) and parts.port != 0 and not parts.path.strip("/")
    except ValueError:
        sound = False
    if not sound or parts.scheme not in ("http", "https") or "@" in text:
        raise Mistake(f"--url: expected https://HOST or https://HOST:PORT, found '{text}'")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise Mistake(f"--url: expected https:// for a host other than this machine, found '{text}'")


@dataclass(frozen=True, slots=True)
class HubSettings:
    """All that the hub's process is told from outside."""

    home: Path
    """The hub's own directory: its database by default, its keys, its logs."""
    database_url: str
    """Where the truth is kept: `sqlite:///file` or `postgresql+psycopg://…`."""
    bus_url: str
    """The NATS server, or servers with commas between, that nodes and hub meet on."""
    bus_ca: Path | None = None
    """The authorities that may vouch for a `tls` bus; None = the usual ones."""
    bus_name: str = ""
    """What its certificate names, where that is not the URL's host."""
    node_bus: str = ""
    """Where nodes from elsewhere find the bus, where it is not `bus_url`; a host `*` is that of the hub's own URL."""
    front: Front = Front()
    """How the API is reached."""
    heartbeat: float = 5.0
    """Seconds between a node's heartbeats."""
    lease_beats: int = 4
    """Heartbeats a node may miss, while the hub could hear it, before its tasks are released."""
    max_body: int = 32 * 1024 * 1024
    """Bytes that the body of a request may have."""
    answer_seconds: float = 45.0
    """How long a node gets for the answer to what somebody waits for."""
    requests_per_minute: int = 60_000
    """How often a user may call within a minute; 0 = at will."""
    drain_seconds: float = 10.0
    """How long a stopping hub waits for requests under way."""
    keep_days: float = 90.0
    """Days for which jobs that are over are kept; 0 = for ever."""
    keep_events_days: float = 30.0
    """Days for which events are kept; 0 = for ever."""
    given_key: Path | None = None
    """The file of the key under which secrets are encrypted, where somebody else keeps it; the hub only reads it."""
    ui: Path | None = None
    """Where the built web UI lies; None = the API alone."""

    @property
    def name(self) -> str:
        """By what other hubs on the same database know this one; the same after a restart."""
        return f"{socket.gethostname()}:{self.home}"[:300]

    @property
    def shown_url(self) -> str:
        """What links that the hub gives away begin with, without a / at the end."""
        return self.front.url.rstrip("/") or self.front.url_here

    @property
    def key_file(self) -> Path:
        """Where the hub keeps that key itself: 32 bytes."""
        return self.home / "hub.key"

    @property
    def seed_file(self) -> Path:
        """The NKEY seed with which the hub joins the bus."""
        return self.home / "hub.nk"


def find_ui(package: Path = Path(__file__).parent) -> Path | None:
    """Where the built web UI lies; None where Towpath was installed without."""
    folder = package / "ui"
    return folder if (folder / "index.html").is_file() else None


def read_key_file(env: Mapping[str, str]) -> Path | None:
    """The file that `TOWPATH_KEY_FILE` names, as a container is given a secret; None where it names none."""
    named = env.get("TOWPATH_KEY_FILE", "")
    return Path(named) if named else None


def read_keep_days(env: Mapping[str, str]) -> float:
    """Days for which jobs that are over are kept: `TOWPATH_KEEP_DAYS`, 90 by default; raises `Mistake`."""
    return _read_days(env, "TOWPATH_KEEP_DAYS", "90")


def read_keep_events_days(env: Mapping[str, str]) -> float:
    """Days for which events are kept: `TOWPATH_KEEP_EVENTS_DAYS`, 30 by default; raises `Mistake`."""
    return _read_days(env, "TOWPATH_KEEP_EVENTS_DAYS", "30")


def read_requests_per_minute(env: Mapping[str, str]) -> int:
    """How often a user may call: `TOWPATH_REQUESTS_PER_MINUTE`, 60,000 by default, 0 at will; raises `Mistake`."""
    text = env.get("TOWPATH_REQUESTS_PER_MINUTE", "60000")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Mistake(f"TOWPATH_REQUESTS_PER_MINUTE: expected a whole number, 0 for any, found '{text}'")
    return int(text)


def _read_days(env: Mapping[str, str], name: str, usual: str) -> float:
    text = env.get(name, usual)
    try:
        days = float(text)
    except ValueError:
        days = -1.0
    if not 0 <= days <= 100_000:
        raise Mistake(f"{name}: expected days, 0 for ever, found '{text}'")
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
