"""What a hub notes of itself for alerts: the file system of its home, and when its certificate ends."""

import os
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from towpath.engine.alerts import HubFacts

Examine = Callable[[Path, Path | None], HubFacts]
"""From a hub's home and the file of its certificate, None = plain HTTP."""


def examine(home: Path, cert: Path | None) -> HubFacts:
    """Look; what cannot be seen is None."""
    free, total = _disk(home)
    return HubFacts(free, total, None if cert is None else _end(cert))


def _disk(home: Path) -> tuple[int | None, int | None]:
    try:
        found = os.statvfs(home)
    except OSError:
        return None, None
    # As df counts: what only root may fill is neither free nor used.
    used = found.f_blocks - found.f_bfree
    return found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize


def _end(cert: Path) -> int | None:
    try:
        found = x509.load_pem_x509_certificates(cert.read_bytes())
    except (OSError, ValueError):
        return None
    return min((int(one.not_valid_after_utc.timestamp()) * 1_000_000 for one in found), default=None)
