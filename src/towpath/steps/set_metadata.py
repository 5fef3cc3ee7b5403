"""The step that sets permissions, owner, group, times and extended attributes."""

import grp
import json
import os
import pwd
import re
import stat as modes
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from towpath.domain.catalogue import SET_METADATA, StepSpec
from towpath.domain.paths import ErrorClass, Kind, PathOutcome
from towpath.hsm.mark import NAMES
from towpath.hsm.opened import NoAttributes, Opened, Refused, opened
from towpath.steps.outcomes import GONE, all_failed, already, failed, missing, processed, skipped
from towpath.steps.protocol import Context, Item
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Root

_OCTAL = re.compile(r"[0-7]{1,5}")
LARGEST_MODE = 0o7777


class Wrong(ValueError):
    """An argument cannot be: which, what was expected, and what was found."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be set; None, or nothing, leaves it as it is. Times are in ns since 1970."""

    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    atime_ns: int | None = None
    mtime_ns: int | None = None
    xattrs: Mapping[str, bytes | None] = field(default_factory=dict)

    @classmethod
    def of(cls, arguments: Mapping[str, Any], now_ns: int) -> "Wishes":
        """The wishes in a task's arguments; raises `Wrong`."""
        return cls(
            mode_of(arguments["mode"]),
            _number("owner", arguments["owner"], lambda name: pwd.getpwnam(name).pw_uid),
            _number("group", arguments["group"], lambda name: grp.getgrnam(name).gr_gid),
            _time("atime", arguments["atime"], now_ns),
            _time("mtime", arguments["mtime"], now_ns),
            _xattrs(arguments["xattrs"]),
        )


def mode_of(text: str | None) -> int | None:
    """Permission bits in octal as a number; raises `Wrong`."""
    if text is None:
        return None
    if not _OCTAL.fullmatch(text) or int(text, 8) > LARGEST_MODE:
        raise Wrong(f"mode: expected permission bits in octal, such as 0640, found '{text}'")
    return int(text, 8)


def _number(argument: str, text: str | None, find: Callable[[str], int]) -> int | None:
    if text is None:
        return None
    if text.isascii() and text.isdigit() and int(text) < 2**32 - 1:
        return int(text)
    try:
        return find(text)
    except (KeyError, ValueError):
        raise Wrong(
            f"{argument}: expected a number, or a name that this site knows, found '{text}'"
        ) from None


def _time(argument: str, text: str | None, now_ns: int) -> int | None:
    if text is None:
        return None
    if text == "now":
        return now_ns
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Wrong(
            f"{argument}: expected 'now', or a time with its zone as 2026-11-24T14:00:00Z, found '{text}'"
        )
    return round(at.timestamp()) * 10**9 + at.microsecond * 1000


def _xattrs(text: str | None) -> Mapping[str, bytes | None]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Wrong("xattrs: expected a JSON object of names and values, found something else")
    for name, value in found.items():
        if not name.startswith("user.") or name in NAMES or not isinstance(value, str | None):
            raise Wrong(f"xattrs: expected names that begin 'user.' with a string or null, found '{name}'")
    return {name: None if value is None else value.encode() for name, value in found.items()}


class SetMetadata:
    """Sets what its arguments name, and leaves the rest as it is. What is managed stays so.

    - `mode`: permission bits in octal; a stub gets them once its data is here. Symbolic links have none.
    - `owner`, `group`: by name or number. A change takes setuid and setgid away, unless `mode` sets them.
    - `mtime`, `atime`: `now` (one moment for the whole task), or a time with its zone. A file with a new `mtime` does
      not count as edited.
    - `xattrs`: a JSON object of `user.` attributes and their values; null removes one.
    - `abort_missing`: a path that is not there counts as aborted rather than failed.
    """

    spec: ClassVar[StepSpec] = SET_METADATA
    near: ClassVar[bool] = True

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Set it; see the class."""
        try:
            wishes = Wishes.of(context.arguments, time.time_ns())
        except Wrong as error:
            return all_failed(context, StorageError(str(error), ErrorClass.PERMANENT))

        def work(item: Item) -> PathOutcome:
            return _set(context, item, wishes)

        return context.each(work, context.items)


def _set(context: Context, item: Item, wishes: Wishes) -> PathOutcome:
    try:
        if item.kind is Kind.SYMLINK:
            context.confirm()
            return processed(item) if _set_link(context.root, item.path, wishes) else already(item)
        with opened(context.root, item.path, context.site.key) as thing:
            thing.check(wishes.mtime_ns)
            context.confirm()
            return processed(item) if _set_all(thing, wishes) else already(item)
    except NoAttributes as error:
        return skipped(item, str(error))
    except Refused as error:
        return failed(item, str(error))
    except GONE:
        return missing(item, abort=context.arguments["abort_missing"])


def _set_all(thing: Opened, wishes: Wishes) -> bool:
    """Set what differs, times last, since all else leaves them; whether anything differed."""
    changed = False
    mode = thing.mode if wishes.mode is None else wishes.mode
    found = os.fstat(thing.fd)
    if _differs(wishes, found):
        os.fchown(thing.fd, _or(wishes.uid, -1), _or(wishes.gid, -1))
        changed = True
    if wishes.mode is not None and thing.mode != mode:
        thing.set_mode(mode)
        changed = True
    for name, value in wishes.xattrs.items():
        if thing.attribute(name) != value:
            thing.set_attribute(name, value)
            changed = True
    atime_ns, mtime_ns = _or(wishes.atime_ns, found.st_atime_ns), _or(wishes.mtime_ns, found.st_mtime_ns)
    if (atime_ns, mtime_ns) != (found.st_atime_ns, found.st_mtime_ns):
        thing.set_times(atime_ns, mtime_ns)
        changed = True
    return changed


def _set_link(root: Root, path: bytes, wishes: Wishes) -> bool:
    """Owner and times of a symbolic link; it has nothing else."""
    with root.holding(path) as (directory, name):
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not modes.S_ISLNK(found.st_mode):
            raise NoAttributes("it was replaced meanwhile")
        owned = _differs(wishes, found)
        if owned:
            os.chown(name, _or(wishes.uid, -1), _or(wishes.gid, -1), dir_fd=directory, follow_symlinks=False)
        times = (_or(wishes.atime_ns, found.st_atime_ns), _or(wishes.mtime_ns, found.st_mtime_ns))
        timed = times != (found.st_atime_ns, found.st_mtime_ns)
        if timed:
            os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)
    return owned or timed


def _differs(wishes: Wishes, found: os.stat_result) -> bool:
    return (_or(wishes.uid, found.st_uid), _or(wishes.gid, found.st_gid)) != (found.st_uid, found.st_gid)


def _or(wished: int | None, found: int) -> int:
    return found if wished is None else wished
