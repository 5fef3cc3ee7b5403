"""Pytest fixtures: a real LDAP directory (OpenLDAP's slapd), with people and groups, that speaks TLS."""

import socket
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ldap3
import pytest
from tests.certificates import write_certificate
from tests.programs import program
from tests.servers import comes_up, end, free_port, spawn

SUFFIX = "dc=lab,dc=example"
PEOPLE, GROUPS = f"ou=people,{SUFFIX}", f"ou=groups,{SUFFIX}"
ROOT, ROOT_PASSWORD = f"cn=root,{SUFFIX}", "of the root of the tree"
READER, READER_PASSWORD = f"cn=reader,{SUFFIX}", "of the one who reads"
PASSWORD = "nine small barges"

CONFIGURATION = """
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {home}/slapd.pid
TLSCertificateFile {cert}
TLSCertificateKeyFile {key}
security ssf=128
database mdb
suffix "{suffix}"
rootdn "{root}"
rootpw "{password}"
directory {home}/kept
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


@dataclass(frozen=True)
class Slapd:
    """A running directory: where it listens, and the certificate that vouches for it."""

    plain: str
    """`ldap://…`: refuses everything before StartTLS."""
    tls: str
    ca: str
    home: Path

    @contextmanager
    def as_root(self) -> Iterator[Any]:
        """A bare client that may do everything."""
        context = ssl.create_default_context(cadata=self.ca)
        port = int(self.tls.rsplit(":", 1)[1])
        server = ldap3.Server("127.0.0.1", port, use_ssl=True, tls=_Trusting(context), get_info=ldap3.NONE)
        told: dict[str, Any] = {
            "user": ROOT,
            "password": ROOT_PASSWORD,
            "raise_exceptions": True,
            "check_names": False,
        }
        with ldap3.Connection(server, **told) as connection:
            yield connection

    def add_person(self, name: str) -> str:
        """Somebody with `PASSWORD`; their entry's name."""
        dn = f"uid={name},{PEOPLE}"
        said = {"uid": name, "cn": name, "sn": name, "userPassword": PASSWORD}
        with self.as_root() as root:
            root.add(dn, "inetOrgPerson", said)
        return dn

    def set_group(self, name: str, people: Sequence[str]) -> None:
        """Make a group of these people, in place of the one of that name."""
        with self.as_root() as root:
            dn = f"cn={name},{GROUPS}"
            if root.search(GROUPS, f"(cn={name})"):
                root.delete(dn)
            root.add(dn, "groupOfNames", {"cn": name, "member": list(people)})

    def remove(self, dn: str) -> None:
        """Take an entry away."""
        with self.as_root() as root:
            root.delete(dn)


class _Trusting(ldap3.Tls):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: ldap3.Connection, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname="127.0.0.1")


@pytest.fixture(scope="session")
def slapd() -> Iterator[Slapd]:
    """The session's directory, with nobody in it yet."""
    with slapd_server() as server:
        yield server


@contextmanager
def slapd_server() -> Iterator[Slapd]:
    """A directory of one's own; it dies with this process, whatever happens to it."""
    command = program("slapd")
    with tempfile.TemporaryDirectory(prefix="slapd-", ignore_cleanup_errors=True) as directory:
        process, server = _start(command, Path(directory))
        try:
            _plant(server)
            yield server
        finally:
            end(process)


def _start(command: str, home: Path) -> tuple["subprocess.Popen[bytes]", Slapd]:
    root = Path(command).parent / "root"
    beside = root if root.is_dir() else Path("/")
    cert, key = write_certificate(home, "127.0.0.1")
    (home / "kept").mkdir()
    configuration = home / "slapd.conf"
    told = {"schema": beside / "etc/ldap/schema", "modules": beside / "usr/lib/ldap", "home": home}
    told |= {"cert": cert, "key": key}
    names = {"suffix": SUFFIX, "root": ROOT, "password": ROOT_PASSWORD, "reader": READER}
    configuration.write_text(CONFIGURATION.format(**told, **names))
    for _ in range(5):
        plain, tls, log = free_port(), free_port(), home / "slapd.log"
        server = Slapd(f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{tls}", cert.read_text(), home)
        process = spawn(
            [command, "-d", "0", "-f", str(configuration), "-h", f"{server.plain} {server.tls}"], home, log
        )
        if comes_up(process, lambda port=tls: _listens(port)):  # type: ignore[misc]  # bound now
            return process, server
        end(process)
    raise RuntimeError(f"slapd did not come up: {log.read_text(errors='replace')[-2000:]}")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _plant(server: Slapd) -> None:
    with server.as_root() as root:
        root.add(SUFFIX, ["organization", "dcObject"], {"o": "lab", "dc": "lab"})
        for dn in (PEOPLE, GROUPS):
            root.add(dn, "organizationalUnit")
        said = {"cn": "reader", "userPassword": READER_PASSWORD}
        root.add(READER, ["organizationalRole", "simpleSecurityObject"], said)
