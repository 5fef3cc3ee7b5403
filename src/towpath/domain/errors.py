"""The mistakes that people make, as exceptions whose text speaks to the one who can mend them."""

from collections.abc import Iterable
from difflib import get_close_matches


class Mistake(ValueError):
    """A caller's mistake: one line that names the thing, what was expected and what was found."""


class NotFound(Mistake):
    """What the caller named does not exist."""


class Conflict(Mistake):
    """What the caller asked cannot be done to the thing as it stands."""


def did_you_mean(found: str, known: Iterable[str]) -> str:
    """`, did you mean 'x'?` where a known name is close to the one found, else the known names, else ''."""
    names = sorted(known)
    close = get_close_matches(found, names, n=1, cutoff=0.6)
    if close:
        return f", did you mean '{close[0]}'?"
    return f"; expected one of: {', '.join(names)}" if names else ""
