"""Trees for tests of the walk: how to make them, what is truly in them, and what a walk says."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hypothesis import strategies as st

from towpath.discovery.cursor import order
from towpath.discovery.protocol import Piece, Start
from towpath.discovery.recursive import Recursive
from towpath.domain.paths import ErrorClass, Kind
from towpath.storage.roots import Root

Tree = dict[bytes, Any]
"""Name → a tree (a directory), a size (a file), or a link's target."""
Row = tuple[bytes, int, int]


def build(top: bytes, tree: Tree) -> None:
    """Make the tree in a directory that is there."""
    for name, what in tree.items():
        path = top + b"/" + name
        if isinstance(what, dict):
            os.mkdir(path)
            build(path, what)
        elif isinstance(what, bytes):
            os.symlink(what, path)
        else:
            with open(path, "wb") as file:
                file.truncate(what)


@contextmanager
def rooted(tree: Tree) -> Iterator[Root]:
    """A root that holds the tree."""
    with tempfile.TemporaryDirectory() as top:
        build(os.fsencode(top), tree)
        with Root("data", os.fsencode(top)) as root:
            yield root


def truth(root: Root) -> list[Row]:
    """What lies in a root by os.walk, in the order of a walk."""
    rows: list[Row] = [(b"", Kind.DIRECTORY, 0)]
    for above, directories, files in os.walk(root.path):
        for name in directories + files:
            path = os.path.join(above, name)
            size = os.lstat(path).st_size
            kind = Kind.FILE
            if os.path.islink(path):
                kind, size = Kind.SYMLINK, 0
            elif os.path.isdir(path):
                kind, size = Kind.DIRECTORY, 0
            elif not os.path.isfile(path):
                kind, size = Kind.OTHER, 0
            rows.append((os.path.relpath(path, root.path), kind, size))
    return sorted(rows, key=lambda row: order(row[0]))


def rows(pieces: Sequence[Piece]) -> list[Row]:
    """The entries of pieces."""
    return [row for p in pieces for row in zip(p.paths, p.kinds, p.sizes, strict=True)]


def walked(
    root: Root,
    cursor: bytes = b"",
    paths: Sequence[bytes] = (b"",),
    walk: Recursive | None = None,
    **options: bool,
) -> list[Piece]:
    """All pieces of a walk."""
    return list((walk or Recursive()).walk([Start(root, path) for path in paths], options, cursor))


def unreadable(pieces: Sequence[Piece]) -> list[tuple[bytes, ErrorClass, str]]:
    """What the pieces say could not be read."""
    return [(u.path, u.error_class, u.reason) for p in pieces for u in p.unreadable]


NAMES = st.one_of(
    st.sampled_from(
        [
            b"\xff\xfe",
            b"a\nb",
            b"x" * 255,
            b"-rf",
            b"--",
            b"a",
            b"a-b",
            b"a.b",
            b"A",
            b"\xc3\xa9",
            b"\xee\x80\x80",
        ]
    ),
    st.binary(min_size=1, max_size=6),
).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b".."))
LEAVES = st.one_of(st.integers(0, 99), st.sampled_from([b"..", b".", b"nowhere", b"/"]))
TREES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=5),
    lambda below: st.dictionaries(NAMES, st.one_of(LEAVES, below), max_size=5),
    max_leaves=12,
)


def as_nobody(check: Callable[[], None]) -> None:
    """Run a check without root's powers: in a child process that gives them up."""
    if os.getuid() != 0:
        check()
        return
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            check()
            code = 0
        except BaseException:  # the child must never go on as a second pytest
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0, "the check failed in the child: its trace is on standard error"


def open_fds() -> int:
    """How many descriptors this process has."""
    return len(os.listdir("/proc/self/fd"))
