"""The subjects and inboxes of the bus: who may say what where.

| subject | who publishes | who subscribes |
|---|---|---|
| `hub.<site>.<node>.<verb>` | that node | the hub |
| `_INBOX.<site>.<node>.<anything>` | the hub | that node |
| `site.<site>.wake` | the hub | the nodes of that site |
| `_HUB.<anything>` | a hub | that hub |
| `_HUB.nudge` | a hub | all hubs |
| `events.<kind>` | a hub | JetStream, which keeps the log of events |

Several hubs share the questions of nodes among them (a queue group): each question is answered by one.

Names stand in subjects as tokens of their own: joined by another character, the names `a_b` and `c` would share an
inbox with `a` and `b_c`.
"""

import re
from dataclasses import dataclass

from towpath.domain.errors import Mistake
from towpath.domain.values import NAME, name_fault

REQUESTS = "hub.*.*.*"
"""What the hub subscribes to."""

HUBS = "hubs"
"""The queue group in which hubs subscribe to it."""

HUB_INBOX = "_HUB"
"""Where the hub hears itself; no node has a right to it."""

NUDGE = f"{HUB_INBOX}.nudge"
"""Where hubs are told that the one which conducts has something to do."""

EVENTS = "events"
"""What the subjects of events begin with; no node has a right to them."""

_TAIL = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects that a node may publish on and subscribe to; nothing else is allowed."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """What the subject of a request says: which node asks, and for what."""

    site: str
    node: str
    verb: str


def permissions(site: str, node: str) -> Permissions:
    """The rights of a node; raises `Mistake` for a name that is none."""
    _check_names(site, node)
    return Permissions((f"hub.{site}.{node}.>",), (f"site.{site}.>", f"{inbox(site, node)}.>"))


def request_subject(site: str, node: str, verb: str) -> str:
    """Where a node asks the hub for something; raises `Mistake` for a name that is none."""
    _check_names(site, node)
    if fault := name_fault(verb):
        raise Mistake(f"verb: {fault}")
    return f"hub.{site}.{node}.{verb}"


def parse_request(subject: str) -> Request | None:
    """The node and verb in the subject of a request; None for a subject that is none."""
    tokens = subject.split(".")
    if len(tokens) != 4 or tokens[0] != "hub" or not all(map(NAME.fullmatch, tokens[1:])):
        return None
    return Request(*tokens[1:])


def inbox(site: str, node: str) -> str:
    """The prefix of the subjects on which a node hears answers; raises `Mistake` for a name that is none."""
    _check_names(site, node)
    return f"_INBOX.{site}.{node}"


def wake_subject(site: str) -> str:
    """Where the nodes of a site are told that there may be work; raises `Mistake` for a name that is none."""
    if fault := name_fault(site):
        raise Mistake(f"site: {fault}")
    return f"site.{site}.wake"


def reply_allowed(subject: str, reply: str) -> bool:
    """Whether the hub may answer a request there: only in the inbox of the node that the request's subject names.

    A sender chooses its reply subject freely and the server does not check it, so a hub that answered anywhere
    would write into other sites' subjects, or into JetStream's, on a node's behalf.
    """
    request = parse_request(subject)
    if request is None:
        return False
    prefix = f"_INBOX.{request.site}.{request.node}."
    return reply.startswith(prefix) and _TAIL.fullmatch(reply, len(prefix)) is not None


def _check_names(site: str, node: str) -> None:
    for thing, name in (("site", site), ("node", node)):
        if fault := name_fault(name):
            raise Mistake(f"{thing}: {fault}")
