"""Trying out an SFTP target, stage by stage: its name, its port, its host key, who we are, the directory."""

import asyncio
from collections.abc import Mapping
from typing import Final

import asyncssh

from towpath.domain.paths import ErrorClass
from towpath.domain.targets import TargetUrl
from towpath.storage.findings import Finding, Report
from towpath.storage.protocol import StorageError
from towpath.storage.reaching import Wrong, reach
from towpath.storage.sftp import SftpStorage, server_of
from towpath.storage.sftp_line import ERRORS, Server, connect, host_key

STAGES: Final = ("target", "name", "connection", "host key", "credentials", "trial")
_KEYS: Final = "give the right ones with: towpath bucket credentials NAME FILE"
_TRIAL_HINTS: Final = {
    ErrorClass.NO_SPACE: "make room at the server",
    ErrorClass.NO_PERMISSION: "grant this user the right to write there",
}


def check_server(target: TargetUrl, credentials: Mapping[str, str], timeout: float) -> list[Finding]:
    """Come as far as one can, and leave nothing behind."""
    report, server = Report(STAGES), server_of(target, credentials, timeout)
    report.well("target", f"directory '/{target.prefix}' at {server.host}, port {server.port}")
    wrong = _wrong_keys(server) or reach(server.host, server.port) or asyncio.run(_wrong_login(server))
    if wrong is not None:
        for stage in STAGES[1 : STAGES.index(wrong.what)]:
            report.well(stage, _REACHED[stage].format(server=server))
        report.wrong(wrong)
        return report.findings()
    for stage in STAGES[1:-1]:
        report.well(stage, _REACHED[stage].format(server=server))
    storage = SftpStorage(server, f"/{target.prefix}")
    try:
        report.well("trial", storage.check())
    except StorageError as error:
        hint = _TRIAL_HINTS.get(
            error.error_class, "see that the directory above it is there, and the server's log"
        )
        report.wrong(Wrong("trial", error.reason, hint))
    finally:
        storage.close()
    return report.findings()


_REACHED: Final = {
    "name": "'{server.host}' resolves",
    "connection": "something answers at port {server.port}",
    "host key": "it is the one that was given",
    "credentials": "the server takes them",
}


def _wrong_keys(server: Server) -> Wrong | None:
    """What of the credentials is no key, whoever is asked."""
    told = server.credentials
    try:
        host_key(told["host_key"])
    except asyncssh.KeyImportError as error:
        says = f"host_key: expected a line such as 'ssh-ed25519 AAAA…', found another ({error})"
        return Wrong("target", says, "ssh-keyscan prints it; compare it with what the server's people say")
    try:
        if "private_key" in told:
            asyncssh.import_private_key(told["private_key"], told.get("passphrase"))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        return Wrong("target", f"private_key: it cannot be read ({error})", _KEYS)
    return None


async def _wrong_login(server: Server) -> Wrong | None:
    """What keeps us from coming in."""
    try:
        connection = await connect(server)
    except asyncssh.HostKeyNotVerifiable:
        says = "the server shows another host key than the one that was given"
        return Wrong("host key", says, "ask the server's people whether it has a new one; if not, beware")
    except asyncssh.PermissionDenied:
        says = f"the server refuses user '{server.credentials['username']}' with these credentials"
        return Wrong("credentials", says, _KEYS)
    except ERRORS as error:
        says = f"what listens there does not answer as an SSH server does: {error}"
        return Wrong("connection", says, "mend the port")
    connection.close()
    await connection.wait_closed()
    return None
