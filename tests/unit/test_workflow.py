"""Workflow definitions: what is taken, and what an author is told about what is not."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.domain.catalogue import INSTALLED, Catalogue, StepSpec
from towpath.domain.workflow import Definition, InvalidDefinition, parse_definition, to_document

SEND: dict[str, Any] = {
    "name": "to_bergen",
    "label": "To Bergen",
    "icon_classes": ["fa fa-ship"],
    "discovery": "recursive",
    "discovery_options": {"skip_missing": True},
    "enabled": True,
    "visible": False,
    "fields": [
        {"name": "destinationsite", "type": "enum", "required": True},
        {"name": "lock", "type": "choice", "choices": ["partial", "none"], "default": "none"},
        {"name": "kept", "type": "int", "default": 4096},
        {"name": "hydrate", "type": "bool", "default": False},
        {"name": "queue", "type": "string", "label": "the queue there"},
    ],
    "filter_rules": [
        {
            "type": "file",
            "state": "all",
            "include": ["*.tif"],
            "exclude": ["**/scratch/**"],
            "action": [
                {"name": "migrate", "premigrate": True, "lock_level": "*lock", "endpoint": "archive"},
                {
                    "name": "stub",
                    "site": "*destinationsite",
                    "queue": "*queue",
                    "hydrate": "*hydrate",
                    "stub_size": "*kept",
                },
            ],
        },
        {"type": "folder", "state": "default", "action": [{"name": "noop", "site": "oslo"}]},
    ],
}


def with_(**changes: object) -> dict[str, Any]:
    """The example with some of its keys changed."""
    return {**json.loads(json.dumps(SEND)), **changes}


def with_action(*action: object) -> dict[str, Any]:
    """The example with one rule of these steps."""
    return with_(filter_rules=[{"type": "file", "state": "all", "action": list(action)}])


def problems(document: object, catalogue: Catalogue = INSTALLED) -> list[str]:
    """What its author is told about a document."""
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(document, catalogue)
    return [str(problem) for problem in caught.value.problems]


def only(document: object) -> str:
    """The one problem of a document."""
    (problem,) = problems(document)
    return problem


# What is taken ------------------------------------------------------------------------------------------------


def test_a_definition_keeps_all_that_its_author_wrote() -> None:
    definition = parse_definition(SEND, INSTALLED)
    assert definition.name == "to_bergen"
    assert definition.discovery_options == {"skip_missing": True}
    assert not definition.visible
    assert definition.fields[2].default == 4096
    first, second = definition.rules
    assert (first.type, first.include, first.exclude) == ("file", ("*.tif",), ("**/scratch/**",))
    assert [use.name for use in first.action] == ["migrate", "stub"]
    assert first.action[1].site == "*destinationsite"
    assert (second.type, second.state, second.action[0].site) == ("folder", "default", "oslo")
    assert not definition.warnings


def test_a_definition_written_back_is_the_same_definition() -> None:
    definition = parse_definition(SEND, INSTALLED)
    document = json.loads(json.dumps(to_document(definition)))
    assert parse_definition(document, INSTALLED) == definition
    assert to_document(parse_definition(document, INSTALLED)) == document


def test_what_a_definition_leaves_out_has_its_default() -> None:
    rules = [{"type": "all", "state": "all", "action": [{"name": "noop"}]}]
    definition = parse_definition({"name": "small", "filter_rules": rules}, INSTALLED)
    assert definition == Definition("small", definition.rules)
    assert definition.discovery == "recursive"
    assert definition.enabled
    assert definition.visible


def test_null_stands_for_a_key_that_was_left_out() -> None:
    nothing = with_(discovery_options=None, fields=None, icon_classes=None)
    nothing["filter_rules"] = [{"type": "all", "state": "all", "include": None, "action": [{"name": "noop"}]}]
    definition = parse_definition(nothing, INSTALLED)
    assert (definition.fields, definition.discovery_options, definition.icon_classes) == ((), {}, ())
    assert definition.rules[0].include == ()


def test_a_workflow_may_have_no_discovery() -> None:
    definition = parse_definition(with_(discovery=None, discovery_options=None), INSTALLED)
    assert definition.discovery is None


def test_the_fields_names_for_steps_are_taken() -> None:
    definition = parse_definition(
        with_action({"name": "dynamo.tasks.migrate", "premigrate": True}), INSTALLED
    )
    assert definition.enabled
    assert definition.rules[0].action[0].name == "dynamo.tasks.migrate"


def test_an_unknown_step_of_the_field_imports_as_disabled_with_a_warning() -> None:
    definition = parse_definition(with_action({"name": "dynamo.custom.proxy", "codec": "h264"}), INSTALLED)
    assert not definition.enabled
    assert definition.rules[0].action[0].arguments == {"codec": "h264"}
    assert (
        "filter_rules[0].action[0]: step 'dynamo.custom.proxy' is not known here: the workflow is disabled"
        in [str(warning) for warning in definition.warnings]
    )


def test_a_plugins_step_is_known_once_a_site_has_brought_it() -> None:
    proxy = StepSpec("proxy", "make proxies", aliases=("dynamo.custom.proxy",))
    catalogue = Catalogue.of([proxy], INSTALLED.specs.values())
    assert parse_definition(with_action({"name": "dynamo.custom.proxy"}), catalogue).enabled


def test_a_discovery_of_the_field_that_is_not_here_imports_as_disabled() -> None:
    document = with_(discovery="snapdiff", discovery_options={"condense_moves": True})
    definition = parse_definition(document, INSTALLED)
    assert not definition.enabled
    assert to_document(definition)["discovery_options"] == {"condense_moves": True}


def test_a_field_that_no_step_uses_is_warned_of() -> None:
    definition = parse_definition(
        {**with_action({"name": "noop"}), "fields": [{"name": "kept", "type": "int"}]}, INSTALLED
    )
    assert [str(warning) for warning in definition.warnings] == ["fields[0]: no step uses field 'kept'"]


# What is not --------------------------------------------------------------------------------------------------

WRONG: list[tuple[dict[str, Any], str]] = [
    (with_(nam="x"), "nam: unknown key, did you mean 'name'?"),
    (with_(name="two words"), "name: expected 1 to 64 letters, digits, '_' or '-', found 'two words'"),
    (with_(name=7), "name: expected a string, found 7"),
    (with_(name="x" * 65), "name: expected 1 to 64 letters, digits, '_' or '-', found 'xxxx"),
    (with_(label="x" * 101), "label: expected at most 100 characters, found 101"),
    (with_(icon_classes="fa"), "icon_classes: expected a list, found 'fa'"),
    (with_(icon_classes=["fa", 1]), "icon_classes[1]: expected a string, found 1"),
    (with_(enabled="yes"), "enabled: expected true or false, found 'yes'"),
    (with_(discovery="recursiv"), "discovery: unknown discovery 'recursiv', did you mean 'recursive'?"),
    (
        with_(discovery_options={"skip_mising": True}),
        "discovery_options.skip_mising: unknown option of discovery 'recursive', did you mean 'skip_missing'?",
    ),
    (
        with_(discovery_options={"skip_missing": 1}),
        "discovery_options.skip_missing: expected true or false, found 1",
    ),
    (with_(filter_rules=[]), "filter_rules: expected at least one rule, found none"),
    (with_(filter_rules={}), "filter_rules: expected a list, found an object"),
    (with_(filter_rules=["migrate"]), "filter_rules[0]: expected an object, found 'migrate'"),
    (with_(fields=[*SEND["fields"], {"type": "int"}]), "fields[5].name: is required"),
    (with_(fields=[*SEND["fields"], {"name": "kept"}]), "fields[5].name: there is a field 'kept' already"),
    (with_(fields=[*SEND["fields"], {"name": "a b"}]), "fields[5].name: expected 1 to 64 letters"),
    (
        with_(fields=[*SEND["fields"], {"name": "x", "type": "integer"}]),
        "fields[5].type: unknown type 'integer'",
    ),
    (
        with_(fields=[*SEND["fields"], {"name": "x", "type": "choice"}]),
        "fields[5].choices: is required for a field of type choice",
    ),
    (
        with_(fields=[*SEND["fields"], {"name": "x", "type": "int", "choices": ["1"]}]),
        "fields[5].choices: expected only for a field of type choice, found on one of type int",
    ),
    (
        with_(fields=[*SEND["fields"], {"name": "x", "type": "int", "default": "4"}]),
        "fields[5].default: expected a whole number, found '4'",
    ),
    (
        with_(fields=[*SEND["fields"], {"name": "x", "type": "choice", "choices": ["a"], "default": "b"}]),
        "fields[5].default: expected one of a, found 'b'",
    ),
    (
        with_action(),
        "filter_rules[0].action: expected at least one step, found none; `exclude` leaves paths out",
    ),
    (with_action("migrate"), "filter_rules[0].action[0]: expected an object, found 'migrate'"),
    (with_action({"premigrate": True}), "filter_rules[0].action[0].name: is required"),
    (
        with_action({"name": "noop"}, {"name": "migrat"}),
        "filter_rules[0].action[1]: unknown step 'migrat', did you mean 'migrate'?",
    ),
    (
        with_action({"name": "migrate", "premigrated": True}),
        "filter_rules[0].action[0].premigrated: unknown argument of step 'migrate', did you mean 'premigrate'?",
    ),
    (
        with_action({"name": "migrate", "stub_size": "big"}),
        "filter_rules[0].action[0].stub_size: expected a whole number, found 'big'",
    ),
    (
        with_action({"name": "migrate", "stub_size": True}),
        "filter_rules[0].action[0].stub_size: expected a whole number, found true",
    ),
    (
        with_action({"name": "migrate", "stub_size": -1}),
        "filter_rules[0].action[0].stub_size: expected at least 0, found -1",
    ),
    (
        with_action({"name": "migrate", "stub_size": 2**70}),
        "filter_rules[0].action[0].stub_size: expected a number of at most 64 bits",
    ),
    (
        with_action({"name": "migrate", "lock_level": "parcial"}),
        "filter_rules[0].action[0].lock_level: expected one of partial, implicit, none, found 'parcial', did you mean",
    ),
    (
        with_action({"name": "recall", "queue": "*quue"}),
        "filter_rules[0].action[0].queue: unknown field 'quue', did you mean 'queue'?",
    ),
    (
        with_action({"name": "recall", "site": "*"}),
        "filter_rules[0].action[0].site: expected the name of a field after '*', found nothing",
    ),
    (
        with_action({"name": "recall", "skip_hash": "*queue"}),
        "filter_rules[0].action[0].skip_hash: expected a value of type bool, found field 'queue', which",
    ),
    (
        with_action({"name": "checksum", "algorithm": "*lock"}),
        "filter_rules[0].action[0].algorithm: expected one of xxh3_128, xxh64, sha256, blake3, md5, found field 'lock'",
    ),
    (
        with_action({"name": "recall", "site": "os lo"}),
        "filter_rules[0].action[0].site: expected 1 to 64 letters",
    ),
    (with_action({"name": "recall", "site": 3}), "filter_rules[0].action[0].site: expected 1 to 64 letters"),
]


@pytest.mark.parametrize(("document", "expected"), WRONG, ids=[expected[:50] for _, expected in WRONG])
def test_an_error_names_the_place_what_was_expected_and_what_was_found(
    document: dict[str, Any], expected: str
) -> None:
    assert only(document).startswith(expected)


RULE = {"type": "file", "state": "all", "action": [{"name": "noop"}]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"type": "files"}, "filter_rules[1].type: unknown type 'files', did you mean 'file'?"),
        ({"state": ""}, "filter_rules[1].state: expected 1 to 64 letters"),
        ({"includes": ["*"]}, "filter_rules[1].includes: unknown key, did you mean 'include'?"),
        ({"include": "*.tif"}, "filter_rules[1].include: expected a list, found '*.tif'"),
        ({"exclude": ["a", ""]}, "filter_rules[1].exclude[1]: expected a glob"),
        ({"action": {"name": "noop"}}, "filter_rules[1].action: expected a list, found an object"),
    ],
)
def test_an_error_in_a_rule_names_the_rule(change: dict[str, object], expected: str) -> None:
    assert only(with_(filter_rules=[RULE, RULE | change])).startswith(expected)


@pytest.mark.parametrize("key", ["type", "state", "action"])
def test_a_rule_says_its_type_its_state_and_its_action(key: str) -> None:
    rule = {k: v for k, v in RULE.items() if k != key}
    assert only(with_(filter_rules=[rule])) == f"filter_rules[0].{key}: is required"


def test_all_errors_are_told_at_once() -> None:
    document = with_(name="a b", visible=3)
    document["filter_rules"][0]["action"][0]["endpont"] = "x"
    document["filter_rules"][1]["type"] = "dir"
    assert [problem.split(":")[0] for problem in problems(document)] == [
        "name",
        "filter_rules[0].action[0].endpont",
        "filter_rules[1].type",
        "visible",
    ]


@pytest.mark.parametrize("document", [None, 3, "migrate", [], [SEND]])
def test_a_document_that_is_no_object_is_no_definition(document: object) -> None:
    assert only(document).startswith("expected an object, found ")


def test_a_key_that_is_no_string_is_an_error() -> None:
    assert "expected keys to be strings, found true" in problems({True: 1})


def test_the_mistake_is_one_line_that_names_the_workflow() -> None:
    with pytest.raises(InvalidDefinition) as caught:
        parse_definition(with_(visible=3, enabled=3), INSTALLED)
    text = str(caught.value)
    assert text.startswith("workflow to_bergen: enabled: expected true or false, found 3; visible: ")
    assert "\n" not in text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["name", "type", "state", "action", "include", "site", "fields", "default", "choices"])


@given(
    place=st.sampled_from([(), ("filter_rules", 0), ("filter_rules", 0, "action", 0), ("fields", 1)]),
    key=KEYS,
    value=JSON,
)
def test_whatever_stands_in_a_document_it_is_a_definition_or_a_mistake(
    place: tuple[str | int, ...], key: str, value: object
) -> None:
    document = with_()
    at: Any = document
    for part in place:
        at = at[part]
    at[key] = value
    try:
        definition = parse_definition(document, INSTALLED)
    except InvalidDefinition as mistake:
        told: Sequence[object] = mistake.problems
    else:
        told = [definition]
        assert parse_definition(to_document(definition), INSTALLED) == definition
    assert told
