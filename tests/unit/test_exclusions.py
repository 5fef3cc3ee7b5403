"""What spaces leave out: which paths that is, and that no walk tells of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.walked_trees import NAMES, TREES, Tree, build, rooted, rows, truth

from towpath.discovery.cursor import order
from towpath.discovery.protocol import Piece, Start, Unreadable
from towpath.discovery.recursive import Recursive
from towpath.domain.errors import Mistake
from towpath.domain.exclusions import Excluded, Exclusions, check_globs, concerns
from towpath.domain.paths import ErrorClass, Kind
from towpath.domain.rules import Globs
from towpath.storage.roots import Root
from towpath.worker.batching import without_left_out


def excluded(*globs: str, directory: bytes = b"/srv/data/a") -> Excluded:
    """What a space leaves out."""
    return Excluded("genomes", directory, globs)


@pytest.mark.parametrize(
    ("globs", "path", "is_out"),
    [
        (("*.tmp",), b"/srv/data/a/x.tmp", True),
        (("*.tmp",), b"/srv/data/a/b/c/x.tmp", True),
        (("*.tmp",), b"/srv/data/a/b.tmp/c/d", True),
        (("*.tmp",), b"/srv/data/a/x.tmpl", False),
        (("*.tmp",), b"/srv/data/x.tmp", False),
        (("*.tmp",), b"/srv/data/ab/x.tmp", False),
        (("a",), b"/srv/data/a", False),
        (("**",), b"/srv/data/a", False),
        (("scratch",), b"/srv/data/a/b/scratch/c", True),
        (("/scratch",), b"/srv/data/a/b/scratch/c", False),
        (("/scratch",), b"/srv/data/a/scratch/c", True),
        (("scratch/**",), b"/srv/data/a/scratch", False),
        (("scratch/**",), b"/srv/data/a/scratch/c", True),
        (("b/*.x",), b"/srv/data/a/b/\xff\n.x", True),
        (("?",), b"/srv/data/a/\xff", True),
        (("?",), b"/srv/data/a/\xff\xfe", False),
        (("caf\u00e9",), "/srv/data/a/caf\u00e9/x".encode(), True),
    ],
)
def test_globs_are_held_against_names_or_against_the_path_from_the_space_on(
    globs: tuple[str, ...], path: bytes, is_out: bool
) -> None:
    assert Exclusions([excluded(*globs)]).match(path) is is_out


def test_each_space_leaves_out_its_own_also_where_its_directory_is_the_root_of_all() -> None:
    known = Exclusions([excluded("x"), excluded("y", directory=b"/"), excluded(directory=b"/srv")])
    found = {path: known.find(path) for path in (b"/srv/data/a/x", b"/srv/y/z", b"/srv/x", b"/y")}
    assert [one and one.globs for one in found.values()] == [("x",), ("y",), None, ("y",)]
    assert bool(known)
    assert not Exclusions([excluded()])
    assert concerns(excluded("x"), b"/srv")
    assert concerns(excluded("x"), b"/srv/data/a/b")
    assert concerns(excluded("y", directory=b"/"), b"/srv")
    assert not concerns(excluded("x"), b"/srv/data/ab")
    assert not concerns(excluded(), b"/srv")


@pytest.mark.parametrize(
    ("globs", "why"),
    [
        (["a/"], "no path ends in a slash"),
        (["[b"], "expected ']'"),
        ([""], "expected a glob of 1 to"),
        (["x"] * 101, "expected at most 100 globs"),
        (["x" * 4000, "y" * 99], "at most 4096 bytes"),
    ],
)
def test_globs_that_cannot_be_are_refused_with_what_is_wrong(globs: list[str], why: str) -> None:
    with pytest.raises(Mistake, match=why):
        check_globs(globs)


def test_a_glob_counts_once() -> None:
    assert check_globs(["x", "y", "x"]) == ("x", "y")


GLOBS = st.sampled_from(["a", "a*", "?", "x*", "/a", "a/**", "*.b", "[!a]", "**/A"])


@given(TREES, st.lists(GLOBS, min_size=1, max_size=3), st.integers(0, 10))
@settings(max_examples=80)
def test_a_walk_finds_all_but_what_is_left_out_from_any_cursor_on(
    tree: Tree, globs: list[str], at: int
) -> None:
    known = Globs(globs)
    with rooted(tree) as root:
        out = Exclusions([Excluded("s", root.path, tuple(globs))])

        def left_out(path: bytes) -> bool:
            return out.match(root.path + b"/" + path)

        def is_out(path: bytes) -> bool:
            parts = order(path)
            return any(known.match(b"/".join(parts[: end + 1])) for end in range(len(parts)))

        walk = Recursive()
        kept = [row for row in truth(root) if not is_out(row[0])]
        start = [Start(root, b"", left_out=left_out)]
        assert rows(list(walk.walk(start, {}, b""))) == kept
        behind = min(at, len(kept) - 1)
        cursor = walk.cursor(0, kept[behind][0])
        assert rows(list(walk.walk(start, {}, cursor))) == kept[behind + 1 :]


def test_a_directory_that_is_left_out_is_never_opened_with_a_scout_either(tmp_path: Path) -> None:
    tree: Tree = {b"d%02d" % number: {b"f": 1, b"out": {b"g": 1}} for number in range(30)}
    build(os.fsencode(tmp_path), tree)
    with Root("data", os.fsencode(tmp_path)) as root:

        def left_out(path: bytes) -> bool:
            return path.rpartition(b"/")[2] == b"out"

        walk = Recursive(scouted_from=3)
        found = rows(list(walk.walk([Start(root, b"", left_out=left_out)], {}, b"")))
    assert [path for path, _, _ in found if b"out" in path] == []
    assert len(found) == 1 + 60


@given(st.lists(NAMES, min_size=1, max_size=5, unique=True))
def test_what_another_discovery_tells_of_what_is_left_out_is_dropped(names: list[bytes]) -> None:
    with rooted({}) as root:
        start = Start(root, b"", left_out=lambda path: path == names[0])
        bad = [Unreadable(name, ErrorClass.PERMANENT, "no") for name in names]
        given_piece = Piece(0, b"c", names, bytes([Kind.FILE]) * len(names), [7] * len(names), bad)
        told = without_left_out(given_piece, start)
    assert (list(told.paths), told.cursor) == (names[1:], b"c")
    assert [one.path for one in told.unreadable] == names[1:]
    assert len(told.kinds) == len(told.sizes) == len(names) - 1
