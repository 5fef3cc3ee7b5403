"""Free ports for servers that must find the same one again after a restart."""

import secrets
import socket
from pathlib import Path

_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST, _COMMON_LOWEST_EPHEMERAL = 20_000, 32_768
_ATTEMPTS = 1000


def free_port(host: str = "127.0.0.1") -> int:
    """A port on which nobody listens, below those that the kernel gives to outgoing connections.

    From that range, a client that dials a server that is down could be given the server's own port: it would be
    connected to itself, and the server could not come back.
    """
    highest = _lowest_ephemeral() - 1
    for _ in range(_ATTEMPTS):
        port = _LOWEST + secrets.randbelow(highest - _LOWEST + 1)
        if _is_free(host, port):
            return port
    raise OSError(
        f"{host}: expected a free port from {_LOWEST} to {highest}, found none in {_ATTEMPTS} attempts"
    )


def _lowest_ephemeral() -> int:
    try:
        lowest = int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _COMMON_LOWEST_EPHEMERAL
    # Where the kernel's range begins lower than ours, nothing is left below it that is worth having.
    return lowest if lowest > _LOWEST + 1000 else _COMMON_LOWEST_EPHEMERAL


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
