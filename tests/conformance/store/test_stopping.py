"""A job of which too many paths fail stops by itself, says why, and loses nothing."""

import pytest
from tests.conformance.store.test_parking import failing
from tests.conformance.store.test_retries import paths_of
from tests.hub_desk import ROOT, Hub, Node, ended

from towpath import wire
from towpath.domain.states import Wanted
from towpath.domain.stopping import LEAST, WINDOW
from towpath.engine import control
from towpath.engine.inputs import Asked

DENIED, GONE = ("no_permission", "EACCES"), ("permanent", "ENOENT")


def stern(hub: Hub, count: int, per_task: int = 10, rate: object = 0.5) -> int:
    """A job of a workflow that asks to be stopped."""
    rule = {"type": "all", "state": "all", "action": [{"name": "noop"}]}
    hub.define_document({"name": "stern", "filter_rules": [rule], "stop_on_error_rate": rate})
    return hub.given("stern", count, per_task)


def half(one: wire.Grant, share: float = 0.5) -> wire.Ended:
    """The end of a task of whose paths such a share failed."""
    paths = paths_of(one)
    bad = paths[: round(len(paths) * share)]
    return failing(one, {path: DENIED if number else GONE for number, path in enumerate(bad)})


def fail_until_stopped(hub: Hub, node: Node, job: int, share: float = 0.5) -> None:
    """Work on until the job is stopped."""
    while (granted := node.claim(slots=1).grants) and hub.job(job).wanted == Wanted.RUN:
        node.report(*(half(one, share) for one in granted))


@pytest.mark.parametrize("rate", [0.5, "50 %", "50%"])
def test_a_job_of_which_too_many_paths_fail_is_paused_with_the_reason(
    hub: Hub, oslo: Node, rate: object
) -> None:
    job = stern(hub, 1000, rate=rate)
    fail_until_stopped(hub, oslo, job)
    view = hub.job(job)
    assert (view.state, view.wish_by) == ("PAUSED", "towpath")
    assert view.wish_why == "50 % of the last 100 paths failed: noop: EACCES (40), noop: ENOENT (10)"
    assert view.totals["failed"] == LEAST / 2


def test_it_goes_on_when_a_person_says_so_and_is_judged_anew(hub: Hub, oslo: Node) -> None:
    job = stern(hub, 1000)
    fail_until_stopped(hub, oslo, job)
    hub.wish(job, Wanted.RUN)
    oslo.report(*map(ended, oslo.claim(slots=1).grants))
    assert hub.job(job).state == "STARTED"
    fail_until_stopped(hub, oslo, job, share=1.0)
    assert hub.job(job).totals["failed"] == LEAST / 2 + LEAST - 10
    hub.wish(job, Wanted.RUN)
    oslo.work()
    view = hub.job(job)
    assert (view.state, view.totals["discovered"]) == ("FAILURE", view.totals["done"] + view.totals["failed"])


def test_one_that_fails_only_later_on_is_stopped_though_most_of_it_went_well(hub: Hub, oslo: Node) -> None:
    job = stern(hub, 8000, per_task=100)
    for _ in range(50):
        oslo.report(*map(ended, oslo.claim(slots=1).grants))
    fail_until_stopped(hub, oslo, job, share=1.0)
    view = hub.job(job)
    assert view.state == "PAUSED"
    assert view.totals["failed"] <= 2 * WINDOW < view.totals["done"]


def test_what_is_to_be_tried_again_is_no_failure_yet(hub: Hub, oslo: Node) -> None:
    job = stern(hub, 200)
    for one in [grant for _ in range(20) for grant in oslo.claim(slots=1).grants]:
        oslo.report(failing(one, dict.fromkeys(paths_of(one), ("transient", "EIO"))))
    assert hub.job(job).state == "STARTED"


def test_a_job_that_is_over_is_not_paused(hub: Hub, oslo: Node) -> None:
    job = stern(hub, LEAST, per_task=LEAST)
    fail_until_stopped(hub, oslo, job, share=1.0)
    assert (hub.job(job).state, hub.job(job).wanted) == ("FAILURE", "run")


def test_an_order_may_say_otherwise_than_its_workflow(hub: Hub, oslo: Node) -> None:
    asked = tuple(Asked(b"%s/f%06d" % (ROOT.encode(), number)) for number in range(300))
    order = control.Submission("noop", "oslo", "default", asked, {}, "ana", None, 10, stop_on_error_rate=0.9)
    job = hub.tell(lambda tx: control.submit(tx, order)).job_id
    fail_until_stopped(hub, oslo, job, share=0.9)
    assert hub.job(job).state == "PAUSED"


def test_a_job_that_does_not_ask_for_it_is_not_stopped(hub: Hub, oslo: Node) -> None:
    job = hub.given("noop", 300, 10)
    fail_until_stopped(hub, oslo, job, share=1.0)
    assert hub.job(job).state == "FAILURE"
