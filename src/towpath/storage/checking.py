"""Trying a target out, and saying exactly what is wrong with it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import obstore
from obstore.store import ObjectStore

from towpath.domain.errors import Mistake
from towpath.domain.targets import TargetUrl, check_credentials, parse_target_url
from towpath.storage.answers import OBSTORE_ERRORS, Answer, answer_of
from towpath.storage.buckets import open_bare
from towpath.storage.findings import Finding, Report
from towpath.storage.opening import loaded_sftp, open_directory, timeout_of
from towpath.storage.protocol import PRIVATE_PREFIX, StorageError
from towpath.storage.reaching import Address, Wrong, address_of, diagnose

ANSWER_WITHIN: Final = 10.0
SKEW: Final = 300.0
"""Seconds by which this machine's clock may differ; stores refuse what is signed 15 minutes off."""

OBJECTS: Final = (
    "target",
    "name",
    "connection",
    "tls",
    "clock",
    "credentials",
    "bucket",
    "list",
    "put",
    "get",
    "delete",
)
DIRECTORY: Final = ("target", "directory", "trial")
"""What is looked at, in this order, of an object store and of a directory."""


_KEYS: Final = "give the right ones with: towpath bucket credentials NAME FILE"
_CREDENTIALS: Final[Mapping[str, str]] = {
    "InvalidAccessKeyId": "the store does not know this access key id",
    "SignatureDoesNotMatch": "the store knows the access key id, and refuses the secret access key",
    "AuthenticationFailed": "the store refuses these credentials",
    "InvalidAuthenticationInfo": "the store refuses these credentials",
    "ExpiredToken": "the session token has expired",
    "InvalidToken": "the store refuses the session token",
    "UnauthorizedAccess": "the store refuses these credentials",
}
_REGION: Final = frozenset(
    {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired"})
_BY_TIME: Final = frozenset({"AuthenticationRequired", "AuthenticationFailed"})
"""What a store also says to what was signed at another time than its own."""
MAY_BE_MISSING: Final = "(or it may not exist)"
"""What Google adds for one who may not know whether there is such a bucket."""
_NO_BUCKET: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})
_NO_RIGHT: Final = frozenset(
    {
        "AccessDenied",
        "AuthorizationPermissionMismatch",
        "AuthorizationFailure",
        "InsufficientAccountPermissions",
    }
)


def check_target(
    url: str, credentials: Mapping[str, str], allowed: Sequence[bytes], now: Callable[[], datetime]
) -> list[Finding]:
    """Look at everything that a target needs, as far as one can come, and leave nothing behind."""
    try:
        target = parse_target_url(url)
        check_credentials(target.scheme, credentials)
    except Mistake as mistake:
        return [Finding("target", False, str(mistake), "delete the target, and add it again")]
    if target.scheme == "file":
        return _check_directory(target, allowed)
    if target.scheme == "sftp":
        return _check_server(target, credentials)
    return _Trial(target, credentials, now).run()


def _check_directory(target: TargetUrl, allowed: Sequence[bytes]) -> list[Finding]:
    report = Report(DIRECTORY)
    report.well("target", f"a directory: {target.prefix}")
    try:
        storage = open_directory(target.directory, allowed)
    except StorageError as error:
        report.wrong(
            Wrong("directory", error.reason, "it must exist, and lie beneath what the worker's --allow says")
        )
        return report.findings()
    report.well("directory", "it is there, beneath what this site allows")
    try:
        report.well("trial", storage.check())
    except (StorageError, OSError) as error:
        report.wrong(
            Wrong("trial", str(error), "see who owns the directory, and whether its file system is full")
        )
    finally:
        storage.close()
    return report.findings()


def _check_server(target: TargetUrl, credentials: Mapping[str, str]) -> list[Finding]:
    try:
        checking = loaded_sftp("towpath.storage.sftp_checking")
    except StorageError as error:
        return [Finding("target", False, error.reason, "pip install 'towpath[sftp]'")]
    found: list[Finding] = checking.check_server(target, credentials, timeout_of(target).total_seconds())
    return found


class _Trial:
    """The trial of one target in an object store."""

    def __init__(
        self, target: TargetUrl, credentials: Mapping[str, str], now: Callable[[], datetime]
    ) -> None:
        self._target, self._credentials, self._now = target, credentials, now
        self._report = Report(OBJECTS)
        self._key = f"{PRIVATE_PREFIX}/check-{secrets.token_hex(8)}"
        self._content = secrets.token_bytes(256)

    def run(self) -> list[Finding]:
        """Come as far as one can."""
        report, address = self._report, address_of(self._target)
        try:
            store = open_bare(self._target, self._credentials)
        except StorageError as error:
            report.wrong(Wrong("target", error.reason, _KEYS))
            return report.findings()
        report.well("target", f"bucket '{self._target.bucket}' at {address.url}")
        denied = self._try(lambda: next(obstore.list(store, PRIVATE_PREFIX, chunk_size=1), None))
        if denied is not None and denied.tokenless:
            says = "they lead to none" if self._credentials else "none were given, and the machine has none"
            report.wrong(Wrong("credentials", f"{says} ({denied.words})", _KEYS))
            return report.findings()
        if denied is not None and not denied.status:
            report.wrong(diagnose(address, denied.words))
            self._reached_as_far(address)
            return report.findings()
        self._reached(address)
        if not self._judge("list", denied, "objects can be listed"):
            return report.findings()
        self._put_get_delete(store)
        return report.findings()

    def _put_get_delete(self, store: ObjectStore) -> None:
        put = self._try(lambda: obstore.put(store, self._key, self._content, use_multipart=False))
        if not self._judge("put", put, "objects can be put") or put is not None:
            return
        got: list[bytes] = []
        self._judge(
            "get",
            self._try(lambda: got.append(bytes(obstore.get(store, self._key).bytes()))),
            "objects can be read",
        )
        if got and got[0] != self._content:
            self._report.wrong(
                Wrong(
                    "get",
                    "an object reads back otherwise than it was put",
                    "something on the way changes data",
                )
            )
        gone = self._try(lambda: obstore.delete(store, self._key))
        self._judge("delete", gone, "objects can be deleted")

    def _try(self, call: Callable[[], object]) -> Answer | None:
        """None where the call works, else the store's answer."""
        try:
            call()
        except OBSTORE_ERRORS as error:
            return answer_of(error)
        return None

    def _judge(self, doing: str, answer: Answer | None, well: str) -> bool:
        """Whether it makes sense to go on."""
        if answer is None:
            self._report.well(
                "credentials", "the store takes them" if self._credentials else "none, and none needed"
            )
            self._report.well("bucket", f"'{self._target.bucket}' is there")
            self._report.well(doing, well)
            return True
        wrong = meaning(doing, answer, self._target.bucket)
        if wrong.what == doing and answer.status == 403 and "account_key" in self._credentials:
            # The key of an account may do everything there: one that is refused is the wrong one.
            wrong = Wrong("credentials", f"the store refuses the account key ({answer.words})", _KEYS)
        if answer.code in _BY_TIME and self._report.is_wrong("clock"):
            return False  # What is signed at a wrong time is refused, so that this says nothing of the credentials.
        if wrong.what == doing:
            self._report.well("credentials", "the store takes them")
            if answer.code in _NO_RIGHT and MAY_BE_MISSING not in answer.words:
                self._report.well("bucket", f"'{self._target.bucket}' is there, as far as can be told")
        self._report.wrong(wrong)
        return wrong.what == doing

    def _reached_as_far(self, address: Address) -> None:
        """What stands before the thing that is wrong is well."""
        stages = ("name", "connection", "tls")
        for what in stages:
            if what in self._report.found:
                return
            self._report.well(what, _REACHED[what].format(address=address))

    def _reached(self, address: Address) -> None:
        self._reached_as_far(address)
        try:
            answer = httpx.head(address.url, timeout=ANSWER_WITHIN)
            said = parsedate_to_datetime(answer.headers["date"])
        except (httpx.HTTPError, KeyError, ValueError):
            return  # The store answers what matters; its clock is a help only.
        ahead = (self._now() - said.astimezone(UTC)).total_seconds()
        if abs(ahead) <= SKEW:
            self._report.well("clock", "it agrees with the store's")
            return
        self._report.wrong(
            Wrong(
                "clock",
                f"this machine's clock is {'ahead of' if ahead > 0 else 'behind'} the store's by {abs(ahead):.0f} s",
                "let the machine keep its time by NTP: stores refuse what is signed 15 minutes off",
            )
        )


_REACHED: Final = {
    "name": "'{address.host}' resolves",
    "connection": "something answers at port {address.port}",
    "tls": "{address.tls_words}",
}


def meaning(doing: str, answer: Answer, bucket: str) -> Wrong:
    """What a store's refusal means: its own code says more than its status."""
    code, words = answer.code, answer.words[:200]
    if code in _CREDENTIALS:
        return Wrong("credentials", f"{_CREDENTIALS[code]} ({words})", _KEYS)
    if code in _CLOCK:
        return Wrong("clock", f"the store refuses the time of the request ({words})", "let NTP keep the time")
    if code in _REGION:
        return Wrong("bucket", f"it is in another region ({words})", "say region=… in the URL")
    if code in _NO_BUCKET or (answer.status == 404 and doing in ("list", "put")):
        return Wrong(
            "bucket", f"there is no bucket '{bucket}' ({words})", "make it at the store, or mend its name"
        )
    if answer.status == 401:
        return Wrong("credentials", f"the store refuses these credentials ({words})", _KEYS)
    if code in _NO_RIGHT or answer.status == 403:
        or_else = f", or mend the bucket's name, '{bucket}'" if MAY_BE_MISSING in answer.words else ""
        return Wrong(
            doing,
            f"no right to {doing} objects ({words})",
            f"grant these credentials the right to {doing} there{or_else}",
        )
    return Wrong(doing, f"cannot {doing} objects: {words}", "see the store's own log")
