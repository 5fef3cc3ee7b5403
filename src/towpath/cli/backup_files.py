"""Backups as files: written whole or not at all, named by their time, and the keys that may go with them."""

import base64
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

from towpath.domain.errors import Mistake

SUFFIX = ".towpath-backup"
NAMED = re.compile(r"towpath-(\d{8}T\d{6})Z" + re.escape(SUFFIX))
KEYS = (
    "hub.key",
    "hub.nk",
    "bus/*.pem",
    "bus/*.key",
    "sites/*/site.key",
    "sites/*/node.nk",
)
"""What of a home cannot be made again: who lacks them cannot read secrets, marks, or let nodes in as before."""


def named_at(moment: datetime) -> str:
    """The name of a backup of that time."""
    return f"towpath-{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}{SUFFIX}"


def key_name(key: bytes) -> str:
    """By what a key is known, which says nothing of it."""
    return hashlib.sha256(b"the key of a hub: " + key).hexdigest()[:16]


def write_whole(path: Path, write: Callable[[IO[bytes]], None]) -> int:
    """Write a private file that appears under its name only once it is whole and on disk; its size in bytes."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        try:
            # A link, unlike a rename, leaves a file that has that name.
            os.link(draft, path)
        except FileExistsError:
            raise Mistake(f"FILE {path}: expected a name that is free, found a file") from None
        _sync(path.parent)
    except OSError as error:
        raise Mistake(f"FILE {path}: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)
    return size


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_keys(root: Path) -> dict[str, str]:
    """The keys of a home: name → content in base64."""
    files = sorted({file for pattern in KEYS for file in root.glob(pattern) if file.is_file()})
    return {str(file.relative_to(root)): base64.b64encode(file.read_bytes()).decode() for file in files}


def keys_to_write(root: Path, keys: dict[str, str], *, replace: bool) -> list[tuple[Path, bytes]]:
    """What is to be written of keys that came with a backup; raises `Mistake` where another stands there."""
    found = []
    for name, text in keys.items():
        if not any(Path(name).match(pattern) for pattern in KEYS) or ".." in Path(name).parts:
            raise Mistake(f"backup: expected keys of a home, found '{name}'")
        file, content = root / name, base64.b64decode(text)
        if file.exists() and file.read_bytes() == content:
            continue
        if file.exists() and not replace:
            raise Mistake(
                f"{file}: expected none, or that of the backup, found another key; --replace puts it there"
            )
        found.append((file, content))
    return found


def write_keys(files: list[tuple[Path, bytes]]) -> None:
    """Put keys where they belong, for their owner only."""
    for file, content in files:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, stat.S_IRUSR | stat.S_IWUSR), "wb"
        ) as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)


def superfluous(directory: Path, keep: int | None, days: float | None, now: datetime) -> Iterator[Path]:
    """Backups in a directory, the oldest first, that are neither among the newest `keep` nor younger than `days`."""
    try:
        found = sorted(file for file in directory.iterdir() if NAMED.fullmatch(file.name))
    except OSError as error:
        raise Mistake(f"DIR {directory}: {error.strerror}") from None
    kept = set(found[max(0, len(found) - (keep or 0)) :])
    for file in found:
        if file not in kept and (days is None or now - _made_at(file) >= timedelta(days=days)):
            yield file


def _made_at(file: Path) -> datetime:
    match = NAMED.fullmatch(file.name)
    assert match is not None
    return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
