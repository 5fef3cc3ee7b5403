"""The link of a node to its hub, as the worker needs it: one question, one answer, or none."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, TypeVar

from towpath import wire

Answer = TypeVar("Answer", bound=wire.Message)


class Verb(StrEnum):
    """What a node can ask the hub."""

    HELLO = "hello"
    CLAIM = "claim"
    BEAT = "beat"
    REPORT = "report"
    TARGET = "target"
    ANSWER = "answer"


class HubAway(Exception):
    """No answer came. Whether the hub heard the question is not known, so it may be asked again only as it was."""


class HubRefused(Exception):
    """The hub answered that it could not answer: why, in one line."""


class Link(Protocol):
    """The way to the hub."""

    async def ask(
        self,
        verb: Verb,
        question: wire.Message,
        answer: type[Answer],
        timeout: float,  # noqa: ASYNC109  its promise
    ) -> Answer:
        """The hub's answer; raises `HubAway` after `timeout` seconds without one, `HubRefused` for a `Trouble`."""

    def on_wake(self, ring: Callable[[], None]) -> None:
        """Call `ring`, on the loop's thread, whenever the hub hints that there may be work."""
