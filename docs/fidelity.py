"""The page on fidelity: what of a file each way keeps, as the tests prove it cell by cell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

KEPT: Final = "kept"
"""It is exactly as it was. Every other word says that it is not, and how so."""

FILE_SYSTEMS: Final = ("ext4", "tmpfs", "xfs", "btrfs")
TARGETS: Final[Mapping[str, str]] = {
    "directory": "A directory",
    "s3": "S3",
    "azure": "Azure Blob",
    "google": "Google Cloud Storage",
    "sftp": "SFTP",
}
TRIED_ON: Final[Mapping[str, tuple[str, ...]]] = {
    "directory": FILE_SYSTEMS,
    "s3": FILE_SYSTEMS,
    "azure": ("ext4",),
    "google": ("ext4",),
    "sftp": ("ext4",),
}
"""On which file systems of a site the cells of each target are proved."""

WAYS: Final[Mapping[str, str]] = {
    "premigrate": "`premigrate`",
    "stub": "the stub",
    "recall": "`recall`",
    "send": "`send` with data",
    "send-recall": "`send`, then `recall`",
    "copy": "`copy`",
}
"""`stub` is what a stub shows while its data is away; `send-recall` is a stub made at another site, filled there."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that a file has, and the word for it on each of the ways, in the order of `WAYS`."""

    name: str
    about: str
    words: tuple[str, str, str, str, str, str]

    def word(self, way: str) -> str:
        """The word for one way."""
        return self.words[list(WAYS).index(way)]


_ALL: Final = (KEPT, KEPT, KEPT, KEPT, KEPT, KEPT)
_RIGHTS: Final = (KEPT, KEPT, KEPT, "dropped", "dropped", KEPT)

ROWS: Final = (
    Row("content", "the bytes, of files of any size", (KEPT, "away", KEPT, KEPT, KEPT, KEPT)),
    Row("size", "the size, as stat tells it", _ALL),
    Row("empty", "empty files", _ALL),
    Row("name", "names of any bytes, up to 255", _ALL),
    Row("mode", "permission bits, sticky too", (KEPT, "closed", KEPT, KEPT, KEPT, KEPT)),
    Row("setuid", "setuid and setgid of files", (KEPT, "closed", KEPT, "dropped", "dropped", KEPT)),
    Row("owner-name", "owner and group that have a name", _ALL),
    Row("owner-number", "owner and group without a name", _ALL),
    Row("mtime", "the modification time, to the nanosecond", _ALL),
    Row("atime", "the access time, to the nanosecond", _ALL),
    Row("ctime", "the change time", ("new", "new", "new", "new", "new", "new")),
    Row("inode", "the inode number", (KEPT, KEPT, "new", "new", "new", "new")),
    Row("user-xattrs", "extended attributes `user.*`", _ALL),
    Row("trusted-xattrs", "extended attributes `trusted.*`", _RIGHTS),
    Row("capabilities", "capabilities of programs (`security.capability`)", _RIGHTS),
    Row("acl", "POSIX ACLs of files", (KEPT, "closed", KEPT, KEPT, KEPT, KEPT)),
    Row("holes", "holes, in whole blocks of 4 KiB", (KEPT, "all hole", KEPT, KEPT, KEPT, KEPT)),
    Row("hard-links", "names of one file (hard links)", _ALL),
    Row("symlink", "symbolic links: where they lead", _ALL),
    Row("symlink-owner", "symbolic links: owner and times", _ALL),
    Row("directory", "directories: mode, owner, attributes", _ALL),
    Row("directory-acl", "directories: ACLs and default ACLs", _ALL),
    Row("directory-mtime", "directories: modification time", (KEPT, KEPT, "new", KEPT, "new", KEPT)),
)

OPENING: Final = """\
# What is kept of a file

<!-- Made from docs/fidelity.py by `make docs`, proved by tests/conformance/fidelity: change those, not this. -->

A target keeps the bytes of a file as an object. All else stands in a record beside it, of which the target
knows nothing: so what comes back is the same at each target. Each cell is proved by a test
(`tests/conformance/fidelity/test_fidelity.py`), as root, on the file systems that each table names; an ordinary
user's worker keeps what that user may set. For Google stands a front that speaks its XML API
([targets](targets.md#google-cloud-storage)).

"""

CLOSING = """\
## The words

- *closed*: a stub that no recall daemon guards has mode 000, so that no unprivileged reader gets zeros. The
  true mode stands in its mark and its record, and comes back with the data.
- *away*, *all hole*: the data is at the target.
- *dropped*: what gives rights (setuid and setgid of files, capabilities, `trusted.*` and `security.*`
  attributes) comes back only from a record that the very site signed. Another site's word for it is not enough.
- *new*: a recalled file is a new file that takes the stub's place in one move; a directory's time tells of that
  move.

## The fine print

- **Owners** come back by name, else by number. Where the name is not known, `default_uid` and `default_gid` say
  who owns the file, else it is the recorded number.
- **Hard links.** A file of several names has one object and is not freed, so that all its names stay readable:
  its outcome is *skipped*, premigrated. `send` and `copy` make the names anew as links to one file, and so does
  `recall` with names that a stub was given, as far as one node works on them and within 20,000 files of each
  other; otherwise each name becomes a file of its own, with the same content. `recall` with `delete_remote`
  fills each name by itself.
- **Directories' times** are set when `send` makes the directory, after the files of the same batch; files that
  come with a later batch change them.
- **Holes**: of a file that had any, each block of zeros comes back as a hole.
- **Devices, fifos and sockets** are skipped, and say so. Flags (`chattr`) and the birth time are not recorded.
"""


def page() -> str:
    """The whole page."""
    return OPENING + "".join(_section(*target) for target in TARGETS.items()) + CLOSING


def _section(name: str, title: str) -> str:
    head = ["| | " + " | ".join(WAYS.values()) + " |", "|---" * (len(WAYS) + 1) + "|"]
    lines = [f"| {row.about} | " + " | ".join(_cell(word) for word in row.words) + " |" for row in ROWS]
    return f"## {title}\n\nTried on {', '.join(TRIED_ON[name])}.\n\n" + "\n".join([*head, *lines]) + "\n\n"


def _cell(word: str) -> str:
    return word if word == KEPT else f"*{word}*"
