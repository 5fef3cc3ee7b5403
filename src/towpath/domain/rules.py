"""Which rule of a workflow takes a path, by its type, its state and its globs."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from towpath.domain.paths import Kind

ANY: Final = 0
"""A condition's kind where it takes every kind."""

RULE_TYPES: Mapping[str, int] = MappingProxyType(
    {
        "all": ANY,
        "file": Kind.FILE,
        "directory": Kind.DIRECTORY,
        "symlink": Kind.SYMLINK,
        "other": Kind.OTHER,
        "link": Kind.SYMLINK,
        "folder": Kind.DIRECTORY,
    }
)
"""The type names of rules; the last two are the field's own words for two of the others."""

ALL_STATES: Final = "all"
DEFAULT_STATE: Final = "default"
"""The state of a rule that takes what no rule of another state took."""

MAX_GLOB: Final = 4096
MAX_JOINTS: Final = 4
"""Each `**` that touches other characters doubles the expression, so only so many are taken."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule takes: a kind (a value of `RULE_TYPES`), a state, and globs.

    A path must match one of `include`, where there are any, and none of `exclude`. In a glob `*` and `?` stop
    at a slash, `**` does not, `[a-z]` and `[!a-z]` are one character. A glob without a slash is held against
    the last component of a path, any other against the whole path from its root on; a slash at its beginning
    only says that. Upper and lower case differ. `?` is one character, or one byte of what is not UTF-8.
    """

    kind: int = ANY
    state: str = ALL_STATES
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Why(StrEnum):
    """Why a rule takes a path, or does not."""

    TAKES = "takes"
    TYPE = "type"
    """It takes paths of another type."""
    STATE = "state"
    """It takes paths of another state."""
    INCLUDE = "include"
    """None of its `include` matches."""
    EXCLUDE = "exclude"
    """One of its `exclude` matches."""
    EARLIER = "earlier"
    """It would take it, but another rule, which is asked before it, does."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a path, and the glob by which it is included or excluded, if there is one."""

    why: Why
    glob: str | None = None


class Rules:
    """The conditions of a workflow's rules, in order, made ready for many paths."""

    def __init__(self, conditions: Iterable[Condition]) -> None:
        self._conditions = tuple(conditions)
        self._include = tuple(Globs(c.include) if c.include else None for c in self._conditions)
        self._exclude = tuple(Globs(c.exclude) if c.exclude else None for c in self._conditions)
        self._candidates: dict[tuple[int, str], tuple[int, ...]] = {}

    def match(self, kind: int, state: str, path: bytes) -> int | None:
        """The first condition that takes the path, by index (those of `default` last); None if none does."""
        for index in self.candidates(kind, state):
            if self._missed(index, path) is None:
                return index
        return None

    def _missed(self, index: int, path: bytes) -> Why | None:
        """Which globs of a condition keep it from taking the path; None where they do not."""
        include, exclude = self._include[index], self._exclude[index]
        if include is not None and not include.match(path):
            return Why.INCLUDE
        return Why.EXCLUDE if exclude is not None and exclude.match(path) else None

    def explain(self, kind: int, state: str, path: bytes) -> tuple[Verdict, ...]:
        """What each condition says of a path: the one that `match` gives takes it, the others say why not."""
        taken = self.match(kind, state, path)
        return tuple(
            self._verdict(index, self._why(index, taken, kind, state, path), path)
            for index in range(len(self._conditions))
        )

    def _why(self, index: int, taken: int | None, kind: int, state: str, path: bytes) -> Why:
        condition = self._conditions[index]
        if not _takes_kind(condition, kind):
            return Why.TYPE
        if not _takes_state(condition, state):
            return Why.STATE
        return self._missed(index, path) or (Why.TAKES if index == taken else Why.EARLIER)

    def _verdict(self, index: int, why: Why, path: bytes) -> Verdict:
        one = self._conditions[index]
        globs = {Why.TAKES: one.include, Why.EXCLUDE: one.exclude}.get(why, ())
        return Verdict(why, next((glob for glob in globs if Globs((glob,)).match(path)), None))

    def candidates(self, kind: int, state: str) -> tuple[int, ...]:
        """The conditions whose kind and state take such a path, in the order in which to try their globs."""
        known = self._candidates.get((kind, state))
        if known is None:
            known = self._candidates[kind, state] = tuple(_candidates(self._conditions, kind, state))
        return known

    def settled(self, kind: int, state: str) -> tuple[int | None] | None:
        """`(index,)` or `(None,)` where every path of that kind and state has the same rule, else None."""
        candidates = self.candidates(kind, state)
        if not candidates:
            return (None,)
        first = candidates[0]
        return (first,) if self._include[first] is None and self._exclude[first] is None else None


def sentence(condition: Condition, verdict: Verdict, kind: int, state: str) -> str:
    """What a condition says of a path of that kind and state, for people."""
    found = Kind.FILE if kind == Kind.MISSING else Kind(kind)
    match verdict.why:
        case Why.TYPE:
            return f"expected type {Kind(condition.kind).name.lower()}, found {found.name.lower()}"
        case Why.STATE:
            return f"expected state {condition.state}, found {state or 'none'}"
        case Why.INCLUDE:
            return f"expected a path that is like {' or '.join(condition.include)}, found another"
        case Why.EXCLUDE:
            return f"leaves out what is like {verdict.glob}"
        case Why.EARLIER:
            return "would take it, but another rule is asked before it"
        case Why.TAKES:
            return "takes it" if verdict.glob is None else f"takes it: it is like {verdict.glob}"


def match(conditions: Sequence[Condition], kind: int, state: str, path: bytes) -> int | None:
    """The index of the condition that takes the path, None if none does. For many paths keep a `Rules`."""
    return Rules(conditions).match(kind, state, path)


def _candidates(conditions: Sequence[Condition], kind: int, state: str) -> Iterator[int]:
    fitting = [i for i, c in enumerate(conditions) if _takes_kind(c, kind) and _takes_state(c, state)]
    yield from (i for i in fitting if not _is_default(conditions[i]))
    yield from (i for i in fitting if _is_default(conditions[i]))


def _takes_kind(condition: Condition, kind: int) -> bool:
    return condition.kind in (ANY, Kind.FILE if kind == Kind.MISSING else kind)


def _takes_state(condition: Condition, state: str) -> bool:
    return condition.state in (ALL_STATES, state) or _is_default(condition)


def _is_default(condition: Condition) -> bool:
    return condition.state == DEFAULT_STATE


# Globs ------------------------------------------------------------------------------------------------------


class Globs:
    """Some globs as one expression; raises ValueError for a glob that `check_glob` has something against."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = tuple(patterns)
        for pattern in patterns:
            wrong = check_glob(pattern)
            if wrong is not None:
                raise ValueError(wrong)
        self._name = _one_of(_component(_parse(p)) for p in patterns if "/" not in p)
        self._path = _one_of(_components(v) for p in patterns if "/" in p for v in _variants(p))

    def match(self, path: bytes) -> bool:
        """Whether one of the globs matches."""
        text = path.decode("utf-8", "surrogateescape")
        if self._name is not None and self._name.fullmatch(text, text.rfind("/") + 1):
            return True
        return self._path is not None and self._path.fullmatch(text) is not None


def check_glob(pattern: str) -> str | None:
    """What is wrong with a glob, in one line; None where nothing is."""
    if not pattern or len(pattern) > MAX_GLOB:
        return f"expected a glob of 1 to {MAX_GLOB} characters, found {len(pattern)}"
    if "\0" in pattern:
        return f"expected a glob without a NUL character, found {pattern!r}"
    parts = pattern.removeprefix("/").split("/")
    if parts[-1] == "":
        meant = pattern.strip("/") or "name"
        return f"no path ends in a slash: expected '{meant}' or '{meant}/**', found '{pattern}'"
    if any(part in ("", ".", "..") for part in parts):
        return f"no path has an empty part, '.' or '..': expected a glob without them, found '{pattern}'"
    wrong = next((w for w in map(_wrong_class, parts) if w), None)
    if wrong is not None:
        return f"{wrong}, found '{pattern}'"
    if sum(len(part) > 1 and part.count(_DEEP) for part in map(_parse, parts)) > MAX_JOINTS:
        return f"expected at most {MAX_JOINTS} '**' that touch other characters, found '{pattern}'"
    return None


_TOKEN: Final = re.compile(
    r"(?P<star>\*+)|(?P<any>\?)|\[(?P<no>!?)(?P<set>\][^\]]*|[^\]]+)\]|(?P<char>.)", re.DOTALL
)
_STAR: Final = "*"
_DEEP: Final = "**"
"""In a parsed component; every other token is the expression of one character."""


def _parse(part: str) -> list[str]:
    """The tokens of one component of a glob."""
    return [_token(found) for found in _TOKEN.finditer(part)]


def _token(found: re.Match[str]) -> str:
    if found["star"]:
        return _STAR if found["star"] == "*" else _DEEP
    if found["any"]:
        return "[^/]"
    if found["set"] is None:
        return re.escape(found["char"])
    ranges = "".join(rf"\U{ord(a):08x}-\U{ord(b):08x}" for a, b in _ranges(found["set"]))
    return f"[^/{ranges}]" if found["no"] else f"[{ranges}]"


def _ranges(chars: str) -> list[tuple[str, str]]:
    """The ranges of a class; a single character is one from itself to itself."""
    return [(first, last or first) for first, last in re.findall(r"(.)(?:-(.))?", chars, re.DOTALL)]


def _wrong_class(part: str) -> str | None:
    """What is wrong with the classes of one component; a slash inside one has cut it: it never closes."""
    for found in _TOKEN.finditer(part):
        if found["char"] == "[":
            return "expected ']' after '[' and before the next slash"
        backwards = [f"{a}-{b}" for a, b in _ranges(found["set"] or "") if a > b]
        if backwards:
            return f"expected a range that goes up, not '{backwards[0]}'"
    return None


def _variants(pattern: str) -> list[list[list[str]]]:
    """A glob with a slash as parsed components in which `**` stands alone: `a**b` is `a*b` or `a*/**/*b`."""
    variants: list[list[list[str]]] = [[]]
    for part in map(_parse, pattern.removeprefix("/").split("/")):
        variants = [[*variant, []] for variant in variants]
        for token in part:
            if token == _DEEP and len(part) > 1:
                whole = [[*v[:-1], [*v[-1], _STAR]] for v in variants]
                variants = whole + [[*v, [_DEEP], [_STAR]] for v in whole]
            else:
                variants = [[*v[:-1], [*v[-1], token]] for v in variants]
    return variants


def _one_of(expressions: Iterable[str]) -> re.Pattern[str] | None:
    joined = "|".join(f"(?:{e})" for e in expressions)
    return re.compile(joined, re.DOTALL) if joined else None


# Of several stars only the last may give back what it took. The ones before it take as little as they can,
# once (`(?>…)`): what comes after the next star can match from a later place only if it also can from an
# earlier one. So no glob is slow on any path. The same holds for `**` and whole components.


def _component(tokens: Sequence[str]) -> str:
    """The expression of one component."""
    first, *rest = _split(tokens, (_STAR, _DEEP))
    middle = "".join(f"(?>[^/]*?{''.join(piece)})" for piece in rest[:-1])
    return "".join(first) + middle + "".join(f"[^/]*{''.join(piece)}" for piece in rest[-1:])


def _components(parts: Sequence[Sequence[str]]) -> str:
    """The expression of a whole path."""
    runs = _split([_DEEP if list(part) == [_DEEP] else _component(part) for part in parts], (_DEEP,))
    first, *rest = ["/".join(run) for run in runs]
    if not rest:
        return first
    middle = "".join(f"(?>(?:[^/]+/)*?{run}/)" for run in rest[:-1] if run)
    return (f"{first}/" if first else "") + middle + "(?:[^/]+/)*" + (rest[-1] or "[^/]+")


def _split(tokens: Sequence[str], at: tuple[str, ...]) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for token in tokens:
        if token in at:
            runs.append([])
        else:
            runs[-1].append(token)
    return runs
