"""Cuts a walk into batches by rule, each message behind the one before, so that work starts while the walk goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from towpath import wire
from towpath.discovery.protocol import Discovery, Piece, Start
from towpath.domain.rules import Condition, Rules

FIRST_PATHS: Final = 100
"""The first batch is cut early, so that work starts at once."""
MOST_PATHS: Final = 1000
MOST_SIZE: Final = 10 * 1000**3
MOST_PATH_BYTES: Final = 150 * 1024
"""With kinds, sizes and states a packed message then stays under 256 KiB, even of paths that do not compress."""
MOST_SECONDS: Final = 2.0
MOST_LOOKED_AT: Final = 50_000
"""Entries after which the cursor is told, whether a rule took one or not."""
MOST_PROBLEMS: Final = 100


@dataclass(slots=True)
class _Buffer:
    """Paths of one root and state that one rule took."""

    paths: list[bytes] = field(default_factory=list)
    kinds: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)


Key = tuple[int, str, str]
"""Rule, root, state."""


class Batching:
    """Turns the pieces of one walk into `Found` events that tile it: no gap, no overlap."""

    def __init__(
        self,
        task: int,
        run: bytes,
        matchers: Sequence[wire.Matcher],
        starts: Sequence[Start],
        cursor: bytes,
        discovery: Discovery,
        clock: Callable[[], float],
    ) -> None:
        self._task, self._run = task, run
        conditions = (Condition(m.kind, m.state, tuple(m.include), tuple(m.exclude)) for m in matchers)
        self._rules = Rules(conditions)
        self._rule_of = [matcher.rule for matcher in matchers]
        self._starts, self._discovery, self._clock = starts, discovery, clock
        self._cursor = cursor
        self._most_paths = FIRST_PATHS
        self._clear()

    def _clear(self) -> None:
        self._buffers: dict[Key, _Buffer] = {}
        self._problems: list[wire.Problem] = []
        self._paths = self._size = self._bytes = self._looked_at = self._unmatched = 0
        self._since: float | None = None

    def events(self, pieces: Iterable[Piece]) -> Iterator[wire.Found]:
        """What the pieces hold, as soon as a batch is full or old enough; the rest at the end."""
        last = self._cursor
        for piece in pieces:
            if self._since is None:
                self._since = self._clock()
            yield from self._take(piece)
            last = piece.cursor
            if self._is_due():
                yield self._cut(last)
        if last != self._cursor:
            yield self._cut(last)

    def _take(self, piece: Piece) -> Iterator[wire.Found]:
        """Sort the entries of a piece into the buffers, and cut wherever these are full."""
        start = self._starts[piece.start]
        state = start.state or piece.state
        root = start.root.name
        settled = {kind: self._rules.settled(kind, state) for kind in set(piece.kinds)}
        for path, kind, size in zip(piece.paths, piece.kinds, piece.sizes, strict=True):
            sure = settled[kind]
            matched = sure[0] if sure is not None else self._rules.match(kind, state, path)
            self._looked_at += 1
            if matched is None:
                self._unmatched += 1
                continue
            buffer = self._buffers.setdefault((self._rule_of[matched], root, state), _Buffer())
            buffer.paths.append(path)
            buffer.kinds.append(kind)
            buffer.sizes.append(size)
            self._paths += 1
            self._size += size
            self._bytes += len(path) + 16
            if self._is_full():
                yield self._cut(self._discovery.cursor(piece.start, path))
        for bad in piece.unreadable:
            self._problems.append(wire.Problem(root, bad.path, bad.error_class, bad.reason))

    def _is_full(self) -> bool:
        return self._paths >= self._most_paths or self._size >= MOST_SIZE or self._bytes >= MOST_PATH_BYTES

    def _is_due(self) -> bool:
        """Whether what was gathered is told now, though no batch is full."""
        waited = 0.0 if self._since is None else self._clock() - self._since
        return (
            waited >= MOST_SECONDS
            or self._looked_at >= MOST_LOOKED_AT
            or len(self._problems) >= MOST_PROBLEMS
        )

    def _cut(self, cursor: bytes) -> wire.Found:
        """An event of all that was gathered, up to the cursor."""
        groups = [self._group(key, buffer) for key, buffer in self._buffers.items()]
        found = wire.Found(
            self._task, self._run, self._cursor, cursor, groups, self._problems, self._unmatched
        )
        self._cursor = cursor
        if groups:
            self._most_paths = MOST_PATHS
        self._clear()
        return found

    @staticmethod
    def _group(key: Key, buffer: _Buffer) -> wire.Group:
        rule, root, state = key
        batch = wire.Batch(root, buffer.paths, bytes(buffer.kinds), buffer.sizes, [state])
        return wire.Group(rule, wire.pack(batch), len(buffer.paths), sum(buffer.sizes))
