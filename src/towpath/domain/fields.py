"""The runtime fields of a workflow: what the one who runs it may or must say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import cast

from towpath.domain.catalogue import Argument
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.reading import Entries, Reading
from towpath.domain.values import Value, coerce, fault, name_fault

TYPES = ("string", "int", "bool", "choice", "enum")
"""`choice` takes one of its choices, `enum` the name of a site."""

FIELD_KEYS = ("name", "label", "type", "default", "required", "choices")

VALUE_TYPE = {"string": "string", "int": "int", "bool": "bool", "choice": "string", "enum": "string"}


@dataclass(frozen=True, slots=True)
class Field:
    """One runtime field of a workflow; a default of None means that it may be left empty unless required."""

    name: str
    type: str = "string"
    label: str = ""
    default: Value | None = None
    required: bool = False
    choices: tuple[str, ...] = ()

    def document(self) -> dict[str, object]:
        """The field as plain JSON; what is at its default is left out."""
        document: dict[str, object] = {"name": self.name, "type": self.type}
        if self.label:
            document["label"] = self.label
        if self.default is not None:
            document["default"] = self.default
        if self.required:
            document["required"] = True
        if self.choices:
            document["choices"] = list(self.choices)
        return document

    def suits(self, argument: Argument) -> bool:
        """Whether the field's values can be values of the argument."""
        if VALUE_TYPE[self.type] != argument.type:
            return False
        return not (self.choices and argument.choices) or set(self.choices) <= set(argument.choices)

    def fault(self, value: object, sites: Collection[str] | None = None) -> str | None:
        """What is wrong with a value for this field; names of sites are checked where `sites` is given."""
        choices = sorted(sites) if self.type == "enum" and sites is not None else self.choices
        return fault(VALUE_TYPE[self.type], value, choices)


def read_fields(reading: Reading, top: Entries) -> tuple[Field, ...]:
    """The fields of a definition; what is wrong with them is noted."""
    fields: dict[str, Field] = {}
    for place, document in reading.items(top.found.get("fields") or (), top.at("fields")):
        found = read_field(reading, document, place)
        if found is None:
            continue
        if found.name in fields:
            reading.wrong(f"{place}.name", f"there is a field '{found.name}' already")
        fields.setdefault(found.name, found)
    return tuple(fields.values())


def read_field(reading: Reading, document: object, place: str) -> Field | None:
    """One field of a definition; None where it cannot even be told what it is called."""
    entries = reading.mapping(document, place, FIELD_KEYS)
    if not entries.required("name"):
        return None
    name = entries.string("name")
    if problem := name_fault(name):
        reading.wrong(entries.at("name"), problem)
    field = Field(
        name=name,
        type=_read_type(entries),
        label=entries.string("label", longest=100),
        required=entries.boolean("required", default=False),
        choices=entries.strings("choices"),
    )
    if field.type == "choice" and not field.choices:
        reading.wrong(entries.at("choices"), "is required for a field of type choice")
    if field.type != "choice" and field.choices:
        reading.wrong(
            entries.at("choices"),
            f"expected only for a field of type choice, found on one of type {field.type}",
        )
    return _with_default(field, entries)


def _read_type(entries: Entries) -> str:
    kind = entries.string("type", "string")
    if kind not in TYPES:
        entries.reading.wrong(entries.at("type"), f"unknown type '{kind}'{did_you_mean(kind, TYPES)}")
        return "string"
    return kind


def _with_default(field: Field, entries: Entries) -> Field:
    default = entries.found.get("default")
    if default is None:
        return field
    if problem := field.fault(default):
        entries.reading.wrong(entries.at("default"), problem)
        return field
    return replace(field, default=cast(Value, default))


def fill_in(
    workflow: str, fields: Collection[Field], given: Mapping[str, object], sites: Collection[str]
) -> dict[str, Value]:
    """The value of each field that has one: the one given, else its default; raises `Mistake` that names all faults."""
    names = [field.name for field in fields]
    faults = [f"unknown field '{name}'{did_you_mean(name, names)}" for name in given if name not in names]
    values: dict[str, Value] = {}
    for field in fields:
        value = coerce(VALUE_TYPE[field.type], given.get(field.name))
        if value is None or (value == "" and VALUE_TYPE[field.type] == "string"):
            value = field.default
        if value is None:
            faults += [_asks_for(field, sites)] if field.required else []
        elif problem := field.fault(value, sites):
            faults.append(f"field '{field.name}': {problem}")
        elif isinstance(value, bool | int | str):
            values[field.name] = value
    if faults:
        raise Mistake(f"workflow {workflow}: {'; '.join(faults)}")
    return values


def _asks_for(field: Field, sites: Collection[str]) -> str:
    options = sorted(sites) if field.type == "enum" else list(field.choices)
    word = "SITE" if field.type == "enum" else "VALUE"
    known = f" ({'sites' if field.type == 'enum' else 'one of'}: {', '.join(options)})" if options else ""
    return f"field '{field.name}' is required; give --field {field.name}={word}{known}"
