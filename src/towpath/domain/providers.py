"""Identity providers: what the hub is told of each, and what it makes of what they say of a person."""

import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from towpath.domain.errors import Mistake
from towpath.domain.reading import shown
from towpath.domain.rights import Role, check_group_name

MOST_PROVIDERS = 20
LONGEST_SUBJECT = 255
MOST_GROUPS = 10_000
"""Groups of one person that are looked at: who says more is no provider of people."""

RANK = (Role.MEMBER, Role.VIEWER, Role.OPERATOR, Role.ADMINISTRATOR)
"""Roles, the one that may do least first."""


class Kind(StrEnum):
    """How a provider is asked."""

    OIDC = "oidc"
    LDAP = "ldap"


class NotShown(Mistake):
    """What a provider answered does not show who somebody is: the text says no more than they may know."""


class ProviderSilent(Exception):
    """A provider was asked, and has given no answer that can be used."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the hub keeps of a sign-in that is under way, and nobody else may know."""

    state: str
    """Comes back with the code: this browser began it."""
    nonce: str
    """Comes back in the signed answer: it is the answer to this question."""
    verifier: str
    """Whoever has the code alone can do nothing with it."""


@dataclass(frozen=True, slots=True)
class Admission:
    """What the people of a provider become here."""

    role: Role | None = Role.MEMBER
    """Who is in no group that `roles` names; None: they are not let in."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """The provider's group → the role of those in it; the role that may do most counts."""
    groups: Mapping[str, str] = field(default_factory=dict)
    """The provider's group → the hub's; empty: of the same name, where the hub has one."""


@dataclass(frozen=True, slots=True)
class Oidc:
    """A provider of OpenID Connect."""

    issuer: str
    client_id: str
    scopes: str = "openid profile email"
    """With spaces between."""
    name_claim: str = "preferred_username"
    groups_claim: str = "groups"
    """Its name, or a way through objects with dots between (`realm_access.roles`)."""
    ca: str = ""
    """Authorities that vouch for the provider, PEM; empty: the usual ones."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that the hub knows, by its name."""

    name: str
    title: str
    """What a button that leads to it says."""
    admission: Admission
    settings: Oidc

    @property
    def kind(self) -> Kind:
        """How it is asked."""
        return Kind.OIDC


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, as a provider knows them."""

    subject: str
    """Who they are for ever, whatever they are called: unique among all providers."""
    name: str
    groups: frozenset[str]


def role_of(admission: Admission, groups: Iterable[str]) -> Role | None:
    """The role of somebody in these groups of their provider; None: they are not let in."""
    found = [admission.roles[group] for group in groups if group in admission.roles]
    if admission.role is not None:
        found.append(admission.role)
    return max(found, key=RANK.index, default=None)


def groups_of(admission: Admission, groups: Iterable[str]) -> frozenset[str]:
    """The hub's groups that somebody in these groups of their provider belongs to, whether the hub has them or not."""
    if not admission.groups:
        return frozenset(groups)
    return frozenset(admission.groups[group] for group in groups if group in admission.groups)


def check_provider(provider: Provider) -> None:
    """Raises `Mistake` for a provider that could not be asked safely, or not at all."""
    check_provider_name(provider.name)
    for group in provider.admission.groups.values():
        check_group_name(group)
    check_oidc(provider.settings)


def check_provider_name(name: str) -> None:
    """Raises `Mistake` where a name cannot be a provider's: it stands in URLs."""
    sound = name.isascii() and name.replace("-", "").isalnum() and name == name.lower()
    if not sound or name.startswith("-") or not 1 <= len(name) <= 32:
        raise Mistake(
            "provider name: expected 1 to 32 small letters, digits or '-', the first no '-',"
            f" found {shown(name)}"
        )


def check_oidc(settings: Oidc) -> None:
    """Raises `Mistake` for an issuer that others could stand in for, and for scopes without `openid`."""
    check_endpoint("issuer", settings.issuer)
    if "openid" not in settings.scopes.split():
        raise Mistake(f"scopes: expected 'openid' among them, found {shown(settings.scopes)}")
    check_authorities(settings.ca)


def check_authorities(text: str) -> None:
    """Raises `Mistake` where these are no certificates in PEM; the usual authorities are an empty text."""
    try:
        ssl.create_default_context(cadata=text or None)
    except (ssl.SSLError, ValueError):
        raise Mistake("ca: expected certificates in PEM, found something else") from None


def check_endpoint(what: str, url: str) -> None:
    """Raises `Mistake` for a URL that is not https, unless it is this machine's own."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sound = bool(host) and parts.port != 0 and not parts.fragment and "@" not in parts.netloc
    except ValueError:
        sound, host = False, ""
    near = host in ("127.0.0.1", "::1", "localhost")
    if (
        not sound
        or not url.isprintable()
        or not (parts.scheme == "https" or (parts.scheme == "http" and near))
    ):
        raise Mistake(f"{what}: expected https://HOST…, found {shown(url)}")
