"""Pytest fixtures: a real SSH server with SFTP (asyncssh's) that lives as long as the test session."""

import asyncio
import secrets
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import asyncssh
import pytest

USER: Final = "ana"


@dataclass(frozen=True)
class Sftp:
    """A running server: its port, the directory that it shows as `/`, its host key, and what it lets in."""

    port: int
    directory: Path
    host_key: str
    password: str
    private_key: str
    connections: list[asyncssh.SSHServerConnection]
    loop: asyncio.AbstractEventLoop

    @property
    def credentials(self) -> dict[str, str]:
        """As `open_storage` takes them."""
        return {"username": USER, "password": self.password, "host_key": self.host_key}

    @property
    def by_key(self) -> dict[str, str]:
        """The same user, by a key."""
        return {"username": USER, "private_key": self.private_key, "host_key": self.host_key}

    def cut(self) -> int:
        """Break all connections off; how many there were."""
        broken = list(self.connections)
        for connection in broken:
            self.loop.call_soon_threadsafe(connection.abort)
        return len(broken)

    def fresh_directory(self) -> str:
        """Make a directory that nobody has used yet; its name beneath `/`."""
        name = f"t{secrets.token_hex(8)}"
        (self.directory / name).mkdir()
        return name

    def url(self, directory: str, prefix: str = "") -> str:
        """The URL of a target in that directory."""
        return f"sftp://127.0.0.1:{self.port}/{directory}" + (f"/{prefix}" if prefix else "")


class _Files(asyncssh.SFTPServer):
    """The directory, but for what lies beneath a directory named `barred`, where nothing may be written."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        if b"/barred/" in path and pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("this is not for you")
        return super().open(path, pflags, attrs)


class _Gate(asyncssh.SSHServer):
    """Lets one user in by one password; keys are asyncssh's own business."""

    def __init__(self, password: str, connections: list[asyncssh.SSHServerConnection]) -> None:
        self._password, self._connections = password, connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, self._password)


@pytest.fixture(scope="session")
def sftp() -> Iterator[Sftp]:
    """The session's SFTP server."""
    with sftp_server() as server:
        yield server


@contextmanager
def sftp_server() -> Iterator[Sftp]:
    """A server of one's own, in a thread of this process."""
    host, user = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    password = secrets.token_urlsafe(16)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sftp-server", daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="sftp-") as directory:
        keys = asyncssh.import_authorized_keys(user.export_public_key().decode())
        connections: list[asyncssh.SSHServerConnection] = []
        opening = _opened(Path(directory), host, keys, partial(_Gate, password, connections))
        acceptor = asyncio.run_coroutine_threadsafe(opening, loop).result()
        try:
            yield Sftp(
                acceptor.get_port(),
                Path(directory),
                host.export_public_key().decode().strip(),
                password,
                user.export_private_key().decode(),
                connections,
                loop,
            )
        finally:
            asyncio.run_coroutine_threadsafe(_closed(acceptor, connections), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _opened(
    directory: Path, host: asyncssh.SSHKey, keys: asyncssh.SSHAuthorizedKeys, gate: partial[_Gate]
) -> asyncssh.SSHAcceptor:
    return await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host],
        server_factory=gate,
        authorized_client_keys=keys,
        sftp_factory=partial(_Files, chroot=bytes(directory)),
        config=None,
    )


async def _closed(acceptor: asyncssh.SSHAcceptor, connections: list[asyncssh.SSHServerConnection]) -> None:
    acceptor.close()
    for connection in connections:
        connection.abort()
        await connection.wait_closed()
    await acceptor.wait_closed()
