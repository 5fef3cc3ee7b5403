"""Pytest fixtures: a real S3 server (SeaweedFS, from its wheel) that lives as long as the test session."""

import ctypes
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import S3Credential

PATIENCE = 60.0
_PR_SET_PDEATHSIG = 1
_LOWEST_PORT, _HIGHEST_PORT = 11_000, 22_767
"""SeaweedFS adds 10,000 to each port for gRPC: so both stay under the ephemeral range."""
_GRPC = 10_000
_libc = ctypes.CDLL(None, use_errno=True)


LIMITED: Mapping[str, Sequence[str]] = {
    "no-list": ("Read", "Write"),
    "no-put": ("List", "Read"),
    "no-get": ("List", "Write"),
}
"""Identities that lack one right each, and what they may do."""


@dataclass(frozen=True)
class Seaweed:
    """A running server: where it listens, the identity that it knows beside the limited ones, its process, its log."""

    endpoint: str
    access_key_id: str
    secret_access_key: str
    pid: int
    log: Path

    @property
    def credentials(self) -> dict[str, str]:
        """As `open_storage` takes them."""
        return {"access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key}

    def limited(self, name: str) -> dict[str, str]:
        """The credentials of an identity that lacks a right."""
        return {"access_key_id": f"{self.access_key_id}-{name}", "secret_access_key": self.secret_access_key}

    def store(self, bucket: str) -> S3Store:
        """A bare client, to look behind the storage's back."""
        return S3Store(
            bucket,
            config={"endpoint": self.endpoint, "aws_endpoint_url_s3": self.endpoint, "region": "us-east-1"},
            client_options={"allow_http": True},
            credential_provider=self._credential,
        )

    def _credential(self) -> "S3Credential":
        """Given so, since settings would be mixed with AWS_… variables of the environment."""
        return {
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            "token": None,
            "expires_at": None,
        }

    def fresh_bucket(self) -> str:
        """Make a bucket that nobody has used yet; its name."""
        bucket = f"t{secrets.token_hex(8)}"
        # The bucket itself is what stands under the empty key.
        url = obstore.sign(self.store(bucket), "PUT", "", timedelta(minutes=5))
        httpx.put(url, timeout=PATIENCE, trust_env=False, verify=False).raise_for_status()
        return bucket

    def url(self, bucket: str, prefix: str = "", endpoint: str = "") -> str:
        """The URL of a target in that bucket."""
        return f"s3://{bucket}/{prefix}?endpoint={endpoint or self.endpoint}"


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Seaweed]:
    """The session's S3 server."""
    with seaweed_server() as server:
        yield server


@pytest.fixture
def bucket(seaweed: Seaweed) -> str:
    """A fresh bucket at the session's S3 server."""
    return seaweed.fresh_bucket()


@contextmanager
def seaweed_server() -> Iterator[Seaweed]:
    """A server of one's own; it dies with this process, whatever happens to it."""
    with tempfile.TemporaryDirectory(prefix="seaweed-", ignore_cleanup_errors=True) as directory:
        process, server = _start(Path(directory))
        try:
            yield server
        finally:
            # It may ignore SIGTERM.
            process.kill()
            process.wait()


def _start(home: Path) -> tuple["subprocess.Popen[bytes]", Seaweed]:
    """Start until the ports were really free: another process may take one between the look and the start."""
    for _ in range(5):
        process, server = _start_once(home)
        if _is_ready(process, server):
            return process, server
        process.kill()
        process.wait()
    raise RuntimeError(f"weed did not come up: {server.log.read_text(errors='replace')[-2000:]}")


def _start_once(home: Path) -> tuple["subprocess.Popen[bytes]", Seaweed]:
    key, secret = secrets.token_hex(8), secrets.token_hex(16)
    identities = [_identity("tests", key, secret, ("Admin",))]
    identities += [_identity(name, f"{key}-{name}", secret, actions) for name, actions in LIMITED.items()]
    config = home / "s3.json"
    config.write_text(json.dumps({"identities": identities}))
    # Each bucket gets volumes of its own, seven at once unless told otherwise.
    (home / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 3\n")
    data, log = home / "data", home / "weed.log"
    data.mkdir(exist_ok=True)
    master, volume, filer, s3 = _free_ports(4)
    command = [
        str(Path(sysconfig.get_path("scripts")) / "weed"),
        "server",
        f"-dir={data}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        f"-master.port={master}",
        f"-volume.port={volume}",
        f"-filer.port={filer}",
        "-s3",
        f"-s3.port={s3}",
        f"-s3.config={config}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-metricsPort=0",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-volume.max=1000",
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=home,
            # It leaves sockets and logs in the directory for temporary files, which goes with it so.
            env={**os.environ, "TMPDIR": str(home)},
            preexec_fn=partial(_die_with, os.getpid()),  # noqa: PLW1509  # one system call, no lock
            start_new_session=True,
        )
    return process, Seaweed(f"http://127.0.0.1:{s3}", key, secret, process.pid, log)


def _identity(name: str, key: str, secret: str, actions: Sequence[str]) -> dict[str, object]:
    credentials = [{"accessKey": key, "secretKey": secret}]
    return {"name": name, "credentials": credentials, "actions": list(actions)}


def _die_with(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _is_ready(process: "subprocess.Popen[bytes]", server: Seaweed) -> bool:
    """Wait until a bucket can be made and an object put: the S3 port opens before that."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            obstore.put(server.store(server.fresh_bucket()), "ready", b"x", use_multipart=False)
        except (httpx.HTTPError, BaseError):
            time.sleep(0.05)
        else:
            return True
    return False


def _free_ports(number: int) -> list[int]:
    """Ports that are free here, each also 10,000 higher."""
    candidates = random.sample(range(_LOWEST_PORT, _HIGHEST_PORT), 400)
    free = (port for port in candidates if _is_free(port) and _is_free(port + _GRPC))
    return [next(free) for _ in range(number)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
