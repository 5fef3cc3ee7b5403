"""What the command line reads of alerts, their rules and mutes, and who is told of them."""

import msgspec


class Mute(msgspec.Struct, frozen=True):
    """Of which alerts nobody is told for a while."""

    id: int
    kind: str | None
    thing: str | None
    why: str
    until: str | None
    by: str


class Alert(msgspec.Struct, frozen=True):
    """An alert."""

    id: int
    kind: str
    thing: str
    severity: str
    sentence: str
    raised_at: str
    cleared_at: str | None
    muted: Mute | None


class AlertRule(msgspec.Struct, frozen=True):
    """From where on things of one kind are told."""

    kind: str
    says: str
    enabled: bool
    severity: str
    threshold: float
    unit: str


class Destination(msgspec.Struct, frozen=True):
    """Who is told."""

    name: str
    shown: str
    kinds: list[str]
    least_severity: str
    disabled: bool


class Notice(msgspec.Struct, frozen=True):
    """An alert on its way to a destination."""

    id: int
    alert: int | None
    says: str
    state: str
    attempts: int
    error: str
    tried_at: str | None


class NoticeSent(msgspec.Struct, frozen=True):
    """A test that was sent."""

    notice: int
