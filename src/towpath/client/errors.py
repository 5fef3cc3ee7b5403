"""What a client raises: why the hub refused a call, that it met a bug, or that it does not answer."""

from collections.abc import Mapping

import msgspec


class HubError(Exception):
    """Whatever goes wrong between a client and its hub; the text is one line for people."""


class Misconfigured(HubError, ValueError):
    """The client was told something that it cannot work with: a URL, a file of authorities."""


class Unreachable(HubError):
    """The hub, or something that it needs, does not answer now; where it was looked for, and why it failed."""


class WaitedTooLong(HubError, TimeoutError):
    """What was waited for did not come in the time that was given; it may come still."""


class EventsLost(HubError):
    """Events that were asked for are kept no more; `oldest` is the first that is kept, `newest` the last."""

    def __init__(self, after: int, oldest: int, newest: int) -> None:
        super().__init__(f"events: expected those behind {after}, found that they are kept from {oldest} on")
        self.after, self.oldest, self.newest = after, oldest, newest


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with what was sent."""

    place: str = ""
    """Where: `filter_rules[2].action[0]`."""
    text: str = ""
    expected: str | None = None
    found: str | None = None
    """What stands there; never what the caller sent, which may be a secret, but its kind."""


class Problem(msgspec.Struct, frozen=True):
    """The body of a refusal, as RFC 9457 has it."""

    type: str = ""
    title: str = ""
    detail: str = ""
    instance: str = ""
    problems: list[Fault] = []


class Answered(HubError):
    """The hub answered by a problem: `status` of HTTP, `type` that never changes (`urn:towpath:not-found`), the
    `problems` one by one, and after how many seconds to come again where it said so."""

    def __init__(self, status: int, problem: Problem, retry_after: float | None = None) -> None:
        super().__init__(problem.detail)
        self.status = status
        self.type = problem.type
        self.title = problem.title
        self.detail = problem.detail
        self.instance = problem.instance
        self.problems = problem.problems
        self.retry_after = retry_after


class Refused(Answered):
    """The caller can mend it: something in the call is not as it must be."""


class Unauthenticated(Refused):
    """401: nothing that the hub knows says who asks."""


class Forbidden(Refused):
    """403: who asks may not do that."""


class NotFound(Refused):
    """404: something that is named does not exist."""


class Conflict(Refused):
    """409: it cannot be done as things stand."""


class ChangedSince(Refused):
    """412: the thing has changed since it was read."""


class TooLarge(Refused):
    """413: the body is larger than the hub takes."""


class Malformed(Refused):
    """422: something is not spelled as the contract says; `problems` say where."""


class TooMany(Refused):
    """429: too many calls; `retry_after` says when to come again."""


class Unavailable(Answered, Unreachable):
    """503, or 502 and 504 of a proxy: something that is needed does not answer now."""


class HubBug(Answered):
    """500: the hub met a bug; its log has the trace."""


KINDS: Mapping[int, type[Answered]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: ChangedSince,
    413: TooLarge,
    422: Malformed,
    429: TooMany,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
"""The exception for each status; any other of 500 and more is a `HubBug`, any other beneath is `Refused`."""


def error_of(status: int, body: bytes, url: str, retry_after: float | None) -> Answered:
    """The exception for an answer that is none of success."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = Problem()
    if not problem.detail:
        problem = msgspec.structs.replace(problem, detail=f"{url} answered {status}")
    kind = KINDS.get(status, HubBug if status >= 500 else Refused)
    return kind(status, problem, retry_after)
