"""Cuts a walk into batches by rule, each message behind the one before, so that work starts while the walk goes on."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import Final

from towpath import wire
from towpath.discovery.protocol import Discovery, Piece, Start
from towpath.domain.rules import Condition, Rules

FIRST_PATHS: Final = 100
"""The first batch is cut early, so that work starts at once."""
MOST_PATHS: Final = 1000
MOST_SIZE: Final = 10 * 1000**3
MOST_BYTES: Final = 150 * 1024
"""Of paths and what goes with them. With one more path, the problems of one piece and two cursors a packed message
still stays well under 256 KiB, even of paths that do not compress."""
PER_PATH: Final = 16
"""Bytes of a message for the kind and the size of one path, and for their lengths."""
PER_GROUP: Final = 64
PER_PROBLEM: Final = 48
PER_ORPHAN: Final = 64
MOST_REASON: Final = 300
"""Characters of a problem's reason."""
MOST_SECONDS: Final = 2.0
MOST_LOOKED_AT: Final = 50_000
"""Entries after which the cursor is told, whether a rule took one or not."""


@dataclass(slots=True)
class _Buffer:
    """Paths of one root and state that one rule took."""

    paths: list[bytes] = field(default_factory=list)
    kinds: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)


Key = tuple[int, str, str]
"""Rule, root, state."""


class Batching:
    """Turns the pieces of one walk into `Found` events that tile it: no gap, no overlap.

    What was gathered is told when it comes to 1,000 paths, 10 GB or 150 KiB of paths, when it is 2 s old, and at
    the end. Times are those of `clock`, in seconds, and are looked at with each piece.
    """

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
        self._orphans: list[wire.Orphan] = []
        self._paths = self._size = self._bytes = self._looked_at = self._unmatched = 0
        self._since: float | None = None

    def events(self, pieces: Iterable[Piece]) -> Iterator[wire.Found]:
        """What the pieces hold, as soon as a batch is full or old enough; the rest at the end."""
        last = self._cursor
        for piece in pieces:
            if self._since is None:
                self._since = self._clock()
            yield from self._take(without_left_out(piece, self._starts[piece.start]))
            last = piece.cursor
            if self._is_full() or self._is_due():
                yield self._cut(last)
        if last != self._cursor:
            yield self._cut(last)

    def _take(self, piece: Piece) -> Iterator[wire.Found]:
        """Sort the entries of a piece into the buffers, and cut wherever these are full."""
        matched = self._matched(piece)
        at, count = 0, len(piece.paths)
        while at < count:
            end = self._end_of_room(piece, at)
            self._add(piece, matched, at, end)
            if self._is_full():
                yield self._cut(self._discovery.cursor(piece.start, piece.paths[end - 1]))
            at = end
        self._unmatched += piece.passed
        self._orphans += piece.orphans
        self._bytes += sum(len(o.key) + len(o.path) + PER_ORPHAN for o in piece.orphans)
        root = self._starts[piece.start].root.name
        for bad in piece.unreadable:
            self._problems.append(wire.Problem(root, bad.path, bad.error_class, bad.reason[:MOST_REASON]))
            self._bytes += len(bad.path) + MOST_REASON + PER_PROBLEM

    def _matched(self, piece: Piece) -> Sequence[int | None]:
        """For each entry the index of the matcher that takes it; one for all where it is the same."""
        rules, state = self._rules, piece.state
        settled = {kind: rules.settled(kind, state) for kind in set(piece.kinds)}
        sure = {kind: index[0] for kind, index in settled.items() if index is not None}
        if len(sure) == len(settled):
            distinct = set(sure.values())
            return tuple(distinct) if len(distinct) == 1 else [sure[kind] for kind in piece.kinds]
        return [
            sure[kind] if kind in sure else rules.match(kind, state, path)
            for path, kind in zip(piece.paths, piece.kinds, strict=True)
        ]

    def _end_of_room(self, piece: Piece, at: int) -> int:
        """The end of a run of entries that does not fill the buffers before its last."""
        end = min(len(piece.paths), at + self._most_paths - self._paths)
        while end - at > 1:
            needed = sum(map(len, piece.paths[at:end])) + (end - at) * PER_PATH
            if self._bytes + needed < MOST_BYTES and self._size + sum(piece.sizes[at:end]) < MOST_SIZE:
                break
            end = at + (end - at) // 2
        return end

    def _add(self, piece: Piece, matched: Sequence[int | None], at: int, end: int) -> None:
        self._looked_at += end - at
        paths, kinds, sizes = piece.paths[at:end], piece.kinds[at:end], piece.sizes[at:end]
        if len(matched) == 1:
            self._add_to(matched[0], piece, paths, kinds, sizes)
            return
        matched = matched[at:end]
        for index in dict.fromkeys(matched):
            chosen = [other == index for other in matched]
            self._add_to(
                index,
                piece,
                list(compress(paths, chosen)),
                bytes(compress(kinds, chosen)),
                list(compress(sizes, chosen)),
            )

    def _add_to(
        self, index: int | None, piece: Piece, paths: Sequence[bytes], kinds: bytes, sizes: Sequence[int]
    ) -> None:
        """Put entries into the buffer of the matcher that took them."""
        if index is None:
            self._unmatched += len(paths)
            return
        key = (self._rule_of[index], self._starts[piece.start].root.name, piece.state)
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = _Buffer()
            self._bytes += len(key[1]) + len(key[2]) + PER_GROUP
        buffer.paths += paths
        buffer.kinds += kinds
        buffer.sizes += sizes
        self._paths += len(paths)
        self._size += sum(sizes)
        self._bytes += sum(map(len, paths)) + len(paths) * PER_PATH

    def _is_full(self) -> bool:
        return self._paths >= self._most_paths or self._size >= MOST_SIZE or self._bytes >= MOST_BYTES

    def _is_due(self) -> bool:
        """Whether what was gathered is told now, though no batch is full."""
        waited = 0.0 if self._since is None else self._clock() - self._since
        return waited >= MOST_SECONDS or self._looked_at >= MOST_LOOKED_AT

    def _cut(self, cursor: bytes) -> wire.Found:
        """An event of all that was gathered, up to the cursor."""
        groups = [self._group(key, buffer) for key, buffer in self._buffers.items()]
        found = wire.Found(
            self._task,
            self._run,
            self._cursor,
            cursor,
            groups,
            self._problems,
            self._unmatched,
            self._orphans,
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


def without_left_out(piece: Piece, start: Start) -> Piece:
    """A piece without what its start leaves out; it is behind the same place."""
    left_out = start.left_out
    if left_out is None:
        return piece
    kept = [not left_out(path) for path in piece.paths]
    unreadable = [bad for bad in piece.unreadable if not left_out(bad.path)]
    if all(kept) and len(unreadable) == len(piece.unreadable):
        return piece
    return replace(
        piece,
        paths=list(compress(piece.paths, kept)),
        kinds=bytes(compress(piece.kinds, kept)),
        sizes=list(compress(piece.sizes, kept)),
        unreadable=unreadable,
    )
