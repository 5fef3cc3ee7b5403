"""Workflows as the hub keeps them: versions of definitions, and the catalogue of steps they may name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from towpath.domain.catalogue import BUILT_IN, Catalogue, StepSpec
from towpath.domain.errors import Conflict, Mistake, NotFound, did_you_mean
from towpath.domain.installed import WORKFLOWS
from towpath.domain.plan import Plan
from towpath.domain.reading import Problem
from towpath.domain.workflow import Definition, InvalidDefinition, parse_definition, to_document
from towpath.store.database import Tx
from towpath.store.tables import sites, targets, workflows

LARGEST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class WorkflowView:
    """A workflow's current version; `definition` is its document."""

    name: str
    version: int
    label: str
    enabled: bool
    visible: bool
    installed: bool
    definition: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version of a workflow as it was kept; `created_at` in microseconds since 1970."""

    version: int
    current: bool
    installed: bool
    created_at: int
    definition: dict[str, Any]


_PLUGINS = sa.select(sites.c.steps)
_CURRENT = sa.select(workflows).where(workflows.c.current, workflows.c.name == sa.bindparam("called"))
_TARGETS = sa.select(targets.c.name)
_TWO_TARGETS = _TARGETS.limit(2)


def catalogue(conn: Connection) -> Catalogue:
    """The steps that a workflow may name: those built in, and those of the sites' plugins."""
    plugins = [msgspec.convert(specs, list[StepSpec]) for specs in conn.scalars(_PLUGINS)]
    return Catalogue.of(BUILT_IN, *plugins)


def install(tx: Tx) -> None:
    """Bring the workflows that come installed to their present form; one that was edited here is left alone."""
    w = workflows.c
    known = {row.name: row for row in tx.conn.execute(sa.select(workflows).where(w.current))}
    ever = set(tx.conn.scalars(sa.select(w.name).distinct()))
    fresh: dict[str, dict[str, Any]] = {}
    for definition in WORKFLOWS:
        document = to_document(definition)
        row = known.get(definition.name)
        is_old = row is not None and row.installed and row.definition != document
        if is_old or definition.name not in ever:
            fresh[definition.name] = document
    if fresh:
        _write(tx, fresh, installed=True)


def _write(tx: Tx, documents: Mapping[str, dict[str, Any]], installed: bool) -> None:
    """Keep definitions as the newest versions of the workflows of these names."""
    w = workflows.c
    mine = w.name.in_(documents)
    latest = sa.select(w.name, sa.func.max(w.version)).where(mine).group_by(w.name)
    last = {row[0]: row[1] for row in tx.conn.execute(latest)}
    tx.conn.execute(sa.update(workflows).where(mine, w.current).values(current=False))
    new = {"current": True, "installed": installed, "created_at": tx.now}
    rows = [
        {"name": name, "version": last.get(name, 0) + 1, "definition": document} | new
        for name, document in documents.items()
    ]
    tx.conn.execute(sa.insert(workflows), rows)


def define_workflow(tx: Tx, document: object) -> WorkflowView:
    """Keep a definition as its workflow's newest version; raises `InvalidDefinition` with all that is wrong."""
    definition = parse_definition(document, catalogue(tx.conn))
    kept = to_document(definition)
    before = find_workflow(tx.conn, definition.name)
    if before is None or before.definition != kept:
        _write(tx, {definition.name: kept}, installed=False)
    view = find_workflow(tx.conn, definition.name)
    if view is None:
        raise NotFound(f"no workflow '{definition.name}'")
    return view


def change_workflow(tx: Tx, name: str, changes: Mapping[str, object]) -> WorkflowView:
    """Keep the current definition with these members in place of its own as the newest version."""
    if changes.get("name", name) != name:
        raise Mistake(
            f"name: expected '{name}', which a change keeps; import the definition under another name"
        )
    return define_workflow(tx, {**get_version(tx.conn, name).definition, **changes})


def check_workflow(conn: Connection, document: object) -> list[Problem]:
    """All that is wrong with a definition; empty where nothing is."""
    try:
        parse_definition(document, catalogue(conn))
    except InvalidDefinition as error:
        return error.problems
    return []


def list_workflows(
    conn: Connection, words: str = "", behind: str | None = None, limit: int | None = None
) -> list[WorkflowView]:
    """The current version of each workflow with these words in its name or label, by name: of those behind a name, at
    most so many."""
    w = workflows.c
    query = sa.select(workflows).where(_fits(words)).order_by(w.name).limit(limit)
    rows = conn.execute(query if behind is None else query.where(w.name > behind)).all()
    known = catalogue(conn) if rows else Catalogue.of(BUILT_IN)
    return [_view(row, known) for row in rows]


def count_workflows(conn: Connection, words: str = "") -> int:
    """How many workflows have these words in their name or label."""
    return conn.scalar(sa.select(sa.func.count()).select_from(workflows).where(_fits(words))) or 0


def _fits(words: str) -> sa.ColumnElement[bool]:
    w = workflows.c
    if not words.strip():
        return w.current
    label = sa.func.coalesce(w.definition["label"].as_string(), "")
    said = (w.name + " " + label).icontains(words.strip(), autoescape=True)
    return sa.and_(w.current, said)


def find_workflow(conn: Connection, name: str) -> WorkflowView | None:
    """The current version of a workflow."""
    w = workflows.c
    row = conn.execute(sa.select(workflows).where(w.current, w.name == name)).first()
    return None if row is None else _view(row, catalogue(conn))


def get_workflow(conn: Connection, name: str) -> WorkflowView:
    """The current version of a workflow; raises `NotFound`, which says of a deleted one that it is deleted."""
    found = find_workflow(conn, name)
    if found is None:
        raise _no_version(conn, name, None)
    return found


def list_versions(conn: Connection, name: str) -> list[VersionView]:
    """All versions of a workflow, the newest first, also of one that was deleted; raises `NotFound`."""
    w = workflows.c
    rows = conn.execute(sa.select(workflows).where(w.name == name).order_by(w.version.desc())).all()
    if not rows:
        raise NotFound(f"no workflow '{name}'{did_you_mean(name, names(conn))}")
    return [_version(row) for row in rows]


def get_version(conn: Connection, name: str, version: int | None = None) -> VersionView:
    """A version of a workflow, or the current one; raises `NotFound`."""
    w = workflows.c
    which = w.current if version is None else w.version == min(version, LARGEST_VERSION)
    row = conn.execute(sa.select(workflows).where(w.name == name, which)).first()
    if row is None:
        raise _no_version(conn, name, version)
    return _version(row)


def _no_version(conn: Connection, name: str, version: int | None) -> NotFound:
    known = list_versions(conn, name)
    wanted = (
        "is deleted" if version is None else f"has no version {version}; the newest is {known[0].version}"
    )
    return NotFound(f"workflow '{name}' {wanted}")


def _version(row: Any) -> VersionView:
    return VersionView(row.version, row.current, row.installed, row.created_at, row.definition)


def _view(row: Any, known: Catalogue) -> WorkflowView:
    definition = parse_definition(row.definition, known)
    return WorkflowView(
        name=row.name,
        version=row.version,
        label=definition.label,
        enabled=definition.enabled,
        visible=definition.visible,
        installed=row.installed,
        definition=row.definition,
        warnings=tuple(str(warning) for warning in definition.warnings),
    )


def delete_workflow(tx: Tx, name: str) -> None:
    """Withdraw a workflow: its versions stay for the jobs that ran with them."""
    w = workflows.c
    done = tx.conn.execute(sa.update(workflows).where(w.name == name, w.current).values(current=False))
    if done.rowcount == 0:
        raise NotFound(f"no workflow '{name}'{did_you_mean(name, names(tx.conn))}")


def names(conn: Connection) -> Sequence[str]:
    """The names of the workflows that can be run."""
    return conn.scalars(sa.select(workflows.c.name).where(workflows.c.current)).all()


def current(conn: Connection, name: str) -> tuple[Definition, int]:
    """The current definition of a workflow, and its version; raises `NotFound`, or `Conflict` for one that no
    longer fits the steps that are known."""
    row = conn.execute(_CURRENT, {"called": name}).first()
    if row is None:
        raise NotFound(f"no workflow '{name}'{did_you_mean(name, names(conn))}")
    try:
        return parse_definition(row.definition, catalogue(conn)), row.version
    except InvalidDefinition as error:
        raise Conflict(str(error)) from error


def only_target(conn: Connection) -> str | None:
    """The name of the hub's target, where it has just one."""
    names = conn.scalars(_TWO_TARGETS).all()
    return names[0] if len(names) == 1 else None


def check_targets(conn: Connection, plan: Plan) -> None:
    """Every target that a plan names is there."""
    known = set(conn.scalars(_TARGETS))
    listed = str(plan.options.get("endpoint", ""))
    if listed and listed not in known:
        raise Mistake(f"workflow {plan.workflow}: no target '{listed}'{did_you_mean(listed, known)}")
    for branch in plan.branches:
        for call in branch.chain:
            if call.endpoint and call.endpoint not in known:
                missing = f"no target '{call.endpoint}'{did_you_mean(call.endpoint, known)}"
                raise Mistake(f"workflow {plan.workflow}, step {call.step}: {missing}")
