"""The one table of errors: what each that a system or a store can give means for what should be done next."""

import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from towpath.domain.paths import ErrorClass
from towpath.domain.phrases import phrase_of

PERMANENT, TRANSIENT = ErrorClass.PERMANENT, ErrorClass.TRANSIENT
NO_SPACE, NO_PERMISSION = ErrorClass.NO_SPACE, ErrorClass.NO_PERMISSION
ARCHIVED = ErrorClass.ARCHIVED

MEANS: Mapping[ErrorClass, str] = MappingProxyType(
    {
        PERMANENT: "the path fails now: trying again changes nothing until somebody mends the cause",
        TRANSIENT: "the path is tried again after a while, and fails once it was tried often enough",
        NO_SPACE: "the path waits until there is room, and is then tried again; it never fails of this",
        ARCHIVED: "the path waits until the object was brought back from its archive; it never fails of this",
        NO_PERMISSION: "the path fails now: the worker may not do this",
    }
)
"""What is done with a path that met an error of each class."""

SYSTEM: Mapping[str, ErrorClass] = MappingProxyType(
    {
        **dict.fromkeys(("EACCES", "EPERM", "EROFS"), NO_PERMISSION),
        **dict.fromkeys(("ENOSPC", "EDQUOT"), NO_SPACE),
        **dict.fromkeys(("EAGAIN", "EINTR", "EBUSY", "ETIMEDOUT", "ESTALE", "EIO", "ENOMEM"), TRANSIENT),
        **dict.fromkeys(("EMFILE", "ENFILE", "ECONNRESET", "ECONNREFUSED", "ECONNABORTED"), TRANSIENT),
        **dict.fromkeys(("EPIPE", "ENETDOWN", "ENETUNREACH", "EHOSTDOWN", "EHOSTUNREACH"), TRANSIENT),
    }
)
"""Errors of the system (errno)."""

HTTP: Mapping[str, ErrorClass] = MappingProxyType(
    {
        **dict.fromkeys(("401", "403"), NO_PERMISSION),
        **dict.fromkeys(("408", "409", "425", "429", "500", "502", "503", "504"), TRANSIENT),
        "507": NO_SPACE,
    }
)
"""Answers of stores (HTTP status); one of 500 or more that is not here is transient."""

STORE: Mapping[str, ErrorClass] = MappingProxyType(
    {
        **dict.fromkeys(("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"), NO_SPACE),
        **dict.fromkeys(("InsufficientCapacity", "NoSpaceLeft"), NO_SPACE),
        **dict.fromkeys(
            ("AccessDenied", "AllAccessDisabled", "AccountProblem", "ExpiredToken"), NO_PERMISSION
        ),
        **dict.fromkeys(("AuthenticationRequired", "NoCredentials"), NO_PERMISSION),
        **dict.fromkeys(("RequestTimeout", "SlowDown", "OperationAborted", "NoSuchUpload"), TRANSIENT),
        **dict.fromkeys(("BadDigest", "CrcMismatch", "XAmzContentSHA256Mismatch", "Md5Mismatch"), TRANSIENT),
        **dict.fromkeys(("XAmzContentChecksumMismatch", "IncompleteBody"), TRANSIENT),
        **dict.fromkeys(("Connect", "Timeout", "Interrupted", "Decode", "Request", "Unknown"), TRANSIENT),
        **dict.fromkeys(("NoSuchKey", "NoSuchBucket", "ContainerNotFound", "InvalidRange"), PERMANENT),
        **dict.fromkeys(("EntityTooLarge", "KeyTooLongError"), PERMANENT),
        **dict.fromkeys(("InvalidObjectState", "BlobArchived", "BlobBeingRehydrated"), ARCHIVED),
    }
)
"""A store's own codes, which say more than its status, and how an exchange with it broke off."""

KNOWN: Mapping[str, ErrorClass] = MappingProxyType({**SYSTEM, **HTTP, **STORE})

NAMES = frozenset({*KNOWN, *errno.errorcode.values(), *(str(status) for status in range(400, 600))})
"""Every name of an error that may be spoken of: those of the table, any errno, any HTTP status that is an error."""


@dataclass(frozen=True, slots=True)
class Row:
    """An error as a person sees it in the table."""

    name: str
    error_class: ErrorClass
    about: str


def rows() -> list[Row]:
    """The whole table, the system's errors first."""
    system = [Row(name, cls, os.strerror(getattr(errno, name))) for name, cls in SYSTEM.items()]
    http = [Row(name, cls, f"HTTP: {phrase_of(HTTPStatus(int(name)))}") for name, cls in HTTP.items()]
    store = [Row(name, cls, "a store's own code") for name, cls in STORE.items()]
    return [*system, *http, *store]


def name_of_errno(number: int | None) -> str:
    """What the system calls an errno: `ESTALE`; "" for none."""
    return errno.errorcode.get(number or 0, "")


def class_of_errno(number: int | None) -> ErrorClass:
    """The class of an errno, PERMANENT where the table has none."""
    return SYSTEM.get(name_of_errno(number), PERMANENT)


def class_of_names(names: Iterable[str]) -> ErrorClass | None:
    """The class of the first name that the table has; of an HTTP status of 500 or more TRANSIENT; else None."""
    for name in names:
        if name in KNOWN:
            return KNOWN[name]
        if name in NAMES and name.isdigit() and int(name) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return TRANSIENT
    return None
