"""Reads decoded JSON or YAML and collects what is wrong with it, each thing with its exact place."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from towpath.domain.errors import Mistake, did_you_mean

SHOWN = 60
"""Characters of a value that an error shows."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a document, and where: `filter_rules[2].action[0]`, or "" for the document itself."""

    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}" if self.place else self.text


def shown(value: object) -> str:
    """A value as an error shows it: as JSON spells it, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def under(place: str, key: str) -> str:
    """The place of a key."""
    return f"{place}.{key}" if place else key


@dataclass
class Reading:
    """A document being read: what is wrong is noted, and reading goes on with a harmless value in its place."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def wrong(self, place: str, text: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(place, text))

    def warn(self, place: str, text: str) -> None:
        """Note what works, but perhaps not as meant."""
        self.warnings.append(Problem(place, text))

    def mapping(self, value: object, place: str, known: Collection[str] | None = None) -> "Entries":
        """An object; a key that is not among the known ones is a problem."""
        if not isinstance(value, Mapping):
            self.wrong(place, f"expected an object, found {shown(value)}")
            return Entries(self, place, {}, broken=True)
        found: dict[str, object] = {}
        for key, entry in value.items():
            if not isinstance(key, str):
                self.wrong(place, f"expected keys to be strings, found {shown(key)}")
            elif known is not None and key not in known:
                self.wrong(under(place, key), f"unknown key{did_you_mean(key, known)}")
            else:
                found[key] = entry
        return Entries(self, place, found)

    def items(self, value: object, place: str) -> Iterator[tuple[str, object]]:
        """The members of a list, each with its place."""
        if not isinstance(value, list | tuple):
            self.wrong(place, f"expected a list, found {shown(value)}")
            return
        for index, member in enumerate(value):
            yield f"{place}[{index}]", member

    def strings(self, value: object, place: str) -> tuple[str, ...]:
        """A list of strings."""
        found = []
        for at, member in self.items(value, place):
            if isinstance(member, str):
                found.append(member)
            else:
                self.wrong(at, f"expected a string, found {shown(member)}")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Entries:
    """The keys of an object in a document; `broken`: it was no object, which is noted already."""

    reading: Reading
    place: str
    found: Mapping[str, object]
    broken: bool = False

    def at(self, key: str) -> str:
        """The place of a key."""
        return under(self.place, key)

    def required(self, key: str) -> bool:
        """Whether the key is there; a problem where it is not."""
        if key not in self.found and not self.broken:
            self.reading.wrong(self.at(key), "is required")
        return key in self.found

    def string(self, key: str, default: str = "", longest: int | None = None) -> str:
        """A string, or the default where the key is absent."""
        value = self.found.get(key, default)
        if not isinstance(value, str):
            self.reading.wrong(self.at(key), f"expected a string, found {shown(value)}")
            return default
        if longest is not None and len(value) > longest:
            self.reading.wrong(self.at(key), f"expected at most {longest} characters, found {len(value)}")
        return value

    def boolean(self, key: str, default: bool) -> bool:
        """True or false, or the default where the key is absent."""
        value = self.found.get(key, default)
        if not isinstance(value, bool):
            self.reading.wrong(self.at(key), f"expected true or false, found {shown(value)}")
            return default
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """A list of strings; empty where the key is absent or null."""
        value = self.found.get(key)
        return () if value is None else self.reading.strings(value, self.at(key))

    def inner(self, key: str, known: Collection[str] | None = None) -> "Entries":
        """An object; empty where the key is absent or null."""
        value = self.found.get(key)
        return self.reading.mapping({} if value is None else value, self.at(key), known)

    def items(self, key: str) -> Iterator[tuple[str, object]]:
        """The members of a list, each with its place; none where the key is absent."""
        return self.reading.items(self.found.get(key, ()), self.at(key))


def as_json(value: object) -> object:
    """YAML's value as JSON has it: YAML also has dates, and keys that are no strings; raises `Mistake`."""
    if isinstance(value, dict):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [as_json(entry) for entry in value]
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise Mistake(f"expected what JSON can say, found {type(value).__name__}")
