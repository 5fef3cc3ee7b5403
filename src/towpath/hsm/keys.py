"""The readable keys under which objects stand at a target: `SITE/ROOT/PATH@INSTANCE`, made safe reversibly."""

import re
import struct
from functools import lru_cache
from hashlib import blake2b
from os import stat_result
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from xxhash import xxh3_64_hexdigest

from towpath.domain.targets import PLAIN_TEMPLATE
from towpath.storage.protocol import (
    ESCAPE,
    LONGEST_COMPONENT,
    LONGEST_KEY,
    NEVER_LAST,
    SAFE_KEY_CHARACTERS,
)

SEPARATOR: Final = "@"
"""Never stands for itself in a key: what follows the last one is a version, or a hash where `~` comes first."""
SHORTENED: Final = SEPARATOR + "~"
INSTANCE_LENGTH: Final = 16
RECORDS: Final = ".towpath/records/"

_HASH_LENGTH: Final = 32
_MARKER_LENGTH: Final = len(SHORTENED) + _HASH_LENGTH
_SUFFIX_LENGTH: Final = len(SEPARATOR) + INSTANCE_LENGTH
_PLAIN: Final = bytes(sorted(SAFE_KEY_CHARACTERS - frozenset(SEPARATOR.encode())))
_UNSAFE: Final = re.compile(b"[^" + re.escape(_PLAIN) + b"/]")
_LAST: Final = re.compile(b"[" + re.escape(NEVER_LAST) + b"](?=/|$)")
_CUT: Final = re.compile(rf"(?:[^{ESCAPE}]|{ESCAPE}..)*")
_VERSION: Final = struct.Struct("<QQqq")


class Named(NamedTuple):
    """What a key says of the file that it was made for; `path` is None where the key was shortened."""

    site: str
    root: str
    path: bytes | None
    instance: str


def instance_of(found: stat_result) -> str:
    """16 hexadecimal digits that stand for this version of a file: the same version, the same digits."""
    version = _VERSION.pack(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return xxh3_64_hexdigest(version)


def instance_at(found: stat_result, root: str, path: bytes) -> str:
    """As `instance_of`, but other for another root or path: where a template leaves them out of the key, no two files
    share one."""
    version = _VERSION.pack(found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    return xxh3_64_hexdigest(version + root.encode() + b"\0" + path)


def templated_key(template: str, site: str, root: str, path: bytes, found: stat_result) -> str:
    """The key of a file as it was found, by a target's template ("" = `PLAIN_TEMPLATE`)."""
    if template in ("", PLAIN_TEMPLATE):
        return object_key(site, root, path, instance_of(found))
    beginning = template.removesuffix("{path}").format(site=site, root=root)
    return _key(beginning.rstrip("/"), path, instance_at(found, root, path))


def object_key(site: str, root: str, path: bytes, instance: str) -> str:
    """The key of one version of a file, under the plain template.

    Bytes that a key may not hold are written as `%XX`. A component that would be too long keeps its beginning
    and a hash of the whole; so does the directory of a path that would be too long. The record has the true path.
    """
    return _key(f"{site}/{root}", path, instance)


def _key(beginning: str, path: bytes, instance: str) -> str:
    directory, slash, name = path.rpartition(b"/")
    prefix = _directory(beginning, directory) if slash else beginning
    last = _component(name, LONGEST_COMPONENT - _SUFFIX_LENGTH)
    return f"{prefix}/{last}{SEPARATOR}{instance}"


def record_key(group: bytes) -> str:
    """The key of the records that were committed together."""
    return RECORDS + group.hex()


def read_key(key: str) -> Named | None:
    """What an object's key says; None for a key that is not of this form."""
    site, _, rest = key.partition("/")
    root, _, rest = rest.partition("/")
    path, at, instance = rest.rpartition(SEPARATOR)
    if not at or not path or len(instance) != INSTANCE_LENGTH:
        return None
    shortened = SEPARATOR in path
    return Named(site, root, None if shortened else unquote_to_bytes(path), instance)


@lru_cache(maxsize=1024)
def _directory(above: str, directory: bytes) -> str:
    """The beginning of the keys of a directory's files; short enough for a last component of any length."""
    escaped = "/".join(_component(part, LONGEST_COMPONENT) for part in directory.split(b"/"))
    beginning = f"{above}/"
    room = LONGEST_KEY - LONGEST_COMPONENT - 1 - len(beginning)
    if len(escaped) <= room:
        return beginning + escaped
    kept = escaped[: room - _MARKER_LENGTH - 1].rpartition("/")[0]
    return f"{beginning}{kept}/{_marker(directory)}" if kept else beginning + _marker(directory)


def _component(name: bytes, limit: int) -> str:
    escaped = _LAST.sub(_escape, _UNSAFE.sub(_escape, name)).decode("ascii")
    escaped = escaped.replace(".", "%2E") if escaped in (".", "..") else escaped
    if len(escaped) <= limit:
        return escaped
    cut = _CUT.match(escaped[: limit - _MARKER_LENGTH])
    return (cut.group() if cut else "") + _marker(name)


def _escape(found: re.Match[bytes]) -> bytes:
    return b"%%%02X" % found.group()[0]


def _marker(whole: bytes) -> str:
    return SHORTENED + blake2b(whole, digest_size=_HASH_LENGTH // 2).hexdigest()
