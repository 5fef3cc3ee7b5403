"""A tree of files as a listing of objects: component by component, in the order of names, so many names at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from towpath.storage.protocol import PRIVATE_PREFIX, ObjectFound, is_safe_key

WINDOW: Final = 20_000
"""So many names of a directory are held at once; a larger directory is read anew for each further window."""

Entry = tuple[str, bool, int, float]
"""Name, whether it is a directory, size in bytes and time of change in seconds, where the reading told them."""
Takes = Callable[[str], bool]
"""Whether a name is one to be listed."""


def any_name(_name: str) -> bool:
    """Each is, also one that no object of ours can have."""
    return True


@dataclass(frozen=True, slots=True)
class Tree:
    """How a tree is read."""

    first: Callable[[str, Callable[[str], bool]], list[Entry]]
    """Of a directory's entries whose names are wanted, the first `WINDOW` in order; none where it is gone."""
    found: Callable[[str, Entry], ObjectFound | None]
    """The object at a path; None where it is gone, or is none."""
    takes: Takes = is_safe_key

    def listing(self, prefix: str, after: str) -> Iterator[ObjectFound]:
        """What lies beneath a directory and after a key, but for private names."""
        top, bound = prefix.split("/") if prefix else [], after.split("/") if after else []
        if bound[: len(top)] == top:
            return self._walk(prefix, bound[len(top) :])
        return iter(()) if bound > top else self._walk(prefix, ())

    def _walk(self, top: str, bound: Sequence[str]) -> Iterator[ObjectFound]:
        """What lies beneath `top`, and after the key whose components, beneath `top`, are `bound`."""
        stack = [(top, bound, self._entries(top, bound))]
        while stack:
            directory, bound, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            name, is_directory = entry[:2]
            path = f"{directory}/{name}" if directory else name
            on_bound = bool(bound) and name == bound[0]
            if is_directory:
                if path != PRIVATE_PREFIX:
                    below = bound[1:] if on_bound else ()
                    stack.append((path, below, self._entries(path, below)))
            elif not on_bound and (found := self.found(path, entry)) is not None:
                yield found

    def _entries(self, directory: str, bound: Sequence[str]) -> Iterator[Entry]:
        """In order, from the first component of `bound` on."""
        low = bound[0] if bound else ""
        window = self.first(directory, lambda name: name >= low and self.takes(name))
        while window:
            yield from window
            window = self._behind(directory, window[-1][0]) if len(window) == WINDOW else []

    def _behind(self, directory: str, last: str) -> list[Entry]:
        return self.first(directory, lambda name: name > last and self.takes(name))
