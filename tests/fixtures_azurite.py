"""Pytest fixtures: a real Azure Blob server (Azurite, from npm) that lives as long as the test session."""

import base64
import hashlib
import hmac
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from obstore.store import AzureStore
from tests.npm import NODE, package
from tests.servers import PATIENCE, comes_up, end, free_port, spawn

VERSION = "3.37.0"
ACCOUNT = "towpath"
API = "2021-08-06"


@dataclass(frozen=True)
class Azurite:
    """A running server: where it listens, and the key of the one account that it knows."""

    endpoint: str
    account_key: str
    log: Path

    @property
    def credentials(self) -> dict[str, str]:
        """As `open_storage` takes them."""
        return {"account_key": self.account_key}

    def store(self, container: str) -> AzureStore:
        """A bare client, to look behind the storage's back."""
        return AzureStore(
            container,
            config={"account_name": ACCOUNT, "account_key": self.account_key, "endpoint": self.endpoint},
            client_options={"allow_http": True},
        )

    def fresh_container(self) -> str:
        """Make a container that nobody has used yet; its name."""
        container = f"t{secrets.token_hex(8)}"
        self.ask("PUT", container, {"restype": "container"}).raise_for_status()
        return container

    def ask(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A request without a body, signed with the account's key, for what no client of ours can say."""
        said = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": API, **(headers or {})}
        named = "".join(f"{name}:{said[name]}\n" for name in sorted(said))
        asked = "".join(f"\n{name}:{query[name]}" for name in sorted(query))
        signed = f"{method}{chr(10) * 12}{named}/{ACCOUNT}/{ACCOUNT}/{path}{asked}"
        key = base64.b64decode(self.account_key)
        signature = base64.b64encode(hmac.digest(key, signed.encode(), hashlib.sha256)).decode()
        said["authorization"] = f"SharedKey {ACCOUNT}:{signature}"
        url = f"{self.endpoint}/{path}"
        return httpx.request(
            method, url, params=dict(query), headers=said, timeout=PATIENCE, trust_env=False, verify=False
        )

    def shared_access(self, container: str, rights: str) -> str:
        """A token for a container with these rights (`rwdcl`) only, for an hour."""
        end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        place = f"/blob/{ACCOUNT}/{container}"
        signed = "\n".join([rights, "", end, place, "", "", "", API, "c", *[""] * 7])
        signature = hmac.digest(base64.b64decode(self.account_key), signed.encode(), hashlib.sha256)
        said = {"sv": API, "sr": "c", "sp": rights, "se": end, "sig": base64.b64encode(signature).decode()}
        return urlencode(said)

    def url(self, container: str, prefix: str = "", endpoint: str = "") -> str:
        """The URL of a target in that container."""
        return f"az://{container}/{prefix}?account={ACCOUNT}&endpoint={endpoint or self.endpoint}"


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """The session's Azure server."""
    with azurite_server() as server:
        yield server


@pytest.fixture
def container(azurite: Azurite) -> str:
    """A fresh container at the session's Azure server."""
    return azurite.fresh_container()


@contextmanager
def azurite_server() -> Iterator[Azurite]:
    """A server of one's own; it dies with this process, whatever happens to it."""
    program = installed()
    with tempfile.TemporaryDirectory(prefix="azurite-", ignore_cleanup_errors=True) as directory:
        process, server = _start(program, Path(directory))
        try:
            yield server
        finally:
            end(process)


def installed() -> Path:
    """The program, fetched by npm's own client where it is not here yet."""
    return package("azurite", VERSION) / "azurite" / "dist" / "src" / "blob" / "main.js"


def _start(program: Path, home: Path) -> tuple["subprocess.Popen[bytes]", Azurite]:
    """Start until the port was really free."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    for _ in range(5):
        port, log = free_port(), home / "azurite.log"
        command = [str(NODE), str(program), "--blobPort", str(port), "--blobHost", "127.0.0.1"]
        command += ["--location", str(home / "kept"), "--disableTelemetry", "--silent"]
        process = spawn(command, home, log, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{key}"})
        server = Azurite(f"http://127.0.0.1:{port}/{ACCOUNT}", key, log)
        if comes_up(process, lambda server=server: _answers(server)):  # type: ignore[misc]  # bound now
            return process, server
        end(process)
    raise RuntimeError(f"azurite did not come up: {log.read_text(errors='replace')[-2000:]}")


def _answers(server: Azurite) -> bool:
    try:
        server.fresh_container()
    except httpx.HTTPError:
        return False
    return True
