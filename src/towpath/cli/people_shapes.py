"""What the API says of people, as the command line reads it."""

import msgspec


class Group(msgspec.Struct, frozen=True):
    """A group of users."""

    name: str
    members: list[str]
    spaces: dict[str, str]
    created_at: str


class User(msgspec.Struct, frozen=True):
    """A user."""

    name: str
    role: str
    disabled: bool
    has_password: bool
    created_at: str
    locked_until: str | None = None
    signed_in_at: str | None = None


class Link(msgspec.Struct, frozen=True):
    """A one-time link."""

    code: str
    seconds: int


class Key(msgspec.Struct, frozen=True):
    """A key of the API, without what opens."""

    id: int
    user: str
    label: str
    start: str
    created_at: str
    scopes: list[str] | None = None
    expires_at: str | None = None
    used_at: str | None = None
    revoked_at: str | None = None


class MadeKey(msgspec.Struct, frozen=True):
    """A key that was just made."""

    id: int
    user: str
    key: str


class Deed(msgspec.Struct, frozen=True):
    """Something that was done."""

    at: str
    by: str
    via: str
    address: str
    action: str
    thing: str
    asked: str
