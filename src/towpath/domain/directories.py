"""Directories that are asked by LDAP who somebody is: what the hub is told of each."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from towpath.domain.errors import Mistake
from towpath.domain.providers import Admission, check_provider_name
from towpath.domain.reading import shown
from towpath.domain.rights import check_group_name

PORTS: Mapping[str, int] = {"ldaps": 636, "ldap": 389}
"""Where a directory listens by default: TLS from the first byte, or begun by StartTLS."""
HOLE = re.compile(r"\{([a-z]*)\}")
"""A place in a filter that is filled in, with all that means something in a filter escaped."""
PEOPLE_HOLES, GROUPS_HOLES = frozenset({"name"}), frozenset({"name", "dn"})


@dataclass(frozen=True, slots=True)
class Ldap:
    """A directory and how people and groups lie in it."""

    url: str
    """`ldaps://HOST[:PORT]`, or `ldap://HOST[:PORT]`, where TLS is begun before anything is said."""
    people_base: str
    """The entry beneath which people lie."""
    people_filter: str = "(&(objectClass=person)(uid={name}))"
    """Which of them is meant; `{name}` is what somebody has typed."""
    name_attribute: str = "uid"
    """What somebody is called here, when they come for the first time."""
    subject_attribute: str = "entryUUID"
    """Who somebody is for ever, whatever they are called."""
    groups_base: str = ""
    """The entry beneath which groups lie; empty: none are looked at."""
    groups_filter: str = "(member={dn})"
    """Which of them somebody is in; `{dn}` is the name of their entry, `{name}` what `name_attribute` says."""
    group_attribute: str = "cn"
    """What a group is called."""
    bind_dn: str = ""
    """The entry as which the hub looks people up, by a password; empty: as nobody."""
    ca: str = ""
    """Authorities that vouch for the directory, PEM; empty: the usual ones."""

    @property
    def host(self) -> str:
        """Where it is; its certificate must name it."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return urlsplit(self.url).port or PORTS[urlsplit(self.url).scheme]

    @property
    def is_tls_at_once(self) -> bool:
        """Whether TLS comes before LDAP, and not by StartTLS."""
        return urlsplit(self.url).scheme == "ldaps"


USUAL = Ldap("", "")
"""What a directory is taken for where nobody says otherwise: OpenLDAP's usual tree."""


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that the hub knows, by its name, which no identity provider has."""

    name: str
    title: str
    admission: Admission
    settings: Ldap


def check_directory(directory: Directory, secret: str) -> None:
    """Raises `Mistake` for a directory that could not be asked safely, or not at all."""
    check_provider_name(directory.name)
    for group in directory.admission.groups.values():
        check_group_name(group)
    told = directory.settings
    _check_url(told.url)
    _check_filter("people_filter", told.people_filter, PEOPLE_HOLES, "name")
    _check_filter("groups_filter", told.groups_filter, GROUPS_HOLES, "dn or name")
    if bool(told.bind_dn) != bool(secret):
        found = "the password" if secret else "bind_dn"
        raise Mistake(
            f"directory {directory.name}: expected bind_dn and its password, or neither, found {found} alone"
        )


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        sound = bool(parts.hostname) and parts.port != 0 and parts.scheme in PORTS and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound or not url.isprintable() or url.rstrip("/") != f"{parts.scheme}://{parts.netloc}":
        raise Mistake(f"url: expected ldaps://HOST, ldaps://HOST:PORT or ldap://…, found {shown(url)}")


def _check_filter(what: str, text: str, known: frozenset[str], wanted: str) -> None:
    holes = set(HOLE.findall(text))
    depth, sound = 0, text.startswith("(") and text.endswith(")")
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        sound = sound and depth >= 0
    if not sound or depth:
        raise Mistake(
            f"{what}: expected a filter in parentheses, such as (uid={{name}}), found {shown(text)}"
        )
    if not holes or not holes <= known:
        raise Mistake(
            f"{what}: expected {{{wanted}}} where it is filled in, and no other, found {shown(text)}"
        )


def fill(text: str, escape: Mapping[str, str]) -> str:
    """A filter with its places filled in by values that were escaped."""
    return HOLE.sub(lambda hole: escape[hole[1]], text)
