"""How a command ends: its exit statuses."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from towpath.domain.states import JobState


class Exit(IntEnum):
    """What the exit status of a command says."""

    OK = 0
    MISTAKE = 1
    """The caller can mend it; one line says how."""
    BUG = 2
    FAILURE = 3
    CANCELLED = 4
    PAUSED = 5
    INTERRUPTED = 130
    PIPE_CLOSED = 141


EXIT_OF: Mapping[JobState, Exit] = MappingProxyType(
    {
        JobState.SUCCESS: Exit.OK,
        JobState.FAILURE: Exit.FAILURE,
        JobState.CANCELLED: Exit.CANCELLED,
        JobState.PAUSED: Exit.PAUSED,
    }
)
"""How a command that waits for a job ends; in a state that is not here it goes on waiting."""
