"""Errors that the product did not expect: it tells its log and goes on; the history in which one came has failed."""

import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

FOUND: list[str] = []
"""What came since it was last forgotten, in the order in which it came."""


def noticed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Part of the log's way: keep what is told with the error that is being handled."""
    if event.get("exc_info") is True:
        error = sys.exc_info()[1]
        FOUND.append(f"{event['event']}: {type(error).__name__}: {error}")
    return event


def unsaid(_logger: Any, _method: str, _event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The end of the log's way where it is to be quiet."""
    raise structlog.DropEvent
