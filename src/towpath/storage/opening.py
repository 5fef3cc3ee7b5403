"""Opening a target by its URL."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Final

from towpath.domain.error_table import class_of_errno, name_of_errno
from towpath.domain.errors import Mistake
from towpath.domain.paths import ErrorClass, printable, reason_of
from towpath.domain.targets import TargetUrl, check_credentials, parse_target_url
from towpath.storage.large import USUAL, Sizes
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage, StorageError

if TYPE_CHECKING:
    # Of what is loaded when it is needed.
    from towpath.storage.sftp import SftpStorage

DEFAULT_TIMEOUT: Final = timedelta(seconds=60)
"""For one request, which carries up to 16 MiB: a line slower than 280 kB/s for each request sets `timeout`."""


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
    # The clients of object stores take a fifth of a second to load.
    opened: Storage = import_module("towpath.storage.buckets").open_bucket(
        target, credentials, sizes, storage_class
    )
    return opened


def timeout_of(target: TargetUrl) -> timedelta:
    """How long one request may take."""
    told = target.options.get("timeout")
    return DEFAULT_TIMEOUT if told is None else timedelta(seconds=int(told))


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
