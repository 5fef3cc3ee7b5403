"""The bus's own certificate authority: it vouches for one server, and nodes trust it for nothing else."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from towpath.domain.errors import Mistake

SERVER_NAME = "bus.towpath.internal"
"""What the server's certificate names, by whatever address a node comes: no other authority is asked."""

CA_LIFE, SERVER_LIFE = timedelta(days=20 * 365), timedelta(days=5 * 365)
RENEWED_BEFORE = timedelta(days=4 * 365)
"""A server's certificate that ends sooner is made anew when the hub starts."""
SKEW = timedelta(days=1)
"""By how much the clock of a node may be behind."""


class Authority:
    """The files of the authority, in a directory of the hub's own; made where there are none."""

    def __init__(self, directory: Path) -> None:
        self.ca = directory / "ca.pem"
        self.cert = directory / "server.pem"
        self.key = directory / "server.key"
        self._ca_key = directory / "ca.key"

    def prepare(self) -> None:
        """Make what is not there or ends within years; raises `Mistake` for files that cannot be read."""
        now = datetime.now(UTC)
        self.ca.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.ca.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            _place(self._ca_key, _private(key))
            _place(self.ca, _public(_authority(key, now)))
        authority = _read(self.ca)
        if not self._stands(authority, now):
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _server(key, authority, self._signer(), now)
            _place(self.key, _private(key))
            _place(self.cert, _public(certificate))

    def _stands(self, authority: x509.Certificate, now: datetime) -> bool:
        if not (self.cert.exists() and self.key.exists()):
            return False
        found = _read(self.cert)
        return found.issuer == authority.subject and found.not_valid_after_utc - now > RENEWED_BEFORE

    def _signer(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = serialization.load_pem_private_key(self._ca_key.read_bytes(), None)
        except (OSError, ValueError) as error:
            raise Mistake(
                f"{self._ca_key}: expected the key of the bus's authority, found: {error}"
            ) from None
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key


def _authority(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    # A name of its own for each, so that a certificate of an earlier authority is not taken for one of this.
    serial = x509.random_serial_number()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Towpath bus authority {serial:x}"[:64])])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return (
        _begun(name, name, key, now, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(own, critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERVER_NAME)])
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    return (
        _begun(name, authority.subject, key, now, SERVER_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(SERVER_NAME)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer, critical=False)
        .sign(signer, hashes.SHA256())
    )


def _begun(
    name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + life)
    )


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Mistake(f"{path}: expected a certificate in PEM, found: {error}") from None


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _place(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
