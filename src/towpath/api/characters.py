"""What no request may hold, whatever it asks: characters and numbers that a database or a reader of JSON refuses."""

import json
import math
import re
from collections.abc import Iterator

from fastapi import Request

from towpath.api.problems import Malformed
from towpath.domain.reading import Problem

DEEPEST = 64
"""How deeply a body may be nested."""

BROKEN = re.compile("[\0\ud800-\udfff]")
"""NUL, which PostgreSQL keeps in no text, and halves of characters, which no UTF-8 can spell."""
SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity|[eE]\+?[0-9]{3}|\0")
"""With what a body may hold something that is refused; only such a body is read twice."""

TEXT = "expected text without NUL and without halves of characters, found one"


async def refuse_broken(request: Request) -> None:
    """Raises `Malformed` for what no operation can take, before the operation looks at it."""
    faults = [Problem(f"path.{name}", TEXT) for name, value in request.path_params.items() if _broken(value)]
    faults += [
        Problem(f"query.{_named(name)}", TEXT)
        for name, value in request.query_params.multi_items()
        if _broken(name) or _broken(value)
    ]
    faults += _faults_of(await request.body())
    if faults:
        raise Malformed(faults)


def _broken(text: object) -> bool:
    return isinstance(text, str) and BROKEN.search(text) is not None


def _named(text: str) -> str:
    return BROKEN.sub("�", text)


def _faults_of(body: bytes) -> list[Problem]:
    if not SUSPECT.search(body) and body.count(b"[") + body.count(b"{") <= DEEPEST:
        return []
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        # Told as no JSON, by whoever reads it.
        return []
    return list(faults_in(found))


def faults_in(found: object) -> Iterator[Problem]:
    """Each fault of a body, or its being nested too deeply, which is looked into no further."""
    below: list[tuple[str, int, object]] = [("body", 0, found)]
    while below:
        place, depth, value = below.pop()
        if depth > DEEPEST:
            yield Problem("body", f"expected at most {DEEPEST} levels, found more")
            return
        if _broken(value):
            yield Problem(place, TEXT)
        elif isinstance(value, float) and not math.isfinite(value):
            yield Problem(place, "expected a number, found one that JSON cannot write")
        elif isinstance(value, dict):
            if any(map(_broken, value)):
                yield Problem(place, TEXT)
            below += [(f"{place}.{_named(name)}", depth + 1, member) for name, member in value.items()]
        elif isinstance(value, list):
            below += [(f"{place}[{number}]", depth + 1, member) for number, member in enumerate(value)]
