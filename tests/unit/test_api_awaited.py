"""What an answer waits for: nothing of the API takes the way to a thread and back only to be called."""

from collections.abc import Iterator
from inspect import iscoroutinefunction

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from towpath.api.app import FOR_CALLERS, OPEN_TO_ALL


def called(needed: Dependant) -> Iterator[object]:
    """All that is called to answer a request, the operation itself included."""
    yield needed.call
    for one in needed.dependencies:
        yield from called(one)


def is_awaited(call: object) -> bool:
    """Whether FastAPI awaits it, and runs it in no thread."""
    return iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)


def test_whatever_an_answer_needs_is_awaited() -> None:
    routes = [route for router in (*OPEN_TO_ALL, *FOR_CALLERS) for route in router.routes]
    found = {call for route in routes if isinstance(route, APIRoute) for call in called(route.dependant)}
    assert len(found) > 100
    assert not [call for call in found if not is_awaited(call)]
