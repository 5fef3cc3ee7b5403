"""What people ask the nodes of a site, each question to be answered at once by one of them, and the answers."""

from towpath.wire.message import Message


class Question(Message, frozen=True):
    """A question to a node: to check a target (`kind` "check") or to list what stands there ("browse").

    `prefix` is a directory of it ("" = all), `after` the last key of the answer before, `limit` how many objects
    to list at most.
    """

    id: int
    kind: str
    target: str
    prefix: str = ""
    after: str = ""
    limit: int = 0


class Answered(Message, frozen=True):
    """A node's answer to a question: `answer` is a packed `Checked` or `Listed`, or `trouble` says why none is."""

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
