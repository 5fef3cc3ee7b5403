"""`--until`: the moments that people mean."""

from datetime import datetime, timedelta, timezone

import pytest

from towpath.cli.until import moment_of
from towpath.domain.errors import Mistake

ZONE = timezone(timedelta(hours=2))
NOW = datetime(2026, 11, 24, 13, 30, 15, 5, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+45s", NOW + timedelta(seconds=45)),
        ("+2h", NOW + timedelta(hours=2)),
        ("+3d", NOW + timedelta(days=3)),
        ("14:00", datetime(2026, 11, 24, 14, 0, tzinfo=ZONE)),
        ("13:30:15", datetime(2026, 11, 25, 13, 30, 15, tzinfo=ZONE)),
        ("9:05", datetime(2026, 11, 25, 9, 5, tzinfo=ZONE)),
        ("2026-12-01T08:00", datetime(2026, 12, 1, 8, 0, tzinfo=ZONE)),
        ("2026-12-01T08:00:00Z", datetime(2026, 12, 1, 10, 0, tzinfo=ZONE)),
    ],
)
def test_a_span_a_time_of_the_clock_and_an_iso_time_are_moments(text: str, expected: datetime) -> None:
    assert moment_of(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "soon", "+2", "+h", "25:00", "12:60", "2026-13-01", "-2h"])
def test_anything_else_is_a_mistake_that_says_what_was_expected(text: str) -> None:
    with pytest.raises(Mistake, match=r"--until: expected a time such as 14:00, .*found '"):
        moment_of(text, NOW)
