"""What people ask the nodes of a site: kept until one of them has answered, or nobody waits any more."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from msgspec import structs
from sqlalchemy.engine import Connection

from towpath.domain.errors import Conflict, NotFound, did_you_mean
from towpath.engine.nodes import find_node
from towpath.store.database import Tx
from towpath.store.tables import nodes, questions, sites
from towpath.wire import Answered, Heard, Question, pack, unpack

MOST = 16
"""Questions that a node is given at a time."""

SECOND = 1_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a node answered, and which node it was."""

    node: str
    said: Answered


def site_for(conn: Connection, target: str, site: str | None) -> str:
    """The site whose nodes are asked of a target: the one named, else one that is heard, rather one whose default
    it is. Raises `NotFound` for a site that is none, `Conflict` where no node is heard."""
    heard = sa.select(nodes.c.id).where(
        nodes.c.site == sites.c.name,
        nodes.c.incarnation.is_not(None),
        nodes.c.removed_at.is_(None),
        ~nodes.c.lost,
        ~nodes.c.silent,
    )
    rows = conn.execute(
        sa.select(sites.c.name, sites.c.default_target, sa.exists(heard)).order_by(sites.c.name)
    ).all()
    known = {name: is_heard for name, _, is_heard in rows}
    if site is not None and site not in known:
        raise NotFound(f"no site '{site}'{did_you_mean(site, known)}")
    if site is not None and not known[site]:
        raise Conflict(f"site {site}: expected a node that is heard, found none; start its worker")
    if site is not None:
        return site
    fit = sorted((default != target, name) for name, default, is_heard in rows if is_heard)
    if not fit:
        raise Conflict(f"target '{target}': expected a site with a node that is heard, found none")
    return str(fit[0][1])


def ask(tx: Tx, site: str, question: Question, seconds: float) -> int:
    """Ask the nodes of a site; the question's number. Nobody is given it once so many seconds have gone by."""
    tx.conn.execute(sa.delete(questions).where(questions.c.until < tx.now - 3600 * SECOND))
    row = {"site": site, "asked": pack(question), "until": tx.now + int(seconds * SECOND)}
    number = tx.conn.execute(sa.insert(questions).values(row)).inserted_primary_key
    assert number is not None
    tx.wakes.add(site)
    return int(number[0])


_DUE = (
    sa.select(questions.c.id, questions.c.asked, questions.c.node_id)
    .where(questions.c.site == sa.bindparam("of_site"), questions.c.answered.is_(None))
    .where(questions.c.until >= sa.bindparam("now"))
    .order_by(questions.c.id)
    .limit(MOST)
)


def due(tx: Tx, site: str, name: str) -> list[Question]:
    """What a node is to answer: questions that it has already, and those that no other node has."""
    rows = tx.conn.execute(_DUE, {"of_site": site, "now": tx.now}).all()
    if not rows:
        return []
    node = find_node(tx, site, name).id
    _take(tx, [row.id for row in rows if row.node_id is None], node)
    return [
        structs.replace(unpack(row.asked, Question), id=row.id) for row in rows if row.node_id in (None, node)
    ]


def _take(tx: Tx, fresh: Sequence[int], node: int) -> None:
    if fresh:
        mine = questions.c.id.in_(fresh) & questions.c.node_id.is_(None)
        tx.conn.execute(sa.update(questions).where(mine).values(node_id=node))


def answer(tx: Tx, site: str, name: str, said: Answered) -> Heard:
    """Keep a node's answer, unless it was not asked, or has answered already."""
    node = find_node(tx, site, name).id
    mine = (questions.c.id == said.question, questions.c.node_id == node, questions.c.answered.is_(None))
    tx.conn.execute(sa.update(questions).where(*mine).values(answered=pack(said)))
    return Heard()


def find_answer(conn: Connection, number: int) -> Answer | None:
    """The answer to a question; None while there is none."""
    row = conn.execute(
        sa.select(questions.c.answered, nodes.c.name)
        .join(nodes, nodes.c.id == questions.c.node_id)
        .where(questions.c.id == number, questions.c.answered.is_not(None))
    ).first()
    return None if row is None else Answer(row.name, unpack(row.answered, Answered))


def forget(tx: Tx, number: int) -> None:
    """Nobody waits for it any more."""
    tx.conn.execute(sa.delete(questions).where(questions.c.id == number))
