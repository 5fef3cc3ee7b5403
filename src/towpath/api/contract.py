"""The contract: what the OpenAPI document says of each operation beside what its code says."""

import copy
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from towpath.api.door import NEEDS, SCHEMES
from towpath.api.held import CHANGING, SHOWING
from towpath.api.problems import MEDIA_TYPE, Problem
from towpath.domain.phrases import phrase_of

VERBS = ("get", "post", "put", "patch", "delete")
SCHEMA = {"$ref": "#/components/schemas/Problem"}

REFUSALS: Mapping[HTTPStatus, tuple[str, str, str]] = {
    HTTPStatus.BAD_REQUEST: ("A rule that no schema can say is broken.", "mistake", "paths: expected …"),
    HTTPStatus.UNAUTHORIZED: (
        "Nothing says who asks, or what says it opens nothing.",
        "unauthenticated",
        "the hub does not know that API key, or it has expired or was revoked",
    ),
    HTTPStatus.FORBIDDEN: (
        "Who asks may not do that.",
        "forbidden",
        "submit: needs the right to run, and ana is a viewer",
    ),
    HTTPStatus.NOT_FOUND: (
        "Something that is named does not exist.",
        "not-found",
        "no site 'olso', did you mean 'oslo'?",
    ),
    HTTPStatus.CONFLICT: (
        "It cannot be done as things stand.",
        "conflict",
        "job 12: cannot be paused, since it is SUCCESS",
    ),
    HTTPStatus.PRECONDITION_FAILED: (
        "The thing has changed since it was read.",
        "changed-since",
        'If-Match: expected "a1b2…", as the thing is now, found another',
    ),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
        "The body is larger than the hub takes.",
        "too-large",
        "body: expected at most 33554432 bytes, found more",
    ),
    HTTPStatus.UNPROCESSABLE_ENTITY: (
        "Something is not spelled as the contract says; `problems` names each place.",
        "malformed",
        "filter_rules[2].action[0]: unknown step 'migrat', did you mean 'migrate'?",
    ),
    HTTPStatus.TOO_MANY_REQUESTS: (
        "So many requests of one user within a minute are refused.",
        "too-many-requests",
        "expected at most 60000 requests within a minute, found more; wait 1 s",
    ),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (
        "The URL and the headers together are longer than the hub takes; it says so before it looks at them.",
        "head-too-large",
        "headers: expected at most 65536 bytes, found more",
    ),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        "The hub met a bug.",
        "bug",
        "the hub met a bug; its log has the trace",
    ),
    HTTPStatus.SERVICE_UNAVAILABLE: (
        "Something that is needed does not answer now.",
        "database-unavailable",
        "the hub's database does not answer; try again",
    ),
}
"""Each status of a refusal: what it means, and the name and the detail of an example."""

HEADERS: Mapping[HTTPStatus, tuple[str, str, str]] = {
    HTTPStatus.UNAUTHORIZED: ("WWW-Authenticate", "string", "With what to come."),
    HTTPStatus.TOO_MANY_REQUESTS: ("Retry-After", "integer", "Seconds to wait."),
}

EXAMPLES: Mapping[str, object] = {
    "job_id": 12,
    "task_id": 31,
    "number": 3,
    "key_id": 4,
    "token_id": 6,
    "session_id": 5,
    "webhook_id": 2,
    "version": 1,
    "site": "oslo",
    "owner": "ana",
    "user": "ana",
    "step": "migrate",
    "target": "tape",
}
"""What a parameter may be, by its name."""

ASKING = frozenset({"list_objects", "list_files"})
"""Operations that change nothing and ask a node: where none is heard, or it cannot answer, it cannot be done now."""

NAMES: Mapping[str, str] = {
    "sites": "oslo",
    "nodes": "local",
    "spaces": "genomes",
    "buckets": "cloud",
    "targets": "tape",
    "workflows": "migrate",
    "people": "ana",
    "orphans": "tape",
}
"""What `name` may be, by the tag of the operation."""


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The document with each operation's refusals, and an example for each parameter."""
    whole = copy.deepcopy(document)
    components = whole.setdefault("components", {})
    components.setdefault("schemas", {}).update(_problem())
    components["securitySchemes"] = {name: dict(said) for name, said in SCHEMES.items()}
    components["responses"] = {str(int(status)): _refusal(status) for status in REFUSALS}
    for path, operation in operations(whole):
        if operation["operationId"] in NEEDS:
            operation["security"] = [{name: []} for name in SCHEMES]
        _tag(operation)
        for status in _refused_with(path, operation):
            responses = operation.setdefault("responses", {})
            if status is HTTPStatus.UNPROCESSABLE_ENTITY or str(int(status)) not in responses:
                responses[str(int(status))] = {"$ref": f"#/components/responses/{int(status)}"}
        operation["responses"].pop("default", None)
        for parameter in operation.get("parameters", ()):
            _show(parameter, operation["tags"][0])
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return whole


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation of a document with its path."""
    for path, verbs in document["paths"].items():
        for verb in VERBS:
            if verb in verbs:
                verbs[verb].setdefault("x-verb", verb)
                yield path, verbs[verb]


def _problem() -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs"), "Problem": schema}


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    about, name, detail = REFUSALS[status]
    example = {
        "type": f"urn:towpath:{name}",
        "title": phrase_of(status),
        "status": int(status),
        "detail": detail,
        "instance": "/api/jobs/12/pause/",
        "problems": [],
    }
    said: dict[str, Any] = {
        "description": about,
        "content": {MEDIA_TYPE: {"schema": SCHEMA, "example": example}},
    }
    if status in HEADERS:
        header, kind, meaning = HEADERS[status]
        said["headers"] = {header: {"description": meaning, "required": True, "schema": {"type": kind}}}
    return said


def _refused_with(path: str, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    verb = operation.pop("x-verb")
    parameters = operation.get("parameters", ())
    takes_body = "requestBody" in operation
    yield HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    yield from (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
    if operation["operationId"] == "show_health":
        return
    yield HTTPStatus.TOO_MANY_REQUESTS
    yield HTTPStatus.UNAUTHORIZED
    if operation.get("security"):
        yield HTTPStatus.FORBIDDEN
    if parameters or takes_body:
        yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    if "{" in path or verb != "get":
        yield HTTPStatus.NOT_FOUND
    if verb != "get" or operation["operationId"] in ASKING:
        yield HTTPStatus.CONFLICT
    if takes_body:
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if any(parameter["name"] == "If-Match" for parameter in parameters):
        yield HTTPStatus.PRECONDITION_FAILED


def _tag(operation: dict[str, Any]) -> None:
    """What has a tag says so, and what may be told of which."""
    if operation["operationId"] in SHOWING:
        about = "Of the thing as it is; a change sends it as `If-Match`."
        operation["responses"]["200"]["headers"] = {
            "ETag": {"description": about, "schema": {"type": "string"}}
        }
    if operation["operationId"] in CHANGING:
        about = "The `ETag` of the thing as it was read: 412 where it is another by now."
        header = {"name": "If-Match", "in": "header", "required": False, "description": about}
        operation.setdefault("parameters", []).append({**header, "schema": {"type": "string"}})


def _show(parameter: dict[str, Any], tag: str) -> None:
    name = parameter["name"]
    example = NAMES.get(tag) if name == "name" else EXAMPLES.get(name)
    if example is not None and parameter.get("in") == "path":
        parameter.setdefault("example", example)
