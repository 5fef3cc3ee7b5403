"""What people ask the nodes of a site, each question to be answered at once by one of them, and the answers."""

from towpath.wire.message import Message


class Question(Message, frozen=True):
    """A question to a node: to check a target (`kind` "check"), to list what stands there ("browse"), or to look at a
    path of the site ("files").

    `prefix` is a directory of the target ("" = all), `after` the last key of the answer before, `limit` how many
    objects or entries to list at most. `path` lies beneath the root `root`, and `after_name` is the last name of the
    answer before.
    """

    id: int
    kind: str
    target: str
    prefix: str = ""
    after: str = ""
    limit: int = 0
    root: str = ""
    path: bytes = b""
    after_name: bytes = b""


class Answered(Message, frozen=True):
    """A node's answer to a question: a packed `Checked`, `Listed` or `Seen`, or `trouble` says why there is none."""

    question: int
    answer: bytes = b""
    trouble: str = ""


class Heard(Message, frozen=True):
    """The hub has an answer, or needs it no more."""


class Finding(Message, frozen=True):
    """One thing that a check looked at: whether it is well (None: it was not come to), what was seen, what to do."""

    what: str
    well: bool | None
    says: str
    hint: str = ""


class Checked(Message, frozen=True):
    """What a check found, in the order in which it looked."""

    findings: list[Finding]


class Listed(Message, frozen=True):
    """Objects of a target, in its own order, in columns; `more` follow behind the last of them."""

    keys: list[str]
    sizes: list[int]
    modified: list[int]
    """Microseconds since 1970."""
    more: bool = False


class Entry(Message, frozen=True, array_like=True):
    """A path of a site as a node sees it, by its name in its directory.

    `type` is file, directory, symlink or other; `standing` is how a regular file stands ("" = not told); `size` and
    `allocated` are bytes; `mtime` is microseconds since 1970; `tag` is that of the target where its copy is (b"" =
    none).
    """

    name: bytes
    type: str
    size: int
    allocated: int
    mtime: int
    mode: int
    uid: int
    gid: int
    standing: str = ""
    tag: bytes = b""


class Seen(Message, frozen=True):
    """A path of a site (None: nothing is there), and some of its entries by their names; `more` follow."""

    here: Entry | None
    entries: list[Entry]
    more: bool = False
