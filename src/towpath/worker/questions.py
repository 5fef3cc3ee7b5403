"""What people ask a node at once, in the midst of its work: how a target is, what stands there, what lies at a path."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

import structlog

from towpath import wire
from towpath.storage.protocol import StorageError, is_safe_key
from towpath.storage.roots import Roots
from towpath.worker import files
from towpath.worker.backoff import Persistent
from towpath.worker.link import Verb
from towpath.worker.pool import Hands
from towpath.worker.targets import Checker, Targets

LISTED_BYTES = 150 * 1024
"""Bytes of keys in one answer: a message has 256 KiB."""

SECOND = 1_000_000
"""Microseconds."""

Respond = Callable[[wire.Question], wire.Answered]

log = structlog.get_logger()


class Responder:
    """Answers questions about targets and about paths of the site, each on the thread that asks."""

    def __init__(self, targets: Targets, check: Checker, roots: Roots, key: bytes) -> None:
        self._targets, self._check, self._roots, self._key = targets, check, roots, key

    def __call__(self, question: wire.Question) -> wire.Answered:
        """The answer; what cannot be answered is told with the reason."""
        try:
            return wire.Answered(question.id, wire.pack(self._answer(question)))
        except StorageError as error:
            return wire.Answered(question.id, trouble=error.reason)
        except files.Unseen as error:
            return wire.Answered(question.id, trouble=str(error))
        except Exception as error:  # Whoever asked waits: a bug is an answer too, and the node goes on.
            log.exception("a question could not be answered", kind=question.kind, target=question.target)
            return wire.Answered(question.id, trouble=f"{type(error).__name__}; see the node's log")

    def _answer(self, question: wire.Question) -> wire.Checked | wire.Listed | wire.Seen:
        match question.kind:
            case "check":
                found = self._targets.check(question.target, self._check)
                return wire.Checked([wire.Finding(f.what, f.well, f.says, f.hint) for f in found])
            case "browse":
                return self._browse(question)
            case "files":
                return files.see(self._roots, self._key, question, LISTED_BYTES)
            case kind:
                raise files.Unseen(f"this node cannot answer a question of the kind '{kind}'; it is too old")

    def _browse(self, question: wire.Question) -> wire.Listed:
        for key in (question.prefix, question.after):
            if key and not is_safe_key(key):
                return wire.Listed([], [], [])  # No object of ours stands under such a key.
        listed, held = wire.Listed([], [], []), 0
        for found in self._targets.open_now(question.target).listing(question.prefix, question.after):
            held += len(found.key) + 16
            if len(listed.keys) >= question.limit or held > LISTED_BYTES:
                return wire.Listed(listed.keys, listed.sizes, listed.modified, more=True)
            listed.keys.append(found.key)
            listed.sizes.append(found.size)
            listed.modified.append(int(found.modified_at.timestamp() * SECOND))
        return listed


class Answering:
    """Hears questions, has each answered by a hand, and brings the answers to the hub. For one event loop."""

    def __init__(self, persistent: Persistent, hands: Hands, respond: Respond) -> None:
        self._persistent, self._hands, self._respond = persistent, hands, respond
        self._heard: set[int] = set()
        self._answers: asyncio.Queue[wire.Answered] = asyncio.Queue()

    def hear(self, questions: Iterable[wire.Question]) -> None:
        """Take up each question that was not heard before."""
        for question in questions:
            if question.id not in self._heard:
                self._heard.add(question.id)
                self._hands.submit(partial(self._answer, question, asyncio.get_running_loop()))

    async def run(self) -> None:
        """Bring answers to the hub, for ever."""
        while True:
            answered = await self._answers.get()
            await self._persistent.ask(Verb.ANSWER, answered, wire.Heard)
            self._heard.discard(answered.question)

    def _answer(self, question: wire.Question, loop: asyncio.AbstractEventLoop) -> None:
        answered = self._respond(question)
        if not loop.is_closed():
            loop.call_soon_threadsafe(self._answers.put_nowait, answered)


def answers_nothing(question: wire.Question) -> wire.Answered:
    """For a node without targets."""
    return wire.Answered(question.id, trouble="this node has no targets")
