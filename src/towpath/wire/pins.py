"""Pins: by what a node knows the hub's certificate, whoever signed it."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def pin_of_pem(text: bytes) -> bytes:
    """The pin of the first certificate in a PEM file; raises `ValueError`."""
    return _pin(x509.load_pem_x509_certificates(text)[0])


def pin_of_der(raw: bytes) -> bytes:
    """The pin of a certificate as a connection shows it; raises `ValueError`."""
    return _pin(x509.load_der_x509_certificate(raw))


def _pin(certificate: x509.Certificate) -> bytes:
    """The SHA-256 of its public key (SubjectPublicKeyInfo), as in RFC 7469: a renewal with the same key keeps it."""
    key = certificate.public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
