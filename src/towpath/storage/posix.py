"""Objects as plain files beneath a directory."""

import errno
import fcntl
import heapq
import io
import os
import secrets
import stat as modes
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final, NoReturn

from towpath.domain.error_table import class_of_errno, name_of_errno
from towpath.domain.paths import ErrorClass, printable, reason_of
from towpath.storage import walking
from towpath.storage.durable import Durable, written
from towpath.storage.protocol import (
    PRIVATE_PREFIX,
    Abilities,
    Corrupt,
    GivenUp,
    ObjectFound,
    ObjectMissing,
    StorageError,
    Stored,
    is_safe_key,
    require_safe,
)
from towpath.storage.roots import Root
from towpath.storage.sources import SourceEnded, pieces
from towpath.storage.walking import Entry, Takes, Tree, any_name

PIECE: Final = 1024 * 1024
STAYS_OVER: Final = 64 * 1024 * 1024
"""Bytes over which what was written of an object outlives a put that did not end."""
STRAY_AFTER: Final = timedelta(days=1)

_PRIVATE: Final = PRIVATE_PREFIX.encode()
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
"""Tells this machine, since it was booted, from others that write to the same directory."""
_ABSENT: Final = (FileNotFoundError, NotADirectoryError)
_RENAMES: Final = 20
"""Each is lost only to a delete that takes the new, still empty, parent directory away in that very moment."""


class DirectoryStorage:
    """A directory whose files are the objects, each under its key.

    A put writes a private file beneath `.towpath/tmp`, compares each piece with what reads back from that file,
    and renames it into place. What reads back comes from the page cache: it proves that the whole of the source
    stands in the file as it was read; that the disk has it is what `sync` is for. Symbolic links are never
    followed, and nothing outside of the directory is touched. Listings go component by component, in the order
    of bytes; files whose names are no safe keys are not objects. A directory that a delete leaves empty goes too.
    """

    abilities: Abilities

    def __init__(self, directory: bytes, stays_over: int = STAYS_OVER) -> None:
        self.abilities = Abilities(needs_sync=True, local=True, parts_over=stays_over)
        self._stays_over = stays_over
        self._root = Root("target", directory)
        self._durable = Durable(self._root)

    @property
    def real_path(self) -> bytes:
        """Where the directory that was opened truly lies now."""
        return os.readlink(b"/proc/self/fd/%d" % self._root.fd)

    def put(self, key: str, source: BinaryIO, size: int) -> Stored:
        """Copy `size` bytes into a private file, verify it, and rename it to the key."""
        require_safe(key)
        self._keep(key.encode(), source, size)
        return Stored(key, size, "read back")

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
        self._remove(key.encode())

    def give_up(self, key: str) -> None:
        """Unlink what a large put has left, unless one is at it."""
        require_safe(key)
        with _told(f"give up '{key}'"), suppress(*_ABSENT, BlockingIOError):
            os.close(self._claim(_begun_name(key.encode()), 0))
            self._unlink(_begun_name(key.encode()))

    def listing(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The files beneath a directory, component by component."""
        if prefix:
            require_safe(prefix)
        return self._tree().listing(prefix, after)

    def everything(self, prefix: str = "", after: str = "") -> Iterator[ObjectFound]:
        """The same, whatever the files' names."""
        return self._tree(any_name).listing(prefix, after)

    def sync(self, keys: list[str]) -> None:
        """Sync the files and their directories, or for many of them the whole file system once."""
        with _told(f"sync {len(keys)} objects"):
            self._durable.sync(key.encode() for key in keys)

    def check(self) -> str:
        """Write, read, list and delete a private file."""
        key, content = self._private_name(), secrets.token_bytes(1024)
        self._keep(key.encode(), io.BytesIO(content), len(content))
        try:
            if b"".join(self._pieces(key, 0, None)) != content:
                raise Corrupt(f"check: '{key}' reads back otherwise than it was written")
            if key not in [found.key for found in self._tree().listing(PRIVATE_PREFIX, "")]:
                raise StorageError(f"check: '{key}' was written and is not listed", class_of_errno(None))
            with _told("check: sync"):
                self._durable.sync([key.encode()])
        finally:
            self._remove(key.encode())
        with _told("check: free space"):
            free = os.fstatvfs(self._root.fd)
        return (
            f"works: wrote, read, listed and deleted an object; puts are read back; "
            f"{free.f_bavail * free.f_frsize / 1e9:.1f} GB free"
        )

    def sweep(self, now: datetime) -> int:
        """Remove private files that nobody wrote to for a day, but for those of live processes of this machine;
        how many went."""
        removed = 0
        for found in self._tree().listing(PRIVATE_PREFIX, ""):
            if now - found.modified_at > STRAY_AFTER and not _is_alive(found.key.rpartition("/")[2]):
                self._remove(found.key.encode())
                removed += 1
        return removed

    def close(self) -> None:
        """Let the directory go."""
        self._durable.close()
        self._root.close()

    # Writing --------------------------------------------------------------------------------------------------

    def _keep(self, key: bytes, source: BinaryIO, size: int) -> None:
        doing = f"put '{key.decode()}'"
        with _told(doing):
            private, fd = self._take_up(key, size)
        lock = os.dup(fd)
        try:
            try:
                self._fill(fd, source, size, doing)
            finally:
                # A network file system may tell of a full disk only at the close: so before the rename.
                with _told(doing):
                    os.close(fd)
            with _told(doing):
                self._rename(private, key)
        except BaseException as error:
            if size <= self._stays_over or not _may_pass(error):
                with suppress(OSError):
                    self._unlink(private)
            raise
        finally:
            os.close(lock)

    def _take_up(self, key: bytes, size: int) -> tuple[bytes, int]:
        """The private file to write, by name and descriptor; a large one that an earlier put of that key has left."""
        if size > self._stays_over:
            begun = _begun_name(key)
            with suppress(BlockingIOError, FileNotFoundError):  # Another put of the same is at it.
                return begun, self._claim(begun, os.O_CREAT)
        private = self._private_name().encode()
        return private, self._create(private, os.O_CREAT | os.O_EXCL)

    def _claim(self, private: bytes, flags: int) -> int:
        """Open a file that outlives puts, locked; raises BlockingIOError where somebody else has it."""
        fd = self._create(private, flags)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._root.stat(private).st_ino != os.fstat(fd).st_ino:
                raise BlockingIOError  # It has just got its place.
        except BaseException:
            os.close(fd)
            raise
        return fd

    @staticmethod
    def _private_name() -> str:
        return f"{PRIVATE_PREFIX}/{_BOOT}-{os.getpid()}-{secrets.token_hex(8)}"

    def _create(self, private: bytes, flags: int) -> int:
        try:
            return self._root.open(private, os.O_RDWR | flags)
        except FileNotFoundError:
            if not flags & os.O_CREAT:
                raise
            self._make_parents(private)
            return self._root.open(private, os.O_RDWR | flags)

    @staticmethod
    def _fill(fd: int, source: BinaryIO, size: int, doing: str) -> None:
        offset = 0
        for piece in pieces(source, size, PIECE):
            with _told(doing):
                back = _read(fd, len(piece), offset)  # An earlier put may have left it.
                if back != piece:
                    _write(fd, piece, offset)
                    written(fd, offset, len(piece))
                    back = _read(fd, len(piece), offset)
            if back != piece:
                raise Corrupt(f"{doing}: what was written at byte {offset} reads back otherwise")
            offset += len(piece)
        with _told(doing):
            os.ftruncate(fd, size)

    def _rename(self, private: bytes, key: bytes) -> None:
        with self._root.holding(private) as (source, name):
            for left in reversed(range(_RENAMES)):
                try:
                    with self._root.holding(key) as (directory, last):
                        os.rename(name, last, src_dir_fd=source, dst_dir_fd=directory)
                    return
                except FileNotFoundError:
                    if not left:
                        raise
                    self._make_parents(key)

    def _make_parents(self, path: bytes) -> None:
        parts = path.split(b"/")[:-1]
        for depth in range(1, len(parts) + 1):
            made = b"/".join(parts[:depth])
            with suppress(FileExistsError, FileNotFoundError), self._root.holding(made) as (directory, name):
                os.mkdir(name, 0o700, dir_fd=directory)

    def _unlink(self, path: bytes) -> None:
        with self._root.holding(path) as (directory, name):
            os.unlink(name, dir_fd=directory)

    def _remove(self, path: bytes) -> None:
        with _told(f"delete '{path.decode()}'"):
            try:
                self._unlink(path)
            except (*_ABSENT, IsADirectoryError):
                return
        parent = path.rpartition(b"/")[0]
        with suppress(OSError):
            while parent and parent != _PRIVATE:
                with self._root.holding(parent) as (directory, name):
                    os.rmdir(name, dir_fd=directory)
                parent = parent.rpartition(b"/")[0]

    # Reading --------------------------------------------------------------------------------------------------

    def _pieces(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        doing = f"get '{key}'"
        fd = self._open(key, doing)
        try:
            offset, end = start, None if length is None else start + length
            while end is None or offset < end:
                with _told(doing):
                    piece = os.pread(fd, PIECE if end is None else min(PIECE, end - offset), offset)
                if not piece:
                    return
                offset += len(piece)
                yield piece
        finally:
            os.close(fd)

    def _open(self, key: str, doing: str) -> int:
        with _told(doing):
            try:
                # O_NONBLOCK: a fifo that somebody put there must not hold us up.
                fd = self._root.open(key.encode(), os.O_RDONLY | os.O_NONBLOCK)
            except _ABSENT:
                raise ObjectMissing(key) from None
            if not modes.S_ISREG(os.fstat(fd).st_mode):
                os.close(fd)
                raise ObjectMissing(key)
            return fd

    def _find(self, key: str) -> ObjectFound | None:
        with _told(f"look at '{printable(os.fsencode(key))}'"):
            try:
                stat = self._root.stat(os.fsencode(key))
            except _ABSENT:
                return None
        if not modes.S_ISREG(stat.st_mode):
            return None
        return ObjectFound(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))

    # Listing --------------------------------------------------------------------------------------------------

    def _tree(self, takes: Takes = is_safe_key) -> Tree:
        return Tree(self._first, lambda path, _: self._find(path), takes)

    def _first(self, directory: str, wanted: Callable[[str], bool]) -> list[Entry]:
        with _told(f"list '{printable(os.fsencode(directory))}'"):
            try:
                fd = self._root.open(os.fsencode(directory), os.O_RDONLY | os.O_DIRECTORY)
            except _ABSENT:
                return []
            try:
                with os.scandir(fd) as entries:
                    eligible = (
                        (entry.name, entry.is_dir(follow_symlinks=False), 0, 0.0)
                        for entry in entries
                        if wanted(entry.name)
                    )
                    return heapq.nsmallest(walking.WINDOW, eligible)
            finally:
                os.close(fd)


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """The place's errors as `StorageError`; what the caller's own source raises must not come through here."""
    try:
        yield
    except OSError as error:
        _tell(doing, error)


def _tell(doing: str, error: OSError) -> NoReturn:
    number = error.errno
    raise StorageError(reason_of(error, doing), class_of_errno(number), name_of_errno(number)) from error


def _begun_name(key: bytes) -> bytes:
    """The private file of a large object: always the same, so that it is found again."""
    return b"%s/%s.part" % (_PRIVATE, blake2b(key, digest_size=16).hexdigest().encode())


def _may_pass(error: BaseException) -> bool:
    """Whether the next put may go on with what was written. What a full place holds is given back."""
    if isinstance(error, StorageError):
        return error.error_class is ErrorClass.TRANSIENT and not isinstance(error, Corrupt | SourceEnded)
    return isinstance(error, GivenUp)


def _write(fd: int, piece: bytes, offset: int) -> None:
    done = os.pwrite(fd, piece, offset)
    while done < len(piece):
        done += os.pwrite(fd, memoryview(piece)[done:], offset + done)


def _read(fd: int, length: int, offset: int) -> bytes:
    found = os.pread(fd, length, offset)
    while 0 < len(found) < length:
        more = os.pread(fd, length - len(found), offset + len(found))
        if not more:
            break
        found += more
    return found


def _is_alive(private: str) -> bool:
    """Whether a private file's writer is a process of this machine that still runs."""
    boot, _, rest = private.partition("-")
    pid = rest.partition("-")[0]
    if boot != _BOOT or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError as error:
        return error.errno == errno.EPERM
    return True
