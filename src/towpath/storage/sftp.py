"""Objects as plain files beneath a directory of an SFTP server."""

import io
import os
import secrets
import stat as modes
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import BinaryIO, Final, TypeVar

import asyncssh
from asyncssh import SFTPAttrs, SFTPClient, SFTPClientFile

from towpath.domain.paths import ErrorClass, printable
from towpath.domain.targets import TargetUrl
from towpath.storage import walking
from towpath.storage.protocol import (
    PRIVATE_PREFIX,
    Abilities,
    Corrupt,
    ObjectFound,
    ObjectMissing,
    StorageError,
    Stored,
    is_safe_key,
    require_safe,
)
from towpath.storage.sftp_line import ABSENT, ERRORS, Line, Server, told
from towpath.storage.sources import pieces
from towpath.storage.walking import Entry, Takes, Tree, any_name

Found = TypeVar("Found")

PORT: Final = 22
PIECE: Final = 1024 * 1024
LITTLE: Final = 1024 * 1024
"""Bytes of free space below which a failure is taken for a lack of it: most servers have no word for that."""
STRAY_AFTER: Final = timedelta(days=1)
_RENAMES: Final = 20
"""Each is lost only to a delete that takes the new, still empty, parent directory away in that very moment."""


class SftpStorage:
    """A directory of a server whose files are the objects, each under its key.

    A put writes a private file beneath `.towpath/tmp`, compares each piece with what reads back, has the server sync
    it (`fsync@openssh.com`), renames it over the key (`posix-rename@openssh.com`), and has it synced once more: the
    journals of ext4, xfs and btrfs write the new name with that. A server that can do neither is no target. Listings go
    component by component, in the order of bytes; files whose names are no safe keys are not objects.
    """

    abilities: Abilities

    def __init__(self, server: Server, directory: str) -> None:
        self.abilities = Abilities()
        self._line, self._base = Line(server), directory.rstrip("/").encode()

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Copy `size` bytes into a private file, verify and sync it, and rename it to the key."""
        require_safe(key)
        self._keep(key, source, size)
        return Stored(key, size, "read back")

    def give_up(self, key: str) -> None:
        """Nothing: a put that does not end leaves nothing."""
        require_safe(key)

    def get(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The file's bytes."""
        require_safe(key)
        return self._pieces(key, start, length)

    def look(self, key: str) -> ObjectFound | None:
        """The file's size and modification time."""
        require_safe(key)
        return self._find(key)

    def delete(self, key: str) -> None:
        """Unlink the file, and the directories above it that are left empty."""
        require_safe(key)
        self._remove(key)

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The files beneath a directory, component by component."""
        if prefix:
            require_safe(prefix)
        return self._tree().listing(prefix, after)

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The same, whatever the files' names."""
        return self._tree(any_name).listing(prefix, after)

    def sync(self, keys: list[str]) -> None:
        """Nothing: a put returns once the server has synced the file."""

    def check(self) -> str:
        """Write, read, list and delete a private file."""
        key, content = _private_name(), secrets.token_bytes(1024)
        self._keep(key, io.BytesIO(content), len(content))
        try:
            if b"".join(self._pieces(key, 0, None)) != content:
                raise Corrupt(f"check: '{key}' reads back otherwise than it was written")
            if key not in [found.key for found in self._tree().listing(PRIVATE_PREFIX, "")]:
                raise StorageError(f"check: '{key}' was written and is not listed", ErrorClass.PERMANENT)
        finally:
            self._remove(key)
        free = self._free()
        room = "its free space is not told" if free is None else f"{free / 1e9:.1f} GB free"
        return f"works: wrote, read, listed and deleted an object; puts are read back; {room}"

    def sweep(self, site: str, now: datetime) -> int:
        """Of whichever site, remove private files that nobody wrote to for a day; how many went."""
        stray = [
            found.key
            for found in self._tree().listing(PRIVATE_PREFIX, "")
            if now - found.modified_at > STRAY_AFTER
        ]
        for key in stray:
            self._remove(key)
        return len(stray)

    def close(self) -> None:
        """Let the connection go."""
        self._line.close()

    # Asking ---------------------------------------------------------------------------------------------------

    def _at(self, key: str) -> bytes:
        return self._base + b"/" + os.fsencode(key) if key else self._base or b"/"

    def _ask(self, doing: str, question: Callable[[SFTPClient], Awaitable[Found]]) -> Found:
        """What the server answers; raises `StorageError`, and what says that something is not there as it is."""
        try:
            return self._line.ask(question)
        except ABSENT:
            raise
        except ERRORS as error:
            free = self._free() if type(error) is asyncssh.SFTPFailure else None
            if free is not None and free < LITTLE:
                raise StorageError(
                    f"{doing}: no space left at the server", ErrorClass.NO_SPACE, "SFTPFailure"
                ) from None
            raise told(doing, error) from None

    def _free(self) -> int | None:
        """Bytes that are free at the server; None where it does not say."""
        try:
            found = self._line.ask(lambda client: client.statvfs(self._base or b"/"))
        except ERRORS:
            return None
        return (found.bavail or 0) * (found.frsize or 0)

    # Writing --------------------------------------------------------------------------------------------------

    def _keep(self, key: str, source: BinaryIO, size: int) -> None:
        doing, private = f"put '{key}'", _private_name()
        file = self._create(doing, private)
        kept = False
        try:
            self._fill(doing, file, source, size)
            with _present(doing):
                self._ask(doing, lambda _: file.fsync())
            self._rename(doing, private, key)
            kept = True
            with _present(doing):
                self._ask(doing, lambda _: file.fsync())
        finally:
            with suppress(*ERRORS):
                self._line.ask(lambda _: file.close())
            if not kept:
                with suppress(*ERRORS):
                    self._line.ask(lambda client: client.remove(self._at(private)))

    def _create(self, doing: str, private: str) -> SFTPClientFile:
        def create(client: SFTPClient) -> Awaitable[SFTPClientFile]:
            return client.open(self._at(private), "xb+", SFTPAttrs(permissions=0o600))

        with suppress(*ABSENT):
            return self._ask(doing, create)
        self._make_parents(doing, private)
        with _present(doing):
            return self._ask(doing, create)

    def _fill(self, doing: str, file: SFTPClientFile, source: BinaryIO, size: int) -> None:
        offset = 0
        for piece in pieces(source, size, PIECE):

            async def written(_: SFTPClient, piece: bytes = piece, offset: int = offset) -> bytes:
                await file.write(piece, offset)
                return _content(await file.read(len(piece), offset))

            with _present(doing):
                back = self._ask(doing, written)
            if back != piece:
                raise Corrupt(f"{doing}: what was written at byte {offset} reads back otherwise")
            offset += len(piece)

    def _rename(self, doing: str, private: str, key: str) -> None:
        for left in reversed(range(_RENAMES)):
            try:
                self._ask(doing, lambda client: client.posix_rename(self._at(private), self._at(key)))
            except ABSENT as error:
                if not left:
                    raise told(doing, error) from None
                self._make_parents(doing, key)
            else:
                return

    def _make_parents(self, doing: str, key: str) -> None:
        """The directories above a key, and the target's own where only that is missing."""
        parts = key.split("/")[:-1]
        for depth in range(len(parts) + 1):
            place = self._at("/".join(parts[:depth]))

            async def made(client: SFTPClient, place: bytes = place) -> None:
                if not await client.isdir(place):
                    with suppress(
                        asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists
                    ):  # Somebody was first.
                        await client.mkdir(place, SFTPAttrs(permissions=0o700))

            with _present(doing):
                self._ask(doing, made)

    def _remove(self, key: str) -> None:
        async def removed(client: SFTPClient) -> None:
            if modes.S_ISREG((await client.lstat(self._at(key))).permissions or 0):
                await client.remove(self._at(key))
                parent = key.rpartition("/")[0]
                with suppress(asyncssh.SFTPError):  # It is not empty.
                    while parent and parent != PRIVATE_PREFIX:
                        await client.rmdir(self._at(parent))
                        parent = parent.rpartition("/")[0]

        with suppress(*ABSENT):
            self._ask(f"delete '{key}'", removed)

    # Reading --------------------------------------------------------------------------------------------------

    def _pieces(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        doing = f"get '{key}'"
        file = self._open(key, doing)
        try:
            offset, end = start, None if length is None else start + length
            while end is None or offset < end:
                wanted = PIECE if end is None else min(PIECE, end - offset)
                with _present(doing):
                    piece = _content(self._ask(doing, partial(_read, file, wanted, offset)))
                if not piece:
                    return
                offset += len(piece)
                yield piece
        finally:
            with suppress(*ERRORS):
                self._line.ask(lambda _: file.close())

    def _open(self, key: str, doing: str) -> SFTPClientFile:
        async def opened(client: SFTPClient) -> SFTPClientFile | None:
            if not modes.S_ISREG((await client.lstat(self._at(key))).permissions or 0):
                return None
            return await client.open(self._at(key), "rb")

        try:
            file = self._ask(doing, opened)
        except ABSENT:
            raise ObjectMissing(key) from None
        if file is None:
            raise ObjectMissing(key)
        return file

    def _find(self, key: str) -> ObjectFound | None:
        try:
            stat = self._ask(f"look at '{key}'", lambda client: client.lstat(self._at(key)))
        except ABSENT:
            return None
        if not modes.S_ISREG(stat.permissions or 0):
            return None
        return ObjectFound(key, stat.size or 0, datetime.fromtimestamp(stat.mtime or 0, UTC))

    # Listing --------------------------------------------------------------------------------------------------

    def _tree(self, takes: Takes = is_safe_key) -> Tree:
        return Tree(self._first, _object, takes)

    def _first(self, directory: str, wanted: Callable[[str], bool]) -> list[Entry]:
        async def read(client: SFTPClient) -> list[Entry]:
            found: list[Entry] = []
            async for entry in client.scandir(self._at(directory)):
                name, told = _text(entry.filename), entry.attrs
                if name in (".", "..") or not wanted(name):
                    continue
                if modes.S_ISDIR(told.permissions or 0) or modes.S_ISREG(told.permissions or 0):
                    is_directory = modes.S_ISDIR(told.permissions or 0)
                    found.append((name, is_directory, told.size or 0, float(told.mtime or 0)))
                if len(found) >= 2 * walking.WINDOW:
                    found = sorted(found)[: walking.WINDOW]
            return sorted(found)[: walking.WINDOW]

        try:
            return self._ask(f"list '{printable(os.fsencode(directory))}'", read)
        except ABSENT:
            return []


def _object(path: str, entry: Entry) -> ObjectFound:
    _, _, size, changed = entry
    return ObjectFound(path, size, datetime.fromtimestamp(changed, UTC))


async def _read(file: SFTPClientFile, wanted: int, offset: int, _: SFTPClient) -> bytes | str:
    return await file.read(wanted, offset)


def _content(read: bytes | str) -> bytes:
    """What was read from a file that was opened for bytes."""
    if isinstance(read, str):
        raise TypeError("expected bytes of a file opened for bytes, found text")
    return read


def _text(name: bytes | str) -> str:
    """A name of the server's."""
    return name if isinstance(name, str) else os.fsdecode(name)


def _private_name() -> str:
    return f"{PRIVATE_PREFIX}/{secrets.token_hex(16)}"


@contextmanager
def _present(doing: str) -> Iterator[None]:
    """Where it is an error that something is not there."""
    try:
        yield
    except ABSENT as error:
        raise told(doing, error) from None


def open_server(target: TargetUrl, credentials: Mapping[str, str], timeout: float) -> SftpStorage:
    """The directory that a target's URL names; nothing is asked of the server yet."""
    return SftpStorage(server_of(target, credentials, timeout), f"/{target.prefix}")


def server_of(target: TargetUrl, credentials: Mapping[str, str], timeout: float) -> Server:
    """The server that a target's URL names."""
    host, _, port = target.bucket.partition(":")
    return Server(host, int(port or PORT), credentials, timeout)
