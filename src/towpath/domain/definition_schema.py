"""The JSON Schema of workflow definitions: what an editor can check before a hub does, made from the catalogue."""

from collections.abc import Mapping
from typing import Final

from towpath.domain.catalogue import Argument, Catalogue, StepSpec
from towpath.domain.fields import TYPES
from towpath.domain.paths import ErrorClass
from towpath.domain.patience import Patience
from towpath.domain.rules import RULE_TYPES
from towpath.domain.values import NAME
from towpath.domain.workflow import FOREIGN, FOREIGN_DISCOVERIES

Schema = dict[str, object]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAMED: Final[Schema] = {"type": "string", "pattern": f"^(?:{NAME.pattern})$"}
TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
REFERENCE: Final[Schema] = {"type": "string", "pattern": r"^\*"}
PLACE: Final[Schema] = {"anyOf": [NAMED, REFERENCE, {"type": "null"}]}
TYPE_OF: Final[Mapping[str, str]] = {"bool": "boolean", "int": "integer", "string": "string"}


def definition_schema(catalogue: Catalogue) -> Schema:
    """A definition as the hub takes it; what depends on more than one place of it is left to the hub."""
    specs = {id(spec): spec for spec in catalogue.specs.values()}.values()
    return {
        "$schema": DRAFT,
        "title": "A workflow of Towpath",
        "type": "object",
        "required": ["name", "filter_rules"],
        "additionalProperties": False,
        "properties": {
            "name": NAMED,
            "label": {"type": "string", "maxLength": 100},
            "icon_classes": TEXTS,
            "discovery": {"enum": [*catalogue.discoveries, *sorted(FOREIGN_DISCOVERIES), None]},
            "discovery_options": {"type": ["object", "null"]},
            "enabled": {"type": "boolean"},
            "visible": {"type": "boolean"},
            "fields": {"type": ["array", "null"], "items": _field()},
            **_bearing(),
            "stop_on_error_rate": {"type": ["number", "string", "null"]},
            "filter_rules": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/rule"}},
        },
        "$defs": {
            "rule": _rule(),
            "step": {"anyOf": [*(_step(spec) for spec in specs), _foreign()]},
        },
    }


def _field() -> Schema:
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": NAMED,
            "label": {"type": "string", "maxLength": 100},
            "type": {"enum": list(TYPES)},
            "default": {"type": ["string", "integer", "boolean", "null"]},
            "required": {"type": "boolean"},
            "choices": {"type": ["array", "null"], "items": {"type": "string"}},
        },
    }


def _rule() -> Schema:
    return {
        "type": "object",
        "required": ["type", "state", "action"],
        "additionalProperties": False,
        "properties": {
            "type": {"enum": list(RULE_TYPES)},
            "state": NAMED,
            "action": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}},
            "include": TEXTS,
            "exclude": TEXTS,
        },
    }


def _step(spec: StepSpec) -> Schema:
    return {
        "title": spec.name,
        "description": spec.about,
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {"enum": [spec.name, *spec.aliases]},
            "site": PLACE,
            "queue": PLACE,
            **_bearing(),
            **{argument.name: _argument(argument) for argument in spec.arguments},
        },
    }


def _argument(argument: Argument) -> Schema:
    value: Schema = {"type": TYPE_OF[argument.type]}
    if argument.choices:
        value["enum"] = list(argument.choices)
    if argument.minimum is not None:
        value["minimum"] = argument.minimum
    said: Schema = {"description": argument.about, "anyOf": [value, REFERENCE, {"type": "null"}]}
    return said if argument.default is None else {**said, "default": argument.default}


def _foreign() -> Schema:
    """A step of the field that is not known here: it imports, disabled."""
    return {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "pattern": f"^{FOREIGN.replace('.', '[.]')}"}},
    }


def _bearing() -> Mapping[str, object]:
    return {
        "on_error": {
            "type": ["object", "null"],
            "additionalProperties": {"enum": [one.value for one in ErrorClass]},
        },
        "patience": {
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {name: {"type": "integer", "minimum": 0} for name in Patience.__dataclass_fields__},
        },
    }
