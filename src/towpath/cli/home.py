"""The home directory of a hub that `towpath up` runs: what lies where, and what is remembered."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from towpath.client.connection import Connection, read_connection
from towpath.client.errors import Misconfigured
from towpath.domain.errors import Mistake

PRIVATE = 0o600


NODE = "local"
"""The name of the node that `up` runs for each site; further ones have names of their own."""


@dataclass(frozen=True, slots=True)
class Home:
    """All state of a hub and its sites on this machine."""

    root: Path

    @property
    def client_file(self) -> Path:
        """Where the command line finds the URL and an API key."""
        return self.root / "client.toml"

    @property
    def config_file(self) -> Path:
        """What `up` was told, for the next time."""
        return self.root / "config.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the supervisor while it lives; holds its pid."""
        return self.root / "run" / "lock"

    @property
    def status_file(self) -> Path:
        """What the supervisor runs."""
        return self.root / "run" / "status.json"

    @property
    def url_file(self) -> Path:
        """Where the hub of this home was last reached from this machine."""
        return self.root / "run" / "url"

    @property
    def database_url(self) -> str:
        """The embedded database."""
        return f"sqlite:///{self.root / 'hub.db'}"

    @property
    def nats(self) -> Path:
        """The NATS server's own directory."""
        return self.root / "nats"

    @property
    def authority(self) -> Path:
        """The bus's certificate authority."""
        return self.root / "bus"

    def site(self, name: str, node: str = "") -> Path:
        """The home of the worker of a site, or of a further node of it."""
        return self.root / "sites" / (f"{name}.{node}" if node else name)

    def settings(self, site: str) -> Path:
        """What an administrator may have set for the steps of a site: commands, webhooks, mail."""
        return self.root / "settings" / f"{site}.toml"

    def log(self, role: str, site: str | None = None) -> Path:
        """The log of a child of the supervisor, or of the supervisor itself."""
        name = role if site is None else f"{role}-{site.replace('/', '.')}"
        return self.root / "logs" / f"{name}.log"

    def make(self) -> None:
        """Make the directories, for their owner only."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.root.chmod(0o700)
            for name in ("run", "logs", "sites"):
                (self.root / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Mistake(f"--home {self.root}: {error.strerror}") from None


class Remembered(msgspec.Struct, frozen=True):
    """What `up` was told: where the API listens, the directory of each site, which NATS server to run, and where the
    truth is kept, if not in the home."""

    listen: str = "127.0.0.1:8420"
    sites: dict[str, str] = {}
    nats_server: str | None = None
    database: str | None = None
    nodes: tuple[str, ...] = ()
    """Further nodes of these sites, as `SITE/NODE`: each site has one without being named here."""
    tls_cert: str | None = None
    tls_key: str | None = None
    proxies: tuple[str, ...] = ()
    url: str = ""
    """Under which others reach the hub."""
    bus_listen: str | None = None
    """Where the bus listens with TLS, for nodes from elsewhere too."""

    def places(self) -> dict[str, str]:
        """What workers run: site, or `SITE/NODE` of a further one, → directory."""
        further = {name: self.sites[name.partition("/")[0]] for name in self.nodes}
        return {**self.sites, **further}


def home_of(given: Path | None, env: Mapping[str, str]) -> Home:
    """The home given, else that of `TOWPATH_HOME`, else `~/.towpath`."""
    return Home((given or Path(env.get("TOWPATH_HOME") or Path.home() / ".towpath")).absolute())


def read_remembered(home: Home) -> Remembered:
    """What `up` was told before; the defaults where there was no `up`."""
    try:
        # The standard library's JSON, unlike others, keeps names of directories that are no UTF-8.
        document = json.loads(home.config_file.read_text("ascii"))
        return msgspec.convert(document, Remembered)
    except FileNotFoundError:
        return Remembered()
    except (ValueError, msgspec.ValidationError) as error:
        raise Mistake(f"{home.config_file}: expected what `towpath up` wrote, found {error}") from None


def write_remembered(home: Home, remembered: Remembered) -> None:
    """Keep what `up` was told."""
    replace_file(home.config_file, json.dumps(msgspec.to_builtins(remembered), indent=2) + "\n")


def find_connection(home: Home) -> Connection | None:
    """What `client.toml` says; None where there is none."""
    try:
        return read_connection(home.client_file)
    except Misconfigured as error:
        raise Mistake(str(error)) from None


def write_connection(home: Home, connection: Connection) -> None:
    """Write `client.toml`, readable by its owner only."""
    told = {name: value for name, value in msgspec.to_builtins(connection).items() if value is not None}
    replace_file(home.client_file, "".join(f"{name} = {json.dumps(value)}\n" for name, value in told.items()))


def replace_file(path: Path, text: str) -> None:
    """Write a private file whole: a reader sees the old text or the new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
