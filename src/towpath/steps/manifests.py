"""Manifests of checksums: lines as sha256sum, md5sum, b3sum and xxhsum write and read them, and where they are kept."""

import hashlib
import os
import re
import secrets
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from blake3 import blake3
from xxhash import xxh3_128, xxh64

from towpath.domain.paths import ErrorClass, is_clean, printable
from towpath.hsm.make import make_parents
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Root

PARTS: Final = b".towpath/manifests"
"""Beneath a root: what the tasks of a job have read, until it is one manifest. No walk finds it."""
LONGEST_LINE: Final = 3 * 4096 + 200
MOST_INDEXES: Final = 4


class Digest(Protocol):
    """A hash under way."""

    def update(self, piece: bytes, /) -> object:
        """Take in bytes."""

    def digest(self) -> bytes:
        """What it comes to."""


def _md5() -> Digest:
    return hashlib.md5(usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A hash, and how the tool that reads its manifests spells odd names. `escapes`: byte → what stands for it, on a
    line that begins with a backslash; `unspeakable` finds names that the tool has no way to spell."""

    make: Callable[[], Digest]
    size: int
    tool: str
    escapes: Mapping[bytes, bytes]
    unspeakable: Callable[[bytes], bool]


def _none(name: bytes) -> bool:
    return b"\0" in name


def _has_line_end(name: bytes) -> bool:
    return b"\n" in name or name.startswith(b"\\")


def _is_no_text(name: bytes) -> bool:
    try:
        return "\ufffd" in name.decode()
    except UnicodeDecodeError:
        return True


_COREUTILS: Final = MappingProxyType({b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"})
_B3SUM: Final = MappingProxyType({b"\\": b"\\\\", b"\n": b"\\n"})
_XXHSUM: Final[Mapping[bytes, bytes]] = MappingProxyType({})

ALGORITHMS: Final[Mapping[str, Algorithm]] = MappingProxyType(
    {
        "xxh3_128": Algorithm(xxh3_128, 16, "xxhsum", _XXHSUM, _has_line_end),
        "xxh64": Algorithm(xxh64, 8, "xxhsum", _XXHSUM, _has_line_end),
        "sha256": Algorithm(hashlib.sha256, 32, "sha256sum", _COREUTILS, _none),
        "blake3": Algorithm(blake3, 32, "b3sum", _B3SUM, _is_no_text),
        "md5": Algorithm(_md5, 16, "md5sum", _COREUTILS, _none),
    }
)
"""The hashes that `algorithm` may name. Tried with coreutils 9.1, b3sum 1.2.0 and xxhsum 0.8.1: the last two know
fewer escapes, and a later one of either reads what is written here."""


class Malformed(ValueError):
    """A line is none of a manifest of that algorithm."""


def line_of(algorithm: Algorithm, digest: bytes, name: bytes) -> bytes:
    """The line of a file; raises `StorageError` for a name that the algorithm's tool cannot read."""
    if algorithm.unspeakable(name):
        text = f"{algorithm.tool} has no way to spell its name in a manifest; sha256sum has"
        raise StorageError(text, ErrorClass.PERMANENT)
    spelled = name
    for raw, escaped in algorithm.escapes.items():  # The backslash comes first.
        spelled = spelled.replace(raw, escaped)
    mark = b"" if spelled == name else b"\\"
    return mark + digest.hex().encode() + b"  " + spelled + b"\n"


_ESCAPED: Final = re.compile(rb"\\(.?)", re.DOTALL)
_MEANT: Final = {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}


def parse_line(algorithm: Algorithm, line: bytes) -> tuple[bytes, bytes]:
    """The digest and the name of a line; raises `Malformed`."""
    escaped = bool(algorithm.escapes) and line.startswith(b"\\")
    head, separator, name = line.removesuffix(b"\n").removeprefix(b"\\" if escaped else b"").partition(b" ")
    if len(head) != 2 * algorithm.size or not separator or name[:1] not in (b" ", b"*") or not name[1:]:
        wanted = f"expected {2 * algorithm.size} hexadecimal digits, two spaces and a name"
        raise Malformed(f"{wanted}, found '{printable(line[:100])}'")
    try:
        digest = bytes.fromhex(head.decode("ascii"))
    except ValueError:
        raise Malformed(f"expected hexadecimal digits, found '{printable(head)}'") from None
    return digest, _ESCAPED.sub(_meant, name[1:]) if escaped else name[1:]


def _meant(found: re.Match[bytes]) -> bytes:
    if found[1] not in _MEANT:
        raise Malformed(f"expected a backslash before n, r or a backslash, found '{printable(found[0])}'")
    return _MEANT[found[1]]


# Names --------------------------------------------------------------------------------------------------------


def manifest_path(argument: str | None) -> bytes:
    """The manifest's path beneath its root; raises `StorageError` for none or one that cannot be."""
    path = os.fsencode(argument or "")
    if not path or not is_clean(path):
        wanted = "manifest: expected the path of a file beneath the root, without '.', '..' or empty parts"
        raise StorageError(f"{wanted}, found '{printable(path)}'", ErrorClass.PERMANENT)
    return path


def name_in(manifest: bytes, path: bytes) -> bytes:
    """A path as a manifest names it: relative to the manifest's own directory, where its tool is run."""
    return os.path.relpath(b"/" + path, b"/" + manifest.rpartition(b"/")[0])


def path_of(manifest: bytes, name: bytes) -> bytes:
    """The path beneath the root that a manifest names; one that leaves the root is no clean path."""
    if name.startswith(b"/"):
        return name
    return os.path.normpath(os.path.join(manifest.rpartition(b"/")[0], name))


# Parts --------------------------------------------------------------------------------------------------------


def parts_of(job: int, manifest: bytes) -> bytes:
    """The directory of a job's parts of a manifest, beneath a root."""
    return PARTS + b"/%d-%s" % (job, hashlib.blake2b(manifest, digest_size=8).hexdigest().encode())


UNDER_WAY: Final = b".tmp"
"""How the name of a part ends that is being written; one that a crash left goes with the job's parts."""


def keep_part(root: Root, path: bytes, lines: Iterable[bytes], confirm: Callable[[], None]) -> None:
    """Write a task's part whole and synced, under a private name first; one of an earlier run is replaced."""
    private = b"%s.%s%s" % (path, secrets.token_hex(8).encode(), UNDER_WAY)
    make_parents(root, private)
    fd = root.open(private, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(fd, "wb") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(fd)
        confirm()
        with root.holding(private) as old, root.holding(path) as new:
            os.rename(old[1], new[1], src_dir_fd=old[0], dst_dir_fd=new[0])
    except BaseException:
        with suppress(OSError), root.holding(private) as (directory, name):
            os.unlink(name, dir_fd=directory)
        raise
    sync_directory(root, path.rpartition(b"/")[0])


def sync_directory(root: Root, path: bytes) -> None:
    """Return once the names in a directory would survive a power cut."""
    fd = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def lines_of(root: Root, path: bytes) -> Iterator[bytes]:
    """The lines of a manifest, or of a part; raises OSError, and `Malformed` for a line without end."""
    with open(root.open(path, os.O_RDONLY), "rb") as file:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise Malformed(f"expected lines of less than {LONGEST_LINE} bytes, found a longer one")
            yield line


# Finding lines ------------------------------------------------------------------------------------------------


class Indexes:
    """Manifests made ready for many look-ups: each in a file without a name, so that memory stays flat."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[object, ...], _Index] = OrderedDict()

    def of(self, root: Root, manifest: bytes, algorithm: str) -> "_Index":
        """The index of a manifest as it stands now; raises OSError or `Malformed`."""
        found = root.stat(manifest)
        key = (root.path, manifest, algorithm, found.st_ino, found.st_size, found.st_mtime_ns)
        with self._lock:
            if key not in self._known:
                self._known[key] = _Index(root, manifest, ALGORITHMS[algorithm])
                if len(self._known) > MOST_INDEXES:
                    self._known.popitem(last=False)
            self._known.move_to_end(key)
            return self._known[key]


class _Index:
    """One manifest by path."""

    def __init__(self, root: Root, manifest: bytes, algorithm: Algorithm) -> None:
        self._lock = threading.Lock()
        # Without a name: SQLite keeps it in a file of its own, which goes with the connection.
        self._base = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        weakref.finalize(self, self._base.close)
        self._base.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            " CREATE TABLE lines (path BLOB PRIMARY KEY, digest BLOB) WITHOUT ROWID; BEGIN"
        )
        parsed = (parse_line(algorithm, line) for line in lines_of(root, manifest))
        rows = ((path_of(manifest, name), digest) for digest, name in parsed)
        with closing(self._base.cursor()) as cursor:
            cursor.executemany("INSERT OR REPLACE INTO lines VALUES (?, ?)", rows)
        self._base.execute("COMMIT")

    def find(self, path: bytes) -> bytes | None:
        """The digest that the manifest has for a path; None where it does not name it."""
        with self._lock:
            row = self._base.execute("SELECT digest FROM lines WHERE path = ?", (path,)).fetchone()
        return None if row is None else bytes(row[0])
