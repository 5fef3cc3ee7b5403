"""What a caller asked to be worked on: absolute paths become inputs beneath the roots of a site."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Mistake, NotFound, did_you_mean
from towpath.domain.paths import is_beneath, is_clean, printable
from towpath.engine import room
from towpath.store.tables import sites
from towpath.wire import Input


@dataclass(frozen=True, slots=True)
class Asked:
    """A path that a caller named, absolute, and what the caller said of its state."""

    path: bytes
    state: str = ""


def place(asked: Sequence[Asked], site: str, roots: Mapping[str, str]) -> list[Input]:
    """Each path as an input beneath a root of the site; raises `Mistake` for one that lies beneath none."""
    if not asked:
        raise Mistake("paths: expected at least one path, found none")
    if not roots:
        raise Mistake(
            f"site {site}: no worker has said yet which roots it has; start one there, then try again"
        )
    return [_place(one, site, roots) for one in asked]


def _place(asked: Asked, site: str, roots: Mapping[str, str]) -> Input:
    if not asked.path.startswith(b"/"):
        raise Mistake(f"paths: expected an absolute path, found '{printable(asked.path)}'")
    path = os.path.normpath(asked.path)
    # normpath keeps two leading slashes, as POSIX allows them a meaning that Linux does not give them.
    path = b"/" + path.lstrip(b"/")
    best: tuple[int, Input] | None = None
    for name, directory in roots.items():
        root = os.fsencode(directory).rstrip(b"/")
        if path == root or path.startswith(root + b"/"):
            found = Input(name, path[len(root) + 1 :], asked.state)
            best = max(best or (-1, found), (len(root), found), key=lambda pair: pair[0])
    if best is None or not is_clean(best[1].path):
        shown = ", ".join(sorted(roots.values()))
        raise Mistake(
            f"path '{printable(asked.path)}' lies beneath no root of site {site} (its roots: {shown})"
        )
    return best[1]


def for_walk(inputs: Sequence[Input]) -> tuple[Input, ...]:
    """The inputs of a walk: none beneath another, so that nothing is found twice; raises `Mistake` for too many."""
    kept: list[Input] = []
    for given in sorted(inputs, key=lambda i: (i.root, i.path.split(b"/") if i.path else [])):
        if not (kept and kept[-1].root == given.root and is_beneath(given.path, kept[-1].path)):
            kept.append(given)
    size = sum(len(given.path) + len(given.state) + len(given.root) + 8 for given in kept)
    if size > room.INPUTS:
        raise Mistake(
            f"paths: expected at most {room.INPUTS} bytes of paths for a discovery to start from, found {size};"
            " name a directory above them, or run the workflow without a discovery"
        )
    return tuple(kept)


def roots_of(conn: Connection, site: str) -> Mapping[str, str]:
    """The roots of a site, each with its directory; raises `NotFound` for a site that is none."""
    roots: Mapping[str, str] | None = conn.execute(
        sa.select(sites.c.roots).where(sites.c.name == site)
    ).scalar()
    if roots is None:
        raise NotFound(f"no site '{site}'{did_you_mean(site, conn.scalars(sa.select(sites.c.name)))}")
    return roots


def absolute(given: Input, roots: Mapping[str, str]) -> bytes:
    """An input as an absolute path of its site."""
    root = os.fsencode(roots[given.root]).rstrip(b"/")
    return root + b"/" + given.path if given.path else root
