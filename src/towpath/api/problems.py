"""The one table that turns exceptions into HTTP statuses, told as RFC 9457 problem bodies."""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from towpath.api.feed import Full
from towpath.api.held import ChangedSince
from towpath.api.rates import TooMany
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.phrases import phrase_of
from towpath.domain.providers import NotShown, ProviderSilent
from towpath.domain.reading import Problem as Wrong
from towpath.domain.rights import Forbidden
from towpath.domain.states import IllegalWish
from towpath.domain.workflow import InvalidDefinition
from towpath.engine.joining import NotAdmitted
from towpath.engine.sign_in import Refused
from towpath.store.engines import Away, Uncertain

log = logging.getLogger("towpath.api")

MEDIA_TYPE = "application/problem+json"

SAID = re.compile(r"expected (?P<expected>.+), found (?P<found>.+)", re.DOTALL)
"""How the text of most faults is put."""

KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    type(None): "null",
}
"""What a value is, told in place of the value itself, which may be a secret."""

PLAINLY: Mapping[str, str] = {
    "missing": "expected a value, found none",
    "extra_forbidden": "expected no member of this name, found one",
    "timezone_aware": "expected a time with its offset from UTC, found one without",
}
"""What some of Pydantic's errors are in our words."""


class Unauthenticated(Mistake):
    """The request carries nothing that says who makes it."""


class TooLarge(Mistake):
    """The body of the request is larger than the hub takes."""


class Malformed(Mistake):
    """A parameter or the body of the request is not of the expected form: `faults` says where."""

    def __init__(self, faults: Sequence[Wrong]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = list(faults)


class SiteSilent(Exception):
    """A node of a site was asked, and has not answered in time."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How a class of exceptions is told: its status, and a name that never changes."""

    status: HTTPStatus
    name: str


TABLE: tuple[tuple[type[Exception], Kind], ...] = (
    (Unauthenticated, Kind(HTTPStatus.UNAUTHORIZED, "unauthenticated")),
    (Refused, Kind(HTTPStatus.UNAUTHORIZED, "sign-in-refused")),
    (NotShown, Kind(HTTPStatus.UNAUTHORIZED, "sign-in-refused")),
    (NotAdmitted, Kind(HTTPStatus.UNAUTHORIZED, "join-refused")),
    (TooMany, Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests")),
    (Forbidden, Kind(HTTPStatus.FORBIDDEN, "forbidden")),
    (TooLarge, Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-large")),
    (InvalidDefinition, Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-definition")),
    (Malformed, Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed")),
    (NotFound, Kind(HTTPStatus.NOT_FOUND, "not-found")),
    (Conflict, Kind(HTTPStatus.CONFLICT, "conflict")),
    (IllegalWish, Kind(HTTPStatus.CONFLICT, "illegal-wish")),
    (ChangedSince, Kind(HTTPStatus.PRECONDITION_FAILED, "changed-since")),
    (Mistake, Kind(HTTPStatus.BAD_REQUEST, "mistake")),
    (Full, Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-listeners")),
    (SiteSilent, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "site-silent")),
    (ProviderSilent, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "provider-silent")),
    (Uncertain, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "outcome-unknown")),
    (Away, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable")),
    (OperationalError, Kind(HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable")),
    (Exception, Kind(HTTPStatus.INTERNAL_SERVER_ERROR, "bug")),
)
"""The first row whose class fits tells the exception; what is no mistake of the caller is a bug."""


class Fault(BaseModel):
    """One thing that is wrong, and where."""

    place: str = Field(examples=["filter_rules[2].action[0]"])
    text: str = Field(examples=["expected a whole number, found 'many'"])
    expected: str | None = Field(default=None, examples=["a whole number"])
    found: str | None = Field(default=None, examples=["'many'"])

    @classmethod
    def of(cls, fault: Wrong) -> "Fault":
        """The fault as the API shows it: what was expected and found apart, where its text says both."""
        said = SAID.fullmatch(fault.text)
        return cls(
            place=fault.place,
            text=fault.text,
            expected=said["expected"] if said else None,
            found=said["found"] if said else None,
        )


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["urn:towpath:not-found"])
    title: str = Field(examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["job 7: there is no such job"])
    instance: str = Field(examples=["/api/jobs/7/"])
    problems: list[Fault] = []


def kind_of(error: Exception) -> Kind:
    """The row of the table for an exception."""
    return next(kind for cls, kind in TABLE if isinstance(error, cls))


def faults_of(error: Exception) -> Sequence[Wrong]:
    """What exactly is wrong, where the exception says so."""
    if isinstance(error, Malformed):
        return error.faults
    return error.problems if isinstance(error, InvalidDefinition) else ()


def tell(request: Request, error: Exception) -> Response:
    """The response for an exception that a route raised."""
    kind = kind_of(error)
    detail = " ".join(str(error).split())
    if kind.status is HTTPStatus.INTERNAL_SERVER_ERROR:
        detail = "the hub met a bug; its log has the trace"
    elif kind.status is HTTPStatus.SERVICE_UNAVAILABLE:
        log.error("%s %s: %s", request.method, request.url.path, error)
        if not isinstance(error, Uncertain | SiteSilent | ProviderSilent):
            detail = "the hub's database does not answer; try again"
    response = respond(request, kind, detail, faults_of(error))
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.seconds)
    return response


def problem(kind: Kind, detail: str, instance: str, faults: Iterable[Wrong] = ()) -> Problem:
    """The body that tells of a refusal; `instance` is the path of the request."""
    return Problem(
        type=f"urn:towpath:{kind.name}",
        title=phrase_of(kind.status),
        status=kind.status,
        detail=detail,
        instance=instance,
        problems=[Fault.of(fault) for fault in faults],
    )


def respond(request: Request, kind: Kind, detail: str, faults: Iterable[Wrong] = ()) -> Response:
    """A problem body with its status."""
    body = problem(kind, detail, request.url.path, faults)
    headers = {"WWW-Authenticate": "Api-Key"} if kind.status is HTTPStatus.UNAUTHORIZED else None
    return Response(body.model_dump_json(), kind.status, headers, MEDIA_TYPE)


def _place(location: Sequence[object]) -> str:
    """Pydantic's location as people write it: `paths[0].state`."""
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".").removeprefix("body").removeprefix(".") or "body"


def _fault_of(error: Mapping[str, Any]) -> Wrong:
    """What Pydantic says, as we say it; what a caller sent stands in it only where it is a number."""
    place, said = _place(error["loc"]), str(error["msg"]).removeprefix("Value error, ")
    if "expected " in said:
        return Wrong(place, said)
    if error["type"] in PLAINLY:
        return Wrong(place, PLAINLY[error["type"]])
    given = error.get("input")
    found = KINDS.get(type(given), str(given) if isinstance(given, int | float) else "something else")
    return Wrong(
        place, f"expected {said[:1].lower() + said[1:]}, found {found[:40]}".replace("input should be ", "")
    )


async def _tell_malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return tell(request, Malformed([_fault_of(one) for one in error.errors()]))


async def _tell_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    response = respond(request, Kind(status, phrase_of(status).lower().replace(" ", "-")), detail)
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(request.app.state.verbs_at(request.url.path))
    return response


async def _tell(request: Request, error: Exception) -> Response:
    if isinstance(error, Forbidden | Unauthenticated):
        address = request.client.host if request.client else ""
        log.warning("refused: %s %r from %s: %s", request.method, request.url.path, address, error)
    return tell(request, error)


def install(app: FastAPI) -> None:
    """Let the app tell every exception by the table."""
    app.add_exception_handler(RequestValidationError, _tell_malformed)
    app.add_exception_handler(HTTPException, _tell_http)
    for cls, _ in TABLE:
        # The last row is the boundary for bugs: the server logs the trace after the response is sent.
        app.add_exception_handler(cls, _tell)
