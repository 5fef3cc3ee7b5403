"""Why a store cannot be reached: its name, its port, or its TLS."""

import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from towpath.domain.targets import TargetUrl

CONNECT_WITHIN: Final = 5.0
_PORTS: Final = {"http": 80, "https": 443}

_NOT_YET, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_UNKNOWN_ISSUER: Final = frozenset({2, 18, 19, 20, 21})
"""Numbers that OpenSSL gives to what is wrong with a certificate."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong: which thing is wrong, a sentence about it, and a hint."""

    what: str
    says: str
    hint: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a store is."""

    url: str
    host: str
    port: int
    tls: bool

    @property
    def tls_words(self) -> str:
        """How it is spoken with, for people."""
        return "its certificate holds" if self.tls else "none: plain HTTP"


def address_of(target: TargetUrl) -> Address:
    """Where the requests for a target go."""
    url = target.options.get("endpoint") or _USUAL[target.scheme](target)
    parts = urlsplit(url)
    return Address(url, parts.hostname or "", parts.port or _PORTS[parts.scheme], parts.scheme == "https")


_USUAL: Final[dict[str, Callable[[TargetUrl], str]]] = {
    "s3": lambda target: f"https://s3.{target.options.get('region', 'us-east-1')}.amazonaws.com",
    "az": lambda target: f"https://{target.options.get('account', '')}.blob.core.windows.net",
    "gs": lambda target: "https://storage.googleapis.com",
}


def diagnose(address: Address, words: str) -> Wrong:
    """What keeps requests from being answered, `words` where nothing of ours finds it."""
    reached = _reached(address.host, address.port)
    if isinstance(reached, Wrong):
        return reached
    with reached as connection:
        if address.tls:
            return _diagnose_tls(address, connection, words)
        return _diagnose_plain(address, connection, words)


def reach(host: str, port: int) -> Wrong | None:
    """What keeps a connection from being made; None where nothing does."""
    reached = _reached(host, port)
    if isinstance(reached, Wrong):
        return reached
    reached.close()
    return None


def _reached(host: str, port: int) -> socket.socket | Wrong:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        says = f"the name '{host}' does not resolve: {error.strerror or error}"
        return Wrong("name", says, "mend the endpoint's name, or this machine's DNS")
    try:
        return socket.create_connection((host, port), CONNECT_WITHIN)
    except TimeoutError:
        says = f"no answer from {found[0][4][0]} port {port} within {CONNECT_WITHIN:g} s"
        return Wrong("connection", says, "a firewall may be in between")
    except ConnectionRefusedError:
        says = f"nothing listens at {found[0][4][0]} port {port}"
        return Wrong("connection", says, "start the store, or mend the endpoint's port")
    except OSError as error:
        says = f"no way to {found[0][4][0]} port {port}: {os.strerror(error.errno or 0)}"
        return Wrong("connection", says, "see this machine's network")


def _diagnose_tls(address: Address, connection: socket.socket, words: str) -> Wrong:
    try:
        ssl.create_default_context().wrap_socket(connection, server_hostname=address.host).close()
    except ssl.SSLCertVerificationError as error:
        return _about_certificate(address, error)
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        says = f"port {address.port} of {address.host} does not speak TLS as it should ({reason})"
        return Wrong("tls", says, "write http:// where the store has no TLS, or mend the port")
    return Wrong("tls", f"the store's TLS is refused: {words}", "the certificate's issuer must be known here")


def _about_certificate(address: Address, error: ssl.SSLCertVerificationError) -> Wrong:
    code, said = error.verify_code, error.verify_message
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        says = f"the certificate is for another name than '{address.host}' ({said})"
        return Wrong("tls", says, "use the name in the certificate, or give the store one for this name")
    if code == _EXPIRED:
        return Wrong(
            "tls", f"the certificate has expired ({said})", "renew it; or this machine's clock is off"
        )
    if code == _NOT_YET:
        return Wrong("tls", f"the certificate is not valid yet ({said})", "this machine's clock may be off")
    if code in _UNKNOWN_ISSUER:
        says = f"nobody this machine trusts has issued the certificate ({said})"
        return Wrong("tls", says, "add its issuer to this machine's trusted certificates")
    return Wrong("tls", f"the certificate is refused ({said})", "see the store's TLS settings")


def _diagnose_plain(address: Address, connection: socket.socket, words: str) -> Wrong:
    """Whether what was asked in plain HTTP speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(connection, server_hostname=address.host).close()
    except (ssl.SSLError, OSError):
        return Wrong(
            "connection", f"what listens there does not answer as a store does: {words}", "mend the port"
        )
    return Wrong("tls", f"port {address.port} of {address.host} speaks TLS", "write https:// in the endpoint")
