"""The order of the tests over several workers leaves none out, and keeps those of a module together that wait."""

from itertools import groupby

import pytest
from tests.spreading import WAITING, spread


@pytest.mark.parametrize("workers", [1, 2, 3, 4, 9])
def test_each_test_is_handed_out_once_and_modules_that_share_a_hub_stay_whole(
    request: pytest.FixtureRequest, workers: int
) -> None:
    items = request.session.items
    ordered = spread(items, workers)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in items)
    modules = [item.nodeid.partition("::")[0] for item in ordered if item.nodeid.startswith(WAITING[0])]
    assert len([module for module, _ in groupby(modules)]) == len(set(modules))
