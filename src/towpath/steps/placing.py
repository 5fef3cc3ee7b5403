"""Where a path goes at its destination: another root, another directory, another beginning."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from towpath.domain.errors import NotFound
from towpath.domain.paths import ErrorClass, is_beneath, is_clean, printable
from towpath.steps.protocol import Context
from towpath.storage.protocol import StorageError
from towpath.storage.roots import Root

LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class Placing:
    """The arguments `to_root`, `to_path` and `from_path` of a step."""

    root: Root
    to_path: bytes = b""
    from_path: bytes = b""

    def of(self, path: bytes) -> bytes:
        """The place of a path, relative to `root`; raises `StorageError` for a path that has none."""
        if not is_beneath(path, self.from_path):
            wanted = f"expected a path beneath from_path '{printable(self.from_path)}'"
            raise StorageError(f"{wanted}, found '{printable(path)}'", ErrorClass.PERMANENT)
        rest = path[len(self.from_path) :].lstrip(b"/") if self.from_path else path
        place = self.to_path + b"/" + rest if self.to_path and rest else self.to_path or rest
        if len(place) > LONGEST_PATH:
            raise StorageError(
                f"its place there has {len(place)} bytes: expected at most {LONGEST_PATH}",
                ErrorClass.PERMANENT,
            )
        return place

    def out_of(self, root: Root) -> Callable[[bytes], bool]:
        """Tells whether a path of a root lies in the very directory that paths go to, though none is taken from there.

        A walk that comes upon what was put there a moment ago would have it put there again, and again.
        """
        there = os.path.realpath(os.path.join(self.root.path, self.to_path))
        above = os.path.realpath(root.path)
        own = there[len(above) :].strip(b"/") if is_beneath(there, above) else b""
        if not own or is_beneath(self.from_path, own):
            return lambda _: False
        return lambda path: is_beneath(path, own)


THERE: Final = "it lies in the directory that paths go to"


def placing_of(context: Context) -> Placing:
    """The placing that a task asks for; raises `StorageError` where an argument cannot be."""
    arguments: Mapping[str, Any] = context.arguments
    name = arguments["to_root"]
    try:
        root = context.roots[name] if name in context.roots else _own_or_none(context, name)
    except NotFound as error:
        raise StorageError(str(error), ErrorClass.PERMANENT) from None
    return Placing(root, _directory(arguments, "to_path"), _directory(arguments, "from_path"))


def _own_or_none(context: Context, name: str | None) -> Root:
    if name is None:
        return context.root
    known = ", ".join(sorted(context.roots))
    raise StorageError(
        f"to_root: expected a root of this site ({known}), found '{name}'", ErrorClass.PERMANENT
    )


def _directory(arguments: Mapping[str, Any], name: str) -> bytes:
    path = os.fsencode(arguments[name])
    if not is_clean(path):
        found = printable(path)
        raise StorageError(
            f"{name}: expected a relative path without '.', '..' or empty parts, found '{found}'",
            ErrorClass.PERMANENT,
        )
    return path


def is_to_make_room(replace: str, new: os.stat_result, old: os.stat_result) -> bool:
    """Whether what stands at a place makes room for what comes, as the argument `replace` has it."""
    return replace == "always" or (replace == "older" and old.st_mtime_ns < new.st_mtime_ns)
