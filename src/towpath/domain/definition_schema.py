"""The JSON Schema of workflow definitions: what an editor can check before a hub does, made from the catalogue."""

from collections.abc import Mapping
from typing import Final

from towpath.domain.catalogue import Argument, Catalogue, DiscoverySpec, StepSpec
from towpath.domain.error_table import KNOWN, MEANS
from towpath.domain.fields import TYPES
from towpath.domain.paths import ErrorClass
from towpath.domain.patience import KEYS, about_patience, bounds_of
from towpath.domain.rules import RULE_TYPES
from towpath.domain.values import NAME
from towpath.domain.workflow import FOREIGN, FOREIGN_DISCOVERIES, USUAL_DISCOVERY

Schema = dict[str, object]

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAMED: Final[Schema] = {"type": "string", "pattern": f"^(?:{NAME.pattern})$"}
TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
REFERENCE: Final[Schema] = {"type": "string", "pattern": r"^\*"}
NULL: Final[Schema] = {"type": "null"}
PLACE: Final[Schema] = {"anyOf": [NAMED, REFERENCE, NULL]}
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
            "on_error": _on_error(),
            "patience": _patience(),
            **{f"discovery_{name}": _discovery(spec) for name, spec in catalogue.discoveries.items()},
        },
        "allOf": [_options_fit(name) for name in catalogue.discoveries],
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
            **{argument.name: _argument(argument, NULL) for argument in spec.arguments},
        },
    }


def _argument(argument: Argument, *others: Schema) -> Schema:
    value: Schema = {"type": TYPE_OF[argument.type]}
    if argument.choices:
        value["enum"] = list(argument.choices)
    if argument.minimum is not None:
        value["minimum"] = argument.minimum
    said: Schema = {"description": argument.about, "anyOf": [value, REFERENCE, *others]}
    return said if argument.default is None else {**said, "default": argument.default}


def _foreign() -> Schema:
    """A step of the field that is not known here: it imports, disabled."""
    return {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "pattern": f"^{FOREIGN.replace('.', '[.]')}"}},
    }


def _bearing() -> Mapping[str, object]:
    return {key: {"$ref": f"#/$defs/{key}"} for key in KEYS}


def _on_error() -> Schema:
    """The names of the table, which an editor may offer, and any other errno or status that is an error."""
    named = {"enum": [*ErrorClass, *KNOWN]}
    return {
        "description": "the class that an error has here, by its name or as a whole class: it decides what becomes of"
        " a path that meets it",
        "type": ["object", "null"],
        "propertyNames": {"anyOf": [named, {"pattern": "^E[A-Z0-9]+$"}, {"pattern": "^[45][0-9][0-9]$"}]},
        "additionalProperties": {
            "oneOf": [{"const": one.value, "description": means} for one, means in MEANS.items()]
        },
    }


def _patience() -> Schema:
    said: Schema = {}
    for name, (usual, about) in about_patience().items():
        least, most = bounds_of(name)
        bounds = {"minimum": least} if most is None else {"minimum": least, "maximum": most}
        said[name] = {"description": about, "type": "integer", **bounds, "default": usual}
    return {
        "description": "how long is waited for what may pass",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": said,
    }


def _discovery(spec: DiscoverySpec) -> Schema:
    return {
        "title": spec.name,
        "description": spec.about,
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {option.name: _argument(option) for option in spec.options},
    }


def _options_fit(name: str) -> Schema:
    """The options are those of the discovery; where none is named, of the one that is taken."""
    named: Schema = {"properties": {"discovery": {"const": name}}}
    if name != USUAL_DISCOVERY:
        named["required"] = ["discovery"]
    return {"if": named, "then": {"properties": {"discovery_options": {"$ref": f"#/$defs/discovery_{name}"}}}}
