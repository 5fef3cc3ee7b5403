"""The metadata of files: read from what stands here into records, and set on what is made anew."""

import errno
import grp
import os
import pwd
import stat as modes
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from towpath.hsm.mark import NAMES
from towpath.hsm.record import PRIVILEGED, PRIVILEGED_MODE, Kind, Record, sign
from towpath.storage.roots import Root

ACLS: Final = ("system.posix_acl_access", "system.posix_acl_default")
_REFUSALS: Final = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP)
_SECTOR: Final = 512

Attributes = tuple[tuple[bytes, bytes], ...]


@lru_cache(maxsize=4096)
def user_name(uid: int) -> str:
    """The name of a user here; "" where there is none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""


@lru_cache(maxsize=4096)
def group_name(gid: int) -> str:
    """The name of a group here; "" where there is none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""


@lru_cache(maxsize=4096)
def _user_here(name: str, uid: int) -> int | None:
    """The user of that name; a number without a name stands for itself; None where the name is not known here."""
    if not name:
        return uid
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


@lru_cache(maxsize=4096)
def _group_here(name: str, gid: int) -> int | None:
    if not name:
        return gid
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


# Into records -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Content:
    """What a record says of a file's data: its key at the target, and the xxh3_128."""

    key: str = ""
    checksum: bytes = b""


def is_sparse(found: os.stat_result) -> bool:
    """Whether a file takes fewer blocks than its size needs."""
    return found.st_blocks * _SECTOR < found.st_size


def file_record(
    path: bytes, found: os.stat_result, attributes: Attributes, content: Content, key: bytes
) -> Record:
    """The signed record of a regular file."""
    return sign(
        Record(
            path,
            Kind.FILE,
            modes.S_IMODE(found.st_mode),
            found.st_uid,
            found.st_gid,
            user_name(found.st_uid),
            group_name(found.st_gid),
            found.st_atime_ns,
            found.st_mtime_ns,
            found.st_size,
            attributes,
            content.key,
            content.checksum,
            b"",
            is_sparse(found),
        ),
        key,
    )


def _bare(path: bytes, kind: Kind, found: os.stat_result, attributes: Attributes, link: bytes) -> Record:
    return Record(
        path,
        kind,
        modes.S_IMODE(found.st_mode),
        found.st_uid,
        found.st_gid,
        user_name(found.st_uid),
        group_name(found.st_gid),
        found.st_atime_ns,
        found.st_mtime_ns,
        0,
        attributes,
        link=link,
    )


def directory_record(root: Root, path: bytes, key: bytes) -> Record:
    """The signed record of a directory; raises OSError, with ENOTDIR where it is none."""
    fd = root.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        attributes = tuple(
            (os.fsencode(name), os.getxattr(fd, name)) for name in os.listxattr(fd) if name not in NAMES
        )
        return sign(_bare(path, Kind.DIRECTORY, os.fstat(fd), attributes, b""), key)
    finally:
        os.close(fd)


def link_record(root: Root, path: bytes, key: bytes) -> Record:
    """The signed record of a symbolic link; raises OSError, with EINVAL where it is none."""
    with root.holding(path) as (directory, name):
        target = os.readlink(name, dir_fd=directory)
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    return sign(_bare(path, Kind.SYMLINK, found, (), target), key)


# Onto files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns what is made where the recorded owner cannot be had: None leaves the worker's own user or group."""

    uid: int | None = None
    gid: int | None = None


AS_RECORDED: Final = Owners()
"""Nobody else will do."""


def owner_here(record: Record, instead: Owners) -> tuple[int, int]:
    """User and group for a record that may come from another machine: by name, else by number, else `instead`."""
    uid, gid = _user_here(record.owner, record.uid), _group_here(record.group, record.gid)
    if uid is None:
        uid = record.uid if instead.uid is None else instead.uid
    if gid is None:
        gid = record.gid if instead.gid is None else instead.gid
    return uid, gid


def set_owner(fd: int, uid: int, gid: int, instead: Owners, *, strict: bool) -> None:
    """Set a file's user and group, each by itself: `instead` where the one wanted is refused.

    Where that is None or refused too, raises OSError if `strict`, and else leaves what the file has.
    """
    found = os.fstat(fd)
    if uid != found.st_uid:
        _own(fd, [(uid, -1), (instead.uid, -1)], strict=strict)
    if gid != found.st_gid:
        _own(fd, [(-1, gid), (-1, instead.gid)], strict=strict)


def _own(fd: int, choices: Iterable[tuple[int | None, int | None]], *, strict: bool) -> None:
    refused: OSError | None = None
    for uid, gid in choices:
        if uid is None or gid is None:
            continue
        try:
            os.fchown(fd, uid, gid)
        except PermissionError as error:
            refused = refused or error
        else:
            return
    if strict and refused is not None:
        raise refused


def set_attributes(fd: int, wanted: Attributes) -> None:
    """Set extended attributes and ACLs, and remove an ACL that only the directory's default put there.

    Attributes that the kernel keeps for itself or for root (`security.`, `trusted.`) are left out where it
    refuses them; any other refusal is raised.
    """
    names = {os.fsdecode(name) for name, _ in wanted}
    for name in os.listxattr(fd):
        if name in ACLS and name not in names:
            os.removexattr(fd, name)
    for raw, value in wanted:
        try:
            os.setxattr(fd, os.fsdecode(raw), value)
        except OSError as error:
            if raw.startswith(PRIVILEGED) and error.errno in _REFUSALS:
                continue
            raise


def allowed_mode(fd: int, mode: int, uid: int, gid: int) -> int:
    """The mode, without setuid and setgid unless the file has got the very user and group they were meant for."""
    if not mode & PRIVILEGED_MODE:
        return mode
    found = os.fstat(fd)
    return mode if (found.st_uid, found.st_gid) == (uid, gid) else mode & ~PRIVILEGED_MODE
