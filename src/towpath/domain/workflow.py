"""Workflow definitions: what one is, and how it is read from a document and written back."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from towpath.domain.catalogue import Argument, Catalogue, StepSpec
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.fields import Field, read_fields
from towpath.domain.patience import KEYS, PLAIN, Bearing, read_bearing, read_rate
from towpath.domain.reading import Entries, Problem, Reading, shown, under
from towpath.domain.rules import RULE_TYPES, Condition, check_glob
from towpath.domain.states import Phase
from towpath.domain.values import NAME_RULE, fault, name_fault

DEFINITION_KEYS = (
    "name",
    "label",
    "icon_classes",
    "discovery",
    "discovery_options",
    "enabled",
    "visible",
    "fields",
    *KEYS,
    "stop_on_error_rate",
    "filter_rules",
)
RULE_KEYS = ("type", "state", "action", "include", "exclude")
PLACE_KEYS = ("site", "queue")
"""What a step may say beside its arguments: where it runs."""
BESIDE = frozenset({"name", *PLACE_KEYS, *KEYS})
"""What is no argument of a step."""

FOREIGN = "dynamo."
"""The prefix of the field's names for steps; those that are not known here import as disabled."""

USUAL_DISCOVERY = "recursive"
"""What finds the paths where nobody says otherwise."""
FOREIGN_DISCOVERIES = frozenset({"snapdiff", "bidirectional_snapdiff"})
"""Discoveries that files of the field name; where they are not known here, the workflow imports as disabled."""


@dataclass(frozen=True, slots=True)
class Use:
    """A step as a rule uses it: a value `"*name"` stands for what the one who runs the workflow says in that field."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    site: str | None = None
    queue: str | None = None
    bearing: Bearing = PLAIN
    """How it bears errors, where the workflow says otherwise, or nothing."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which paths go down which chain of steps."""

    type: str
    state: str
    action: tuple[Use, ...]
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A workflow as its author wrote it; `discovery` None: the caller's paths and states are used as they are."""

    name: str
    rules: tuple[Rule, ...]
    label: str = ""
    icon_classes: tuple[str, ...] = ()
    discovery: str | None = "recursive"
    discovery_options: Mapping[str, object] = field(default_factory=dict)
    enabled: bool = True
    visible: bool = True
    fields: tuple[Field, ...] = ()
    bearing: Bearing = PLAIN
    """How its steps bear errors."""
    stop_on_error_rate: float | None = None
    """A job is paused once this share of its newest paths failed; None: never."""
    warnings: tuple[Problem, ...] = field(default=(), compare=False)
    """What was found in the document that works, but perhaps not as meant."""


class InvalidDefinition(Mistake):
    """A document is no workflow definition: `problems` has everything that is wrong with it."""

    def __init__(self, name: str, problems: Collection[Problem]) -> None:
        super().__init__(f"workflow {name or '?'}: {'; '.join(str(problem) for problem in problems)}")
        self.problems = list(problems)


def reference(value: object) -> str | None:
    """The name of the field that a value `"*name"` stands for; None for any other value."""
    return value[1:] if isinstance(value, str) and value.startswith("*") else None


def parse_definition(document: object, catalogue: Catalogue) -> Definition:
    """The definition in decoded JSON or YAML; raises `InvalidDefinition` with all that is wrong."""
    reading = Reading()
    top = reading.mapping(document, "", DEFINITION_KEYS)
    name = _read_name(top)
    fields = read_fields(reading, top)
    rules = _read_rules(_Scope(reading, catalogue, {f.name: f for f in fields}), top)
    discovery, options = _read_discovery(_Scope(reading, catalogue, {f.name: f for f in fields}), top)
    enabled = top.boolean("enabled", default=True)
    label = top.string("label", longest=100)
    visible = top.boolean("visible", default=True)
    icons = top.strings("icon_classes")
    bearing, rate = read_bearing(top), read_rate(top)
    _warn_of_unused(reading, fields, rules, options)
    if reading.problems:
        raise InvalidDefinition(name, reading.problems)
    definition = Definition(
        name, rules, label, icons, discovery, options, enabled, visible, fields, bearing, rate
    )
    return _as_runnable(definition, catalogue, reading)


@dataclass(frozen=True, slots=True)
class Taking:
    """What the rules of a document take, and whether a walk finds the paths that are held against them."""

    conditions: tuple[Condition, ...]
    walks: bool


def read_taking(document: object) -> Taking:
    """What the rules of a document take, whatever else is wrong with it.

    Raises `InvalidDefinition` where something is wrong with their types, states or globs.
    """
    reading = Reading()
    top = reading.mapping(document, "")
    given = top.items("filter_rules") if top.required("filter_rules") else ()
    conditions = [_read_condition(reading.mapping(rule, place)) for place, rule in given]
    if reading.problems:
        name = top.found.get("name")
        raise InvalidDefinition(name if isinstance(name, str) else "", reading.problems)
    made = (Condition(RULE_TYPES[kind], state, *globs) for kind, state, *globs in conditions)
    return Taking(tuple(made), top.found.get("discovery", "recursive") is not None)


def to_document(definition: Definition) -> dict[str, object]:
    """A definition as plain JSON: `parse_definition` makes the same definition of it."""
    return {
        "name": definition.name,
        "label": definition.label,
        "icon_classes": list(definition.icon_classes),
        "discovery": definition.discovery,
        "discovery_options": dict(definition.discovery_options) or None,
        "enabled": definition.enabled,
        "visible": definition.visible,
        "fields": [f.document() for f in definition.fields],
        **definition.bearing.document(),
        **(
            {}
            if definition.stop_on_error_rate is None
            else {"stop_on_error_rate": definition.stop_on_error_rate}
        ),
        "filter_rules": [_rule_document(rule) for rule in definition.rules],
    }


def _rule_document(rule: Rule) -> dict[str, object]:
    document: dict[str, object] = {"type": rule.type, "state": rule.state}
    if rule.include:
        document["include"] = list(rule.include)
    if rule.exclude:
        document["exclude"] = list(rule.exclude)
    document["action"] = [_use_document(use) for use in rule.action]
    return document


def _use_document(use: Use) -> dict[str, object]:
    place = {"site": use.site, "queue": use.queue}
    said = {k: v for k, v in place.items() if v is not None}
    return {"name": use.name, **said, **use.bearing.document(), **use.arguments}


# Reading ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the steps of a definition may name."""

    reading: Reading
    catalogue: Catalogue
    fields: Mapping[str, Field]


def _read_name(top: Entries) -> str:
    if not top.required("name"):
        return ""
    name = top.string("name")
    if isinstance(top.found["name"], str) and (problem := name_fault(name)):
        top.reading.wrong("name", problem)
    return name


def _read_discovery(scope: "_Scope", top: Entries) -> tuple[str | None, dict[str, object]]:
    reading, catalogue = top.reading, scope.catalogue
    given = top.found.get("discovery_options")
    options = {} if given is None else dict(reading.mapping(given, "discovery_options").found)
    if "discovery" in top.found and top.found["discovery"] is None:
        if options:
            reading.warn("discovery_options", "not used: the workflow has no discovery")
        return None, options
    name = top.string("discovery", USUAL_DISCOVERY)
    spec = catalogue.discoveries.get(name)
    if spec is None:
        if name not in FOREIGN_DISCOVERIES:
            known = FOREIGN_DISCOVERIES | set(catalogue.discoveries)
            reading.wrong("discovery", f"unknown discovery '{name}'{did_you_mean(name, known)}")
        return name, options
    for key, value in options.items():
        option = spec.option(key)
        if option is None:
            known_options = [o.name for o in spec.options]
            text = f"unknown option of discovery '{name}'{did_you_mean(key, known_options)}"
            reading.wrong(under("discovery_options", key), text)
        elif reference(value) is not None:
            _check_reference(scope, option, value, under("discovery_options", key))
        elif problem := fault(option.type, value, option.choices, option.minimum):
            reading.wrong(under("discovery_options", key), problem)
    return name, options


def _read_rules(scope: _Scope, top: Entries) -> tuple[Rule, ...]:
    if not top.required("filter_rules"):
        return ()
    rules = tuple(_read_rule(scope, document, place) for place, document in top.items("filter_rules"))
    if not rules and isinstance(top.found["filter_rules"], list | tuple):
        scope.reading.wrong("filter_rules", "expected at least one rule, found none")
    return rules


def _read_rule(scope: _Scope, document: object, place: str) -> Rule:
    entries = scope.reading.mapping(document, place, RULE_KEYS)
    kind, state, include, exclude = _read_condition(entries)
    return Rule(kind, state, _read_action(scope, entries), include, exclude)


def _read_condition(entries: Entries) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """Type, state, include and exclude of a rule."""
    kind = entries.string("type", "all") if entries.required("type") else "all"
    if kind not in RULE_TYPES:
        entries.reading.wrong(entries.at("type"), f"unknown type '{kind}'{did_you_mean(kind, RULE_TYPES)}")
    state = entries.string("state") if entries.required("state") else "all"
    if name_fault(state):
        entries.reading.wrong(entries.at("state"), f"{NAME_RULE}, found {shown(state)}")
    return kind, state, _globs(entries, "include"), _globs(entries, "exclude")


def _globs(entries: Entries, key: str) -> tuple[str, ...]:
    globs = entries.strings(key)
    for index, glob in enumerate(globs):
        if problem := check_glob(glob):
            entries.reading.wrong(f"{entries.at(key)}[{index}]", problem)
    return globs


def _read_action(scope: _Scope, rule: Entries) -> tuple[Use, ...]:
    if not rule.required("action"):
        return ()
    uses = tuple(_read_use(scope, document, place) for place, document in rule.items("action"))
    if not uses and isinstance(rule.found["action"], list | tuple):
        scope.reading.wrong(
            rule.at("action"), "expected at least one step, found none; `exclude` leaves paths out"
        )
    specs = [scope.catalogue.find(use.name) for use in uses]
    if specs and all(spec is not None and spec.phase is Phase.FINISH for spec in specs):
        scope.reading.wrong(
            rule.at("action"), "expected a step that works on the paths before those that run once for a job"
        )
    return uses


def _read_use(scope: _Scope, document: object, place: str) -> Use:
    entries = scope.reading.mapping(document, place)
    name = entries.string("name") if entries.required("name") else ""
    arguments = {k: v for k, v in entries.found.items() if v is not None and k not in BESIDE}
    spec = scope.catalogue.find(name)
    if spec is not None:
        _check_arguments(scope, spec, arguments, place)
    elif name.startswith(FOREIGN):
        scope.reading.warn(place, f"step '{name}' is not known here: the workflow is disabled")
    elif isinstance(entries.found.get("name"), str):
        known = [known for known in scope.catalogue.specs if not known.startswith(FOREIGN)]
        scope.reading.wrong(place, f"unknown step '{name}'{did_you_mean(name, known)}")
    site, queue = (_read_place(scope, entries, key) for key in PLACE_KEYS)
    return Use(name, arguments, site, queue, read_bearing(entries))


def _read_place(scope: _Scope, entries: Entries, key: str) -> str | None:
    value = entries.found.get(key)
    if value is None:
        return None
    if reference(value) is not None:
        _check_reference(scope, Argument(key, "string", None, ""), value, entries.at(key))
    elif problem := name_fault(value):
        scope.reading.wrong(entries.at(key), problem)
    return value if isinstance(value, str) else None


def _check_arguments(scope: _Scope, spec: StepSpec, arguments: Mapping[str, object], place: str) -> None:
    for key, value in arguments.items():
        argument = spec.argument(key)
        if argument is None:
            known = [*(a.name for a in spec.arguments), *PLACE_KEYS, *KEYS]
            text = f"unknown argument of step '{spec.name}'{did_you_mean(key, known)}"
            scope.reading.wrong(under(place, key), text)
        elif reference(value) is not None:
            _check_reference(scope, argument, value, under(place, key))
        elif problem := fault(argument.type, value, argument.choices, argument.minimum):
            scope.reading.wrong(under(place, key), problem)


def _check_reference(scope: _Scope, argument: Argument, value: object, place: str) -> None:
    name = reference(value)
    if not name:
        scope.reading.wrong(place, "expected the name of a field after '*', found nothing")
    elif name not in scope.fields:
        suggestion = did_you_mean(name, scope.fields) or "; the workflow has no fields"
        scope.reading.wrong(place, f"unknown field '{name}'{suggestion}")
    elif not scope.fields[name].suits(argument):
        scope.reading.wrong(place, _mismatch(scope.fields[name], argument))


def _mismatch(found: Field, argument: Argument) -> str:
    wanted = (
        f"one of {', '.join(argument.choices)}" if argument.choices else f"a value of type {argument.type}"
    )
    offered = f"the choices {', '.join(found.choices)}" if found.choices else f"type {found.type}"
    return f"expected {wanted}, found field '{found.name}', which has {offered}"


# What follows from the whole ----------------------------------------------------------------------------------


def _warn_of_unused(
    reading: Reading, fields: Collection[Field], rules: Collection[Rule], options: Mapping[str, object]
) -> None:
    uses = [use for rule in rules for use in rule.action]
    named = {reference(value) for use in uses for value in (use.site, use.queue, *use.arguments.values())}
    named |= {reference(value) for value in options.values()}
    for index, unused in enumerate(fields):
        if unused.name not in named:
            reading.warn(f"fields[{index}]", f"no step uses field '{unused.name}'")


def _as_runnable(definition: Definition, catalogue: Catalogue, reading: Reading) -> Definition:
    """The definition with its warnings, disabled where it names what is not known here."""
    foreign = definition.discovery is not None and definition.discovery not in catalogue.discoveries
    if foreign:
        reading.warn("discovery", f"'{definition.discovery}' is not known here: the workflow is disabled")
    unknown = [
        use.name for rule in definition.rules for use in rule.action if catalogue.find(use.name) is None
    ]
    return replace(
        definition,
        enabled=definition.enabled and not foreign and not unknown,
        warnings=tuple(reading.warnings),
    )
