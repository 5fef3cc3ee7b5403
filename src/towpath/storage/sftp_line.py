"""A connection to an SFTP server that any thread may use: made when it is needed, and anew once it is lost."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

import asyncssh
from asyncssh import SFTPClient, SSHClientConnection

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import StorageError

Found = TypeVar("Found")

KEEPALIVE: Final = 15.0
"""Seconds of silence after which the server is asked whether it is there; it may fail to answer three times."""
CONNECT_WITHIN: Final = 15.0

ABSENT: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory)
_LOST: Final = (
    asyncssh.SFTPConnectionLost,
    asyncssh.SFTPNoConnection,
    asyncssh.ConnectionLost,
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    BrokenPipeError,
    ConnectionError,
)
_FULL: Final = (asyncssh.SFTPNoSpaceOnFilesystem, asyncssh.SFTPQuotaExceeded)
_DENIED: Final = (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect, asyncssh.PermissionDenied)
_NEVER: Final = (
    asyncssh.SFTPOpUnsupported,
    asyncssh.SFTPInvalidFilename,
    asyncssh.HostKeyNotVerifiable,
    asyncssh.KeyExchangeFailed,
)
ERRORS: Final = (asyncssh.Error, OSError, TimeoutError)
"""All that a server, or the way to it, may bring."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is, who we are there, and how long one request may take, in seconds."""

    host: str
    port: int
    credentials: Mapping[str, str]
    timeout: float


class Line:
    """The connection to a server. What its coroutines raise comes as it is; what was lost is connected anew by the
    next call."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection: SSHClientConnection | None = None
        self._client: SFTPClient | None = None
        self._connecting: asyncio.Lock | None = None

    def ask(self, question: Callable[[SFTPClient], Awaitable[Found]]) -> Found:
        """What a coroutine that is given the client answers; called from any thread."""
        answer: Future[Found] = asyncio.run_coroutine_threadsafe(self._asked(question), _loop())
        return answer.result()

    def close(self) -> None:
        """Let the connection go."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            _loop().call_soon_threadsafe(connection.abort)

    async def _asked(self, question: Callable[[SFTPClient], Awaitable[Found]]) -> Found:
        client = await self._connected()
        try:
            async with asyncio.timeout(self.server.timeout):
                return await question(client)
        except (*_LOST, TimeoutError):
            self._lose(client)
            raise

    async def _connected(self) -> SFTPClient:
        """One task connects, whoever comes meanwhile waits for it."""
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._client is None:
                self._connection = await connect(self.server)
                self._client = await self._connection.start_sftp_client(path_encoding=None)
            return self._client

    def _lose(self, client: SFTPClient) -> None:
        if client is self._client and self._connection is not None:
            self._connection.abort()
            self._connection = self._client = None


async def connect(server: Server) -> SSHClientConnection:
    """Connect with what the target's credentials say alone: no agent, no keys and no settings of the worker's user."""
    told = server.credentials
    key = told.get("private_key")
    keys = [asyncssh.import_private_key(key, told.get("passphrase"))] if key else []
    return await asyncssh.connect(
        server.host,
        server.port,
        config=None,
        username=told["username"],
        password=told.get("password"),
        client_keys=keys or None,
        known_hosts=([host_key(told["host_key"])], [], []),
        agent_path=None,
        gss_host=None,
        connect_timeout=CONNECT_WITHIN,
        login_timeout=CONNECT_WITHIN,
        keepalive_interval=KEEPALIVE,
    )


def host_key(line: str) -> asyncssh.SSHKey:
    """The key in a line as `ssh-keyscan` prints it, with the server's name before it or without."""
    words = line.split()
    kinds = [index for index, word in enumerate(words) if word.startswith(("ssh-", "ecdsa-", "sk-"))]
    return asyncssh.import_public_key(" ".join(words[kinds[0] :] if kinds else words))


_ONE_LOOP = threading.Lock()


def _loop() -> asyncio.AbstractEventLoop:
    """The one loop that all connections of this process run in, in a thread of its own."""
    # A cache alone would let two threads that come at once make a loop each, and a connection belongs to one.
    with _ONE_LOOP:
        return _made_loop()


@cache
def _made_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="sftp", daemon=True).start()
    return loop


def told(doing: str, error: BaseException) -> StorageError:
    """An error of a server or of the way to it, for people and with its class. A failure that is not named may pass."""
    name = type(error).__name__
    says = str(error).strip() or "no answer in time"
    if isinstance(error, _FULL):
        return StorageError(f"{doing}: no space left at the server", ErrorClass.NO_SPACE, name)
    if isinstance(error, _DENIED):
        return StorageError(f"{doing}: {says}", ErrorClass.NO_PERMISSION, name)
    if isinstance(error, (*_NEVER, *ABSENT, asyncssh.KeyImportError)):
        return StorageError(f"{doing}: {says}", ErrorClass.PERMANENT, name)
    return StorageError(f"{doing}: {says}", ErrorClass.TRANSIENT, name)
