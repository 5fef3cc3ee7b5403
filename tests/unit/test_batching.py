"""How a walk becomes messages: small enough, soon enough, and each entry in exactly one."""

import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath import wire
from towpath.discovery.protocol import MOST_UNREADABLE, Discovery, Piece, Start, Unreadable
from towpath.domain.paths import ErrorClass, Kind
from towpath.storage.roots import Root
from towpath.worker.batching import MOST_PATHS, Batching
from towpath.worker.outbox import LARGEST_EVENT

ROOT = Root("data", b"/")
OTHER_ROOT = Root("more", b"/")
ALL = [wire.Matcher(3, 0, "all")]
Row = tuple[bytes, int, int]


class Given:
    """A discovery that yields given pieces; its cursors can be read by people."""

    name: ClassVar[str] = "given"

    def walk(self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes) -> Iterator[Any]:
        """Nothing of its own."""
        yield from ()

    def cursor(self, start: int, path: bytes) -> bytes:
        """The start and the path."""
        return b"%d:%s" % (start, path)


class Clock:
    """A clock that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        """The time it was set to."""
        return self.now


def piece(rows: Sequence[Row], *bad: Unreadable, start: int = 0, state: str = "processed") -> Piece:
    """A piece of these entries, and of what was unreadable behind them."""
    paths = [row[0] for row in rows]
    place = (b"!" + bad[-1].path) if bad else paths[-1]
    cursor = b"%d:%s" % (start, place)
    return Piece(start, cursor, paths, bytes(r[1] for r in rows), [r[2] for r in rows], bad, state)


def batching(
    matchers: Sequence[wire.Matcher] = ALL, cursor: bytes = b"", clock: Clock | None = None, starts: int = 1
) -> Batching:
    """A batching of starts that take turns between two roots."""
    discovery: Discovery = Given()  # type: ignore[assignment]
    given = [Start((ROOT, OTHER_ROOT)[i % 2], b"") for i in range(starts)]
    return Batching(7, b"r" * 16, matchers, given, cursor, discovery, clock or Clock())


def batches(found: wire.Found) -> list[tuple[int, wire.Batch]]:
    """The batches of an event, with their rules."""
    return [(group.rule, wire.unpack(group.batch, wire.Batch)) for group in found.groups]


def told(events: Sequence[wire.Found]) -> list[Row]:
    """All entries of events, in order where there is one group in each."""
    return [
        row
        for found in events
        for _, batch in batches(found)
        for row in zip(batch.paths, batch.kinds, batch.sizes, strict=True)
    ]


def files(count: int, size: int = 1, first: int = 0) -> list[Row]:
    """Some entries."""
    return [(b"%07d" % i, int(Kind.FILE), size) for i in range(first, first + count)]


KINDS = st.sampled_from(list(map(int, Kind)))
ROWS = st.lists(
    st.tuples(
        st.binary(min_size=1, max_size=8), KINDS, st.sampled_from([0, 1, 10**9, 7 * 10**9, 2 * 10**10])
    ),
    min_size=1,
    max_size=300,
)
BAD = st.lists(
    st.builds(Unreadable, st.binary(min_size=1, max_size=9), st.just(ErrorClass.TRANSIENT), st.just("why")),
    max_size=MOST_UNREADABLE,
)
MATCHERS = st.lists(
    st.builds(
        wire.Matcher,
        st.integers(0, 5),
        st.sampled_from([0, 0, *map(int, list(Kind)[:4])]),
        st.sampled_from(["all", "created", "processed", "default"]),
        st.sampled_from([[], [], ["*a*"], ["*/*"]]),
        st.sampled_from([[], [], ["*[0-9]*"]]),
    ),
    max_size=4,
)


@given(
    st.lists(st.tuples(ROWS, BAD, st.sampled_from(["created", "processed"]), st.integers(0, 2)), max_size=8),
    MATCHERS,
)
@settings(max_examples=150)
def test_events_tile_the_walk_and_hold_each_entry_once_under_its_rule(
    given_pieces: list[tuple[list[Row], list[Unreadable], str, int]], matchers: list[wire.Matcher]
) -> None:
    pieces = []
    for number, (rows, bad, state, start) in enumerate(sorted(given_pieces, key=lambda g: g[3])):
        unique = [(b"%d %d " % (number, i) + path, kind, size) for i, (path, kind, size) in enumerate(rows)]
        pieces.append(piece(unique, *bad, start=start, state=state))
    events = list(batching(matchers, b"before", starts=3).events(pieces))

    cursors = [b"before", *(found.cursor_to for found in events)]
    assert [found.cursor_from for found in events] == cursors[:-1]
    assert cursors[-1] == (pieces[-1].cursor if pieces else b"before")
    assert len(set(cursors)) == len(cursors)

    expected = {
        (p.start % 2, p.state, row) for p in pieces for row in zip(p.paths, p.kinds, p.sizes, strict=True)
    }
    seen = set()
    order = {path: i for i, path in enumerate(path for p in pieces for path in p.paths)}
    end = -1
    for found in events:
        places = []
        for rule, batch in batches(found):
            assert rule in {matcher.rule for matcher in matchers}
            for row in zip(batch.paths, batch.kinds, batch.sizes, strict=True):
                entry = (("data", "more").index(batch.root), batch.state(0), row)
                assert entry in expected
                assert entry not in seen
                seen.add(entry)
                places.append(order[row[0]])
        if places:
            assert min(places) > end, "an event holds nothing from before its cursor"
            end = max(places)
        assert sum(group.count for group in found.groups) == len(places)
        assert sum(group.bytes for group in found.groups) == sum(sum(b.sizes) for _, b in batches(found))
    assert len(seen) + sum(found.unmatched for found in events) == len(expected)
    problems = [(p.root, p.path) for found in events for p in found.problems]
    assert problems == [(("data", "more")[p.start % 2], bad.path) for p in pieces for bad in p.unreadable]


def test_the_first_batch_is_small_and_the_others_have_a_thousand_paths() -> None:
    rows = files(3500)
    events = list(batching().events([piece(rows[i : i + 700]) for i in range(0, 3500, 700)]))
    assert [found.groups[0].count for found in events] == [100, 1000, 1000, 1000, 400]
    assert told(events) == rows


def test_the_first_batch_goes_out_before_the_walk_goes_on() -> None:
    def pieces() -> Iterator[Piece]:
        yield piece(files(100))
        raise AssertionError("the walk went on before the first batch was told")

    assert next(batching().events(pieces())).cursor_to == b"0:0000099"


def test_a_batch_is_cut_once_it_holds_ten_gigabytes() -> None:
    events = list(batching().events([piece(files(9, 4 * 10**9))]))
    assert [found.groups[0].count for found in events] == [3, 3, 3]


def test_what_is_gathered_is_told_after_two_seconds() -> None:
    clock = Clock()

    def pieces() -> Iterator[Piece]:
        for number, now in enumerate([100.0, 101.9, 102.0, 103.0, 104.9, 105.0]):
            clock.now = now
            yield piece(files(1, first=number))

    events = batching(clock=clock).events(pieces())
    assert [found.groups[0].count for found in events] == [3, 3]


def test_the_cursor_is_told_where_no_rule_takes_anything() -> None:
    nothing = [wire.Matcher(0, int(Kind.SYMLINK), "all")]
    pieces = [piece(files(1000, first=i)) for i in range(0, 120_000, 1000)]
    events = list(batching(nothing).events(pieces))
    assert [(found.unmatched, found.cursor_to) for found in events] == [
        (50_000, b"0:0049999"),
        (50_000, b"0:0099999"),
        (20_000, b"0:0119999"),
    ]
    clock = Clock()

    def slow() -> Iterator[Piece]:
        yield piece(files(1))
        clock.now += 2
        yield piece(files(1, first=1))
        raise AssertionError("a cursor two seconds old was not told")

    assert next(batching(nothing, clock=clock).events(slow())).cursor_to == b"0:0000001"


def test_a_walk_that_finds_nothing_says_nothing() -> None:
    assert list(batching(cursor=b"there").events([])) == []


def noise(length: int, seed: int) -> bytes:
    """A name that does not compress."""
    return random.Random(seed).randbytes(length * 2).translate(None, b"/\0")[:length]


@pytest.mark.parametrize(("length", "rules"), [(4095, 1), (4095, 8), (255, 40), (140, 3), (1, 200)])
def test_no_message_is_too_large_whatever_the_names(length: int, rules: int) -> None:
    matchers = [wire.Matcher(i, 0, "all", [f"*{i % 256:02x}*"]) for i in range(rules)]
    matchers.append(wire.Matcher(rules, 0, "all"))
    pieces = []
    for number in range(4):
        rows = [(noise(length, number * 1000 + i), i % 5 + 1, 2**40 - i) for i in range(500)]
        rows = [(path, kind, 9 if length > 255 else size) for path, kind, size in rows]
        bad = [
            Unreadable(noise(4095, i), ErrorClass.TRANSIENT, "\U0001f6b2" * 2000)
            for i in range(MOST_UNREADABLE)
        ]
        pieces.append(piece(rows, *bad))
    events = list(batching(matchers).events(pieces))
    assert sum(group.count for found in events for group in found.groups) == 2000
    assert sum(len(found.problems) for found in events) == 4 * MOST_UNREADABLE
    assert max(len(wire.pack(found)) for found in events) <= LARGEST_EVENT
    assert all(sum(group.count for group in found.groups) <= MOST_PATHS for found in events)


def test_each_rule_and_root_has_a_batch_of_its_own() -> None:
    matchers = [wire.Matcher(1, int(Kind.DIRECTORY), "all"), wire.Matcher(2, 0, "default", ["*.dat"])]
    rows: list[Row] = [
        (b"d", int(Kind.DIRECTORY), 0),
        (b"d/a.dat", int(Kind.FILE), 5),
        (b"d/b", int(Kind.FILE), 6),
    ]
    (found,) = batching(matchers, starts=2).events([piece(rows), piece(rows, start=1)])
    assert [(rule, batch.root, batch.paths) for rule, batch in batches(found)] == [
        (1, "data", [b"d"]),
        (2, "data", [b"d/a.dat"]),
        (1, "more", [b"d"]),
        (2, "more", [b"d/a.dat"]),
    ]
    assert found.unmatched == 2
    assert [group.bytes for group in found.groups] == [0, 5, 0, 5]


def test_a_real_walk_interrupted_after_any_event_and_gone_on_with_tells_each_entry_once(
    tmp_path: Path,
) -> None:
    from towpath.discovery.recursive import Recursive

    for i in range(30):
        (tmp_path / f"{i:02d}").mkdir()
        for j in range(12):
            (tmp_path / f"{i:02d}" / f"{j:02d}").symlink_to(".")
    with Root("data", bytes(tmp_path)) as root:
        starts = [Start(root, b"00"), Start(root, b"")]
        walk = Recursive()

        def once(cursor: bytes) -> Iterator[wire.Found]:
            yield from Batching(1, b"", ALL, starts, cursor, walk, Clock()).events(
                walk.walk(starts, {}, cursor)
            )

        whole = sorted(told(list(once(b""))))
        cursor, rest = b"", []
        while found := next(once(cursor), None):
            rest.append(found)
            cursor = found.cursor_to
        assert len(rest) > 3
        assert sorted(told(rest)) == whole
        assert len(whole) == 391
