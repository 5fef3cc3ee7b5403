"""Times of the store as the API writes them."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(microseconds: int) -> datetime:
    """Microseconds since 1970 as an aware time; the API writes it as ISO 8601 with Z."""
    return EPOCH + timedelta(microseconds=microseconds)


def microseconds(moment: datetime) -> int:
    """An aware time as the store keeps it: microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def maybe_at(microseconds: int | None) -> datetime | None:
    """The same for a time that may not have come."""
    return None if microseconds is None else at(microseconds)
