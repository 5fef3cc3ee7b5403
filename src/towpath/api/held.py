"""What people change by turns: each such thing has a tag, and a change may say of which tag it is meant."""

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa
from fastapi import Request, Response
from sqlalchemy.engine import Connection

from towpath.api.forms import id_of
from towpath.domain.alerts import kind_of
from towpath.domain.errors import Mistake, NotFound, did_you_mean
from towpath.engine import (
    alert_rules,
    destinations,
    directories,
    groups,
    live_settings,
    node_wishes,
    people,
    providers,
    registry,
    spaces,
    turns,
    webhooks,
    workflows,
)
from towpath.engine.turn_taking import one_at_a_time
from towpath.store.database import Tx
from towpath.store.tables import buckets, targets

Given = Mapping[str, str]
"""The parameters of the URL."""


class ChangedSince(Mistake):
    """The thing is no more as the caller has read it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of thing that has a tag: which parameters of the URL name one, and what of it the tag stands for.

    That is what people change, and not what changes by itself from one moment to the next. `see` raises `NotFound`.
    """

    kind: str
    named: tuple[str, ...]
    see: Callable[[Connection, Given], object]

    def name(self, given: Given) -> str:
        """What one of them is called among all."""
        return "/".join((self.kind, *(str(given[name]) for name in self.named)))


def _settings(conn: Connection, _given: Given) -> object:
    return sorted((name, one.value, one.at) for name, one in live_settings.chosen(conn).items())


def _workflow(conn: Connection, given: Given) -> object:
    found = workflows.get_version(conn, given["name"])
    return found.version, found.created_at


def _bucket(conn: Connection, given: Given) -> object:
    row = conn.execute(sa.select(buckets).where(buckets.c.name == given["name"])).first()
    if row is None:
        raise NotFound(f"no bucket '{given['name']}'{did_you_mean(given['name'], conn.scalars(_BUCKETS))}")
    # The secret as it is kept, encrypted anew whenever it is set: the tag is a hash, and tells nothing of it.
    held = sorted(conn.scalars(sa.select(targets.c.name).where(targets.c.bucket == row.name)))
    return row.url, row.secret, row.created_at, held


_BUCKETS = sa.select(buckets.c.name)


def _target(conn: Connection, given: Given) -> object:
    found = registry.get_target(conn, given["name"])
    return found, conn.execute(sa.select(targets.c.grace).where(targets.c.name == found.name)).scalar()


def _space(conn: Connection, given: Given) -> object:
    return spaces.get_space(conn, given["name"], given["site"])


def _user(conn: Connection, given: Given) -> object:
    found = people.find_user(conn, given["name"])
    return found.name, found.role, found.disabled, found.has_password, found.created_at


def _group(conn: Connection, given: Given) -> object:
    found = groups.find_group(conn, given["group"])
    return found.members, sorted(found.spaces.items()), found.created_at


def _limit(conn: Connection, given: Given) -> object:
    found = turns.get_limit(conn, given["owner"])
    return found.max_tasks, found.set_by, found.set_at


def _provider(conn: Connection, given: Given) -> object:
    return providers.get_provider(conn, given["name"])


def _directory(conn: Connection, given: Given) -> object:
    return directories.get_directory(conn, given["name"])


def _webhook(conn: Connection, given: Given) -> object:
    return webhooks.get_webhook(conn, id_of(given["webhook_id"]))


def _job(conn: Connection, given: Given) -> object:
    found = turns.get_turn(conn, id_of(given["job_id"]))
    return found.priority, found.max_tasks


def _site(conn: Connection, given: Given) -> object:
    # Not its nodes, which change from one heartbeat to the next.
    found = registry.get_site(conn, given["name"])
    return found.name, sorted(found.roots.items()), found.default_target, found.unguarded


def _node(conn: Connection, given: Given) -> object:
    found = node_wishes.get_node(conn, given["site"], given["name"])
    slots = sorted((queue, sorted(functions.items())) for queue, functions in found.queues.items())
    return slots, found.drain_at, found.drain_by, found.drain_why


def _rule(conn: Connection, given: Given) -> object:
    return alert_rules.get_rule(conn, kind_of(given["kind"]))


def _destination(conn: Connection, given: Given) -> object:
    return destinations.get_destination(conn, given["name"])


WORKFLOW = Kind("workflow", ("name",), _workflow)
BUCKET = Kind("bucket", ("name",), _bucket)
TARGET = Kind("target", ("name",), _target)
SPACE = Kind("space", ("name", "site"), _space)
USER = Kind("user", ("name",), _user)
GROUP = Kind("group", ("group",), _group)
LIMIT = Kind("limit", ("owner",), _limit)
PROVIDER = Kind("identity provider", ("name",), _provider)
DIRECTORY = Kind("directory", ("name",), _directory)
WEBHOOK = Kind("webhook", ("webhook_id",), _webhook)
JOB = Kind("job", ("job_id",), _job)
SETTINGS = Kind("settings", (), _settings)
SITE = Kind("site", ("name",), _site)
NODE = Kind("node", ("site", "name"), _node)
RULE = Kind("alert rule", ("kind",), _rule)
DESTINATION = Kind("destination", ("name",), _destination)

SHOWING: Mapping[str, Kind] = {
    "show_workflow": WORKFLOW,
    "show_bucket": BUCKET,
    "show_target": TARGET,
    "show_space": SPACE,
    "show_user": USER,
    "show_group": GROUP,
    "show_limit": LIMIT,
    "show_webhook": WEBHOOK,
    "show_provider": PROVIDER,
    "show_directory": DIRECTORY,
    "show_job": JOB,
    "show_site": SITE,
    "list_settings": SETTINGS,
    "show_node": NODE,
    "show_alert_rule": RULE,
    "show_destination": DESTINATION,
}
"""Operations that answer with a tag: what of the thing it stands for."""

CHANGING: Mapping[str, Kind] = {
    "change_workflow": WORKFLOW,
    "delete_workflow": WORKFLOW,
    "set_credentials": BUCKET,
    "remove_bucket": BUCKET,
    "delete_target": TARGET,
    "set_grace": TARGET,
    "change_space": SPACE,
    "remove_space": SPACE,
    "change_user": USER,
    "remove_user": USER,
    "remove_group": GROUP,
    "add_member": GROUP,
    "remove_member": GROUP,
    "grant_space": GROUP,
    "withdraw_space": GROUP,
    "set_limit": LIMIT,
    "lift_limit": LIMIT,
    "set_provider": PROVIDER,
    "remove_provider": PROVIDER,
    "set_directory": DIRECTORY,
    "remove_directory": DIRECTORY,
    "change_webhook": WEBHOOK,
    "remove_webhook": WEBHOOK,
    "change_turn": JOB,
    "change_site": SITE,
    "change_settings": SETTINGS,
    "change_slots": NODE,
    "remove_node": NODE,
    "change_alert_rule": RULE,
    "change_destination": DESTINATION,
    "remove_destination": DESTINATION,
}
"""Operations that take `If-Match`."""


def tag_of(seen: object) -> str:
    """The tag of a thing as it was seen."""
    return f'"{hashlib.sha256(repr(seen).encode()).hexdigest()[:24]}"'


def tag(request: Request, conn: Connection) -> str | None:
    """The tag of what a request asks to be shown; None where it has none."""
    kind = SHOWING.get(request.scope["route"].name)
    return None if kind is None else tag_of(kind.see(conn, request.path_params))


def check(request: Request, tx: Tx) -> None:
    """Raises `ChangedSince` for a change that is meant of the thing as it is no more; called before the change."""
    kind = CHANGING.get(request.scope["route"].name)
    if kind is None:
        return
    one_at_a_time(tx, kind.name(request.path_params))
    given = request.headers.get("if-match")
    if given is None:
        return
    meant = [part.strip() for part in given.split(",")]
    try:
        now = tag_of(kind.see(tx.conn, request.path_params))
    except NotFound as error:
        raise ChangedSince(f"If-Match: expected a thing that is there, found none: {error}") from None
    if now not in meant and "*" not in meant:
        raise ChangedSince(f"If-Match: expected {now}, as the thing is now, found {', '.join(meant)[:200]}")


async def add_tag(request: Request, response: Response) -> None:
    """Puts the tag of what is shown into the answer. It is read before: what is newer than its tag is refused."""
    if request.scope["route"].name in SHOWING:
        database = request.app.state.context.database
        # What is not there has no tag: the operation itself says so, or what is wrong with its name.
        with suppress(NotFound):
            response.headers["ETag"] = await database.read(lambda conn: tag(request, conn))
