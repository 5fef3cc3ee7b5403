"""What a recursive walk finds, in which order, and where it goes on."""

import gc
import os
import socket
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.walked_trees import (
    NAMES,
    TREES,
    Tree,
    as_nobody,
    open_fds,
    rooted,
    rows,
    truth,
    unreadable,
    walked,
)

from towpath.discovery.cursor import Place, order
from towpath.discovery.protocol import Start
from towpath.discovery.recursive import Recursive
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, Kind


@given(TREES)
@settings(max_examples=80)
def test_a_walk_finds_what_is_there_each_once_and_in_order(tree: Tree) -> None:
    with rooted(tree) as root:
        assert rows(walked(root)) == truth(root)


def test_a_walk_that_spills_every_directory_finds_the_same() -> None:
    many: Tree = {b"%d" % (i * 7919 % 3001): i for i in range(3001)}
    with rooted({b"many": many | {b"a": {b"b": 1}, b"\xff": {b"c": {}}}}) as root:
        walk = Recursive(most_names=1)
        everything = truth(root)
        assert rows(walked(root, walk=walk)) == everything
        for i in (0, 1, 2, 3, 4, 700, 3004, 3005, 3006):
            assert rows(walked(root, walk.cursor(0, everything[i][0]), walk=walk)) == everything[i + 1 :]


@given(TREES)
@settings(max_examples=60)
def test_a_walk_that_goes_on_at_any_cursor_finds_exactly_the_rest(tree: Tree) -> None:
    walk = Recursive()
    with rooted(tree) as root:
        everything = truth(root)
        for i, (path, _, _) in enumerate(everything):
            assert rows(walked(root, walk.cursor(0, path))) == everything[i + 1 :]
        for piece in walked(root):
            end = everything.index((piece.paths[-1], piece.kinds[-1], piece.sizes[-1])) + 1
            assert rows(walked(root, piece.cursor)) == everything[end:]


@given(TREES, st.lists(NAMES, max_size=4), st.booleans())
@settings(max_examples=150)
def test_a_cursor_whose_path_is_not_there_stands_where_it_would_be(
    tree: Tree, parts: list[bytes], beneath: bool
) -> None:
    with rooted(tree) as root:
        place = Place(0, b"/".join(parts), beneath)
        rest = [
            row
            for row in truth(root)
            if order(row[0]) > parts and not (beneath and order(row[0])[: len(parts)] == parts)
        ]
        assert rows(walked(root, place.pack())) == rest


@given(st.lists(st.lists(NAMES, max_size=4).map(b"/".join), max_size=8))
def test_the_order_puts_a_directory_before_what_it_holds_and_that_before_its_next_sibling(
    paths: list[bytes],
) -> None:
    ascending = sorted(paths, key=order)
    for earlier, later in pairwise(ascending):
        if earlier.startswith(later + b"/"):
            raise AssertionError(f"{earlier!r} lies beneath {later!r} and comes before it")
    assert sorted([b"a-b", b"a/b", b"a"], key=order) == [b"a", b"a/b", b"a-b"]


def test_starts_come_in_turn_and_may_be_files_links_or_not_there() -> None:
    tree: Tree = {b"d": {b"f": 3}, b"l": b"d", b"z": 5}
    with rooted(tree) as root:
        starts = [b"z", b"l", b"gone", b"z/no", b"d"]
        expected = [
            (b"z", Kind.FILE, 5),
            (b"l", Kind.SYMLINK, 0),
            (b"gone", Kind.MISSING, 0),
            (b"z/no", Kind.MISSING, 0),
            (b"d", Kind.DIRECTORY, 0),
            (b"d/f", Kind.FILE, 3),
        ]
        pieces = walked(root, paths=starts)
        assert rows(pieces) == expected
        assert [p.start for p in pieces] == [0, 1, 2, 3, 4]
        for i, piece in enumerate(pieces):
            assert rows(walked(root, piece.cursor, paths=starts)) == rows(pieces[i + 1 :])
        found = [row for row in expected if row[1] != Kind.MISSING]
        assert rows(walked(root, paths=starts, skip_missing=True)) == found


def test_a_path_that_several_starts_lead_to_comes_once() -> None:
    with rooted({b"d": {b"e": {b"f": 3}}}) as root:
        once = [(b"d", Kind.DIRECTORY, 0), (b"d/e", Kind.DIRECTORY, 0), (b"d/e/f", Kind.FILE, 3)]
        pieces = walked(root, paths=[b"d/e", b"d", b"d/e/f", b"d", b"d/gone", b"d/gone"])
        assert rows(pieces) == [*once, (b"d/gone", Kind.MISSING, 0)]
        starts = [Start(root, b"d", "created"), Start(root, b"d/e")]
        assert len(rows(list(Recursive().walk(starts, {}, b"")))) == 5, "another state is another matter"


def test_a_piece_says_the_state_that_the_caller_gave_its_start() -> None:
    with rooted({b"a": 1, b"b": 1}) as root:
        starts = [Start(root, b"a", "created"), Start(root, b"b")]
        assert [p.state for p in Recursive().walk(starts, {}, b"")] == ["created", "processed"]


def test_symbolic_links_are_found_and_never_followed() -> None:
    with rooted({b"d": {b"loop": b"..", b"self": b"self", b"away": b"/"}}) as root:
        assert [row[:2] for row in rows(walked(root))][2:] == [
            (b"d/away", Kind.SYMLINK),
            (b"d/loop", Kind.SYMLINK),
            (b"d/self", Kind.SYMLINK),
        ]
        why = "looking at it: it was replaced by a symbolic link meanwhile, or a directory above it is one"
        assert unreadable(walked(root, paths=[b"d/loop/d"])) == [(b"d/loop/d", ErrorClass.PERMANENT, why)]


def test_a_fifo_and_a_socket_are_of_another_kind() -> None:
    with rooted({}) as root, socket.socket(socket.AF_UNIX) as unix:
        os.mkfifo(root.path + b"/fifo")
        unix.bind(root.path + b"/socket")
        assert rows(walked(root))[1:] == [(b"fifo", Kind.OTHER, 0), (b"socket", Kind.OTHER, 0)]


def test_what_is_towpaths_own_is_left_out() -> None:
    tree: Tree = {
        b".towpath": {b"records": 1},
        b".towpath-0f.part": 1,
        b".towpath-0f.party": 1,
        b".towpathetic": 1,
        b"d": {b".towpath": 1, b".towpath-aa.part": 1},
    }
    with rooted(tree) as root:
        assert [row[0] for row in rows(walked(root))] == [
            b"",
            b".towpath-0f.party",
            b".towpathetic",
            b"d",
            b"d/.towpath",
        ]
        pieces = walked(root, paths=[b".towpath/records"])
        assert rows(pieces) == []
        assert unreadable(pieces) == [(b".towpath/records", ErrorClass.PERMANENT, "it is Towpath's own")]


def test_what_vanishes_during_the_walk_is_left_out() -> None:
    with rooted({b"a": {}, b"b": {b"x": 1}, b"c": {b"x": 1}, b"d": 1}) as root:
        ticks = iter(range(10**6))
        pieces = Recursive(clock=lambda: float(next(ticks))).walk([Start(root, b"")], {}, b"")
        assert rows([next(pieces)]) == [(b"", Kind.DIRECTORY, 0)]
        assert rows([next(pieces)]) == [(b"a", Kind.DIRECTORY, 0)]
        os.unlink(root.path + b"/b/x")
        os.rmdir(root.path + b"/b")
        os.rename(root.path + b"/c", root.path + b"/e")
        os.symlink(b"e", root.path + b"/c")
        rest = list(pieces)
        assert unreadable(rest) == []
        assert [row[0] for row in rows(rest)] == [b"b", b"c", b"d"], (
            "they were there when they were looked at"
        )


def test_names_that_vanish_after_the_listing_are_left_out() -> None:
    with rooted({b"d": {b"%04d" % i: 1 for i in range(1000)}}) as root:
        ticks = iter(range(10**6))
        pieces = Recursive(clock=lambda: float(next(ticks))).walk([Start(root, b"d")], {}, b"")
        first = next(pieces), next(pieces)
        for i in range(300, 990):
            os.unlink(root.path + b"/d/%04d" % i)
        names = [row[0] for row in rows([*first, *pieces])]
        assert names == [b"d", *(b"d/%04d" % i for i in range(1000) if not 300 <= i < 990)]


def test_an_unreadable_directory_is_found_and_named_once_wherever_the_walk_goes_on() -> None:
    tree: Tree = {b"a": {b"x": 1}, b"b": {b"x": 1, b"y": 1}, b"c": 1, b"d": {b"x": 1}}
    with rooted(tree) as root:
        os.chmod(root.path, 0o755)
        os.chmod(root.path + b"/a", 0)
        os.chmod(root.path + b"/b", 0o444)
        os.chmod(root.path + b"/d", 0)

        def check() -> None:
            whole = walked(root)
            assert [row[0] for row in rows(whole)] == [b"", b"a", b"b", b"c", b"d"]
            denied = ErrorClass.NO_PERMISSION
            assert unreadable(whole) == [
                (b"a", denied, "opening the directory: Permission denied"),
                (b"b/x", denied, "looking at it: Permission denied"),
                (b"b/y", denied, "looking at it: Permission denied"),
                (b"d", denied, "opening the directory: Permission denied"),
            ]
            for i, piece in enumerate(whole):
                rest = walked(root, piece.cursor)
                assert rows(rest) == rows(whole[i + 1 :])
                assert unreadable(rest) == unreadable(whole[i + 1 :])
            assert unreadable(walked(root, paths=[b"a/x"])) == [
                (b"a/x", denied, "looking at it: Permission denied")
            ]

        as_nobody(check)


def test_a_path_too_long_for_the_kernel_is_named_with_its_directory() -> None:
    name = b"n" * 250
    with rooted({b"last": 1}) as root:
        fd = os.open(root.path, os.O_RDONLY)
        for _ in range(17):
            os.mkdir(name, dir_fd=fd)
            os.close(os.open(b"z", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
            below = os.open(name, os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        pieces = walked(root)
        longest = b"/".join([name] * 16)
        paths = [b"/".join([name] * i) for i in range(17)]
        assert [row[0] for row in rows(pieces)] == [
            b"",
            b"last",
            *paths[1:],
            *(b"/".join([name] * i + [b"z"]) for i in range(16, 0, -1)),
            b"z",
        ]
        ((path, error_class, reason),) = unreadable(pieces)
        assert (path, error_class) == (longest, ErrorClass.PERMANENT)
        assert reason.startswith(
            "left out: 1 of its entries, their paths being over 4095 bytes; the first: nnn"
        )
        for row in rows(pieces):
            rest = walked(root, Recursive().cursor(0, row[0]))
            assert len(unreadable(rest)) == (order(row[0]) <= order(longest + b"/z"))


def test_a_tree_deeper_than_the_descriptors_is_walked_whole() -> None:
    deep = 300
    with rooted({}) as root:
        fd = os.open(root.path, os.O_RDONLY)
        for _ in range(deep):
            for name in (b"d", b"e"):
                os.mkdir(name, dir_fd=fd)
            below = os.open(b"d", os.O_RDONLY, dir_fd=fd)
            os.close(fd)
            fd = below
        os.close(fd)
        before = open_fds()
        pieces = Recursive().walk([Start(root, b"")], {}, b"")
        found: list[bytes] = []
        most = 0
        for piece in pieces:
            found += piece.paths
            most = max(most, open_fds() - before)
        assert found == [
            *(b"/".join([b"d"] * i) for i in range(deep + 1)),
            *(b"/".join([b"d"] * i + [b"e"]) for i in range(deep - 1, -1, -1)),
        ]
        assert most <= 40
        middle = b"/".join([b"d"] * 200)
        assert rows(walked(root, Recursive().cursor(0, middle)))[0][0] == middle + b"/d"


@pytest.mark.parametrize("most_names", [1, 100_000])
def test_a_walk_that_is_closed_early_leaves_no_descriptor_open(most_names: int) -> None:
    tree: Tree = {b"d%d" % i: {b"e": {b"f%d" % j: b"." for j in range(1100)}} for i in range(2)}
    with rooted(tree) as root:
        gc.collect()
        before = open_fds()
        pieces = Recursive(most_names=most_names).walk([Start(root, b"")], {}, b"")
        next(pieces)
        assert open_fds() > before
        pieces.close()
        assert open_fds() == before
        assert len(rows(walked(root, walk=Recursive(most_names=most_names)))) == 2205
        assert open_fds() == before


def test_a_walk_that_goes_on_looks_at_nothing_before_its_cursor() -> None:
    tree: Tree = {b"%02d" % i: {b"%02d" % j: 1 for j in range(20)} for i in range(20)}
    with rooted(tree) as root:
        looks = 0

        def count(frame: FrameType, event: str, what: Any) -> None:
            nonlocal looks
            looks += event == "c_call" and what is os.stat

        cursor = Recursive().cursor(0, b"17/09")
        sys.setprofile(count)
        try:
            pieces = walked(root, cursor)
        finally:
            sys.setprofile(None)
        assert len(rows(pieces)) == 10 + 2 * 21
        assert looks == len(rows(pieces))


def test_pieces_grow_from_small_to_some_thousand_and_a_slow_walk_tells_at_once() -> None:
    with rooted({b"%05d" % i: b"." for i in range(4000)}) as root:
        sizes = [len(p.paths) for p in walked(root)]
        assert sum(sizes) == 4001
        assert 100 <= sizes[0] < 400
        assert all(1000 <= size <= 1300 for size in sizes[1:-1])
        ticks = iter(range(10**6))
        slow = walked(root, walk=Recursive(clock=lambda: float(next(ticks))))
        assert max(len(p.paths) for p in slow) <= 257


def test_a_directory_of_many_names_is_walked_in_flat_memory() -> None:
    many = 20_000
    with rooted({b"d": {}}) as root:
        fd = os.open(root.path + b"/d", os.O_RDONLY)
        for i in range(many):
            os.mkfifo(b"%x" % (i * 2654435761 % 2**32), dir_fd=fd)
        os.close(fd)
        tracemalloc.start()
        try:
            found = [
                0,
                *(len(p.paths) for p in Recursive(most_names=1_000).walk([Start(root, b"d")], {}, b"")),
            ]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sum(found) == many + 1
        assert peak < 2 * 1024 * 1024


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"skip_mising": True}, "unknown option 'skip_mising', did you mean 'skip_missing'?"),
        ({"skip_missing": "yes"}, "expected true or false for 'skip_missing', found 'yes'"),
    ],
)
def test_a_wrong_option_is_refused_at_once(options: dict[str, Any], says: str) -> None:
    with rooted({}) as root, pytest.raises(Mistake, match=says.replace("?", r"\?")):
        Recursive().walk([Start(root, b"")], options, b"")


@pytest.mark.parametrize(
    "cursor",
    [b"x", b"\x10\0\0\0\0../x", b"\x20\0\0\0\0a", Place(1, b"d").pack(), Place(0, b"other").pack()],
)
def test_a_cursor_of_another_walk_is_refused_at_once(cursor: bytes) -> None:
    with rooted({b"d": {}}) as root, pytest.raises(Mistake, match="expected a cursor"):
        Recursive().walk([Start(root, b"d")], {}, cursor)


def test_a_spill_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    with rooted({b"%04d" % i: 1 for i in range(1100)}) as root:
        before = open_fds()
        with pytest.raises(Exception, match=f"needs room in '{gone}'"):
            walked(root, walk=Recursive(spill=gone, most_names=1))
        assert open_fds() == before
