"""What a sweep finds at a target that nothing refers to."""

from towpath.wire.message import Message


class Orphan(Message, frozen=True):
    """An object that no file refers to, where its record says it came from; `modified` is in microseconds since 1970.

    `entry` is the record that names it (12 bytes: group and index); b"" where none does: then `root` and `path` are
    read from its key.
    """

    key: str
    size: int
    modified: int
    root: str
    path: bytes
    entry: bytes = b""
