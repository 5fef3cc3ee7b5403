"""What a node sees at a path of its site: how the path stands, and what is in it where it is a directory."""

import heapq
import os
import stat as modes
from collections.abc import Iterator

from towpath import wire
from towpath.discovery.level import is_private
from towpath.domain.paths import printable
from towpath.hsm.glance import judged_by
from towpath.hsm.mark import Standing
from towpath.storage.roots import Root, Roots

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

TYPES = {modes.S_IFREG: "file", modes.S_IFDIR: "directory", modes.S_IFLNK: "symlink"}

ENTRY_BYTES = 80
"""Bytes of an entry in an answer, beside its name."""


class Unseen(Exception):
    """A path could not be looked at; the text says which, and why."""


def see(roots: Roots, key: bytes, question: wire.Question, most_bytes: int) -> wire.Seen:
    """How a path stands, and its entries behind `after_name`, in the order of their names.

    However many there are, no more are held at once than are told. Nothing is opened for reading, so that whoever works
    on a file notices nothing. Raises `Unseen`.
    """
    root = roots.of(question.root)
    try:
        handle = root.open(question.path, _LOOK)
        try:
            here = _entry(handle, question.path.rpartition(b"/")[2], key)
        finally:
            os.close(handle)
        if here.type != "directory":
            return wire.Seen(here, [])
        return _with_entries(root, key, question, here, most_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return wire.Seen(None, [])
    except OSError as error:
        shown = printable(root.path + b"/" + question.path if question.path else root.path)
        raise Unseen(f"{shown}: {error.strerror}") from None


def _with_entries(
    root: Root, key: bytes, question: wire.Question, here: wire.Entry, most_bytes: int
) -> wire.Seen:
    directory = root.open(question.path, _LIST)
    entries: list[wire.Entry] = []
    held = 0
    try:
        prefix = question.path + b"/" if question.path else b""
        names = (
            name for name in _names(directory) if name > question.after_name and not is_private(prefix + name)
        )
        for name in heapq.nsmallest(question.limit + 1, names):
            held += len(name) + ENTRY_BYTES
            if len(entries) >= question.limit or held > most_bytes:
                return wire.Seen(here, entries, more=True)
            found = _found(directory, name, key)
            if found is not None:
                entries.append(found)
    finally:
        os.close(directory)
    return wire.Seen(here, entries)


def _names(directory: int) -> Iterator[bytes]:
    with os.scandir(directory) as found:
        for entry in found:
            yield os.fsencode(entry.name)


def _found(directory: int, name: bytes, key: bytes) -> wire.Entry | None:
    """An entry of a directory; None where it is gone since its name was read."""
    try:
        handle = os.open(name, _LOOK, dir_fd=directory)
    except FileNotFoundError:
        return None
    try:
        return _entry(handle, name, key)
    finally:
        os.close(handle)


def _entry(handle: int, name: bytes, key: bytes) -> wire.Entry:
    found = os.fstat(handle)
    kind = TYPES.get(modes.S_IFMT(found.st_mode), "other")
    mode, standing, tag = modes.S_IMODE(found.st_mode), "", b""
    if kind == "file":
        judged = judged_by(handle, found, key)
        if judged is not None:
            standing = judged.standing.value
            if judged.mark is not None:
                tag = judged.mark.reference.tag
                mode = judged.mark.mode if judged.standing is Standing.OFFLINE else mode
    return wire.Entry(
        name,
        kind,
        found.st_size,
        found.st_blocks * 512,
        found.st_mtime_ns // 1000,
        mode,
        found.st_uid,
        found.st_gid,
        standing,
        tag,
    )
