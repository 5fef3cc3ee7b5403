"""What every test of the simulation leaves behind: nothing."""

import gc
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """The product's log speaks again after a test that kept it quiet, and the collector looks at everything."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
    gc.unfreeze()
