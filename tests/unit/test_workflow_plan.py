"""Plans: what a job of a workflow will do, once its fields are filled in."""

import json
from typing import Any

import pytest

from towpath.domain.catalogue import INSTALLED, NOOP, Catalogue
from towpath.domain.errors import Conflict, Mistake
from towpath.domain.installed import WORKFLOWS
from towpath.domain.plan import Call, Ground, Plan, plan_document, plan_from_document, resolve
from towpath.domain.states import Phase
from towpath.domain.workflow import Definition, parse_definition

OSLO = Ground("oslo", ["oslo", "bergen"], queue="fast", endpoint="archive")
INSTALLED_BY_NAME = {workflow.name: workflow for workflow in WORKFLOWS}


def workflow(
    *action: dict[str, Any], fields: tuple[dict[str, Any], ...] = (), **changes: object
) -> Definition:
    """A workflow with one rule of these steps."""
    rules = [{"type": "file", "state": "all", "action": list(action)}]
    return parse_definition(
        {"name": "trial", "fields": list(fields), "filter_rules": rules, **changes}, INSTALLED
    )


def chain(definition: Definition, ground: Ground = OSLO, /, **given: object) -> tuple[Call, ...]:
    """The chain of the first rule."""
    return resolve(definition, given, INSTALLED, ground).branches[0].chain


def refusal(definition: Definition, ground: Ground = OSLO, /, **given: object) -> str:
    """What the caller is told."""
    with pytest.raises(Mistake) as caught:
        resolve(definition, given, INSTALLED, ground)
    return str(caught.value)


def installed(name: str) -> Definition:
    return INSTALLED_BY_NAME[name]


# Fields -------------------------------------------------------------------------------------------------------


def test_a_field_gives_its_value_to_the_argument_that_names_it() -> None:
    (call,) = chain(installed("migrate"), stub_size=512, lock_level="none")
    assert call.arguments["stub_size"] == 512
    assert call.arguments["lock_level"] == "none"


def test_a_field_that_is_not_given_has_its_default_and_without_one_the_argument_is_left_out() -> None:
    (call,) = chain(installed("recall"))
    assert call.arguments["lock_level"] == "implicit"
    assert "default_uid" not in call.arguments


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("Yes", True), ("1", True), ("false", False), ("off", False)]
)
def test_a_command_line_may_give_a_bool_as_text(text: str, value: bool) -> None:
    assert chain(installed("recall"), skip_hash=text)[0].arguments["skip_hash"] is value


@pytest.mark.parametrize(("text", "value"), [("5", 5), (" 4096 ", 4096), ("+7", 7)])
def test_a_command_line_may_give_an_int_as_text(text: str, value: int) -> None:
    assert chain(installed("migrate"), stub_size=text)[0].arguments["stub_size"] == value


def test_an_empty_text_counts_as_not_given() -> None:
    assert chain(installed("migrate"), endpoint="")[0].endpoint == "archive"


REFUSED: list[tuple[str, dict[str, object], str]] = [
    (
        "send",
        {},
        "workflow send: field 'destinationsite' is required; give --field destinationsite=SITE (sites: bergen, oslo)",
    ),
    (
        "send",
        {"destinationsite": "bergn"},
        "workflow send: field 'destinationsite': expected one of bergen, oslo, found 'bergn', did you mean 'bergen'?",
    ),
    ("migrate", {"stub_siz": "5"}, "workflow migrate: unknown field 'stub_siz', did you mean 'stub_size'?"),
    (
        "migrate",
        {"stub_size": "large"},
        "workflow migrate: field 'stub_size': expected a whole number, found 'large'",
    ),
    (
        "migrate",
        {"overwrite": "maybe"},
        "workflow migrate: field 'overwrite': expected true or false, found 'maybe'",
    ),
    (
        "migrate",
        {"stub_size": -1},
        "workflow migrate, step migrate: stub_size: expected at least 0, found -1",
    ),
    ("send", {"destinationsite": 3}, "workflow send: field 'destinationsite': expected a string, found 3"),
    (
        "send",
        {"destinationsite": "bergen", "destinationqueue": "no such"},
        "workflow send, step reverse_stub: queue: expected 1 to 64 letters, digits, '_' or '-', found 'no such'",
    ),
]


@pytest.mark.parametrize(("name", "given", "expected"), REFUSED, ids=[row[2][:60] for row in REFUSED])
def test_a_refusal_names_the_field_what_was_expected_and_what_was_found(
    name: str, given: dict[str, object], expected: str
) -> None:
    assert refusal(installed(name), OSLO, **given) == expected


def test_all_wrong_fields_are_told_at_once() -> None:
    text = refusal(installed("migrate"), stub_size="x", overwite="true")
    assert "unknown field 'overwite', did you mean 'overwrite'?; field 'stub_size': expected" in text


def test_a_value_that_a_field_brings_must_fit_the_argument() -> None:
    trial = workflow({"name": "migrate", "lock_level": "*lock"}, fields=({"name": "lock"},))
    assert refusal(trial, lock="firm") == (
        "workflow trial, step migrate: lock_level: expected one of partial, implicit, none, found 'firm'"
    )


# Places -------------------------------------------------------------------------------------------------------


def test_a_step_runs_at_the_jobs_site_and_queue_unless_it_says_otherwise() -> None:
    here, there = chain(workflow({"name": "noop"}, {"name": "noop", "site": "bergen", "queue": "night"}))
    assert (here.site, here.queue) == ("oslo", "fast")
    assert (there.site, there.queue) == ("bergen", "night")


def test_at_another_site_the_jobs_queue_means_nothing() -> None:
    (call,) = chain(workflow({"name": "noop", "site": "bergen"}))
    assert call.queue == "default"


def test_a_step_at_a_site_that_is_not_there_is_refused() -> None:
    assert refusal(workflow({"name": "noop", "site": "bergem"})) == (
        "workflow trial, step noop: no site 'bergem', did you mean 'bergen'?"
    )


def test_the_target_named_by_the_step_goes_before_the_default_one() -> None:
    assert chain(installed("migrate"), endpoint="tape")[0].endpoint == "tape"
    assert chain(installed("migrate"))[0].endpoint == "archive"
    assert "endpoint" not in chain(installed("migrate"))[0].arguments


def test_at_another_site_the_target_is_the_one_through_which_the_paths_came() -> None:
    trial = workflow({"name": "migrate", "endpoint": "tape"}, {"name": "stub", "site": "bergen"})
    assert [call.endpoint for call in chain(trial)] == ["tape", "tape"]


def test_two_steps_at_the_jobs_site_each_have_the_default_target_where_they_name_none() -> None:
    trial = workflow({"name": "migrate", "endpoint": "tape"}, {"name": "migrate"})
    assert [call.endpoint for call in chain(trial)] == ["tape", "archive"]


def test_a_step_that_needs_a_target_is_refused_where_there_is_none() -> None:
    assert refusal(installed("migrate"), Ground("oslo", ["oslo"])) == (
        "workflow migrate, step migrate: needs a target, and site oslo has no default target; "
        "give --field endpoint=NAME, or give the site, or the space, one"
    )


def test_a_recall_needs_no_target_named_because_a_mark_names_it() -> None:
    assert chain(installed("recall"), Ground("oslo", ["oslo"]))[0].endpoint == ""


# Phases, plans ------------------------------------------------------------------------------------------------


def test_a_call_runs_in_no_earlier_phase_than_the_ones_before_it() -> None:
    calls = chain(workflow({"name": "noop"}, {"name": "delete"}, {"name": "noop"}))
    assert [call.phase for call in calls] == [Phase.TRANSFERS, Phase.DELETES, Phase.DELETES]


def test_the_first_phase_is_the_lowest_in_any_chain() -> None:
    rules = [
        {"type": t, "state": "all", "action": [{"name": n}]} for t, n in (("file", "delete"), ("all", "noop"))
    ]
    both = parse_definition({"name": "both", "filter_rules": rules}, INSTALLED)
    assert resolve(both, {}, INSTALLED, OSLO).first_phase is Phase.TRANSFERS
    assert resolve(installed("delete"), {}, INSTALLED, OSLO).first_phase is Phase.DELETES


def test_a_disabled_workflow_is_not_run_and_says_why() -> None:
    with pytest.raises(Conflict, match="workflow trial is disabled; enable it to run it"):
        resolve(workflow({"name": "noop"}, enabled=False), {}, INSTALLED, OSLO)
    with pytest.raises(
        Conflict, match=r"is disabled \(filter_rules\[0\].action\[0\]: step 'dynamo.x' is not known"
    ):
        resolve(workflow({"name": "dynamo.x"}), {}, INSTALLED, OSLO)


def test_a_step_that_has_gone_since_the_workflow_was_written_is_refused() -> None:
    with pytest.raises(Mistake, match="workflow migrate: unknown step 'migrate'"):
        resolve(installed("migrate"), {}, Catalogue.of([NOOP]), OSLO)


@pytest.mark.parametrize("definition", WORKFLOWS, ids=lambda definition: definition.name)
def test_a_plan_kept_as_json_is_the_same_plan(definition: Definition) -> None:
    needed = {"destinationsite": "bergen", "manifest": "SUMS"}
    given = {field.name: needed[field.name] for field in definition.fields if field.required}
    plan: Plan = resolve(definition, given, INSTALLED, OSLO)
    assert plan_from_document(json.loads(json.dumps(plan_document(plan)))) == plan


# The workflows that come installed ----------------------------------------------------------------------------


def test_the_workflows_that_come_installed() -> None:
    assert list(INSTALLED_BY_NAME) == [
        "migrate",
        "premigrate",
        "recall",
        "send",
        "delete",
        "move",
        "copy",
        "unmanage",
        "adopt",
        "undelete",
        "checksum",
        "manifest",
        "verify",
        "import",
        "noop",
    ]
    assert all(definition.enabled and not definition.warnings for definition in WORKFLOWS)
    assert [definition.name for definition in WORKFLOWS if not definition.visible] == ["noop"]


@pytest.mark.parametrize(
    ("name", "step"),
    [("migrate", "migrate"), ("recall", "recall"), ("delete", "delete"), ("verify", "verify")],
)
def test_each_argument_of_its_step_is_a_field_with_the_steps_default(name: str, step: str) -> None:
    spec = INSTALLED.find(step)
    assert spec is not None
    defaults = {field.name: field.default for field in installed(name).fields}
    expected = spec.defaults() | ({"lock_level": "implicit"} if name == "recall" else {})
    assert defaults == expected


def test_migrate_frees_and_premigrate_keeps_the_local_data() -> None:
    assert chain(installed("migrate"))[0].arguments["premigrate"] is False
    assert chain(installed("premigrate"))[0].arguments["premigrate"] is True


@pytest.mark.parametrize("name", ["migrate", "premigrate", "recall"])
def test_the_steps_for_data_take_all_but_directories(name: str) -> None:
    assert [rule.type for rule in installed(name).rules] == ["file", "symlink", "other"]


def test_send_copies_here_and_makes_stubs_there_through_one_target() -> None:
    given = {"destinationsite": "bergen", "hydrate": "true", "endpoint": "shared"}
    here, there = chain(installed("send"), OSLO, **given)
    assert (here.step, here.site, here.endpoint) == ("migrate", "oslo", "shared")
    assert (here.arguments["premigrate"], here.arguments["records"]) == (True, "all")
    assert (there.step, there.site, there.endpoint) == ("reverse_stub", "bergen", "shared")
    assert there.arguments["hydrate"] is True
    assert [rule.type for rule in installed("send").rules] == ["all"]
