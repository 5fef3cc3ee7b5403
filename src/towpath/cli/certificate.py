"""The hub's certificate, which may be renewed under it."""

import ssl
from pathlib import Path

from cryptography import x509

from towpath.domain.errors import Mistake

Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A TLS context that takes up new files; connections that stand go on with what they began with."""

    def __init__(self, cert: Path, key: Path) -> None:
        """Read both; raises `Mistake` where they cannot be used."""
        self._cert, self._key = cert, key
        self._seen = self._stamp()
        self.context = _context(cert, key)

    def renew(self) -> bool:
        """Take up the files where they have changed; returns whether they had.

        Raises `Mistake` where they cannot be used, such as half-way through a renewal: the one before stays, and the
        next call tries again.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        # Tried on a context of its own: a pair that does not fit must not get into the one that is used.
        _context(self._cert, self._key)
        self.context.load_cert_chain(self._cert, self._key, password="")
        self._seen = stamp
        return True

    def _stamp(self) -> Stamp:
        try:
            found = [path.stat() for path in (self._cert, self._key)]
        except OSError as error:
            raise Mistake(f"{error.filename}: {error.strerror}") from None
        return tuple((status.st_ino, status.st_mtime_ns, status.st_size) for status in found)


def _context(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without a password given here a key that needs one would be asked for at a terminal that nobody sees.
        context.load_cert_chain(cert, key, password="")
    except ssl.SSLError as error:
        reason = (error.reason or "not in PEM").replace("_", " ").lower()
        raise Mistake(
            f"--tls-cert {cert}: expected a certificate in PEM, and in --tls-key {key} its private key without a"
            f" password, found: {reason}"
        ) from None
    except OSError as error:
        raise Mistake(f"--tls-cert {cert}, --tls-key {key}: {error.strerror}") from None
    return context


def first_name(cert: Path) -> str:
    """A host that the certificate in a file is for, by name rather than by address; raises `Mistake`."""
    try:
        found = x509.load_pem_x509_certificates(cert.read_bytes())[0]
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        raise Mistake(
            f"--tls-cert {cert}: expected the names of its hosts (subjectAltName), found none"
        ) from None
    except (OSError, ValueError) as error:
        raise Mistake(f"--tls-cert {cert}: expected a certificate in PEM, found: {error}") from None
    hosts = [name.replace("*", "towpath") for name in names.get_values_for_type(x509.DNSName)]
    hosts += map(str, names.get_values_for_type(x509.IPAddress))
    if not hosts:
        raise Mistake(f"--tls-cert {cert}: expected the name or address of a host, found neither")
    return hosts[0]
