"""The settings that may be changed while hubs run: one table, from which all that is checked of them follows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from towpath.domain.errors import did_you_mean
from towpath.domain.reading import Problem, shown

Value: TypeAlias = int | float | str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: a number between two others, or one of some words."""

    name: str
    about: str
    unit: str = ""
    least: float = 0
    most: float = 0
    words: tuple[str, ...] = ()

    def fault(self, value: object) -> str | None:
        """What is wrong with a value for it; None where it will do."""
        if self.words:
            fits = value in self.words
            expected = f"one of {', '.join(self.words)}"
        else:
            fits = (
                isinstance(value, int | float)
                and not isinstance(value, bool)
                and self.least <= value <= self.most
            )
            expected = f"a number from {self.least:g} to {self.most:g}"
        return None if fits else f"expected {expected}, found {shown(value)}"


ALL: Final[Mapping[str, Setting]] = MappingProxyType(
    {
        setting.name: setting
        for setting in (
            Setting(
                "requests_per_minute",
                "How often a user, or an address that signs in, may call each hub; 0: at will.",
                "calls",
                0,
                1_000_000_000,
            ),
            Setting(
                "keep_days", "For how long jobs that are over are kept; 0: for ever.", "days", 0, 100_000
            ),
            Setting("keep_events_days", "For how long events are kept; 0: for ever.", "days", 0, 100_000),
            Setting(
                "session_hours",
                "For how long somebody who has signed in with a browser stays so at most.",
                "hours",
                0.1,
                10_000,
            ),
            Setting(
                "session_idle_hours",
                "For how long they stay so while they do nothing.",
                "hours",
                0.1,
                10_000,
            ),
            Setting(
                "log_level", "What a hub writes into its log.", words=("DEBUG", "INFO", "WARNING", "ERROR")
            ),
        )
    }
)


def faults_in(changes: Mapping[str, object]) -> list[Problem]:
    """All that is wrong with changes; None as a value resets a setting."""
    found = []
    for name, value in changes.items():
        setting = ALL.get(name)
        if setting is None:
            found.append(Problem(name, f"no such setting{did_you_mean(name, ALL)}"))
        elif value is not None and (fault := setting.fault(value)):
            found.append(Problem(name, fault))
    return found
