"""What every test of the simulation leaves behind: nothing."""

import gc
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The product's log speaks again after a test that kept it quiet, and the collector looks at all, as often."""
    before, often = structlog.get_config(), gc.get_threshold()
    yield
    structlog.configure(**before)
    gc.set_threshold(*often)
    gc.unfreeze()
