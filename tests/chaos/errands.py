"""The jobs of a round: what each is to do to which files, and how it must end."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from random import Random

from tests.acceptance.world import Document, exact
from tests.chaos.ground import Failed, Ground
from tests.chaos.script import DOOMED, DROP, HAUL, JOBS, KEEP, SHIP

LANES = 10
"""Rules of a workflow, by the last digit of a name: so many chains run side by side."""
SIZES = (0, 1, 100, 4095, 4096, 4097, 9000)
LARGE = 300_000
PER_TASK = 40
IMPATIENT = {"longest": 2, "space_first": 1, "space_longest": 2}
"""Seconds that are waited for what may pass, and for room."""

STROLL = {"name": "stroll", "pace": "*pace"}
PREMIGRATE = {"name": "migrate", "premigrate": True, "records": "all"}

CHAINS: Mapping[str, Sequence[Mapping[str, object]]] = {
    HAUL: (STROLL, {"name": "migrate"}, {"name": "noop"}),
    KEEP: ({"name": "checksum"}, STROLL, PREMIGRATE),
    SHIP: (STROLL, PREMIGRATE, {"name": "reverse_stub", "site": "bergen"}),
    DROP: (STROLL, {"name": "delete"}),
    DOOMED: ({"name": "noop"}, STROLL, {"name": "checksum"}),
}
SITE = {HAUL: "oslo", KEEP: "bergen", SHIP: "oslo", DROP: "oslo", DOOMED: "bergen"}


def workflow(name: str) -> Document:
    """The definition of a round's workflow."""
    rules = [
        {"type": "file", "state": "all", "include": [f"*{digit}"], "action": list(CHAINS[name])}
        for digit in range(LANES)
    ]
    fields = [{"name": "pace", "type": "string"}]
    return {"name": name, "fields": fields, "filter_rules": rules, "patience": IMPATIENT}


@dataclass
class Errand:
    """A job, and the files that it was given."""

    name: str
    tree: Path
    contents: dict[bytes, bytes] = field(default_factory=dict)
    """Path relative to the tree → digest of the content that it must have in the end."""
    edited: set[bytes] = field(default_factory=set)
    job: int = 0

    @property
    def site(self) -> str:
        """Where the job begins."""
        return SITE[self.name]

    @property
    def steps(self) -> int:
        """How many steps its chains have."""
        return len(CHAINS[self.name])

    def sow(self, files: int, chance: Random) -> None:
        """Write the files."""
        self.tree.mkdir()
        for number in range(files):
            directory = f"{number // 250:02}"
            if number % 250 == 0:
                (self.tree / directory).mkdir()
            size = LARGE if number % 97 == 0 else chance.choice(SIZES)
            self.write(f"{directory}/{number:05}".encode(), chance.randbytes(size))

    def write(self, path: bytes, content: bytes) -> None:
        """Put a file in its place, as editors do: a new one is written and renamed."""
        place = os.fsencode(self.tree) + b"/" + path
        draft = os.fsencode(self.tree.parent.parent / "draft")
        with open(draft, "wb") as file:
            file.write(content)
        os.rename(draft, place)
        self.contents[path] = digest(content)

    def edit(self, chance: Random) -> None:
        """Let a user write some files anew."""
        for path in chance.sample(sorted(self.contents), 5):
            self.write(path, chance.randbytes(5000))
            self.edited.add(path)

    def begin(self, ground: Ground, pace: Path) -> None:
        """Start the job."""
        more: dict[str, object] = {"site": self.site}
        paths: Path | list[str] = self.tree
        if self.name == DROP:
            more |= {"discovery": None, "paths_per_task": PER_TASK}
            paths = [f"{self.tree}/{path.decode()}" for path in sorted(self.contents)]
        self.job = ground.submit(self.name, paths, {"pace": str(pace)}, more)

    def relative(self, row: Document) -> bytes:
        """The path of a row, relative to the tree, at whichever site it is."""
        _, found, path = exact(row).partition(b"/" + os.fsencode(self.tree.name) + b"/")
        if not found:
            raise Failed(f"{self.name}: a path that is none of its own: {row['path']}")
        return path


def errands(ground: Ground, files: int, chance: Random) -> dict[str, Errand]:
    """The errands of a round, their files written; `files` in all."""
    found = {name: Errand(name, ground.site(SITE[name]) / name) for name in JOBS}
    for errand in found.values():
        errand.sow(files // len(found), chance)
    return found


def digest(content: bytes) -> bytes:
    """What contents are compared by."""
    return blake2b(content, digest_size=16).digest()
