"""The step that does nothing to each path: for measuring, and for trying out rules."""

from collections.abc import Iterator
from typing import ClassVar

from towpath.domain.catalogue import NOOP, StepSpec
from towpath.domain.paths import PathOutcome
from towpath.steps.outcomes import processed
from towpath.steps.protocol import Context


class Noop:
    """Says of each path that it was processed, without a look at it."""

    spec: ClassVar[StepSpec] = NOOP

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Yield the outcomes, in this thread: nothing waits for anything here."""
        proceed = context.proceed
        for item in context.items:
            if not proceed():
                return
            yield processed(item)
