"""A plugin for the tests: steps that wait, stroll, stumble, end their worker, and find no room."""

import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from towpath.domain.catalogue import Argument, StepSpec
from towpath.domain.paths import Code, PathOutcome
from towpath.steps.protocol import Context, Item

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
    """Takes as long over each path as a file says, which is read anew before each; can be handed back at each.

    Each path that it begins is noted in another file, where one is named.
    """

    spec: ClassVar[StepSpec] = StepSpec(
        "stroll",
        "take time over each path",
        (
            Argument("pace", "string", "", "the file with the seconds"),
            Argument("log", "string", "/dev/null", "the file that has a line for each path that was begun"),
        ),
    )

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Let time pass, then say of each path that it was processed."""
        pace = Path(context.arguments["pace"])
        with Path(context.arguments["log"]).open("ab", buffering=0) as log:
            for item in context.items:
                if not context.proceed():
                    return
                log.write(item.path + b"\n")
                time.sleep(float(pace.read_text() or 0))
                yield PathOutcome(item.index, Code.PROCESSED)


class Hang:
    """As a step that is stuck in a call of the system: it asks nobody whether to go on until a file is there."""

    spec: ClassVar[StepSpec] = StepSpec(
        "hang",
        "hear nothing until a file is there",
        (Argument("until", "string", "", "the file"),),
    )

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Hang, then say of each path that it was processed."""
        while not Path(context.arguments["until"]).exists():
            time.sleep(GLANCE)
        yield from (PathOutcome(item.index, Code.PROCESSED) for item in context.items)


class Stumble:
    """Fails without an outcome for any path."""

    spec: ClassVar[StepSpec] = StepSpec("stumble", "fail in a way nobody foresaw")

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """Raise in the midst of the work."""
        for item in context.items:
            if item.path.endswith(b"7"):
                raise ValueError("the press is jammed")
            yield PathOutcome(item.index, Code.PROCESSED)


class Deadly:
    """Ends the worker's whole process at a path that is called `deadly`, as a crash in some library would."""

    spec: ClassVar[StepSpec] = StepSpec("deadly", "end the worker at some paths")

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """All goes well until then."""
        for item in context.items:
            if item.path.endswith(b"deadly"):
                os._exit(9)
            yield PathOutcome(item.index, Code.PROCESSED)


class Brim:
    """Finds no room until a file is there."""

    spec: ClassVar[StepSpec] = StepSpec(
        "brim", "find no room until a file is there", (Argument("until", "string", "", "the file"),)
    )

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """What the system says of a full disk, for every path of which the name has an even end."""
        room = Path(context.arguments["until"])

        def put(item: Item) -> PathOutcome:
            if not room.exists() and item.path[-1] % 2 == 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return PathOutcome(item.index, Code.PROCESSED)

        return context.each(put, context.items)
