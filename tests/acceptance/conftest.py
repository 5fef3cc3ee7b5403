"""The fixtures of the acceptance tests: real hubs, each in a home of its own, that never outlive the tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.acceptance.world import CALM, MakeWorld, World, furnished, making, plant_rig
from tests.fixtures_hub import make_hub, make_shared_hub, reaper
from tests.fixtures_sftp import sftp

__all__ = ["make_hub", "make_shared_hub", "reaper", "sftp"]


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an installed plugin: the steps of `towpath_rig`."""
    return plant_rig(tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="package")
def make_worlds(
    tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None], rig: Path
) -> Iterator[MakeWorld]:
    """Makes worlds that are stopped when the worker has no more acceptance tests before it: they would work on beside
    all other tests."""
    with making(tmp_path_factory, reaper, rig) as make:
        yield make


@pytest.fixture(scope="module")
def make_brief_worlds(
    tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None], rig: Path
) -> Iterator[MakeWorld]:
    """Makes worlds that are stopped when the module's tests are over: one that nobody needs any more still works."""
    with making(tmp_path_factory, reaper, rig) as make:
        yield make


@pytest.fixture(scope="package")
def world(make_worlds: MakeWorld) -> World:
    """A hub with the sites oslo and bergen, and the directory target vault: for tests that leave it in peace."""
    return furnished(make_worlds("oslo", "bergen", heartbeat=CALM))


@pytest.fixture(scope="package")
def rough_world(make_worlds: MakeWorld) -> World:
    """A hub with the site oslo and the target vault, to which tests may do what they like: each leaves it up.

    Permission bits count there, whoever runs the tests.
    """
    return furnished(make_worlds("oslo", weak=True))
