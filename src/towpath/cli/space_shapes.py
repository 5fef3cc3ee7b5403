"""What the command line reads of spaces, and of what lies in them."""

import msgspec


class Space(msgspec.Struct, frozen=True):
    """A directory of a site that bears a name."""

    name: str
    site: str
    path: str
    default_target: str | None
    excluded: list[str] = []
    usage_every: int | None = None


class Usage(msgspec.Struct, frozen=True):
    """What was counted; sizes are bytes."""

    files: int
    folders: int
    others: int
    bytes: int
    allocated: int
    hydrated_files: int
    hydrated_bytes: int
    dehydrated_files: int
    dehydrated_bytes: int
    unreadable: int


class SpaceUsage(msgspec.Struct, frozen=True):
    """What was last counted in a space, and when."""

    began_at: str | None
    ended_at: str | None
    complete: bool
    usage: Usage | None
    job: int | None
    failure: str
