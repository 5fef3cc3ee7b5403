"""Each cell of the table in docs/fidelity.md, on each file system and each kind of target."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from docs.fidelity import FILE_SYSTEMS, KEPT, ROWS, TARGETS, TRIED_ON, WAYS
from tests.conformance.fidelity.things import THINGS, planted, read
from tests.fixtures_azurite import Azurite
from tests.fixtures_disks import KINDS, Disks, disks
from tests.fixtures_gcs import Google
from tests.fixtures_seaweed import Seaweed
from tests.fixtures_sftp import Sftp, sftp
from tests.step_context import OTHER_KEY, Place
from tests.tiers import also

from towpath.domain.paths import Code
from towpath.steps.copy import Copy
from towpath.steps.migrate import Migrate
from towpath.steps.recall import Recall
from towpath.steps.reverse_stub import ReverseStub
from towpath.storage.opening import open_storage
from towpath.storage.posix import DirectoryStorage
from towpath.storage.protocol import Storage

__all__ = ["disks", "sftp"]


@dataclass
class Round:
    """A tree with one of each thing, that goes all the ways."""

    here: Place
    base: Path
    names: list[str]

    def ways(self) -> Mapping[str, dict[str, bool]]:
        """Way → thing → whether it was the same at the end of it."""
        return {
            "premigrate": self._compared(self._premigrate, self.here),
            "copy": self._copied(),
            "send": self._sent("sent", hydrate=True),
            "send-recall": self._sent("sent-recalled", hydrate=False),
            "stub": self._compared(
                lambda: self._run(self.here, Migrate(), (Code.PROCESSED, Code.ALREADY, Code.SKIPPED)),
                self.here,
            ),
            "recall": self._compared(self._recall, self.here),
        }

    def _compared(self, go: object, there: Place) -> dict[str, bool]:
        assert callable(go)
        go()
        after = read(there.directory, self.names)
        return {name: now == self.before[name] for name, now in after.items()}

    def __post_init__(self) -> None:
        self.before = read(self.here.directory, self.names)

    def _premigrate(self) -> None:
        paths = sorted(everything(self.here.directory))
        outcomes = self.here.run(Migrate(), *paths, premigrate=True, records="all")
        assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}, outcomes
        self.carried = {index: outcomes[path].carry or b"" for index, path in enumerate(paths)}
        self.paths = paths

    def _run(self, place: Place, step: Migrate | Recall, codes: tuple[Code, ...]) -> None:
        paths = [path for path in everything(place.directory) if place.root.stat(path).st_mode >> 12 == 0o10]
        outcomes = place.run(step, *paths)
        assert {outcome.code for outcome in outcomes.values()} <= set(codes), outcomes
        assert place.private_files() == []

    def _copied(self) -> dict[str, bool]:
        """What a copy has, in another root of the site."""
        there = Place.at(self.base / "copied", self.here.storage)
        there.root.name = "copies"
        here = replace(self.here, other_roots={"copies": there.root})

        def go() -> None:
            outcomes = here.run(Copy(), *self.paths, to_root="copies")
            assert {outcome.code for outcome in outcomes.values()} == {Code.PROCESSED}, outcomes
            assert there.private_files() == []

        try:
            return self._compared(go, there)
        finally:
            there.root.close()

    def _recall(self) -> None:
        self._run(self.here, Recall(), (Code.PROCESSED, Code.ALREADY))

    def _sent(self, name: str, *, hydrate: bool) -> dict[str, bool]:
        """What another site has, which has a key of its own."""
        there = Place.at(self.base / name, self.here.storage)
        there = replace(there, key=OTHER_KEY, name="bergen", carried=self.carried)

        def go() -> None:
            context = there.context(ReverseStub(), self.paths, hydrate=hydrate)
            context.items = self.here.items(self.paths)
            failed = [one for one in ReverseStub().run(context) if one.code != Code.PROCESSED]
            assert not failed
            if not hydrate:
                self._run(there, Recall(), (Code.PROCESSED, Code.ALREADY))

        try:
            return self._compared(go, there)
        finally:
            there.root.close()


def everything(top: Path) -> list[bytes]:
    """Each path beneath a directory, relative to it; links are not followed."""
    found = []
    for directory, below, files in os.walk(bytes(top)):
        found += [os.path.relpath(os.path.join(directory, name), bytes(top)) for name in (*below, *files)]
    return found


FIRST = [("here", "directory"), ("here", "s3")]
PAIRS = [(kind, target) for target, kinds in TRIED_ON.items() for kind in ("here", *kinds)]
"""On which file system, to which target."""


@pytest.fixture(params=[*FIRST, *also(*(pair for pair in PAIRS if pair not in FIRST))], ids="-".join)
def disk(request: pytest.FixtureRequest, disks: Disks) -> tuple[str, Path]:
    """A file system of each kind: its name, and a directory of it."""
    return request.param[0], disks.of(request.param[0])


@pytest.fixture
def target(request: pytest.FixtureRequest, disk: tuple[str, Path]) -> tuple[str, Storage]:
    """A target of each kind, its name first."""
    name = request.node.callspec.params["disk"][1]
    match name:
        case "directory":
            return name, DirectoryStorage(bytes(Path(mkdtemp(dir=disk[1], prefix="target-"))))
        case "s3":
            s3: Seaweed = request.getfixturevalue("seaweed")
            return name, open_storage(s3.url(s3.fresh_bucket(), "cold"), s3.credentials, ())
        case "google":
            google: Google = request.getfixturevalue("google")
            bucket = google.seaweed.fresh_bucket()
            return name, open_storage(google.url(bucket, "cold"), google.credentials, ())
        case "sftp":
            server: Sftp = request.getfixturevalue("sftp")
            return name, open_storage(server.url(server.fresh_directory()), server.credentials, ())
        case _:
            azure: Azurite = request.getfixturevalue("azurite")
            return name, open_storage(azure.url(azure.fresh_container(), "cold"), azure.credentials, ())


def test_each_cell_of_the_table_is_as_it_says(disk: tuple[str, Path], target: tuple[str, Storage]) -> None:
    base = Path(mkdtemp(dir=disk[1], prefix="round-"))
    here = Place.at(base / "here", target[1])
    found = Round(here, base, planted(here.directory)).ways()
    here.root.close()
    assert set(found) == set(WAYS)
    wrong = [
        f"on {disk[0]}, target {target[0]}, {way}, {row.name}: the table says '{row.word(way)}', found it "
        + ("kept" if found[way][row.name] else "not kept")
        for way in WAYS
        for row in ROWS
        if row.name in found[way] and (row.word(way) == KEPT) != found[way][row.name]
    ]
    assert wrong == []
    for way in set(WAYS) - {"stub"}:
        assert len(found[way]) == len(found["premigrate"]) > 15
    assert len(found["stub"]) == len(ROWS) or os.geteuid() != 0


def test_each_row_of_the_table_is_planted_and_each_file_system_is_mounted() -> None:
    assert [row.name for row in ROWS] == list(THINGS)
    assert set(FILE_SYSTEMS) == set(KINDS) - {"here"}
    assert set(TRIED_ON) == set(TARGETS)
