"""Hints: the sites where something may be granted now that could not be before hear of it."""

import pytest
from tests.hub_desk import Hub, Node, ended

from towpath.domain.paths import Kind
from towpath.domain.states import Wanted


@pytest.fixture
def woken(hub: Hub) -> list[str]:
    """The sites that were woken, in order."""
    woken: list[str] = []
    hub.database.on_wake = lambda sites: woken.extend(sorted(sites))
    return woken


def test_a_new_job_wakes_its_site(hub: Hub, oslo: Node, bergen: Node, woken: list[str]) -> None:
    hub.given("noop", 3, site="bergen")
    assert woken == ["bergen"]


def test_a_stage_that_opens_wakes_the_site_that_has_work_in_it(
    hub: Hub, oslo: Node, woken: list[str]
) -> None:
    """The directories above could not be granted while the deeper ones were there."""
    hub.submit("delete")
    oslo.walk("a/b/c", "a/b", "a", kind=Kind.DIRECTORY)
    for _ in range(2):
        (deepest,) = oslo.claim().grants
        woken.clear()
        oslo.report(ended(deepest))
        assert woken == ["oslo"]
    (last,) = oslo.claim().grants
    woken.clear()
    oslo.report(ended(last))
    assert woken == []


def test_a_job_that_is_resumed_wakes_the_sites_where_it_goes_on(
    hub: Hub, oslo: Node, bergen: Node, woken: list[str]
) -> None:
    job = hub.given("across", 2, per_task=2)
    (first,) = oslo.claim().grants
    hub.wish(job, Wanted.PAUSE)
    oslo.report(ended(first))
    woken.clear()
    hub.wish(job, Wanted.RUN)
    assert "bergen" in woken
