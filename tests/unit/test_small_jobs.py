"""Small jobs pass large ones, however large."""

from pathlib import Path

from tests.hub_desk import ended, make_hub

MANY = 30_000


def test_a_job_of_ten_paths_is_next_beside_one_of_thirty_thousand_tasks_that_holds_every_slot_it_may(
    tmp_path: Path,
) -> None:
    hub = make_hub(tmp_path)
    oslo = hub.node("oslo")
    large = hub.given("noop", MANY)
    granted = oslo.claim(slots=8, for_small=1).grants
    assert [one.job for one in granted] == [large] * 7, "the last slot stays free"
    small = hub.given("noop", 10, per_task=10)
    (one,) = oslo.claim(slots=1, for_small=1).grants
    assert one.job == small
    oslo.report(ended(one))
    assert hub.job(small).state == "SUCCESS"
    assert not oslo.claim(slots=1, for_small=1).grants
    hub.database.stop()
