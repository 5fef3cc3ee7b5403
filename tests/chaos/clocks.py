"""The clocks that the processes of a round read: the machine's, shifted by what a file says (see rig/sitecustomize)."""

import struct
from dataclasses import dataclass
from pathlib import Path

LAYOUT = struct.Struct("<qd")


@dataclass
class Clocks:
    """How far ahead of the machine's clocks those of a round are."""

    file: Path
    wall_seconds: int = 0
    """Of the wall clock; negative: it was set back."""
    suspended_seconds: float = 0.0
    """Of the clock that goes on during a suspend: how long the machine has been asleep, all in all."""

    def write(self) -> None:
        """Let every process of the round have it so, those that run too: they have the file mapped."""
        packed = LAYOUT.pack(self.wall_seconds * 10**9, self.suspended_seconds)
        # In place, and never through a new file: running processes would keep the old one.
        with self.file.open("r+b" if self.file.exists() else "w+b") as file:
            file.write(packed)

    def set_wall(self, seconds: int) -> None:
        """Set the wall clock so many seconds ahead of the machine's."""
        self.wall_seconds = seconds
        self.write()

    def suspend(self, seconds: float) -> None:
        """Have slept: only the clock that goes on during a suspend tells."""
        self.suspended_seconds += seconds
        self.write()
