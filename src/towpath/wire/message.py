"""What every message is."""

import msgspec


class Message(msgspec.Struct, frozen=True, array_like=True):
    """The base of all messages."""
