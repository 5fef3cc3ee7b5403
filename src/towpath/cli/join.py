"""How a node joins from elsewhere: it makes its key here, shows the hub a token, and keeps what it is told."""

import http.client
import json
import re
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from towpath.bus.keys import load_or_make_seed, public_key
from towpath.cli.home import replace_file
from towpath.config import is_loopback
from towpath.domain.errors import Mistake
from towpath.wire.joining import PATH, Admitted, Ticket, read_token
from towpath.wire.pins import pin_of_der

TIMEOUT = 30
LARGEST_ANSWER = 256 * 1024


class Problem(msgspec.Struct):
    """What the hub says where it says no."""

    detail: str = ""


class NodeHome:
    """What a node that joined keeps in its home, beside its outbox and keys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seed = root / "node.nk"
        self.ca = root / "bus-ca.pem"
        self._joined = root / "joined.json"

    def find(self) -> Admitted | None:
        """What the hub told it; None where it has not joined."""
        try:
            return msgspec.json.decode(self._joined.read_bytes(), type=Admitted)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise Mistake(
                f"{self._joined}: expected what `towpath worker --join` wrote, found: {error}"
            ) from None

    def keep(self, told: Admitted) -> None:
        """Keep what the hub told it, for every later start."""
        replace_file(self.ca, told.bus_ca)
        replace_file(self._joined, msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")

    def check(self, told: Admitted) -> None:
        """Raises `Mistake` where the node would take what other nodes of its site have marked for foreign."""
        if told.others and not (self.root / "site.key").exists():
            raise Mistake(
                f"site {told.site} has other nodes: copy site.key from the home of one of them to {self.root}, or this"
                " one will not know the files that they have marked; then start it again, without --join"
            )


def join(token: str, home: NodeHome, node: str | None, ca: str | None) -> Admitted:
    """Join with a token; raises `Mistake`. A node that joined with it already is told the same again."""
    ticket = read_token(token)
    if (before := home.find()) is not None:
        raise Mistake(
            f"--join: {home.root} is the home of node {before.site}/{before.node}, which has joined; start it without"
            " --join, or give another --home"
        )
    try:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = public_key(load_or_make_seed(home.seed))
        told = _ask(ticket, key, node, ca)
        home.keep(told)
    except OSError as error:
        raise Mistake(f"--home {home.root}: {error.strerror}") from None
    return told


def own_name() -> str:
    """What a node is called where nobody says: as its machine is."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])[:64] or "local"


def _ask(ticket: Ticket, key: str, node: str | None, ca: str | None) -> Admitted:
    body = json.dumps({"code": ticket.code, "public_key": key, "node": node, "machine": own_name()})
    connection = _connection(ticket, ca)
    try:
        connection.connect()
        _check_pin(ticket, connection)
        connection.request("POST", PATH, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read(LARGEST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise Mistake(f"--join: the hub is not reachable at {ticket.url} ({error})") from None
    finally:
        connection.close()
    return _told(ticket, answer.status, content)


def _told(ticket: Ticket, status: int, content: bytes) -> Admitted:
    try:
        if status == http.client.CREATED:
            return msgspec.json.decode(content, type=Admitted)
        detail = msgspec.json.decode(content, type=Problem).detail
    except msgspec.MsgspecError:
        detail = ""
    raise Mistake(
        f"--join: {detail or f'expected the hub at {ticket.url}, found an answer {status} of another'}"
    )


def _connection(ticket: Ticket, ca: str | None) -> http.client.HTTPConnection:
    parts = urlsplit(ticket.url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT, context=_trusted(ticket, ca))
    if not is_loopback(host):
        raise Mistake(f"--join: expected the hub at an https URL, found {ticket.url}")
    return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT)


def _trusted(ticket: Ticket, ca: str | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if ticket.pin else ca)
    except OSError as error:
        raise Mistake(f"--ca {ca}: expected certificates of authorities in PEM, found: {error}") from None
    if ticket.pin:
        # The pin says more than any authority could, and nothing is sent before it was looked at.
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _check_pin(ticket: Ticket, connection: http.client.HTTPConnection) -> None:
    if not ticket.pin:
        return
    line = connection.sock
    shown = line.getpeercert(binary_form=True) if isinstance(line, ssl.SSLSocket) else None
    if not shown or pin_of_der(shown) != ticket.pin:
        raise Mistake(
            f"--join: expected {ticket.url} to show the certificate whose key the token names, found another: somebody"
            " stands between, or the hub has a new one; nothing was told to it. If it is new, make another token"
        )
