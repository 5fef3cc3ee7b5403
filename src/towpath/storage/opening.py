"""Opening a target by its URL."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from obstore.store import AzureStore, GCSStore, ObjectStore, S3Store

from towpath.domain.error_table import class_of_errno, name_of_errno
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, printable, reason_of
from towpath.domain.targets import TargetUrl, check_credentials, parse_target_url
from towpath.storage.answers import OBSTORE_ERRORS
from towpath.storage.azure import ARCHIVE, AzureCalls, AzurePlace, AzureTiers
from towpath.storage.azure_blocks import AzureBlocks
from towpath.storage.large import USUAL, Sizes
from towpath.storage.objects import ObjectStorage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage, StorageError
from towpath.storage.s3 import S3Place, S3Uploads

if TYPE_CHECKING:
    # Types of obstore's stubs alone, and of what is loaded when it is needed.
    from obstore.store import ClientConfig, GCSConfig, RetryConfig, S3Config, S3Credential

    from towpath.storage.sftp import SftpStorage

DEFAULT_TIMEOUT: Final = timedelta(seconds=60)
"""For one request, which carries up to 16 MiB: a line slower than 280 kB/s for each request sets `timeout`."""
AT_ONCE: Final = timedelta(seconds=10)
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
DEFAULT_REGION: Final = "us-east-1"

RETRIES: "Final[RetryConfig]" = {
    "max_retries": 4,
    "retry_timeout": timedelta(seconds=10),
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2},
}
"""What obstore tries again by itself: short, for the caller decides what waiting is worth."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a store of obstore's is to be reached."""

    target: TargetUrl
    credentials: Mapping[str, str]
    client: "ClientConfig"
    retries: "RetryConfig"

    @property
    def prefix(self) -> str | None:
        """As obstore wants it: None for none."""
        return self.target.prefix or None


def open_storage(
    url: str,
    credentials: Mapping[str, str],
    allowed: Sequence[bytes],
    sizes: Sizes = USUAL,
    storage_class: str = "",
) -> Storage:
    """The target at that URL; nothing is asked of an object store yet.

    `allowed` are the absolute directories beneath which a `file` target may lie; where only the last component of
    its path is missing, it is made. Raises `StorageError` that says what is wrong with the URL, the credentials or
    the directory. New objects are put with the storage class, "" for the store's default.
    """
    try:
        target = parse_target_url(url)
        check_credentials(target.scheme, credentials)
    except Mistake as mistake:
        raise StorageError(str(mistake), ErrorClass.PERMANENT) from None
    if target.scheme == "file":
        return open_directory(target.directory, allowed)
    if target.scheme == "sftp":
        return open_sftp(target, credentials)
    return _open_objects(target, credentials, sizes, storage_class)


# Object stores ------------------------------------------------------------------------------------------------


def _open_objects(
    target: TargetUrl, credentials: Mapping[str, str], sizes: Sizes, storage_class: str
) -> ObjectStorage:
    timeout = timeout_of(target)
    store = _opened(Access(target, credentials, _client(target, timeout), RETRIES))
    if target.scheme == "az":
        calls = _azure_calls(target, credentials, timeout)
        # Others than these sign by a token that they fetch first, which obstore alone knows to do.
        can_sign = not {"account_key", "sas_token"}.isdisjoint(credentials)
        at_once = "" if storage_class == ARCHIVE else storage_class
        blocks = AzureBlocks(calls, at_once) if can_sign else None
        return ObjectStorage(store, blocks, sizes, storage_class, AzureTiers(calls))
    parts = _s3_parts(target, credentials, timeout, storage_class) if target.scheme == "s3" else None
    return ObjectStorage(store, parts, sizes, storage_class, parts)


def timeout_of(target: TargetUrl) -> timedelta:
    """How long one request may take."""
    told = target.options.get("timeout")
    return DEFAULT_TIMEOUT if told is None else timedelta(seconds=int(told))


def _azure_calls(target: TargetUrl, credentials: Mapping[str, str], timeout: timedelta) -> AzureCalls:
    account = target.options.get("account", "")
    endpoint = target.options.get("endpoint", f"https://{account}.blob.core.windows.net")
    seconds = timeout.total_seconds()
    return AzureCalls(AzurePlace(endpoint, account, target.bucket, target.prefix, credentials, seconds))


def open_bare(target: TargetUrl, credentials: Mapping[str, str]) -> ObjectStore:
    """A client that tries nothing twice and waits for nothing long: for one who wants to know how it is now."""
    return _opened(Access(target, credentials, _client(target, AT_ONCE), {"max_retries": 0}))


def _opened(access: Access) -> ObjectStore:
    target = access.target
    try:
        return _OPENERS[target.scheme](access)
    except OBSTORE_ERRORS as error:
        # obstore's text may repeat the setting that it refuses, which may be a secret: it is left out.
        reason = f"target {target.scheme}://{target.bucket}: a setting or a credential was refused"
        raise StorageError(f"{reason} ({type(error).__name__})", ErrorClass.PERMANENT) from None


def _client(target: TargetUrl, timeout: timedelta) -> "ClientConfig":
    plain = target.options.get("endpoint", "").lower().startswith("http://")
    return {"timeout": timeout, "connect_timeout": CONNECT_TIMEOUT, "allow_http": plain}


def _s3(access: Access) -> ObjectStore:
    """What the URL and the credentials say wins over AWS_… variables of the worker's environment; without
    credentials, those variables or the machine's own role are used.

    The payload goes unsigned: what was received is compared by its ETag or read back, which also covers what
    the store did with it, and hashing it once more would halve the speed.
    """
    config: S3Config = {
        "region": access.target.options.get("region", DEFAULT_REGION),
        "unsigned_payload": True,
        "disable_bulk_delete": True,
        "skip_signature": False,
    }
    endpoint = access.target.options.get("endpoint")
    if endpoint is not None:
        config["endpoint"] = config["aws_endpoint_url_s3"] = endpoint.rstrip("/")
    return S3Store(
        access.target.bucket,
        prefix=access.prefix,
        config=config,
        client_options=access.client,
        retry_config=access.retries,
        credential_provider=_s3_credential(access.credentials) if access.credentials else None,
    )


def _s3_parts(
    target: TargetUrl, credentials: Mapping[str, str], timeout: timedelta, storage_class: str
) -> S3Uploads:
    region = target.options.get("region", DEFAULT_REGION)
    endpoint = target.options.get("endpoint", f"https://s3.{region}.amazonaws.com").rstrip("/")
    seconds = timeout.total_seconds()
    place = S3Place(endpoint, target.bucket, target.prefix, region, credentials, seconds, storage_class)
    return S3Uploads(place)


def _s3_credential(credentials: Mapping[str, str]) -> "Callable[[], S3Credential]":
    """A provider, not settings: with settings, a token of the environment would be mixed in."""
    credential: S3Credential = {
        "access_key_id": credentials["access_key_id"],
        "secret_access_key": credentials["secret_access_key"],
        "token": credentials.get("session_token"),
        "expires_at": None,
    }
    return lambda: credential


def _azure(access: Access) -> ObjectStore:
    names = {"account_key": "account_key", "sas_token": "sas_key", "client_id": "client_id"}
    names |= {"client_secret": "client_secret", "tenant_id": "tenant_id"}
    config = {names[name]: value for name, value in access.credentials.items()}
    config |= {"account_name": access.target.options["account"]} if "account" in access.target.options else {}
    config |= {"endpoint": access.target.options["endpoint"]} if "endpoint" in access.target.options else {}
    return AzureStore(
        access.target.bucket,
        prefix=access.prefix,
        config=config,  # type: ignore[arg-type]  # built from names of AzureConfig
        client_options=access.client,
        retry_config=access.retries,
    )


def _google(access: Access) -> ObjectStore:
    config: GCSConfig = {}
    if access.credentials:
        config["service_account_key"] = access.credentials["service_account_key"]
    if "endpoint" in access.target.options:
        config["base_url"] = access.target.options["endpoint"].rstrip("/")
    return GCSStore(
        access.target.bucket,
        prefix=access.prefix,
        config=config,
        client_options=access.client,
        retry_config=access.retries,
    )


_OPENERS: Final[Mapping[str, Callable[[Access], ObjectStore]]] = {"s3": _s3, "az": _azure, "gs": _google}


# SFTP ---------------------------------------------------------------------------------------------------------


def open_sftp(target: TargetUrl, credentials: Mapping[str, str]) -> "SftpStorage":
    """The directory at that server, which is not asked yet; raises `StorageError` where the client is not installed."""
    sftp = loaded_sftp("towpath.storage.sftp")
    opened: SftpStorage = sftp.open_server(target, credentials, timeout_of(target).total_seconds())
    return opened


def loaded_sftp(module: str) -> ModuleType:
    """A module that needs the SFTP client: it comes with an extra only, and costs a third of a second to load."""
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        reason = f"sftp:// needs {missing.name}; install towpath[sftp] where this worker runs"
        raise StorageError(reason, ErrorClass.PERMANENT) from None


# Directories --------------------------------------------------------------------------------------------------


def open_directory(directory: bytes, allowed: Sequence[bytes]) -> DirectoryStorage:
    """The directory target; raises `StorageError` where it may not be one, or cannot be opened."""
    name = printable(directory)
    parent = os.path.realpath(os.path.dirname(directory))
    if _is_allowed(os.path.realpath(directory), allowed):
        with suppress(FileExistsError, FileNotFoundError):
            if _is_allowed(parent, allowed):
                os.mkdir(directory, 0o700)
    else:
        raise _outside(name, os.path.realpath(directory), allowed)
    try:
        storage = DirectoryStorage(directory)
    except OSError as error:
        reason = reason_of(error, f"target directory '{name}'")
        raise StorageError(reason, class_of_errno(error.errno), name_of_errno(error.errno)) from None
    if not _is_allowed(storage.real_path, allowed):
        # A component became a symbolic link since it was looked at.
        storage.close()
        raise _outside(name, storage.real_path, allowed)
    return storage


def _is_allowed(directory: bytes, allowed: Sequence[bytes]) -> bool:
    roots = [os.path.realpath(root).rstrip(b"/") for root in allowed]
    return any(directory == (root or b"/") or directory.startswith(root + b"/") for root in roots)


def _outside(name: str, real: bytes, allowed: Sequence[bytes]) -> StorageError:
    resolved = printable(real)
    found = f"'{name}'" if name == resolved else f"'{name}', which is '{resolved}'"
    roots = (
        ", ".join(f"'{printable(root)}'" for root in allowed)
        or "none (this site allows no directory targets)"
    )
    reason = f"target directory: expected one beneath what this site allows: {roots}; found {found}"
    return StorageError(reason, ErrorClass.NO_PERMISSION)
