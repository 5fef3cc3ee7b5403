"""What people change by turns: each such thing has a tag, and a change may say of which tag it is meant."""

import hashlib
from collections.abc import Callable, Mapping

from fastapi import Request, Response
from sqlalchemy.engine import Connection

from towpath.domain.errors import Mistake
from towpath.engine import people, registry, spaces, workflows
from towpath.engine.turn_taking import one_at_a_time
from towpath.store.database import Tx

Given = Mapping[str, str]
"""The parameters of the URL."""


class ChangedSince(Mistake):
    """The thing is no more as the caller has read it."""


def _workflow(conn: Connection, given: Given) -> object:
    found = workflows.get_version(conn, given["name"])
    return found.version, found.created_at


def _target(conn: Connection, given: Given) -> object:
    return registry.get_target(conn, given["name"])


def _space(conn: Connection, given: Given) -> object:
    return spaces.get_space(conn, given["name"], given["site"])


def _user(conn: Connection, given: Given) -> object:
    found = people.find_user(conn, given["name"])
    return found.name, found.role, found.disabled, found.has_password, found.created_at


def _site(conn: Connection, given: Given) -> object:
    # Not its nodes, which change from one heartbeat to the next.
    found = registry.get_site(conn, given["name"])
    return found.name, sorted(found.roots.items()), found.default_target, found.unguarded


SHOWING: Mapping[str, Callable[[Connection, Given], object]] = {
    "show_workflow": _workflow,
    "show_target": _target,
    "show_space": _space,
    "show_user": _user,
    "show_site": _site,
}
"""Operations that answer with a tag: what of the thing it stands for."""

CHANGING: Mapping[str, Callable[[Connection, Given], object]] = {
    "change_workflow": _workflow,
    "delete_workflow": _workflow,
    "delete_target": _target,
    "change_space": _space,
    "remove_space": _space,
    "change_user": _user,
    "remove_user": _user,
    "change_site": _site,
}
"""Operations that take `If-Match`."""


def tag_of(seen: object) -> str:
    """The tag of a thing as it was seen."""
    return f'"{hashlib.sha256(repr(seen).encode()).hexdigest()[:24]}"'


def tag(request: Request, conn: Connection) -> str | None:
    """The tag of what a request asks to be shown; None where it has none."""
    seen = SHOWING.get(request.scope["route"].name)
    return None if seen is None else tag_of(seen(conn, request.path_params))


def check(request: Request, tx: Tx) -> None:
    """Raises `ChangedSince` for a change that is meant of the thing as it is no more; called before the change."""
    seen = CHANGING.get(request.scope["route"].name)
    if seen is None:
        return
    one_at_a_time(tx, request.url.path)
    meant = [part.strip() for part in request.headers.get("if-match", "*").split(",")]
    now = tag_of(seen(tx.conn, request.path_params))
    if now not in meant and "*" not in meant:
        raise ChangedSince(f"If-Match: expected {now}, as the thing is now, found {', '.join(meant)[:200]}")


async def add_tag(request: Request, response: Response) -> None:
    """Puts the tag of what is shown into the answer. It is read before: what is newer than its tag is refused."""
    if request.scope["route"].name in SHOWING:
        database = request.app.state.context.database
        response.headers["ETag"] = await database.read(lambda conn: tag(request, conn))
