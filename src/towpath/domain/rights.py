"""Who may do what: rights, the roles that bundle them, and the one decision that every call is put to."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from towpath.domain.errors import Mistake
from towpath.domain.reading import shown


class Right(StrEnum):
    """What a caller may be allowed to do; each call needs exactly one of them."""

    READ = "read"
    """See how things stand: jobs, paths, sites, targets, without anything secret."""
    RUN = "run"
    """Start, pause, resume, cancel and retry jobs; pause and drain sites and nodes."""
    ADMINISTER = "administer"
    """Change what others rely on: workflows, buckets and targets, limits, people and their keys."""
    OWN = "own"
    """Look after one's own sessions, keys and password: everybody who has signed in may."""


class Role(StrEnum):
    """What a person is to the hub."""

    MEMBER = "member"
    """Somebody who may do what their groups may in spaces, and nothing else."""
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


RIGHTS: dict[Role, frozenset[Right]] = {
    Role.MEMBER: frozenset({Right.OWN}),
    Role.VIEWER: frozenset({Right.OWN, Right.READ}),
    Role.OPERATOR: frozenset({Right.OWN, Right.READ, Right.RUN}),
    Role.ADMINISTRATOR: frozenset(Right),
}
"""What each role may do."""


class Grant(StrEnum):
    """What a group may do in a space."""

    VIEW = "view"
    """See the space, its files, and the jobs that work in it."""
    ADMINISTER = "administer"
    """Also run jobs in it, and pause, resume, cancel and retry them."""


GRANTED: dict[Grant, frozenset[Right]] = {
    Grant.VIEW: frozenset({Right.READ}),
    Grant.ADMINISTER: frozenset({Right.READ, Right.RUN}),
}
"""What each grant allows within its space."""

Place = tuple[str, str]
"""A space at a site: the site's name, the space's name."""


class Via(StrEnum):
    """By what a caller has shown who they are."""

    KEY = "key"
    SESSION = "session"
    TOKEN = "token"  # noqa: S105 the name of a kind, not a secret


@dataclass(frozen=True, slots=True)
class Asker:
    """Who makes a call, and what they may do."""

    user: str
    role: Role
    via: Via
    credential: int
    """The id of the key or session that they came with."""
    rights: frozenset[Right]
    """What they may do anywhere."""
    scopes: frozenset[Right] = frozenset(Right)
    """What their credential was made for: what groups may do in spaces is narrowed to it too."""
    reach: frozenset[Place] | None = None
    """The only places in which this call may see or do anything; None: anywhere."""


class Forbidden(Mistake):
    """The caller is known, and may not do that."""


def decide(asker: Asker, action: str, needed: Right) -> None:
    """The decision: raises `Forbidden` with who lacks what, and for which action."""
    if needed in asker.rights:
        return
    if needed in RIGHTS[asker.role]:
        raise Forbidden(
            f"{action}: needs the right to {needed}, which this {asker.via} of {asker.user} was not given"
        )
    raise Forbidden(f"{action}: needs the right to {needed}, and {asker.user} is a {asker.role}")


def check_reach(asker: Asker, action: str, place: Place | None) -> None:
    """Raises `Forbidden` where a call concerns something outside of where it may see or do anything.

    What is not there at all counts as outside, so that nobody is told which of both it is.
    """
    if asker.reach is not None and place not in asker.reach:
        raise Forbidden(
            f"{action}: expected something that lies in a space where a group of {asker.user} may do that, found"
            " something else or nothing"
        )


def rights_of(role: Role, scopes: Collection[Right] | None) -> frozenset[Right]:
    """What a credential of a user of that role may do: the role's rights, narrowed to its scopes if it has any."""
    return RIGHTS[role] if scopes is None else RIGHTS[role] & frozenset(scopes)


def check_scopes(scopes: Iterable[str]) -> frozenset[Right]:
    """The scopes by their names; raises `Mistake` for one that is unknown, or for none at all."""
    names = list(scopes)
    known = [right.value for right in Right]
    for name in names:
        if name not in known:
            raise Mistake(f"scopes: expected some of {', '.join(known)}, found {shown(name)}")
    if not names:
        raise Mistake(f"scopes: expected at least one of {', '.join(known)}, found none")
    return frozenset(Right(name) for name in names)


USER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._@+ -]{0,98}[A-Za-z0-9])?")


def check_group_name(name: str) -> None:
    """Raises `Mistake` where a name cannot be a group's."""
    _check_name("group", name)


def _check_name(kind: str, name: str) -> None:
    if not USER.fullmatch(name):
        raise Mistake(
            f"{kind} name: expected 1 to 100 letters, digits or any of '._@+ -', the first and the last a letter or"
            f" digit, found {shown(name)}"
        )


SHORTEST_PASSWORD, LONGEST_PASSWORD = 12, 128


def check_user_name(name: str) -> None:
    """Raises `Mistake` where a name cannot be a user's."""
    _check_name("user", name)


def check_password(user: str, password: str) -> None:
    """Raises `Mistake` for a password that is too short, too long, or easily guessed; it is never told."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Mistake(
            f"password: expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, found {len(password)}"
        )
    if len(set(password)) < 5 or user.lower() in password.lower():
        raise Mistake(
            "password: expected at least 5 different characters and not the user's name in it, found otherwise"
        )
