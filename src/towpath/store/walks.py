"""How far each discovery task has come: its inputs and its cursor."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.exclusions import Excluded
from towpath.domain.plan import Plan
from towpath.domain.rules import RULE_TYPES
from towpath.store.tables import walks
from towpath.wire import Input, LeftOut, Matcher, Walk, pack, unpack


@dataclass(slots=True)
class WalkRow:
    """A discovery task's walk; nothing found is accepted but behind its cursor."""

    task_id: int
    inputs: tuple[Input, ...]
    discovery: str
    options: Mapping[str, object]
    cursor: bytes
    problems: int
    excluded: tuple[Excluded, ...] = ()
    """What spaces leave out, as it was when the job was made."""


_INSERT = sa.insert(walks)


def insert(conn: Connection, walk: WalkRow) -> None:
    """Write the walk of a new discovery task."""
    row = {
        "task_id": walk.task_id,
        "inputs": pack(list(walk.inputs)),
        "discovery": walk.discovery,
        "options": dict(walk.options),
        "cursor": walk.cursor,
        "problems": walk.problems,
        "excluded": _packed(walk.excluded),
    }
    conn.execute(_INSERT, [row])


_LOAD = sa.select(walks).where(walks.c.task_id == sa.bindparam("of_task"))


def load(conn: Connection, task_id: int) -> WalkRow:
    """The walk of a discovery task."""
    row = conn.execute(_LOAD, {"of_task": task_id}).one()
    inputs = tuple(unpack(row.inputs, list[Input]))
    left_out = unpack(row.excluded, list[LeftOut]) if row.excluded else []
    excluded = tuple(Excluded(one.space, one.directory, tuple(one.globs)) for one in left_out)
    return WalkRow(row.task_id, inputs, row.discovery, row.options, row.cursor, row.problems, excluded)


def _packed(excluded: Sequence[Excluded]) -> bytes | None:
    return pack(_left_out(excluded)) if excluded else None


def _left_out(excluded: Sequence[Excluded]) -> list[LeftOut]:
    return [LeftOut(one.space, one.directory, list(one.globs)) for one in excluded]


_LENGTHS = sa.select(
    walks.c.task_id,
    sa.func.length(walks.c.inputs)
    + sa.func.length(walks.c.cursor)
    + sa.func.coalesce(sa.func.length(walks.c.excluded), 0),
).where(walks.c.task_id.in_(sa.bindparam("ids", expanding=True)))


def lengths(conn: Connection, task_ids: Collection[int]) -> dict[int, int]:
    """About how many bytes the inputs, the cursor and what is left out take, of each of these walks."""
    if not task_ids:
        return {}
    return {row[0]: row[1] for row in conn.execute(_LENGTHS, {"ids": sorted(task_ids)})}


_ADVANCE = (
    sa.update(walks)
    .where(walks.c.task_id == sa.bindparam("of_task"))
    .values(cursor=sa.bindparam("came_to"), problems=sa.bindparam("had"))
)


def advance(conn: Connection, walk: WalkRow) -> None:
    """Write how far a walk has come."""
    conn.execute(_ADVANCE, {"of_task": walk.task_id, "came_to": walk.cursor, "had": walk.problems})


def describe(conn: Connection, task_id: int, plan: Plan) -> Walk:
    """A walk as it is granted to a node: where to start, which rules to match, and the cursor to go on from."""
    walk = load(conn, task_id)
    return Walk(
        walk.discovery,
        dict(walk.options),
        list(walk.inputs),
        matchers(plan),
        walk.cursor,
        _left_out(walk.excluded),
    )


def matchers(plan: Plan) -> list[Matcher]:
    """The conditions of a plan's rules, in order."""
    return [
        Matcher(number, RULE_TYPES[branch.type], branch.state, list(branch.include), list(branch.exclude))
        for number, branch in enumerate(plan.taking)
    ]
