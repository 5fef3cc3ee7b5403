"""LDAP: somebody is looked up in a directory, which is then asked to take their password."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from towpath.domain.directories import Directory, Ldap, fill
from towpath.domain.providers import LONGEST_SUBJECT, MOST_GROUPS, NotShown, Person, ProviderSilent

Found = TypeVar("Found")

WITHIN: Final = 5
"""Seconds for a connection, and for each answer."""
ALL_WITHIN: Final = 20.0
"""Seconds for all that one sign-in asks, with the wait for a thread."""
AT_ONCE: Final = 8
"""Questions under way: a directory that hangs takes these threads, and none that others need."""
PAGE: Final = 500
"""Groups that are asked for at once; Active Directory tells no more than 1,000."""
SUCCESS: Final = 0
AWAY: Final = frozenset({51, 52, 80})
"""Busy, unavailable, other: the directory says that it cannot say. (RFC 4511, appendix A)"""
NOBODY: Final = "cn=nobody-of-this-name"


@dataclass(frozen=True, slots=True)
class Entry:
    """Somebody's entry in a directory, by which their password is tried."""

    dn: str
    person: Person


class _Trust(ldap3.Tls):
    """TLS as Python's own contexts make it: the certificate is looked at during the handshake, its names too."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context, self._host = context, host

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        """Put TLS on a connection."""
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ldap")


async def find(directory: Directory, secret: str, name: str) -> Entry | None:
    """Whom a name means, with their groups; None: nobody, or not one alone; raises `ProviderSilent`, `NotShown`.

    `secret` is the password of `bind_dn`.
    """
    return await _apart(directory, lambda: _find(directory.settings, secret, name))


async def takes(directory: Directory, entry: Entry | None, password: str) -> bool:
    """Whether the directory takes a password as that entry's; raises `ProviderSilent`.

    Where there is no entry it is asked all the same: the time taken tells nobody who is in it.
    """
    if not password or "\0" in password:
        # A bind without a password succeeds, for whomever (RFC 4513, 5.1.2); some take what stands before a NUL.
        return False
    dn = f"{NOBODY},{directory.settings.people_base}" if entry is None else entry.dn
    right = await _apart(directory, lambda: _takes(directory.settings, dn, password))
    return right and entry is not None


async def _apart(directory: Directory, work: Callable[[], Found]) -> Found:
    """Ask in a thread of its own kind: the hub's loop never waits for a directory."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(ALL_WITHIN):
            return await loop.run_in_executor(_threads(), work)
    except (LDAPException, OSError, TimeoutError) as error:
        said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(": ")
        raise ProviderSilent(
            f"the directory {directory.settings.url} cannot be asked now: {said[:300]}"
        ) from error


@contextmanager
def _open(told: Ldap) -> Iterator[ldap3.Connection]:
    """A connection that speaks TLS, as nobody yet."""
    try:
        context = ssl.create_default_context(cadata=told.ca or None)
    except (ssl.SSLError, ValueError):
        raise ProviderSilent("the directory's authorities (ca) are no certificates in PEM") from None
    server = ldap3.Server(
        told.host,
        told.port,
        use_ssl=told.is_tls_at_once,
        tls=_Trust(context, told.host),
        connect_timeout=WITHIN,
        get_info=ldap3.NONE,
    )
    connection = ldap3.Connection(
        server,
        receive_timeout=WITHIN,
        # Another server that this one names would be told the password too.
        auto_referrals=False,
        check_names=False,
        raise_exceptions=False,
        read_only=True,
    )
    try:
        connection.open(read_server_info=False)
        if not told.is_tls_at_once:
            connection.start_tls(read_server_info=False)
        yield connection
    finally:
        # A line that has broken cannot be left politely, and why it broke is what counts.
        with suppress(LDAPException, OSError):
            connection.unbind()
        if connection.socket is not None:
            connection.socket.close()


def _bind(connection: ldap3.Connection, dn: str, password: str) -> int:
    """The directory's result code for a password."""
    connection.rebind(dn, password, authentication=ldap3.SIMPLE, read_server_info=False)
    code = int(connection.result["result"])
    if code in AWAY:
        raise ProviderSilent(f"the directory answers: {connection.result['description']}")
    return code


def _takes(told: Ldap, dn: str, password: str) -> bool:
    with _open(told) as connection:
        return _bind(connection, dn, password) == SUCCESS


def _find(told: Ldap, secret: str, name: str) -> Entry | None:
    with _open(told) as connection:
        if told.bind_dn and (code := _bind(connection, told.bind_dn, secret)) != SUCCESS:
            raise ProviderSilent(f"the directory {told.url} does not take the hub's own password ({code})")
        wanted = fill(told.people_filter, {"name": escape_filter_chars(name)})
        attributes = [told.name_attribute, told.subject_attribute]
        found = _search(connection, told.people_base, wanted, attributes, 2)
        if len(found) != 1:
            return None
        called = _first(found[0], told.name_attribute)
        subject = _subject(found[0], told.subject_attribute)
        groups = (
            frozenset(_groups(connection, told, found[0]["dn"], called)) if told.groups_base else frozenset()
        )
        return Entry(found[0]["dn"], Person(subject, called, groups))


def _groups(connection: ldap3.Connection, told: Ldap, dn: str, name: str) -> Iterator[str]:
    escaped = {"dn": escape_filter_chars(dn), "name": escape_filter_chars(name)}
    wanted = fill(told.groups_filter, escaped)
    for entry in _search(connection, told.groups_base, wanted, [told.group_attribute], MOST_GROUPS):
        yield _first(entry, told.group_attribute)


def _search(
    connection: ldap3.Connection, base: str, wanted: str, attributes: list[str], most: int
) -> list[dict[str, Any]]:
    """The entries beneath a base that a filter fits, page by page; raises `ProviderSilent`, `NotShown`."""
    entries: list[dict[str, Any]] = []
    cookie: bytes | None = None
    while True:
        connection.search(
            base,
            wanted,
            attributes=attributes,
            paged_size=PAGE,
            paged_cookie=cookie,
            time_limit=WITHIN,
        )
        result = connection.result
        if result["result"] != SUCCESS:
            raise ProviderSilent(f"the directory answers a search in {base}: {result['description']}")
        entries += [entry for entry in connection.response or () if entry["type"] == "searchResEntry"]
        if len(entries) > most:
            raise NotShown(f"expected at most {most} entries in {base}, found more")
        cookie = result.get("controls", {}).get("1.2.840.113556.1.4.319", {}).get("value", {}).get("cookie")
        if not cookie:
            return entries


def _raw(entry: dict[str, Any], attribute: str) -> bytes:
    values = {name.lower(): value for name, value in entry["raw_attributes"].items()}.get(attribute.lower())
    if not values or not values[0]:
        raise NotShown(f"expected the attribute {attribute} of the directory's entry, found none")
    return bytes(values[0])


def _first(entry: dict[str, Any], attribute: str) -> str:
    try:
        return _raw(entry, attribute).decode()
    except UnicodeDecodeError:
        raise NotShown(f"expected text in the attribute {attribute}, found bytes") from None


def _subject(entry: dict[str, Any], attribute: str) -> str:
    """Text as it stands, and what is none (Active Directory's objectGUID) as hexadecimal digits."""
    value = _raw(entry, attribute)
    subject = value.decode() if value.isascii() and value.decode().isprintable() else value.hex()
    if len(subject) > LONGEST_SUBJECT:
        raise NotShown(f"expected at most {LONGEST_SUBJECT} characters in {attribute}, found more")
    return subject
