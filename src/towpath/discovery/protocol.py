"""What a discovery is: a resumable walk that yields what it finds in a fixed order."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from towpath.domain.paths import ErrorClass
from towpath.storage.protocol import Storage
from towpath.storage.roots import Root
from towpath.wire import Orphan


@dataclass(frozen=True, slots=True)
class Start:
    """Where a walk begins: a path beneath a root (b"" = the root itself), and the state the caller gave it.

    `left_out` says of a path beneath the same root whether it is to be left alone, with all that lies beneath it;
    None: nothing is. A discovery need not ask: what it tells of such paths is dropped. It saves the walk.
    """

    root: Root
    path: bytes
    state: str = ""
    left_out: Callable[[bytes], bool] | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A path that could not be looked at; what lies beneath it stays unknown."""

    path: bytes
    error_class: ErrorClass
    reason: str


MOST_UNREADABLE = 8
"""In one piece."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some entries in the order of the walk, in columns, all of the same start; then what was unreadable there.

    `paths[i]`, relative to the start's root, has the `Kind` `kinds[i]` and the size `sizes[i]` (0 but for
    files). `state` is what the discovery says of all of them. `cursor` is just behind the whole piece, its
    unreadable paths included: a walk that is given it reports none of them again. A piece holds some hundred
    entries, to be worth its while, and at most `MOST_UNREADABLE` unreadable paths, which one message must hold.
    """

    start: int
    """Which of the starts."""
    cursor: bytes
    paths: Sequence[bytes]
    kinds: bytes
    sizes: Sequence[int]
    unreadable: Sequence[Unreadable] = ()
    state: str = "processed"
    orphans: Sequence[Orphan] = ()
    """For a sweep's comparison: what it tells of in place of paths, and of how many objects in all (`passed`)."""
    passed: int = 0


@runtime_checkable
class OfTarget(Protocol):
    """A discovery that looks at a target: its option `endpoint` names it."""

    def at(self, storage: Storage) -> "Discovery":
        """The discovery of that target."""


@runtime_checkable
class OfSite(Protocol):
    """A discovery that has to know which site's it is, and the key that signs that site's records."""

    def of(self, site: str, key: bytes) -> "Discovery":
        """The discovery of that site."""


class Discovery(Protocol):
    """A discovery. One instance serves all tasks of a worker."""

    name: ClassVar[str]

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """Yield what lies at and beneath the starts, behind the cursor (b"" = from the beginning), in order.

        The order is total and the same at each run. Memory stays flat at any size of tree or directory. Symbolic
        links are found, never followed. What vanishes meanwhile is left out; what cannot be read comes as
        `Unreadable`. A path that two starts lead to comes once, where both have the same state. Raises `Mistake`
        at once for an unknown option and for a cursor that is none of its own. `close` lets go of all it holds.
        """

    def cursor(self, start: int, path: bytes) -> bytes:
        """The cursor just behind that entry of that start: what lies beneath it is still to come."""
