"""The catalogue: what a workflow can name, and what each step takes."""

from importlib.metadata import entry_points

import pytest

from towpath.domain.catalogue import BUILT_IN, DISCOVERIES, INSTALLED, MIGRATE, Catalogue, StepSpec
from towpath.domain.errors import did_you_mean
from towpath.domain.states import Phase
from towpath.domain.values import NAME, fault


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_each_step_is_found_by_its_name_and_by_the_fields_names_for_it(spec: StepSpec) -> None:
    for name in (spec.name, *spec.aliases):
        assert INSTALLED.find(name) is spec
    assert NAME.fullmatch(spec.name)
    assert spec.about


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_each_default_is_a_value_of_its_argument(spec: StepSpec) -> None:
    assert len({argument.name for argument in spec.arguments}) == len(spec.arguments)
    for argument in spec.arguments:
        assert argument.about
        assert argument.name not in {"name", "site", "queue"}
        if argument.default is not None:
            assert fault(argument.type, argument.default, argument.choices, argument.minimum) is None
    assert set(spec.defaults()) == {argument.name for argument in spec.arguments}


@pytest.mark.parametrize("spec", BUILT_IN, ids=lambda spec: spec.name)
def test_a_step_that_needs_a_target_lets_one_be_named(spec: StepSpec) -> None:
    if spec.needs_target:
        assert spec.argument("endpoint") is not None


def test_moves_go_before_the_transfers_and_deletes_after_them() -> None:
    assert [spec.name for spec in BUILT_IN if spec.phase is Phase.MOVES] == ["move"]
    assert [spec.name for spec in BUILT_IN if spec.phase is Phase.DELETES] == ["delete"]


def test_a_plugin_cannot_take_the_name_of_a_step_that_is_built_in() -> None:
    foreign = StepSpec("migrate", "not ours", aliases=("move_away",))
    catalogue = Catalogue.of(BUILT_IN, [foreign])
    assert catalogue.find("migrate") is MIGRATE
    assert catalogue.find("move_away") is foreign


def test_an_unknown_name_finds_nothing() -> None:
    assert INSTALLED.find("migrat") is None
    assert MIGRATE.argument("endpont") is None


def test_what_is_built_in_is_what_the_package_announces() -> None:
    steps = {point.name: point.load().spec for point in entry_points(group="towpath.steps")}
    assert {name: steps[name] for name in (spec.name for spec in BUILT_IN)} == {s.name: s for s in BUILT_IN}
    discoveries = {point.name for point in entry_points(group="towpath.discovery")}
    assert set(DISCOVERIES) <= discoveries


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("migrat", ", did you mean 'migrate'?"),
        ("zzz", "; expected one of: migrate, recall"),
    ],
)
def test_a_near_name_is_suggested_and_else_the_names_are_listed(found: str, said: str) -> None:
    assert did_you_mean(found, ["recall", "migrate"]) == said


def test_where_nothing_is_known_nothing_is_suggested() -> None:
    assert did_you_mean("migrat", []) == ""
