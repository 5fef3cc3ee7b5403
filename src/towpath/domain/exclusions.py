"""What spaces leave out: paths beneath a directory that globs name, with all that lies beneath them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from towpath.domain.errors import Mistake
from towpath.domain.paths import is_beneath
from towpath.domain.rules import Globs, check_glob

MOST_GLOBS = 100
"""Of one space."""
MOST_BYTES = 4096
"""Of all globs of one space."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """What one space leaves out: globs, held against paths relative to its directory (absolute, as it stands).

    They are spelled and matched as those of rules (`rules.Condition`). The directory itself is never left out.
    """

    space: str
    directory: bytes
    globs: tuple[str, ...]


class Exclusions:
    """What some spaces of a site leave out, made ready for many paths; false where that is nothing."""

    def __init__(self, excluded: Iterable[Excluded]) -> None:
        self._places = [(one, one.directory.rstrip(b"/"), Globs(one.globs)) for one in excluded if one.globs]
        self._parent: tuple[bytes, Excluded | None] = (b"", None)

    def __bool__(self) -> bool:
        return bool(self._places)

    def find(self, path: bytes) -> Excluded | None:
        """By what an absolute path, or a directory above it, is left out; None where nothing does so."""
        if not self._places:
            return None
        above = path.rpartition(b"/")[0]
        if above != self._parent[0]:
            # Paths of one directory come one after the other: what lies above them is looked at once.
            self._parent = (above, self._above(above))
        return self._parent[1] or self._itself(path)

    def match(self, path: bytes) -> bool:
        """Whether an absolute path, or a directory above it, is left out."""
        return self.find(path) is not None

    def _above(self, path: bytes) -> Excluded | None:
        while path:
            found = self._itself(path)
            if found is not None:
                return found
            path = path.rpartition(b"/")[0]
        return None

    def _itself(self, path: bytes) -> Excluded | None:
        for one, directory, globs in self._places:
            if path.startswith(directory + b"/") and globs.match(path[len(directory) + 1 :]):
                return one
        return None


def concerns(one: Excluded, path: bytes) -> bool:
    """Whether what a space leaves out can lie at, above or beneath an absolute path."""
    directory, path = one.directory.rstrip(b"/"), path.rstrip(b"/")
    return bool(one.globs) and (is_beneath(path, directory) or is_beneath(directory, path))


def check_globs(globs: Sequence[str]) -> tuple[str, ...]:
    """The globs of a space, each once; raises `Mistake` where they cannot be."""
    if len(globs) > MOST_GLOBS:
        raise Mistake(f"excluded: expected at most {MOST_GLOBS} globs, found {len(globs)}")
    for glob in globs:
        if wrong := check_glob(glob):
            raise Mistake(f"excluded: {wrong}")
    size = sum(len(json.dumps(glob)) for glob in globs)
    if size > MOST_BYTES:
        raise Mistake(f"excluded: expected globs of at most {MOST_BYTES} bytes in all, found {size}")
    return tuple(dict.fromkeys(globs))
