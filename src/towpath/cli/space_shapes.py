"""What the command line reads of spaces, and of what lies in them."""

import msgspec

from towpath.client.shapes import Usage


class Space(msgspec.Struct, frozen=True):
    """A directory of a site that bears a name."""

    name: str
    site: str
    path: str
    default_target: str | None
    excluded: list[str] = []
    usage_every: int | None = None


class SpaceUsage(msgspec.Struct, frozen=True):
    """What was last counted in a space, and when."""

    began_at: str | None
    ended_at: str | None
    complete: bool
    usage: Usage | None
    job: int | None
    failure: str
