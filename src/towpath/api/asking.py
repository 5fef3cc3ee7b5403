"""Asking a node something while the caller waits."""

import asyncio
import time
from typing import TypeVar

from towpath.api.context import Hub
from towpath.api.problems import SiteSilent
from towpath.domain.errors import Conflict
from towpath.engine import questions
from towpath.wire import Message, Question, unpack

LOOK_EVERY = 0.05
"""Seconds between two looks for it."""

M = TypeVar("M", bound=Message)


async def ask(hub: Hub, question: Question, site: str | None, kind: type[M]) -> tuple[str, str, M]:
    """The site and the node that answered, and the answer.

    Raises `NotFound` for a site that is none, `Conflict` where no node is heard or the node could give no answer, and
    `SiteSilent` where none came in time.
    """
    database, patience = hub.database, hub.context.settings.answer_seconds
    place = await database.read(lambda conn: questions.site_for(conn, question.target, site))
    number = await database.write(lambda tx: questions.ask(tx, place, question, patience))
    try:
        answer = await _answer(hub, number, patience)
    finally:
        await database.write(lambda tx: questions.forget(tx, number))
    if answer is None:
        raise SiteSilent(
            f"site {place}: none of its nodes answered within {patience:g} s; are they of this release?"
        )
    if answer.said.trouble:
        raise Conflict(f"node {place}/{answer.node}: {answer.said.trouble}")
    return place, answer.node, unpack(answer.said.answer, kind)


async def _answer(hub: Hub, number: int, patience: float) -> questions.Answer | None:
    """The answer, once it is there; None where it does not come in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        found = await hub.database.read(lambda conn: questions.find_answer(conn, number))
        if found is not None:
            return found
        await asyncio.sleep(LOOK_EVERY)
    return None
