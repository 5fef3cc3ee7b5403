"""What a check of a configuration looks at, one function for each thing; nothing is started, made or changed."""

import os
import re
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from towpath.bus.server import find_server
from towpath.bus.settings import BusSettings
from towpath.cli.certificate import Certificate
from towpath.cli.home import Home, Remembered
from towpath.cli.hub_command import bind
from towpath.cli.keyfile import load_hub_key
from towpath.cli.running import is_running
from towpath.config import (
    Front,
    read_heartbeat,
    read_keep_days,
    read_keep_events_days,
    read_key_file,
    read_requests_per_minute,
)
from towpath.domain.errors import Mistake, did_you_mean
from towpath.store import schema
from towpath.store.schema import Standing

ROOM = 1_000_000_000
"""Bytes that a home should have free: a database grows, and a full disk stops it."""
RENEWED_DAYS = 14
"""Days before its end by which a certificate should have been renewed."""
SKEW_SECONDS = 5.0
"""By how much the clocks of the hub and its database may differ."""
ANSWER_SECONDS = 5.0
SAID = re.compile(r"expected (.+), found (.+)", re.DOTALL)
"""How the text of most mistakes is put."""
VARIABLES: Mapping[str, Callable[[Mapping[str, str]], object] | None] = {
    "TOWPATH_HOME": None,
    "TOWPATH_URL": None,
    "TOWPATH_API_KEY": None,
    "TOWPATH_CA": None,
    "TOWPATH_DATABASE": None,
    "TOWPATH_JOIN": None,
    "TOWPATH_KEY_FILE": read_key_file,
    "TOWPATH_HEARTBEAT": read_heartbeat,
    "TOWPATH_KEEP_DAYS": read_keep_days,
    "TOWPATH_KEEP_EVENTS_DAYS": read_keep_events_days,
    "TOWPATH_REQUESTS_PER_MINUTE": read_requests_per_minute,
}
"""Every variable that a hub or a command reads, and what reads it where not every text will do."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    thing: str
    well: bool | None
    """None: it works, and somebody should look at it."""
    expected: str
    found: str


@dataclass(frozen=True, slots=True)
class Looked:
    """The configuration that is looked at."""

    home: Home
    remembered: Remembered
    front: Front
    database_url: str
    bus: str
    """Empty: the hub's own server."""
    bus_ca: Path | None
    bus_name: str
    env: Mapping[str, str]


def tried(thing: str, expected: str, work: Callable[[], str]) -> Finding:
    """What `work` found; where it raises `Mistake`, that is not well."""
    try:
        return Finding(thing, True, expected, work())
    except Mistake as error:
        said = SAID.search(str(error))
        return Finding(thing, False, *said.groups()) if said else Finding(thing, False, expected, str(error))


def variables(looked: Looked) -> Iterator[Finding]:
    """The environment: each variable of ours that is set."""
    for name in sorted(name for name in looked.env if name.startswith("TOWPATH_")):
        if name not in VARIABLES:
            hint = did_you_mean(name, VARIABLES)
            yield Finding(name, None, "a variable that Towpath reads", f"one that it does not{hint}"[:200])
            continue
        read = VARIABLES[name]
        if read is not None:
            yield tried(name, "a value that can be used", partial(_value, read, looked.env))


def _value(read: Callable[[Mapping[str, str]], object], env: Mapping[str, str]) -> str:
    return str(read(env))


def directories(looked: Looked) -> Iterator[Finding]:
    """The home and the sites' directories: whose they are, what may be done there, how much room is left."""
    root = looked.home.root
    if not root.exists():
        yield Finding(f"home {root}", None, "the directory of a hub", "none; `towpath up` makes it")
        return
    yield _private(root)
    yield _usable(f"home {root}", root)
    free = shutil.disk_usage(root).free
    expected = f"{ROOM // 10**9} GB of room or more"
    yield Finding(f"room at {root}", free >= ROOM, expected, f"{free / 1e9:.1f} GB")
    for name, place in looked.remembered.sites.items():
        yield _usable(f"site {name}: {place}", Path(place))


def _private(root: Path) -> Finding:
    status = root.stat()
    mode = stat.S_IMODE(status.st_mode)
    mine = status.st_uid == os.geteuid()
    found = f"{mode:03o}, owner {status.st_uid}"
    return Finding(f"rights of {root}", mine and not mode & 0o077, f"700, owner {os.geteuid()}", found)


def _usable(thing: str, place: Path) -> Finding:
    expected = "a directory that may be read and written"
    if not place.is_dir():
        return Finding(thing, False, expected, "none")
    asked = (("read", os.R_OK), ("written", os.W_OK), ("entered", os.X_OK))
    lacks = [word for word, bit in asked if not os.access(place, bit)]
    return Finding(thing, not lacks, expected, f"one that may not be {' or '.join(lacks)}" if lacks else "it")


def keys(looked: Looked) -> Iterator[Finding]:
    """The key under which secrets are encrypted."""
    given = read_key_file(looked.env)
    file = given or looked.home.root / "hub.key"
    if given is None and not file.exists():
        yield Finding(f"key {file}", None, "32 bytes", "none; the hub makes it")
        return
    yield tried(f"key {file}", "32 bytes", lambda: f"{len(load_hub_key(file, given))} bytes")
    if file.exists() and (mode := stat.S_IMODE(file.stat().st_mode)) & 0o077:
        yield Finding(f"rights of {file}", False, "readable by its owner only", f"{mode:03o}")


def database(looked: Looked) -> Iterator[Finding]:
    """The database: whether it answers, which form it has, and what its clock says."""
    thing = f"database {schema.shown(looked.database_url)}"
    try:
        found = schema.standing(looked.database_url)
    except Mistake as error:
        yield Finding(thing, False, "one that answers", str(error))
        return
    yield _form(thing, found)
    if found.now is not None:
        off = abs(found.now - time.time())
        yield Finding(
            "clock", off < SKEW_SECONDS, f"the database's, within {SKEW_SECONDS:g} s", f"{off:.1f} s from it"
        )


def _form(thing: str, found: Standing) -> Finding:
    if found.form is None:
        return Finding(thing, True, f"form {found.newest}", "an empty one; the hub lays the tables")
    if found.form == found.newest:
        return Finding(thing, True, f"form {found.newest}", found.form)
    if found.is_known:
        return Finding(thing, None, f"form {found.newest}", f"{found.form}; the hub brings it up to date")
    return Finding(thing, False, f"form {found.newest} or older", f"{found.form}, of a newer Towpath")


def clock(looked: Looked) -> Iterator[Finding]:
    """The time, which must not lie before what was written here."""
    files = [path for path in (looked.home.config_file, looked.home.root / "hub.db-wal") if path.exists()]
    newest = max((path.stat().st_mtime for path in files), default=0.0)
    now = time.time()
    written = datetime.fromtimestamp(newest, UTC)
    well = now >= newest - SKEW_SECONDS
    found = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    expected = f"a time after {written:%Y-%m-%d %H:%M:%S} UTC, when the home was last written"
    yield Finding("clock", well, expected if files else "a time", found)


def bus(looked: Looked) -> Iterator[Finding]:
    """The NATS servers: each that nodes and hub meet on, or the program of the hub's own."""
    if not looked.bus:
        given = looked.remembered.nats_server
        work = lambda: str(find_server(Path(given) if given else None))  # noqa: E731
        yield tried("bus", "a NATS server to run", work)
        return
    try:
        settings = BusSettings.parse(looked.bus, None, looked.bus_ca, looked.bus_name)
        context = settings.tls()
    except Mistake as error:
        yield Finding("bus", False, "URLs that can be used", str(error))
        return
    for url in settings.urls:
        greet = partial(_greeting, url, context, looked.bus_name)
        yield tried(f"bus {url}", "a NATS server that answers", greet)


def _greeting(url: str, context: ssl.SSLContext | None, name: str) -> str:
    """How a NATS server greets; raises `Mistake`. One that speaks TLS from its first byte on is spoken to so."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 4222
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as line:
            if context is None or not name:
                return _told(line.recv(4096))
            with context.wrap_socket(line, server_hostname=name) as sealed:
                return _told(sealed.recv(4096))
    except OSError as error:
        raise Mistake(f"{error.strerror or error}") from None


def _told(greeting: bytes) -> str:
    if not greeting.startswith(b"INFO "):
        raise Mistake("something else than a NATS server")
    told = msgspec.json.decode(greeting.partition(b"\r\n")[0].removeprefix(b"INFO "))
    return f"nats-server {told.get('version', '')}".strip()


def front(looked: Looked) -> Iterator[Finding]:
    """Where the API listens: whether the port is free."""
    thing = f"listen {looked.front.listen}"
    if is_running(looked.home):
        yield Finding(thing, True, "a port that is free", "the hub of this home, which runs")
        return
    yield tried(thing, "a port that is free", lambda: _bound(looked.front))


def _bound(told: Front) -> str:
    bind(told.listen).close()
    return "it"


def certificate(looked: Looked) -> Iterator[Finding]:
    """The certificate: whether it and its key are a pair, until when it is good, and for whom."""
    cert, key = looked.front.cert, looked.front.key
    if cert is None or key is None:
        return
    pair = tried(f"certificate {cert}", f"a pair with {key}", lambda: _pair(cert, key))
    yield pair
    if not pair.well:
        return
    found = x509.load_pem_x509_certificates(cert.read_bytes())[0]
    left = (found.not_valid_after_utc - datetime.now(UTC)).total_seconds() / 86_400
    well = False if left <= 0 else None if left < RENEWED_DAYS else True
    told = f"{found.not_valid_after_utc:%Y-%m-%d}, {left:.1f} days from now"
    yield Finding(f"certificate {cert}", well, f"an end more than {RENEWED_DAYS} days away", told)


def _pair(cert: Path, key: Path) -> str:
    Certificate(cert, key)
    return "one"


ALL: tuple[Callable[[Looked], Iterator[Finding]], ...] = (
    variables,
    directories,
    keys,
    database,
    clock,
    bus,
    front,
    certificate,
)
"""In the order in which they are told."""
