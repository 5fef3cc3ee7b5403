"""The workflows that come installed, each with its steps' arguments as runtime fields."""

from collections.abc import Collection, Mapping

from towpath.domain.catalogue import (
    ADOPT,
    CHECKSUM,
    COPY,
    DELETE,
    INSTALLED,
    MANIFEST,
    MIGRATE,
    MOVE,
    RECALL,
    RECORD,
    REVERSE_STUB,
    UNDELETE,
    UNMANAGE,
    VERIFY,
    Argument,
    StepSpec,
)
from towpath.domain.workflow import Definition, parse_definition

WITH_DATA = ("file", "symlink", "other")
"""The types of path that the steps for data take; such a step says itself why it skips what has no data."""


PLACED = ("to_root", "to_path", "from_path")
"""The arguments by which reverse_stub puts paths elsewhere."""


def _field(argument: Argument, default: bool | int | str | None) -> dict[str, object]:
    """An argument as a runtime field."""
    field: dict[str, object] = {"name": argument.name, "type": argument.type, "label": argument.about}
    if argument.choices:
        field |= {"type": "choice", "choices": list(argument.choices)}
    if default is not None:
        field["default"] = default
    return field


def _fields(
    specs: Collection[StepSpec],
    fixed: Collection[str] = (),
    defaults: Mapping[str, bool | int | str] | None = None,
) -> list[dict[str, object]]:
    """All arguments of these steps as fields, those that the workflow fixes apart."""
    arguments = {
        argument.name: argument for spec in specs for argument in spec.arguments if argument.name not in fixed
    }
    return [
        _field(argument, (defaults or {}).get(name, argument.default)) for name, argument in arguments.items()
    ]


def _use(
    spec: StepSpec, fixed: Mapping[str, object] | None = None, left_out: Collection[str] = ()
) -> dict[str, object]:
    """A step that takes each argument from the field of its name, but for those that the workflow fixes."""
    asked = {
        argument.name: f"*{argument.name}" for argument in spec.arguments if argument.name not in left_out
    }
    return {"name": spec.name, **asked, **(fixed or {})}


def _rules(types: Collection[str], *action: dict[str, object]) -> list[dict[str, object]]:
    """The same chain for each of these types of path."""
    return [{"type": kind, "state": "all", "action": list(action)} for kind in types]


def _send() -> dict[str, object]:
    """Two sites, one target that both reach: verified copies here, stubs or whole files there."""
    here = ("premigrate", "records", "stub_size", "overwrite", "migrate_offline_files")
    there = {"site": "*destinationsite", "queue": "*destinationqueue"}
    destination = [
        {"name": "destinationsite", "type": "enum", "label": "the site to send to", "required": True},
        {
            "name": "destinationqueue",
            "type": "string",
            "label": "the queue there; its default one where left out",
        },
    ]
    migrate = _use(MIGRATE, {"premigrate": True, "records": "all"}, here)
    fields = _fields(
        (REVERSE_STUB, MIGRATE),
        ("premigrate", "records", "migrate_offline_files"),
        {"lock_level": "implicit", "conflict_preference": "newest"},
    )
    return {
        "name": "send",
        "label": "Send to another site",
        "fields": [*destination, *fields],
        "filter_rules": _rules(("all",), migrate, _use(REVERSE_STUB, there)),
    }


DOCUMENTS: tuple[dict[str, object], ...] = (
    {
        "name": "migrate",
        "label": "Migrate",
        "fields": _fields((MIGRATE,)),
        "filter_rules": _rules(WITH_DATA, _use(MIGRATE)),
    },
    {
        "name": "premigrate",
        "label": "Premigrate",
        "fields": _fields((MIGRATE,), ("premigrate", "stub_size"), {"lock_level": "implicit"}),
        "filter_rules": _rules(WITH_DATA, _use(MIGRATE, {"premigrate": True}, ("stub_size",))),
    },
    {
        "name": "recall",
        "label": "Recall",
        "fields": _fields((RECALL,), defaults={"lock_level": "implicit"}),
        "filter_rules": _rules(WITH_DATA, _use(RECALL)),
    },
    _send(),
    {
        "name": "delete",
        "label": "Delete",
        "fields": _fields((DELETE,)),
        "filter_rules": _rules(("all",), _use(DELETE)),
    },
    {
        "name": "move",
        "label": "Move within the site",
        "fields": _fields((MOVE,), defaults={"recursive": True}),
        "filter_rules": _rules(("all",), _use(MOVE)),
    },
    {
        "name": "copy",
        "label": "Copy within the site",
        "fields": _fields((COPY,)),
        "filter_rules": _rules(("all",), _use(COPY)),
    },
    {
        "name": "unmanage",
        "label": "Forget copies at targets",
        "fields": _fields((UNMANAGE,)),
        "filter_rules": _rules(WITH_DATA, _use(UNMANAGE)),
    },
    {
        "name": "adopt",
        "label": "Bind restored stubs anew",
        "fields": _fields((ADOPT,)),
        "filter_rules": _rules(("file",), _use(ADOPT)),
    },
    {
        "name": "undelete",
        "label": "Bring deleted files back",
        "fields": _fields((UNDELETE,)),
        "filter_rules": _rules(("file", "directory"), _use(UNDELETE)),
    },
    {
        "name": "checksum",
        "label": "Checksum",
        "fields": _fields((CHECKSUM,), ("manifest", "check")),
        "filter_rules": _rules(("file",), _use(CHECKSUM, left_out=("manifest", "check"))),
    },
    {
        "name": "manifest",
        "label": "Write a manifest of checksums, or check one",
        "fields": [
            {**field, "required": field["name"] == "manifest"} for field in _fields((CHECKSUM, MANIFEST))
        ],
        "filter_rules": _rules(("file",), _use(CHECKSUM), _use(MANIFEST)),
    },
    {
        "name": "verify",
        "label": "Compare files with their objects",
        "fields": _fields((VERIFY,)),
        "filter_rules": _rules(WITH_DATA, _use(VERIFY)),
    },
    {
        "name": "import",
        "label": "Import what others wrote at a target",
        "discovery": "listing",
        "discovery_options": {"endpoint": "*endpoint", "prefix": "*prefix", "to_path": "*to_path"},
        "fields": _fields((RECORD, REVERSE_STUB), ("to_root", "from_path"), {"lock_level": "implicit"}),
        "filter_rules": _rules(("file",), _use(RECORD), _use(REVERSE_STUB, left_out=PLACED)),
    },
    {
        "name": "noop",
        "label": "Do nothing",
        "visible": False,
        "filter_rules": _rules(("all",), {"name": "noop"}),
    },
)

WORKFLOWS: tuple[Definition, ...] = tuple(parse_definition(document, INSTALLED) for document in DOCUMENTS)
"""The workflows that come installed."""
