"""The mark that a managed file bears: 60 bytes in an extended attribute, signed under its site's key."""

import errno
import os
import stat as modes
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from hashlib import blake2b
from hmac import compare_digest
from pathlib import Path
from types import MappingProxyType
from typing import Final

TRUSTED: Final = "trusted.towpath"
USER: Final = "user.towpath"
NAMES: Final = (TRUSTED, USER)
"""Where a mark may stand; one that only root could set is believed before one that anybody may set."""

VERSION: Final = 1
TAG_LENGTH: Final = 4
GROUP_LENGTH: Final = 10
REFERENCE_LENGTH: Final = TAG_LENGTH + GROUP_LENGTH + 2
MAC_LENGTH: Final = 16
LENGTH: Final = 60
"""More would cost ext4 a block for each file (with its inodes of 256 bytes)."""
HEAD_UNIT: Final = 4_096
LARGEST_HEAD: Final = 0xFFFF * HEAD_UNIT
LARGEST_SIZE: Final = (1 << 48) - 1

_BODY: Final = struct.Struct(">BB4s10sHQHIqHH")
_REFERENCE: Final = struct.Struct(">4s10sH")
_PERSON: Final = b"towpath mark"
_SYS_ADMIN: Final = 21


class Malformed(ValueError):
    """The bytes are no mark or reference of a version that we know."""


class State(IntEnum):
    """How far a file has come, as its mark says."""

    PREMIGRATED = 1
    """All of its data is here, and a verified copy at the target."""
    FREEING = 2
    """Its data was about to be freed: some of it may be gone."""
    OFFLINE = 3
    """Its data is at the target only, but for the head."""
    PRIVATE = 4
    """A file of ours under way to its place: nothing is lost with it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which record, of which group, at which target (by the target's tag)."""

    tag: bytes
    group: bytes
    index: int

    def pack(self) -> bytes:
        """16 bytes: what a step carries to the next one for a path."""
        return _REFERENCE.pack(self.tag, self.group, self.index)

    @classmethod
    def unpack(cls, packed: bytes) -> "Reference":
        """The reference in these bytes; raises `Malformed`."""
        if len(packed) != REFERENCE_LENGTH:
            raise Malformed(f"a record's reference: expected {REFERENCE_LENGTH} bytes, found {len(packed)}")
        return cls(*_REFERENCE.unpack(packed))


@dataclass(frozen=True, slots=True)
class Mark:
    """What a mark says: where the record is, and what the file looked like when it was made.

    `mode` is the file's permission bits, which a stub does not show; `head` is how many bytes a stub keeps at
    its start, a multiple of `HEAD_UNIT`.
    """

    state: State
    reference: Reference
    inode: int
    size: int
    mtime_ns: int
    mode: int
    head: int = 0

    def freeing(self, head: int, mode: int) -> "Mark":
        """The mark for while the data goes: `mode` is the file's as it is now."""
        return replace(self, state=State.FREEING, head=head, mode=mode)

    def refer(self, reference: Reference) -> "Mark":
        """The same mark, of another record."""
        return replace(self, reference=reference)

    def become(self, state: State) -> "Mark":
        """The same mark in another state."""
        return replace(self, state=state)

    def pack(self, key: bytes) -> bytes:
        """60 bytes, signed under the site's key."""
        where = self.reference
        body = _BODY.pack(
            VERSION,
            self.state,
            where.tag,
            where.group,
            where.index,
            self.inode,
            self.size >> 32,
            self.size & 0xFFFFFFFF,
            self.mtime_ns,
            self.mode,
            self.head // HEAD_UNIT,
        )
        return body + _mac(body, key)

    @classmethod
    def of(cls, state: State, reference: Reference, found: os.stat_result) -> "Mark":
        """The mark for a file as it stands."""
        return cls(
            state,
            reference,
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            modes.S_IMODE(found.st_mode),
        )


def _mac(body: bytes, key: bytes) -> bytes:
    return blake2b(body, digest_size=MAC_LENGTH, key=key, person=_PERSON).digest()


def unpack(packed: bytes, key: bytes) -> Mark:
    """The mark in these bytes; raises `Malformed` where its length, version, state or signature is not ours."""
    mark = unpack_untrusted(packed)
    if not compare_digest(packed[_BODY.size :], _mac(packed[: _BODY.size], key)):
        raise Malformed("it is not signed by this site")
    return mark


def unpack_untrusted(packed: bytes) -> Mark:
    """What these bytes say, whoever wrote them: nothing of it may be believed; raises `Malformed`."""
    if len(packed) != LENGTH:
        raise Malformed(f"expected {LENGTH} bytes, found {len(packed)}")
    body = packed[: _BODY.size]
    if body[0] != VERSION:
        raise Malformed(f"expected version {VERSION}, found {body[0]}")
    _, state, tag, group, index, inode, high, low, mtime_ns, mode, head = _BODY.unpack(body)
    try:
        known = State(state)
    except ValueError:
        raise Malformed(f"expected a known state, found {state}") from None
    reference = Reference(tag, group, index)
    return Mark(known, reference, inode, high << 32 | low, mtime_ns, mode, head * HEAD_UNIT)


# How a file stands --------------------------------------------------------------------------------------------


class Standing(StrEnum):
    """How a regular file stands, as its mark and its stat say together."""

    RESIDENT = "resident"
    """It bears no mark."""
    PREMIGRATED = "premigrated"
    """It is as it was when its verified copy was made."""
    MODIFIED = "modified"
    """It was premigrated, and has been edited since, or is a whole copy of such a file with its mark."""
    INTERRUPTED = "interrupted"
    """Whoever freed its data was stopped: some of it may be gone; the target has all of it."""
    OFFLINE = "offline"
    """It is a stub, untouched."""
    EDITED = "edited"
    """It is a stub that was written to: neither it nor its object is the whole truth."""
    FOREIGN = "foreign"
    """Its mark is not this site's, or was made for another file."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A file's standing, with its mark where that is ours; `why` says what is wrong with one that is foreign."""

    standing: Standing
    mark: Mark | None = None
    why: str = ""

    @property
    def ours(self) -> Mark:
        """The mark of a file that is neither resident nor foreign."""
        if self.mark is None:
            raise ValueError(f"a {self.standing} file has no mark of ours")
        return self.mark


_RESIDENT: Final = Judged(Standing.RESIDENT)
_UNTOUCHED: Final[Mapping[State, Standing]] = MappingProxyType(
    {
        State.PREMIGRATED: Standing.PREMIGRATED,
        State.FREEING: Standing.INTERRUPTED,
        State.OFFLINE: Standing.OFFLINE,
    }
)
_TOUCHED: Final[Mapping[State, Standing]] = MappingProxyType(
    {
        State.PREMIGRATED: Standing.MODIFIED,
        State.FREEING: Standing.INTERRUPTED,
        State.OFFLINE: Standing.EDITED,
    }
)


def judge(found: os.stat_result, packed: bytes | None, key: bytes) -> Judged:
    """How a regular file stands.

    A mark that was made for another inode is foreign, unless it says that all data was here: then the file is a
    copy, or an editor's replacement, that took the attribute along, and counts as modified. A private file's
    mark says nothing of the file that it became.
    """
    if packed is None:
        return _RESIDENT
    try:
        mark = unpack(packed, key)
    except Malformed as error:
        return Judged(Standing.FOREIGN, None, str(error))
    if mark.state is State.PRIVATE:
        return _RESIDENT
    if mark.inode != found.st_ino:
        if mark.state is State.PREMIGRATED:
            return Judged(Standing.MODIFIED, mark)
        return Judged(Standing.FOREIGN, None, "it was made for another file, and copied")
    same_size = mark.size == found.st_size
    if mark.state is State.FREEING and not same_size:
        return Judged(Standing.EDITED, mark)
    untouched = same_size and mark.mtime_ns == found.st_mtime_ns
    return Judged((_UNTOUCHED if untouched else _TOUCHED)[mark.state], mark)


# Where it stands ----------------------------------------------------------------------------------------------


def _may_set_trusted() -> bool:
    """Whether this process has CAP_SYS_ADMIN, as `trusted.` attributes want."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return os.geteuid() == 0
    effective = next((line for line in status.splitlines() if line.startswith("CapEff:")), "CapEff: 0")
    return bool(int(effective.split()[1], 16) >> _SYS_ADMIN & 1)


SETS_TRUSTED: Final = _may_set_trusted()


def read(fd: int, names: Collection[str]) -> bytes | None:
    """The mark that an open file bears, if any; `names` are its attributes, as listed."""
    for name in NAMES:
        if name in names:
            return os.getxattr(fd, name)
    return None


def write(fd: int, packed: bytes, names: Collection[str] = ()) -> None:
    """Set a file's mark: `trusted.` where this process may and the file system can, else `user.`.

    One that stood under the other name (`names` are the attributes, as listed) does not survive, where this
    process can see it.
    """
    if SETS_TRUSTED:
        try:
            os.setxattr(fd, TRUSTED, packed)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP):
                raise
        else:
            if USER in names:
                _remove(fd, USER)
            return
    os.setxattr(fd, USER, packed)


def forget(fd: int, names: Collection[str]) -> None:
    """Remove a file's mark; `names` are its attributes, as listed."""
    for name in NAMES:
        if name in names:
            _remove(fd, name)


def _remove(fd: int, name: str) -> None:
    """Remove an attribute; it may be gone since the file was looked at, as when a mark is written a second time."""
    try:
        os.removexattr(fd, name)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise
