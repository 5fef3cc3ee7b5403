"""Whatever happens to files, no object goes that something refers to; and what nothing refers to goes in the end."""

import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.step_context import OTHER_KEY, Place, place_with_directory

from towpath.discovery.orphans import Orphans
from towpath.domain.lives import Stage, begun_key
from towpath.domain.paths import Code, Kind, PathOutcome
from towpath.hsm import mark as marks
from towpath.hsm.comparing import Comparison, Terms
from towpath.hsm.look import look
from towpath.hsm.sweeps import ENTRY_LENGTH
from towpath.steps.collect import Collect
from towpath.steps.migrate import Migrate
from towpath.steps.protocol import Item
from towpath.steps.recall import Recall
from towpath.steps.refer import Refer
from towpath.steps.undelete import Undelete
from towpath.steps.unmanage import Unmanage
from towpath.storage.roots import Root
from towpath.wire import Orphan

CONTENT = os.urandom(5_000)
LATER = 4_000_000_000


def nothing() -> None:
    """Nobody does anything meanwhile."""


@dataclass
class Sites:
    """The site oslo, whose objects are swept, and bergen, to which its stubs may come; and what is known of orphans."""

    oslo: Place
    bergen: Place
    scratch: Path
    known: dict[str, Orphan] = field(default_factory=dict)
    """What the sweep before has found."""
    sweeps: int = 0

    def begin(self) -> str:
        """Begin a sweep; its name."""
        self.wait_for_a_tick()
        self.sweeps += 1
        name = f"{self.sweeps:024x}"
        options = {"stage": Stage.BEGIN, "sweep": name}
        discovery = Orphans().of("oslo", self.oslo.key).at(self.oslo.storage)
        assert all(piece.paths == () for piece in discovery.walk([], options, b""))
        return name

    def wait_for_a_tick(self) -> None:
        """What is put now is no younger than what was put before: the file system's clock has gone on."""
        probe = self.scratch / "probe"
        probe.touch()
        first = probe.stat().st_mtime_ns
        while probe.stat().st_mtime_ns == first:
            probe.touch()

    def walk(self, name: str, meanwhile: Callable[[], None] = nothing) -> int:
        """Walk both sites, a few files at a time; how many references were written."""
        count = 0
        for place in (self.oslo, self.bergen):
            for path in files(place):
                meanwhile()
                place.task += 1
                outcome = place.run_one(Refer(), path, sweep=name, marker=begun_key(name, "oslo"))
                assert outcome.code in (Code.PROCESSED, Code.ALREADY), (path, outcome)
                count += outcome.bytes // ENTRY_LENGTH
        return count

    def compare(self, name: str, expected: int) -> dict[str, Orphan]:
        """The orphans, by key."""
        terms = Terms(name, "oslo", self.oslo.key, {"oslo", "bergen"}, {"data"}, expected, plain=True)
        place = self.scratch / name
        place.mkdir()
        comparison = Comparison(self.oslo.storage, terms, place)
        for _ in comparison.gather():
            pass
        return {orphan.key: orphan for looked in comparison.orphans() for orphan in looked.orphans}

    def sweep(self, meanwhile: Callable[[], None] = nothing) -> dict[str, Orphan]:
        """A sweep that deletes nothing."""
        name = self.begin()
        self.known = self.compare(name, self.walk(name, meanwhile))
        return self.known

    def collect(
        self, *meanwhile: Callable[[], None], last: Callable[[], None] = nothing
    ) -> list[PathOutcome]:
        """A sweep that deletes what the one before has found too; `meanwhile` goes on during its two walks, and
        `last` after the comparison."""
        name = self.begin()
        first, second = (*meanwhile, nothing, nothing)[:2]
        expected = self.walk(name, first) + self.walk(name, second)
        found = self.compare(name, expected)
        due = [orphan for key, orphan in sorted(found.items()) if key in self.known]
        last()
        context = self.oslo.context(Collect(), [], sweep=name, until=LATER)
        context.items = [
            Item(index, orphan.key.encode(), Kind.FILE, orphan.size, orphan.entry.hex())
            for index, orphan in enumerate(due)
        ]
        self.known = found
        return list(Collect().run(context))

    def objects(self) -> set[str]:
        """The keys of oslo's objects."""
        return {found.key for found in self.oslo.storage.listing("oslo")}

    def referred(self) -> set[str]:
        """The keys of the objects that any file of any site refers to."""
        return {
            key for place in (self.oslo, self.bergen) for path in files(place) for key in keys(place, path)
        }


def files(place: Place) -> list[bytes]:
    """The files of a site, in the order of a walk, as it comes upon them."""
    found = sorted(p for p in place.directory.rglob("*") if p.is_file() and not p.is_symlink())
    return [os.fsencode(str(path.relative_to(place.directory))) for path in found]


def keys(place: Place, path: bytes) -> Iterator[str]:
    """The objects that a file's marks lead to."""
    with look(place.root, path, place.key) as found:
        packed = found.marks
    for one in packed:
        reference = marks.unpack_untrusted(one).reference
        yield Migrate()._shelf.find(place.storage, reference).key


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[Sites]:
    """Both sites, with nothing in them."""
    oslo = place_with_directory(tmp_path)
    directory = tmp_path / "bergen"
    directory.mkdir()
    root = Root("data", str(directory).encode())
    bergen = Place(directory, root, oslo.targets, OTHER_KEY, "bergen")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    yield Sites(oslo, bergen, scratch)
    oslo.root.close()
    root.close()


def copy_stub(source: Path, place: Path) -> None:
    """As `cp -a` as root copies a stub: a hole of the same size, time, mode and mark."""
    found = source.stat()
    attributes = [(name, os.getxattr(source, name)) for name in os.listxattr(source)]
    place.write_bytes(b"")
    os.truncate(place, found.st_size)
    for name, value in attributes:
        os.setxattr(place, name, value)
    place.chmod(found.st_mode & 0o7777)
    os.utime(place, ns=(found.st_atime_ns, found.st_mtime_ns))


class History:
    """What people and Towpath do to files, as a seed has it; `content` is what each file at oslo must have."""

    def __init__(self, sites: Sites, seed: int) -> None:
        self.sites, self.dice = sites, random.Random(seed)
        self.oslo = sites.oslo
        self.number = 0
        self.content: dict[bytes, bytes] = {}
        self.gone: set[bytes] = set()
        for name in ("a", "b", "c"):
            (self.oslo.directory / name).mkdir()

    def fresh(self) -> bytes:
        """A name that was never used."""
        self.number += 1
        return f"{self.dice.choice('abc')}/f{self.number}".encode()

    def some(self) -> bytes | None:
        """A file of oslo."""
        return self.dice.choice(sorted(self.content)) if self.content else None

    def at(self, path: bytes) -> Path:
        """A file's place."""
        return self.oslo.directory / os.fsdecode(path)

    def step(self) -> None:
        """Something happens."""
        deeds = (self.create, self.premigrate, self.stub, self.recall, self.rename, self.copy, self.delete)
        more = (self.link, self.edit, self.unmanage, self.send, self.undelete, self.drop)
        self.dice.choice((*deeds, *deeds, *more))()

    def create(self) -> None:
        path = self.fresh()
        self.content[path] = self.dice.randbytes(self.dice.choice((0, 10, 9_000)))
        self.at(path).write_bytes(self.content[path])

    def premigrate(self) -> None:
        if path := self.some():
            self.oslo.run_one(Migrate(), path, premigrate=True)

    def stub(self) -> None:
        if path := self.some():
            self.oslo.run_one(Migrate(), path)

    def recall(self) -> None:
        if path := self.some():
            self.oslo.run_one(Recall(), path)

    def rename(self) -> None:
        if path := self.some():
            new = self.fresh()
            self.at(path).rename(self.at(new))
            self.content[new] = self.content.pop(path)

    def copy(self) -> None:
        """A copy with its mark: foreign where it is a stub, and bound anew where somebody adopts it."""
        if path := self.some():
            copy_stub(self.at(path), self.at(b"copy-of-" + path.replace(b"/", b"-")))

    def delete(self) -> None:
        if path := self.some():
            self.at(path).unlink()
            del self.content[path]
            self.gone.add(path)

    def link(self) -> None:
        if path := self.some():
            new = self.fresh()
            os.link(self.at(path), self.at(new))
            self.content[new] = self.content[path]

    def edit(self) -> None:
        path = self.some()
        if path and self.oslo.run_one(Recall(), path).code in (Code.PROCESSED, Code.ALREADY):
            new = self.dice.randbytes(50)
            inode = self.at(path).stat().st_ino
            self.at(path).write_bytes(new)
            for other in self.content:
                if self.at(other).stat().st_ino == inode:
                    self.content[other] = new

    def unmanage(self) -> None:
        if path := self.some():
            self.oslo.run_one(Unmanage(), path)

    def send(self) -> None:
        """A stub comes to bergen; the file here may go then."""
        if path := self.some():
            copy_stub(self.at(path), self.sites.bergen.directory / path.replace(b"/", b"-").decode())

    def drop(self) -> None:
        for place in (self.sites.bergen.directory, self.oslo.directory):
            copies = sorted(p for p in place.iterdir() if p.is_file())
            if copies:
                self.dice.choice(copies).unlink()

    def undelete(self) -> None:
        if self.gone:
            path = self.dice.choice(sorted(self.gone))
            if self.oslo.run_one(Undelete(), path).code is Code.PROCESSED:
                self.gone.discard(path)
                back = self.oslo.run_one(Recall(), path)
                assert back.code in (Code.PROCESSED, Code.ALREADY)
                self.content[path] = self.at(path).read_bytes()

    def meanwhile(self) -> None:
        """Now and then somebody renames a file while sites are walked."""
        if self.dice.random() < 0.3:
            self.rename()


def check_nothing_is_lost(sites: Sites) -> None:
    """Each object that a file refers to is there."""
    assert sites.referred() <= sites.objects()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to copy stubs of mode 000 as a backup does")
@pytest.mark.parametrize("seed", range(12))
def test_no_object_goes_that_something_refers_to_and_the_others_go_in_the_end(
    sites: Sites, seed: int
) -> None:
    history = History(sites, seed)
    for _ in range(8):
        for _ in range(history.dice.randrange(4, 14)):
            history.step()
        if history.dice.random() < 0.5:
            sites.sweep(history.meanwhile)
        else:
            turns = [history.meanwhile, nothing]
            history.dice.shuffle(turns)
            sites.collect(*turns, last=history.step)
        check_nothing_is_lost(sites)
    sites.sweep()
    sites.collect()
    assert sites.objects() == sites.referred()
    for path, content in history.content.items():
        assert sites.oslo.run_one(Recall(), path).code in (Code.PROCESSED, Code.ALREADY, Code.SKIPPED), path
        assert history.at(path).read_bytes() == content, path
