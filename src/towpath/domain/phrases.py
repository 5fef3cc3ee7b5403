"""What the statuses of HTTP are called, the same whichever Python runs."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

RENAMED: Final[Mapping[int, str]] = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
}
"""Those that Python calls otherwise before 3.13, by RFC 9110."""


def phrase_of(status: HTTPStatus) -> str:
    """A status in words: `Not Found`."""
    return RENAMED.get(status, status.phrase)
