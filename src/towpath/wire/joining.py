"""What lets a node join a site: the token that a person carries to it, its question by HTTPS, and the answer."""

import base64
import binascii

import msgspec

from towpath.domain.errors import Mistake

PREFIX = "towpath-join-1-"
PATH = "/api/join/"


class Ticket(msgspec.Struct, frozen=True, array_like=True):
    """What a join token says."""

    url: str
    """Where the hub is."""
    pin: bytes
    """The SHA-256 of the public key of the hub's certificate; empty: authorities vouch for it, or there is none."""
    code: str
    """What the hub knows the token by."""


class Admitted(msgspec.Struct, frozen=True):
    """What a node is told that was let in."""

    site: str
    node: str
    bus: str
    """NATS servers, with commas between."""
    bus_ca: str
    """Certificates of the authorities that may vouch for them, PEM; empty: the usual ones."""
    bus_name: str
    """What their certificates name, where that is not the URL's host."""
    others: bool
    """The site has had other nodes, whose key for marks this one needs."""


def write_token(ticket: Ticket) -> str:
    """The token as people carry it."""
    return PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(ticket)).decode().rstrip("=")


def read_token(text: str) -> Ticket:
    """What a token says; raises `Mistake` for text that is none, and does not repeat it."""
    body = text.strip().removeprefix(PREFIX)
    try:
        raw = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        ticket = msgspec.msgpack.decode(raw, type=Ticket)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        ticket = None
    if ticket is None or not text.strip().startswith(PREFIX):
        raise Mistake(
            f"--join: expected a whole token that `towpath site token` printed ({PREFIX}…), found something else"
        )
    return ticket
