"""A user's program that works on its files all the while: `python meddle.py ROLE DIRECTORY SEED STOP RESULT`.

It stops once the file STOP is there, and says in RESULT what its files must hold then. It knows nothing of stubs: a
file that it may not open now, it leaves alone. No byte that it writes is zero.
"""

import json
import os
import random
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

FILES = 12
LARGEST = 60_000


@dataclass
class Meddler:
    """The files of one program, and what they must hold."""

    place: str
    chance: random.Random
    holds: dict[str, bytes] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    made: int = 0

    def fresh(self) -> bytes:
        """New content, none of it zero."""
        return bytes(self.chance.choices(range(1, 256), k=self.chance.randint(1, LARGEST)))

    def path(self, name: str) -> str:
        """Where a file is."""
        return os.path.join(self.place, name)

    def make(self) -> None:
        """One more file."""
        self.made += 1
        name, content = f"{self.made:06}", self.fresh()
        with open(self.path(name), "xb") as file:
            file.write(content)
        self.holds[name] = content

    def now_holds(self, name: str, content: bytes) -> None:
        """Remember what was written."""
        self.before[name], self.holds[name] = self.holds[name], content

    def overwrite(self, name: str) -> None:
        """Write in the midst of a file, or behind its end."""
        with open(self.path(name), "r+b", buffering=0) as file:
            old = self.holds[name]
            at = self.chance.randint(0, len(old))
            piece = self.fresh()[:5000]
            file.seek(at)
            file.write(piece)
            self.now_holds(name, old[:at] + piece + old[at + len(piece) :])

    def replace(self, name: str) -> None:
        """Put a new file in its place, as editors do."""
        content = self.fresh()
        with open(self.path("new~"), "wb") as file:
            file.write(content)
        os.rename(self.path("new~"), self.path(name))
        self.now_holds(name, content)

    def rename(self, name: str) -> None:
        """Give it another name."""
        self.made += 1
        new = f"{self.made:06}"
        os.rename(self.path(name), self.path(new))
        self.holds[new] = self.holds.pop(name)

    def truncate(self, name: str) -> None:
        """Cut it short, or empty it and write it anew."""
        old = self.holds[name]
        if self.chance.random() < 0.5:
            length = self.chance.randint(0, len(old))
            os.truncate(self.path(name), length)
            self.now_holds(name, old[:length])
        else:
            content = self.fresh()
            with open(self.path(name), "wb") as file:
                file.write(content)
            self.now_holds(name, content)

    def delete(self, name: str) -> None:
        """Delete it, and make another."""
        os.unlink(self.path(name))
        del self.holds[name]
        self.make()

    def act(self, deed: Callable[[str], None]) -> None:
        """One deed on one file; a file that is closed is left alone."""
        name = self.chance.choice(list(self.holds))
        try:
            deed(name)
            said = "done"
        except PermissionError:
            said = "closed"
        self.counts[said] = self.counts.get(said, 0) + 1


def main(role: str, place: str, seed: str, stop: str, result: str) -> None:
    """Work until it is time to stop."""
    meddler = Meddler(place, random.Random(seed))
    deeds = {
        "write": [meddler.overwrite, meddler.replace],
        "rename": [meddler.rename],
        "truncate": [meddler.truncate],
        "delete": [meddler.delete],
    }[role]
    for _ in range(FILES):
        meddler.make()
    while not os.path.exists(stop):
        meddler.act(meddler.chance.choice(deeds))
        os.sched_yield()
    said = {
        "holds": {name: b64encode(content).decode() for name, content in meddler.holds.items()},
        "before": {name: b64encode(content).decode() for name, content in meddler.before.items()},
        "counts": meddler.counts,
    }
    with open(result, "w", encoding="ascii") as file:
        json.dump(said, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
