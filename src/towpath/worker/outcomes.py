"""The outcomes of one task, checked as they come: exactly one for each of its paths, or the step has failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from towpath import wire
from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.worker.outbox import LARGEST_EVENT

LONGEST_REASON = 500
"""Characters of a reason that are kept."""

SHORTER = (LONGEST_REASON, 160, 60, 0)
"""What reasons are cut to, one after the other, until all that a task has to say fits one message."""

_DONE = (Code.PROCESSED, Code.ALREADY)


class BadOutcomes(Exception):
    """A step did not give exactly one outcome for each path: what became of its paths is unknown."""


@dataclass(frozen=True, slots=True)
class Span:
    """Which paths of a batch are a task's: the batch has `length` paths, `mask` one byte each; b"" = all."""

    length: int
    mask: bytes = b""

    def holds(self, index: int) -> bool:
        """Whether the path of that index is the task's."""
        return 0 <= index < self.length and (not self.mask or self.mask[index] != 0)

    @property
    def count(self) -> int:
        """How many paths the task has."""
        return self.length - self.mask.count(0) if self.mask else self.length


class Tally:
    """The outcomes that a step has given so far."""

    def __init__(self, step: str, span: Span) -> None:
        self._step, self._span = step, span
        self._codes = bytearray(span.length)
        self._notes: list[wire.Note] = []
        self._carry: dict[int, bytes] = {}
        self.given = 0
        self.bytes = 0

    def add(self, outcome: PathOutcome) -> None:
        """One more; raises `BadOutcomes` for a path that is not the task's, or has an outcome already."""
        index = outcome.index
        if not self._span.holds(index):
            raise BadOutcomes(
                f"step {self._step} gave an outcome for path {index}, which is none of its task's"
            )
        if self._codes[index]:
            raise BadOutcomes(f"step {self._step} gave two outcomes for path {index}")
        if outcome.code is Code.NONE:
            raise BadOutcomes(f"step {self._step} gave path {index} an outcome that says nothing")
        self._codes[index] = outcome.code
        self.given += 1
        self.bytes += outcome.bytes
        if outcome.code not in _DONE:
            self._notes.append(_note(outcome))
        elif outcome.carry is not None:
            self._carry[index] = outcome.carry

    def check_complete(self) -> None:
        """Raise `BadOutcomes` where a path has none."""
        missing = self._span.count - self.given
        if missing:
            raise BadOutcomes(
                f"step {self._step} gave no outcome for {missing} {'path' if missing == 1 else 'paths'}"
            )

    def ended(self, task: int, run: bytes) -> bytes:
        """The packed `Ended`; one with fewer outcomes than paths says that the task is handed back.

        Raises `BadOutcomes` where what the step hands on is too much for one message.
        """
        codes = packed_codes(bytes(self._codes))
        carry = wire.pack(self._carry) if self._carry else b""
        back = self.given < self._span.count
        for longest in SHORTER:
            notes = _cut(self._notes, longest)
            packed = wire.pack(wire.Ended(task, run, codes, notes, carry, self.bytes, back))
            if len(packed) <= LARGEST_EVENT:
                return packed
        raise BadOutcomes(
            f"step {self._step} hands on {len(carry)} bytes for {len(self._carry)} paths: expected outcomes that fit"
            f" a message of {LARGEST_EVENT} bytes"
        )


def nothing_done(grant: wire.Grant) -> bytes:
    """The packed `Ended` of a task that is handed back before its step began: not one path has an outcome."""
    length = batch_length(grant.batch) if grant.batch else 0
    return wire.pack(wire.Ended(grant.task, grant.run, packed_codes(bytes(length)), [], handed_back=True))


def batch_length(batch: bytes) -> int:
    """How many paths a packed batch has."""
    return len(wire.unpack(batch, wire.Batch).paths)


def packed_codes(codes: bytes) -> bytes:
    """Codes as the wire has them; small ones are mostly alike, and compressing costs more than remembering."""
    return _remembered(codes) if len(codes) <= 16 else wire.compress(codes)


@lru_cache(maxsize=1024)
def _remembered(codes: bytes) -> bytes:
    return wire.compress(codes)


def _note(outcome: PathOutcome) -> wire.Note:
    """Why a path was not processed; a failed one without a class is taken for permanent."""
    error_class: str = outcome.error_class or (ErrorClass.PERMANENT if outcome.code is Code.FAILED else "")
    reason = shortened(outcome.reason or "no reason was given")
    return wire.Note(outcome.index, str(error_class), reason, outcome.error_name)


def shortened(reason: str, longest: int = LONGEST_REASON) -> str:
    """A reason in one line of at most that many characters; bytes that are no text are escaped."""
    line = " ".join(reason.split()) if "\n" in reason else reason
    return _encodable(line if len(line) <= longest else line[: max(0, longest - 1)] + "…" * (longest > 0))


def _encodable(text: str) -> str:
    """Text that UTF-8 can carry: file names that were decoded with `surrogateescape` cannot be sent as they are."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _cut(notes: list[wire.Note], longest: int) -> list[wire.Note]:
    if longest == LONGEST_REASON:
        return notes
    return [
        wire.Note(note.index, note.error_class, shortened(note.reason, longest), note.error_name)
        for note in notes
    ]


def carried_on(carry: bytes) -> Mapping[int, bytes]:
    """What the step before handed on, by index."""
    return wire.unpack(carry, dict[int, bytes]) if carry else {}
