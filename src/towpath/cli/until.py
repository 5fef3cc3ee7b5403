"""Moments as people say them: when something that is paused is to be resumed, or a key to expire."""

import re
from datetime import datetime, time, timedelta
from typing import Annotated

import typer

from towpath.domain.errors import Mistake

Until = Annotated[
    str | None,
    typer.Option("--until", metavar="TIME", help="Resume by itself then: 14:00, +2h, 2026-11-24T14:00."),
]

_SPAN = re.compile(r"\+(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?")


def moment_of(text: str, now: datetime, option: str = "--until") -> datetime:
    """The moment that somebody means: `+2h`, the next `14:00`, or an ISO time; `now` is aware, and its zone is theirs.

    Raises `Mistake`.
    """
    if span := _SPAN.fullmatch(text):
        return now + timedelta(**{_UNITS[span[2]]: int(span[1])})
    try:
        if _CLOCK.fullmatch(text):
            return _next(time.fromisoformat(text if text[1] != ":" else f"0{text}"), now)
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(
            f"{option}: expected a time such as 14:00, +2h (s, m, h, d) or 2026-11-24T14:00, found '{text}'"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _next(clock: time, now: datetime) -> datetime:
    """The next time that a clock shows that."""
    today = now.replace(hour=clock.hour, minute=clock.minute, second=clock.second, microsecond=0)
    return today if today > now else today + timedelta(days=1)


def asked_until(text: str | None) -> str | None:
    """What `--until` says, as the API takes it."""
    return asked_moment("--until", text)


def asked_moment(option: str, text: str | None) -> str | None:
    """The moment that an option names, as the API takes it."""
    return None if text is None else moment_of(text, datetime.now().astimezone(), option).isoformat()
