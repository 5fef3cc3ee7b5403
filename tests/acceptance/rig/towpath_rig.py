"""A plugin for the tests: steps that wait until they are let go on, that take their time, and that fail unforeseen."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from towpath.domain.catalogue import Argument, StepSpec
from towpath.domain.paths import Code, PathOutcome
from towpath.steps.protocol import Context

GLANCE = 0.02


class Gate:
    """Lets paths through once a file is there; until then it can be handed back at any moment."""

    spec: ClassVar[StepSpec] = StepSpec(
        "gate",
        "wait until a file is there",
        (Argument("until", "string", "", "the file"),),
    )

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Wait, then say of each path that it was processed."""
        gate = Path(context.arguments["until"])
        for item in context.items:
            while context.proceed() and not gate.exists():
                time.sleep(GLANCE)
            if not context.proceed():
                return
            yield PathOutcome(item.index, Code.PROCESSED)


class Stroll:
    """Takes as long over each path as a file says, which is read anew before each; can be handed back at each."""

    spec: ClassVar[StepSpec] = StepSpec(
        "stroll",
        "take time over each path",
        (Argument("pace", "string", "", "the file with the seconds"),),
    )

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Let time pass, then say of each path that it was processed."""
        pace = Path(context.arguments["pace"])
        for item in context.items:
            if not context.proceed():
                return
            time.sleep(float(pace.read_text() or 0))
            yield PathOutcome(item.index, Code.PROCESSED)


class Stumble:
    """Fails without an outcome for any path."""

    spec: ClassVar[StepSpec] = StepSpec("stumble", "fail in a way nobody foresaw")

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Raise in the midst of the work."""
        for item in context.items:
            if item.path.endswith(b"7"):
                raise ValueError("the press is jammed")
            yield PathOutcome(item.index, Code.PROCESSED)
