"""How callers spell numbers, flags and times: exactly as the contract says, and in no other way."""

import re
from datetime import date
from typing import Annotated, Final

from fastapi import Path
from pydantic import AwareDatetime, BeforeValidator, Field, Strict

from towpath.domain.fairness import HIGHEST, LOWEST, MOST_TASKS
from towpath.domain.values import LARGEST

MOST_EXACT = 2**53 - 1
"""The largest whole number that every reader of JSON keeps as it is."""
Number = Annotated[int, Path(ge=0, le=LARGEST)]
"""The id of a thing in a URL: no row has a larger one."""
Share = Annotated[float, Strict()]
"""A number in a body."""
Flag = Annotated[bool, Strict()]
"""true or false in a body, which 1 and "yes" are not."""


def id_of(given: object) -> int:
    """An id as a URL has it, which holds digits alone; -1, which nothing has, for one that is too large."""
    number = int(str(given))
    return number if number <= LARGEST else -1


def _number(given: object) -> object:
    if type(given) in (bool, str):
        raise ValueError("expected a whole number, found text or a flag")
    return given


EXACT = BeforeValidator(_number)
"""Makes a type of whole numbers one for bodies: `true` and "5" are none, and 5.0 is 5. It stands behind the bounds."""
Priority = Annotated[int, Field(ge=LOWEST, le=HIGHEST), EXACT]
"""A job's place in line."""
MaxTasks = Annotated[int, Field(ge=1, le=MOST_TASKS), EXACT]
"""How many tasks may run at once."""


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _moment(given: object) -> object:
    """A time is ISO 8601; a bare number, 1e-5 too, would be taken for seconds since 1970."""
    if _DAY.match(str(given)) is None:
        raise ValueError("expected a time as ISO 8601 writes it, found something else")
    return given


def _day(given: object) -> object:
    if _DAY.fullmatch(str(given)) is None:
        raise ValueError("expected a day as YYYY-MM-DD, found something else")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_moment)]
"""A time with its offset from UTC."""
Day = Annotated[date, BeforeValidator(_day)]
"""A day."""
