"""The values that steps' arguments and workflows' fields take, and what a value of each type must be."""

import re
from collections.abc import Collection

from towpath.domain.errors import did_you_mean
from towpath.domain.reading import shown

Value = bool | int | str

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What sites, queues, targets, workflows and fields may be called."""

NAME_RULE = "expected 1 to 64 letters, digits, '_' or '-'"

LARGEST = 2**63 - 1

WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
"""How a command line may say true or false."""


def name_fault(name: object) -> str | None:
    """What is wrong with a name; None where nothing is."""
    if isinstance(name, str) and NAME.fullmatch(name):
        return None
    return f"{NAME_RULE}, found {shown(name)}"


def fault(kind: str, value: object, choices: Collection[str] = (), minimum: int | None = None) -> str | None:
    """What is wrong with a value for a `bool`, an `int` or a `string`; None where nothing is.

    `choices`, where given, are the strings allowed; `minimum` is the least integer allowed.
    """
    match kind:
        case "bool":
            return None if isinstance(value, bool) else f"expected true or false, found {shown(value)}"
        case "int":
            return _int_fault(value, minimum)
        case _:
            return _string_fault(value, choices)


def _int_fault(value: object, minimum: int | None) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return f"expected a whole number, found {shown(value)}"
    if minimum is not None and value < minimum:
        return f"expected at least {minimum}, found {value}"
    if not -LARGEST <= value <= LARGEST:
        return f"expected a number of at most 64 bits, found {shown(value)}"
    return None


def _string_fault(value: object, choices: Collection[str]) -> str | None:
    if not isinstance(value, str):
        return f"expected a string, found {shown(value)}"
    if choices and value not in choices:
        return f"expected one of {', '.join(choices)}, found {shown(value)}{_suggestion(value, choices)}"
    return None


def _suggestion(value: str, choices: Collection[str]) -> str:
    text = did_you_mean(value, choices)
    return text if text.startswith(", did") else ""


def coerce(kind: str, value: object) -> object:
    """A value as its type, where a command line could only give it as text; anything else comes back as it is."""
    if not isinstance(value, str):
        return value
    if kind == "bool":
        return WORDS.get(value.strip().lower(), value)
    if kind == "int" and re.fullmatch(r"[+-]?[0-9]{1,19}", value.strip()):
        return int(value)
    return value
