"""The configuration of the embedded NATS server: who may connect to it, by which key, with which rights."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from towpath.bus.keys import is_public_key
from towpath.bus.subjects import Permissions, permissions
from towpath.config import Listen
from towpath.domain.errors import Mistake

MEBIBYTE = 1024 * 1024
EVERYTHING = Permissions((">",), (">",))


class NodeKey(NamedTuple):
    """A node and the public NKEY by which it is known."""

    site: str
    node: str
    key: str


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server runs; sizes in bytes. Relative paths are relative to the server's working directory."""

    port: int
    store_dir: Path
    """Where JetStream, the event log, keeps its files: in a directory `jetstream` below."""
    log_file: Path | None = None
    """None: the log goes to standard error."""
    name: str = ""
    """What the server calls itself when it greets."""
    host: str = "127.0.0.1"
    cert: Path | None = None
    """Its certificate; None = it speaks in the clear."""
    cert_key: Path | None = None
    max_payload: int = MEBIBYTE
    event_log_memory: int = 64 * MEBIBYTE
    event_log_disk: int = 1024 * MEBIBYTE
    log_size: int = 16 * MEBIBYTE
    auth_seconds: int = 10
    """How long a client may take to sign in: the default of 2 s refuses honest ones on a busy machine."""
    ping_seconds: int = 5
    missed_pings: int = 2
    """A client that answers no more than so many pings is let go: a hub that hangs must not keep its share of questions
    from the others for the minutes that are the default."""


def render_config(settings: ServerSettings, hub_key: str, nodes: Sequence[tuple[str, str, str]] = ()) -> str:
    """The text of a configuration: the hub may do everything, each node only what `permissions` says.

    `nodes` are (site, node, public key). Nobody has `allow_responses`, and JetStream is out of a node's reach since
    its subjects are not among those allowed. Raises `Mistake` for a name or key that is none, or a key that stands
    twice: the server would refuse the whole file, and so everybody.
    """
    users = [("hub", hub_key, EVERYTHING), *_node_users(nodes)]
    _check_keys([(owner, key) for owner, key, _ in users])
    return "\n".join((*_head(settings), *_authorization(users, settings.auth_seconds), ""))


def _node_users(nodes: Sequence[tuple[str, str, str]]) -> list[tuple[str, str, Permissions]]:
    return [(f"node {site}/{node}", key, permissions(site, node)) for site, node, key in nodes]


def _check_keys(owners: Iterable[tuple[str, str]]) -> None:
    seen: dict[str, str] = {}
    for owner, key in owners:
        if not is_public_key(key):
            raise Mistake(f"{owner}: expected a user's public NKEY (U…, 56 characters), found {key[:60]!r}")
        if key in seen:
            raise Mistake(f"{owner}: expected a key of its own, found that of {seen[key]}")
        seen[key] = owner


def _head(settings: ServerSettings) -> list[str]:
    listen = Listen(settings.host, settings.port)
    lines = [f"listen: {json.dumps(str(listen))}", f"max_payload: {settings.max_payload}"]
    lines += [f'ping_interval: "{settings.ping_seconds}s"', f"ping_max: {settings.missed_pings}"]
    if settings.name:
        lines.append(f"server_name: {json.dumps(settings.name)}")
    if settings.log_file is not None:
        lines += [f"log_file: {_quoted(settings.log_file)}", f"log_size_limit: {settings.log_size}"]
    if settings.cert is not None and settings.cert_key is not None:
        lines += _tls(settings.cert, settings.cert_key, settings.auth_seconds)
    return [
        *lines,
        "jetstream {",
        f"  store_dir: {_quoted(settings.store_dir)}",
        f"  max_memory_store: {settings.event_log_memory}",
        f"  max_file_store: {settings.event_log_disk}",
        "}",
    ]


def _tls(cert: Path, key: Path, seconds: int) -> list[str]:
    # The greeting by TLS too: one in the clear could be forged, and would be lost to a client that is slow to begin.
    return [
        "tls {",
        f"  cert_file: {_quoted(cert)}",
        f"  key_file: {_quoted(key)}",
        f"  timeout: {seconds}",
        "  handshake_first: true",
        "}",
    ]


def _authorization(users: Iterable[tuple[str, str, Permissions]], seconds: int) -> list[str]:
    entries = [_user(owner, key, rights) for owner, key, rights in users]
    return ["authorization {", f"  timeout: {seconds}", "  users: [", *entries, "  ]", "}"]


def _user(owner: str, key: str, rights: Permissions) -> str:
    publish, subscribe = json.dumps(rights.publish), json.dumps(rights.subscribe)
    allowed = f"publish: {{allow: {publish}}}, subscribe: {{allow: {subscribe}}}"
    return f"    # {owner}\n    {{nkey: {key}, permissions: {{{allowed}}}}}"


def _quoted(path: Path) -> str:
    text = str(path)
    if not text.isprintable():
        raise Mistake(f"NATS configuration: expected a path of printable characters, found {text!r}")
    return json.dumps(text, ensure_ascii=False)
