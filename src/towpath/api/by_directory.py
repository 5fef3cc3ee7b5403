"""Signing in with a name and a password that a directory knows, where the hub does not know the user itself."""

from importlib import import_module
from typing import Protocol, cast

import structlog
from fastapi import Request

from towpath.api.context import Call, address_of, deed_of
from towpath.domain.directories import Directory
from towpath.domain.errors import Mistake
from towpath.domain.providers import NotShown, Person, ProviderSilent
from towpath.domain.rights import Asker, Via
from towpath.engine import audit, directories, directory_attempts, sign_in
from towpath.engine.directory_attempts import DirectoryAttempt
from towpath.engine.sign_in import Refused
from towpath.store.database import Tx

log = structlog.get_logger()

LONGEST_NAME = 100


class Entry(Protocol):
    """Somebody's entry in a directory."""

    @property
    def person(self) -> Person:
        """Whose it is."""


class Asked(Protocol):
    """How a directory is asked: `towpath.identity.ldap`."""

    async def find(self, directory: Directory, secret: str, name: str) -> Entry | None:
        """Whom a name means."""

    async def takes(self, directory: Directory, entry: Entry | None, password: str) -> bool:
        """Whether a password is theirs."""


def asking() -> Asked:
    """The module that speaks LDAP; raises `Mistake` where its library is not installed."""
    try:
        return cast(Asked, import_module("towpath.identity.ldap"))
    except ModuleNotFoundError as missing:
        raise Mistake(
            f"directory: expected {missing.name} at the hub, found none; install towpath[ldap] there"
        ) from missing


async def sign_in_by_directory(
    hub: Call, request: Request, name: str, password: str, via: Via
) -> tuple[Asker, str] | None:
    """A session for somebody whom a directory knows; None: no directory is to be asked for that name.

    Raises `Refused` for a wrong password, `ProviderSilent` where no directory answers.
    """
    known = await hub.database.read(lambda conn: directories.asked_for(conn, name, hub.hub_key))
    if not known:
        return None
    if not password:
        raise Refused(sign_in.WRONG)
    try:
        directory, entry = await _find(known, name)
    except ProviderSilent as silent:
        await _note_silence(hub, request, known[0][0], silent)
        raise
    if entry is None:
        await asking().takes(directory, None, password)
        log.warning("sign-in refused", user=name, address=address_of(request))
        raise Refused(sign_in.WRONG)
    return await _try(hub, request, directory, entry, password, via)


async def _find(known: list[tuple[Directory, str]], name: str) -> tuple[Directory, Entry | None]:
    """The first directory that knows the name, else the last one; raises `ProviderSilent` where any cannot say."""
    silent: ProviderSilent | None = None
    for directory, secret in known:
        try:
            entry = await asking().find(directory, secret, name)
        except NotShown as unclear:
            log.warning("a directory's entry says too little", directory=directory.name, reason=str(unclear))
            continue
        except ProviderSilent as error:
            silent = error
            continue
        if entry is not None:
            return directory, entry
    if silent is not None:
        raise silent
    return known[-1][0], None


async def _try(
    hub: Call, request: Request, directory: Directory, entry: Entry, password: str, via: Via
) -> tuple[Asker, str]:
    person, address = entry.person, address_of(request)
    attempt = await hub.database.write(lambda tx: directory_attempts.begin(tx, directory, person))
    try:
        right = await asking().takes(directory, entry, password)
    except ProviderSilent as silent:
        await hub.database.write(lambda tx: directory_attempts.take_back(tx, attempt))
        await _note_silence(hub, request, directory, silent)
        raise
    if not right:
        await _note_refusal(hub, request, attempt, sign_in.WRONG)
        raise Refused(sign_in.WRONG)
    deed = await deed_of(request, person.name[:LONGEST_NAME], via)

    def write(tx: Tx) -> tuple[Asker, str]:
        audit.record(tx, deed)
        return directory_attempts.succeed(tx, attempt, via, address)

    try:
        return await hub.database.write(write)
    except Refused as refused:
        await _note_refusal(hub, request, attempt, str(refused))
        raise


async def _note_refusal(hub: Call, request: Request, attempt: DirectoryAttempt, why: str) -> None:
    """In the audit log too: only people whom the directory knows come so far, and are locked out after a few."""
    name, address = attempt.person.name[:LONGEST_NAME], address_of(request)
    log.warning("sign-in refused", user=name, directory=attempt.directory.name, address=address, reason=why)
    deed = audit.Deed(name, "", address, "sign_in_refused", request.url.path)
    await hub.database.write(lambda tx: audit.record(tx, deed))


async def _note_silence(hub: Call, request: Request, directory: Directory, silent: ProviderSilent) -> None:
    """In the audit log too, so many times a minute for each address."""
    address = address_of(request)
    hub.context.refusals.count(address)
    log.warning("sign-in refused", directory=directory.name, address=address, reason=str(silent))
    deed = audit.Deed("", "", address, "sign_in_refused", request.url.path)
    await hub.database.write(lambda tx: audit.record(tx, deed))
