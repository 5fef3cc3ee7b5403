"""Users' programs write, rename, cut and delete files, and read them, while these are migrated and recalled."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from base64 import b64decode
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.acceptance.world import WEAK
from tests.fixtures_hub import until
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, PathOutcome
from towpath.hsm.mark import Standing
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall

HERE = Path(__file__).parents[1] / "races"
ROLES = ("write", "rename", "truncate", "delete")
KNOWN = (
    "it is not there",
    "the file was changed while it was copied",
    "premigrated, not freed: the file is open or mapped in some program",
    "premigrated, not freed: the file has further hard links",
    "the stub was changed while its data was brought",
    "the stub was removed while its data was brought",
    "No such file or directory",
    "it is a stub that was written to",
    "the stub was written to while its data was away",
)
"""All that a step may say of a path here."""


@dataclass
class Ground:
    """The site, the programs that run on it, and what the steps said."""

    place: Place
    base: Path
    said: "Counter[str]" = field(default_factory=Counter)

    @property
    def stop(self) -> Path:
        """The programs stop once it is there."""
        return self.base / "stop"

    def start(self) -> "Iterator[subprocess.Popen[bytes]]":
        """Each program, without root's rights."""
        for role in ROLES:
            directory = self.place.directory / role
            directory.mkdir()
            yield self._run("meddle.py", role, str(directory), role, str(self.stop), str(self.base / role))
        for seed in "12":
            yield self._run(
                "watch.py", str(self.place.directory), seed, str(self.stop), str(self.base / seed)
            )

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([*WEAK, sys.executable, "-I", "-S", str(HERE / program), *arguments])

    def paths(self) -> list[bytes]:
        """Each file as a walk finds it now, but for what is under way."""
        found = (Path(top) / name for top, _, names in os.walk(self.place.directory) for name in names)
        return [bytes(path.relative_to(self.place.directory)) for path in found]

    def round(self) -> None:
        """Migrate all there is, then recall it: each path has one outcome, with a reason that is known."""
        for step in (Migrate(), Recall()):
            paths = self.paths()
            outcomes = self.place.run(step, *paths)
            assert set(outcomes) == set(paths)
            for path, outcome in outcomes.items():
                self._account(path, outcome)

    def _account(self, path: bytes, outcome: PathOutcome) -> None:
        self.said[f"{outcome.code.name} {outcome.reason}"] += 1
        if outcome.code not in (Code.PROCESSED, Code.ALREADY) and b".towpath-" not in path:
            assert any(reason in outcome.reason for reason in KNOWN), (path, outcome)

    def settle(self) -> None:
        """Recall all once nobody meddles any more; nothing of ours is left."""
        for step in (Recall(), Recall()):
            self.place.run(step, *self.paths())
        assert self.place.private_files() == []

    def audit(self) -> None:
        """Each file is there, and holds what was written to it last."""
        for role in ROLES:
            told = json.loads((self.base / role).read_text())
            directory = self.place.directory / role
            assert set(os.listdir(directory)) == set(told["holds"])
            for name, packed in told["holds"].items():
                self._check(f"{role}/{name}", b64decode(packed))
            assert told["counts"]["done"] > 0

    def _check(self, name: str, content: bytes) -> None:
        if self.place.standing(name.encode()) is Standing.EDITED:
            # Its writer was let past the permission bits just before it became a stub: both versions are kept.
            self.said["both versions kept"] += 1
            return
        found = (self.place.directory / name).read_bytes()
        assert found == content, f"{name}: {len(content)} bytes were written, {len(found)} are there"

    def seen(self) -> "Counter[str]":
        """What the readers saw."""
        return sum((Counter(json.loads((self.base / seed).read_text())) for seed in "12"), Counter[str]())


@pytest.fixture
def ground() -> Iterator[Ground]:
    """A site with a directory target."""
    with tempfile.TemporaryDirectory(prefix="towpath-races-") as base:
        place = place_with_directory(Path(base))
        yield Ground(place, Path(base))
        place.root.close()


def race(ground: Ground, rounds: int) -> None:
    programs = list(ground.start())
    try:
        until(lambda: len(ground.paths()) >= 12 * len(ROLES), "the programs had begun")
        for _ in range(rounds):
            ground.round()
    finally:
        ground.stop.touch()
        for program in programs:
            program.wait(timeout=60)
    assert [program.returncode for program in programs] == [0] * len(programs)
    ground.settle()
    ground.audit()
    seen = ground.seen()
    assert [what for what in seen if what.isupper()] == [], seen
    assert ground.said["PROCESSED "] > 10 * rounds
    assert seen["reads"] > 0
    assert seen["closed"] > 0, "no reader met a stub: nothing was raced"


needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: the worker's own user is let into stubs"
)


@needs_root
def test_no_byte_is_lost_and_no_zero_read_while_all_meddle_with_migrate_and_recall(ground: Ground) -> None:
    race(ground, 8)


@needs_root
@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_byte_is_lost_and_no_zero_read_in_a_minute_of_races(ground: Ground) -> None:
    race(ground, 120)


def test_the_kernels_signal_of_a_broken_lease_is_ignored_here() -> None:
    assert signal.getsignal(signal.SIGIO) is signal.SIG_IGN
