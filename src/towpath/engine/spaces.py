"""Spaces: directories of sites that bear a name, and the target that is used where a workflow names none."""

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.exclusions import Excluded, Exclusions, check_globs
from towpath.domain.paths import is_beneath
from towpath.domain.rights import Place
from towpath.domain.values import name_fault
from towpath.engine import workflows
from towpath.engine.buckets import find_target
from towpath.engine.inputs import Asked, absolute, place, roots_of
from towpath.store.database import Tx
from towpath.store.tables import grants, sites, space_usage, spaces
from towpath.wire import Input


@dataclass(frozen=True, slots=True)
class Space:
    """A directory of a site, absolute; a name may stand at several sites, each with a directory of its own there."""

    name: str
    site: str
    path: str
    default_target: str | None = None
    excluded: tuple[str, ...] = ()
    """Globs of what is left alone in it: see `domain.exclusions`."""
    usage_every: int | None = None
    """After how many seconds what lies in it is counted again; None: only when somebody asks."""

    @property
    def leaves_out(self) -> Excluded:
        """What it leaves out."""
        return Excluded(self.name, os.fsencode(self.path), self.excluded)


@dataclass(frozen=True, slots=True)
class Default:
    """The target for steps that name none; where it is "", `why_none` says how so."""

    target: str
    why_none: str = ""


def add_space(tx: Tx, space: Space) -> None:
    """Give a directory of a site a name, and a default target if one is said."""
    if problem := name_fault(space.name):
        raise Mistake(f"space name: {problem}")
    roots = roots_of(tx.conn, space.site)
    (where,) = place([Asked(space.path.encode())], space.site, roots)
    path = os.fsdecode(absolute(where, roots)) or "/"
    if space.default_target is not None:
        find_target(tx.conn, space.default_target)
    for other in list_spaces(tx.conn):
        if other.site == space.site and space.name == other.name:
            raise Conflict(f"space '{space.name}' stands already at site {space.site}, as '{other.path}'")
        if other.site == space.site and path == other.path:
            raise Conflict(
                f"space '{space.name}': '{path}' of site {space.site} is space '{other.name}' already"
            )
    row = {"name": space.name, "site": space.site, "path": path, "default_target": space.default_target}
    more = {"excluded": json.dumps(check_globs(space.excluded)), "usage_every": space.usage_every}
    tx.conn.execute(sa.insert(spaces).values({**row, **more, "created_at": tx.now}))


_LIST = sa.select(
    spaces.c.name,
    spaces.c.site,
    spaces.c.path,
    spaces.c.default_target,
    spaces.c.excluded,
    spaces.c.usage_every,
).order_by(spaces.c.name, spaces.c.site)


def list_spaces(conn: Connection) -> list[Space]:
    """All spaces, by name and site."""
    rows = conn.execute(_LIST)
    return [Space(*row[:4], tuple(json.loads(row.excluded)), row.usage_every) for row in rows]


def get_space(conn: Connection, name: str, site: str) -> Space:
    """The space of that name at that site; raises `NotFound`."""
    known = list_spaces(conn)
    found = next((space for space in known if (space.name, space.site) == (name, site)), None)
    if found is None:
        here = [space.name for space in known if space.site == site]
        raise NotFound(f"no space '{name}' at site {site}{did_you_mean(name, here)}")
    return found


def change_space(tx: Tx, space: Space) -> None:
    """Let a space be like this, but for its path, which is its own for good; raises `NotFound`."""
    get_space(tx.conn, space.name, space.site)
    if space.default_target is not None:
        find_target(tx.conn, space.default_target)
    where = (spaces.c.name == space.name, spaces.c.site == space.site)
    values = {
        "default_target": space.default_target,
        "excluded": json.dumps(check_globs(space.excluded)),
        "usage_every": space.usage_every,
    }
    tx.conn.execute(sa.update(spaces).where(*where).values(values))


def remove_space(tx: Tx, name: str, site: str) -> None:
    """Forget the name; the directory and what lies in it stay."""
    get_space(tx.conn, name, site)
    tx.conn.execute(sa.delete(space_usage).where(space_usage.c.space == name, space_usage.c.site == site))
    tx.conn.execute(sa.delete(spaces).where(spaces.c.name == name, spaces.c.site == site))
    if tx.conn.execute(sa.select(spaces.c.site).where(spaces.c.name == name)).first() is None:
        # Whoever gives the name anew may mean another place.
        tx.conn.execute(sa.delete(grants).where(grants.c.space == name))


def space_of(conn: Connection, site: str, inputs: Sequence[Input]) -> str:
    """The deepest space of the site in which all of these lie; "" where there is none, or where one is left out."""
    here = [space for space in list_spaces(conn) if space.site == site]
    if not here:
        return ""
    roots = conn.execute(sa.select(sites.c.roots).where(sites.c.name == site)).scalar_one()
    paths = [absolute(given, roots) for given in inputs]
    exclusions = Exclusions(space.leaves_out for space in here)
    if any(exclusions.match(path) for path in paths):
        return ""
    holding = [space for space in here if all(is_beneath(path, _beginning(space)) for path in paths)]
    return max(holding, key=lambda space: len(space.path)).name if holding else ""


def within(conn: Connection, names: Collection[str]) -> frozenset[Place]:
    """The spaces of these names at whichever sites, and those that lie in them."""
    known = list_spaces(conn)
    outer = [space for space in known if space.name in names]
    exclusions = {
        site: Exclusions(space.leaves_out for space in known if space.site == site)
        for site in {space.site for space in outer}
    }
    return frozenset(
        (space.site, space.name)
        for space in known
        if not (space.site in exclusions and exclusions[space.site].match(os.fsencode(space.path)))
        and any(
            space.site == holding.site and is_beneath(os.fsencode(space.path), _beginning(holding))
            for holding in outer
        )
    )


_OF_SITE = sa.select(sites.c.default_target, sites.c.roots).where(sites.c.name == sa.bindparam("of_site"))


def default_target(conn: Connection, site: str, inputs: Sequence[Input]) -> Default:
    """What a job over these inputs uses where its steps name no target.

    That of the deepest space that an input lies in; else the site's; else the hub's only one. A job has one: where its
    inputs, or spaces beneath them, have different ones, it has none.
    """
    row = conn.execute(_OF_SITE, {"of_site": site}).one()
    own = row.default_target or workflows.only_target(conn) or ""
    told = [space for space in list_spaces(conn) if space.site == site and space.default_target]
    found: dict[str, str] = {}
    for path in (absolute(given, row.roots) for given in inputs):
        holding = [space for space in told if is_beneath(path, _beginning(space))]
        deepest = max(
            holding, key=lambda space: len(space.path), default=Space(f"site {site}", site, "", own)
        )
        below = [space for space in told if space not in holding and is_beneath(_beginning(space), path)]
        for space in (deepest, *below):
            found.setdefault(space.default_target or "", space.name)
    if len(found) == 1:
        return Default(next(iter(found)))
    each = ", ".join(f"{where}: {target or 'none'}" for target, where in found.items())
    return Default("", f"the paths lie in places with different default targets ({each})")


def _beginning(space: Space) -> bytes:
    """With what the paths in a space begin, before a slash."""
    return os.fsencode(space.path).rstrip(b"/")
