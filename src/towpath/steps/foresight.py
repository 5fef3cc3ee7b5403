"""What a step would do with its paths, without doing any of it: for dry runs."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from towpath.domain.paths import PathOutcome
from towpath.steps.outcomes import processed
from towpath.steps.protocol import Context, Item, Step


@runtime_checkable
class Foresees(Protocol):
    """A step that looks at its paths as its run would, and says what it would do with them."""

    def foresee(self, context: Context) -> Iterator[PathOutcome]:
        """The outcome that `run` would give each item as things stand now, `bytes` those that it would move.

        Nothing may be changed. What a step before it in the chain would have done is not done.
        """


def foresee(step: Step, context: Context) -> Iterator[PathOutcome]:
    """What a step says of its paths; of one that cannot tell, that it would do them all."""
    if isinstance(step, Foresees):
        return step.foresee(context)

    def each(item: Item) -> PathOutcome:
        return processed(item)

    return context.each(each, context.items)
