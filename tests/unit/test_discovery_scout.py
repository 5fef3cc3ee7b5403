"""What a scout adds to a walk: speed, and never a difference."""

import gc
import io
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from tests.walked_trees import TREES, Row, Tree, as_nobody, open_fds, rooted, rows, truth, unreadable, walked

from towpath.discovery.cursor import order
from towpath.discovery.protocol import Start
from towpath.discovery.recursive import Recursive
from towpath.discovery.scout import (
    MOST_ASKED,
    MOST_ENTRIES,
    READY,
    Entries,
    Scout,
    look_through,
    main,
    receive,
    serve,
)
from towpath.domain.paths import Kind
from towpath.storage.roots import Root

ODD: Tree = {
    b"plain": {b"%02d" % i: {b"a\nb": 1, b"\xff": {b"deep": {b"er": 2}}, b"l": b".."} for i in range(30)},
    b"large": {
        b"%d" % j: {b"%04d" % i: b"." for i in range(many)}
        for j, many in enumerate([10, MOST_ENTRIES, 10, MOST_ENTRIES + 1])
    },
    b"empty": {b"%d" % i: {} for i in range(5)},
    b"own": {b"%d" % i: {b".towpath-1.part": 1, b".towpath": 1} for i in range(3)},
}


def awaited(root: Root) -> Scout:
    """A scout that has started."""
    scout = Scout(root)
    assert scout.ready(60)
    return scout


@pytest.fixture(scope="module")
def odd() -> Iterator[Root]:
    """A root that holds the odd tree, which no test changes."""
    with rooted(ODD) as root:
        yield root


@pytest.fixture(scope="module")
def alone(odd: Root) -> list[Row]:
    """What a walk without a scout finds there."""
    return rows(walked(odd))


_others: set[int] = set()
"""Processes that this one started before: the servers of other tests."""


@pytest.fixture(autouse=True)
def _only_scouts_count() -> None:
    _others.clear()
    _others.update(children())


def children() -> list[int]:
    """The processes that the test has started and not yet seen off."""
    started: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        # A thread of another test may end meanwhile; its children are then another thread's.
        with suppress(FileNotFoundError, ProcessLookupError):
            started.update(map(int, (thread / "children").read_text().split()))
    return sorted(started - _others)


def scouted(**options: Any) -> Recursive:
    """A walk that has a scout from its first piece on."""
    return Recursive(scouted_from=0, **{"scout": awaited, **options})


def test_a_scout_serves_a_node_that_has_thousands_of_files_open(tmp_path: Path) -> None:
    """As a node has that copies: select(2) knows the first 1,024 descriptors alone."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2_000), hard))
    many = [os.open(tmp_path, os.O_RDONLY) for _ in range(1_200)]
    try:
        with rooted({b"empty": {}}) as root:
            scout = Scout(root)
            try:
                while not scout.ask(b"empty"):
                    assert scout.ready(60)
                assert scout.answer(b"empty") == Entries([], b"", [])
            finally:
                scout.close()
    finally:
        for one in many:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_walk_with_a_scout_finds_the_same_and_looks_at_less_itself(odd: Root) -> None:
    looks = 0

    def count(frame: FrameType, event: str, what: Any) -> None:
        nonlocal looks
        looks += event == "c_call" and what is os.stat

    everything = truth(odd)
    ticks = iter(range(10**6))
    sys.setprofile(count)
    try:
        found = rows(walked(odd, walk=scouted(clock=lambda: float(next(ticks)))))
    finally:
        sys.setprofile(None)
    assert found == [row for row in everything if not row[0].startswith(b"own/") or b".part" not in row[0]]
    assert looks < len(found) - 1000
    assert children() == []


@pytest.mark.parametrize("code", ["", "print('read', end='')", "print('ready', end='')", "print('ready')"])
def test_a_scout_that_dies_is_not_missed(code: str, odd: Root, alone: list[Row]) -> None:
    command = (sys.executable, "-c", f"import sys\n{code}")
    walk = scouted(scout=lambda root: Scout(root, command))
    assert rows(walked(odd, walk=walk)) == alone


def test_a_scout_that_is_killed_in_the_middle_is_not_missed(odd: Root, alone: list[Row]) -> None:
    assert walked_with_a_kill(odd) == alone


def walked_with_a_kill(root: Root) -> list[Row]:
    """What a walk finds whose scout is killed in the middle."""
    ticks = iter(range(10**6))
    found = []
    for number, piece in enumerate(
        scouted(clock=lambda: float(next(ticks))).walk([Start(root, b"")], {}, b"")
    ):
        found.append(piece)
        if number == 20:
            (pid,) = children()
            os.kill(pid, signal.SIGKILL)
    return rows(found)


def test_a_scout_that_cannot_be_started_is_not_missed(odd: Root, alone: list[Row]) -> None:
    walk = scouted(scout=lambda root: Scout(root, ["/nowhere"]))
    assert rows(walked(odd, walk=walk)) == alone


def test_a_walk_that_is_closed_early_leaves_no_scout_behind(odd: Root) -> None:
    gc.collect()
    before = open_fds()
    ticks = iter(range(10**6))
    pieces = scouted(clock=lambda: float(next(ticks))).walk([Start(odd, b"")], {}, b"")
    for _ in range(20):
        next(pieces)
    assert len(children()) == 1
    pieces.close()
    assert children() == []
    assert open_fds() == before


@given(TREES)
@settings(max_examples=60)
def test_what_a_scout_says_of_a_directory_is_what_it_holds(tree: Tree) -> None:
    with rooted(tree) as root:
        everything = truth(root)
        paths = [row[0] for row in everything if row[1] == Kind.DIRECTORY]
        asked = b"".join(len(path).to_bytes(4, sys.byteorder) + path for path in [*paths, b"gone"])
        answers = io.BytesIO()
        serve(root, io.BytesIO(asked), answers)
        answers.seek(len(READY))
        for path in paths:
            below = [r for r in everything if r[0] and order(r[0])[:-1] == order(path)]
            said = receive(answers)
            assert said is not None
            prefix = path + b"/" if path else b""
            assert [(prefix + name, kind, size) for name, kind, size in zip(*said, strict=True)] == below
        assert receive(answers) is None, "of what is not there nothing is said"
        with pytest.raises(EOFError):
            receive(answers)


def test_a_scout_says_nothing_of_what_it_cannot_read_whole() -> None:
    with rooted({b"closed": {b"x": 1}, b"listed": {b"x": 1}, b"open": {b"x": 1}}) as root:
        os.chmod(root.path, 0o755)
        os.chmod(root.path + b"/closed", 0)
        os.chmod(root.path + b"/listed", 0o444)

        def check() -> None:
            assert look_through(root, b"closed") is None
            assert look_through(root, b"listed") is None
            assert look_through(root, b"open") == Entries([b"x"], bytes([Kind.FILE]), [1])

        as_nobody(check)


def test_unreadable_directories_are_named_with_a_scout_too() -> None:
    tree: Tree = {b"%d" % i: {b"x": 1} for i in range(9)}
    with rooted(tree) as root:
        os.chmod(root.path, 0o755)
        for i in range(0, 9, 2):
            os.chmod(root.path + b"/%d" % i, 0)

        def check() -> None:
            whole = walked(root)
            assert len(unreadable(whole)) == 5
            again = walked(root, walk=scouted(scout=Scout))
            assert (rows(again), unreadable(again)) == (rows(whole), unreadable(whole))

        as_nobody(check)


def test_a_scout_is_asked_for_so_much_at_most_and_answers_in_any_order() -> None:
    with rooted({b"%03d" % i: {b"x%d" % i: i} for i in range(MOST_ASKED + 5)}) as root:
        scout = awaited(root)
        try:
            asked = [path for i in range(MOST_ASKED + 5) if scout.ask(path := b"%03d" % i)]
            assert len(asked) == MOST_ASKED
            for path in reversed(asked):
                i = int(path)
                assert scout.answer(path) == Entries([b"x%d" % i], bytes([Kind.FILE]), [i])
                assert scout.answer(path) is None
            assert scout.ask(b"064")
            assert not scout.ask(b"x" * 4001)
        finally:
            scout.close()


def test_a_scout_does_not_look_into_another_directory_than_the_walk(capfdbinary: Any) -> None:
    with rooted({}) as root:
        assert main([os.fsdecode(root.path), "0", "1"]) == 0
    assert capfdbinary.readouterr().out == b""
