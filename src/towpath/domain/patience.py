"""How a step bears errors: the class that each has for it, and how long what may pass is waited for."""

import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from types import MappingProxyType
from typing import Any

from towpath.domain.error_table import NAMES
from towpath.domain.errors import did_you_mean
from towpath.domain.paths import ErrorClass
from towpath.domain.reading import Entries, shown
from towpath.domain.values import fault

SECOND = 1_000_000
"""Microseconds."""

DAY = 24 * 3600
LONGEST_WAIT = DAY
"""Seconds: nothing is put off for longer at once."""

APART_AT_MOST = 300 * SECOND


def _said(usual: int, about: str) -> int:
    return field(default=usual, metadata={"about": about})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a step waits for what may pass. All but `tries` are whole seconds, 0 to a day."""

    tries: int = _said(5, "How often a path is tried, in all, before an error that may pass fails it.")
    first: int = _said(
        1, "Seconds: the first wait is at most this, each later one at most twice the one before it."
    )
    longest: int = _said(300, "Seconds: no wait is longer.")
    space_first: int = _said(30, "Seconds after which a place that was full is tried again at first.")
    space_longest: int = _said(300, "A full place is tried again at least so often, without end.")
    archive_first: int = _said(
        300, "Seconds after which an object that is brought back from an archive is looked at again at first."
    )
    archive_longest: int = _said(3600, "It is looked at again at least so often, without end.")

    def back_off(self, tries: int, spread: float) -> int:
        """Microseconds to wait after so many tries: exponential, with full jitter (`spread`, 0 up to 1)."""
        ceiling = min(self.longest, self.first * 2 ** min(tries - 1, 30))
        return int(ceiling * SECOND * spread)

    def probe(self, waited: int, spread: float) -> int:
        """Microseconds until a full place is tried again, where it has been waited for so many already: as long
        again, within bounds, and a little sooner or later than others do."""
        return _again(waited, spread, self.space_first, self.space_longest)

    def look(self, waited: int, spread: float) -> int:
        """Microseconds until an archived object is looked at again, as `probe` says it of a full place."""
        return _again(waited, spread, self.archive_first, self.archive_longest)


def _again(waited: int, spread: float, first: int, longest: int) -> int:
    again = min(max(waited, first * SECOND), longest * SECOND)
    return int(again * (0.5 + spread / 2))


def apart(losses: int, spread: float) -> int:
    """Microseconds that a task waits which lost its worker together with others, so that they part."""
    return int(min(APART_AT_MOST, SECOND * 2 ** min(losses, 30)) * spread)


def spread(*numbers: int) -> float:
    """A number from 0 up to 1 that is always the same for the same numbers, and else as good as random.

    So waits differ from task to task and from try to try, and the same history always runs the same way.
    """
    return zlib.crc32(repr(numbers).encode()) / 2**32


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a workflow, or one of its steps, says of errors: only what differs from what holds above it."""

    on_error: Mapping[str, ErrorClass] = field(default_factory=lambda: MappingProxyType({}))
    """The name of an error, or a class of the table → the class that it is to have."""
    patience: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Some of the fields of `Patience`."""

    def over(self, above: "Bearing") -> "Bearing":
        """This, and what was said above where this says nothing."""
        return Bearing({**above.on_error, **self.on_error}, {**above.patience, **self.patience})

    def class_of(self, error_class: ErrorClass, error_name: str) -> ErrorClass:
        """The class that an error has here; a name may have several words, the last is the most exact."""
        for name in (*reversed(error_name.split()), str(error_class)):
            if name in self.on_error:
                return ErrorClass(self.on_error[name])
        return error_class

    def patient(self) -> Patience:
        """How long to wait."""
        return Patience(**self.patience)

    def document(self) -> dict[str, object]:
        """As plain JSON, without what is not said."""
        said = {"on_error": dict(self.on_error), "patience": dict(self.patience)}
        return {key: value for key, value in said.items() if value}


PLAIN = Bearing()
"""What holds where nothing is said."""


def bearing_from_document(document: Mapping[str, Any]) -> Bearing:
    """What `Bearing.document` wrote, among other things."""
    on_error = {name: ErrorClass(said) for name, said in document.get("on_error", {}).items()}
    return Bearing(on_error, document.get("patience", {}))


KEYS = ("on_error", "patience")
"""What a workflow, and each step of it, may say of errors."""

_BOUNDS: Mapping[str, int] = asdict(Patience())
_MAY_SPEAK_OF = NAMES | set(ErrorClass)


def about_patience() -> dict[str, tuple[int, str]]:
    """Name of each field of `Patience` → what holds where nothing is said, and what it means."""
    return {one.name: (getattr(Patience(), one.name), one.metadata["about"]) for one in fields(Patience)}


def bounds_of(key: str) -> tuple[int, int | None]:
    """The least and the most that a field of `Patience` may be; None: as much as one likes."""
    return (1, None) if key == "tries" else (0, DAY)


def read_bearing(entries: Entries) -> Bearing:
    """What `entries` says of errors; what is wrong with it is noted."""
    return Bearing(_read_on_error(entries), _read_patience(entries))


def _read_on_error(entries: Entries) -> dict[str, ErrorClass]:
    said = entries.inner("on_error")
    found: dict[str, ErrorClass] = {}
    for name, value in said.found.items():
        if name not in _MAY_SPEAK_OF:
            said.reading.wrong(said.at(name), f"unknown error '{name}'{_suggested(name)}")
        elif problem := fault("string", value, tuple(ErrorClass)):
            said.reading.wrong(said.at(name), problem)
        else:
            found[name] = ErrorClass(str(value))
    return found


def _suggested(name: str) -> str:
    text = did_you_mean(name, _MAY_SPEAK_OF)
    return text if text.startswith(", did") else "; `towpath errors` lists them"


def _read_patience(entries: Entries) -> dict[str, int]:
    said = entries.inner("patience", [f.name for f in fields(Patience)])
    found: dict[str, int] = {}
    for key, value in said.found.items():
        least, most = bounds_of(key)
        if problem := fault("int", value, minimum=least):
            said.reading.wrong(said.at(key), problem)
        elif isinstance(value, int) and most is not None and value > most:
            said.reading.wrong(said.at(key), f"expected at most {most} seconds, found {value}")
        elif isinstance(value, int):
            found[key] = value
    return found


RATE_RULE = 'expected a share above 0 and at most 1, such as 0.5 or "50 %"'


def read_rate(entries: Entries, key: str = "stop_on_error_rate") -> float | None:
    """A share of paths, as 0.5 or "50 %"; None where nothing is said."""
    value = entries.found.get(key)
    if value is None:
        return None
    rate = rate_of(value)
    if rate is None:
        entries.reading.wrong(entries.at(key), f"{RATE_RULE}, found {shown(value)}")
    return rate


def rate_of(value: object) -> float | None:
    """A share above 0 and at most 1 from 0.5, "0.5" or "50 %"; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    number, percent = text.removesuffix("%").strip(), text.endswith("%")
    try:
        rate = float(number) / (100 if percent else 1)
    except ValueError:
        return None
    return rate if 0 < rate <= 1 else None
