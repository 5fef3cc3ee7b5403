"""The simulated files of the sites, what steps do to them, and the walk that finds them."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, ClassVar

import xxhash
from tests.simulation.processes import Process

from towpath.discovery.cursor import Place, order
from towpath.discovery.protocol import Piece, Start
from towpath.domain.catalogue import StepSpec
from towpath.domain.paths import Code, ErrorClass, Kind, PathOutcome, is_beneath
from towpath.domain.states import Phase
from towpath.steps import outcomes
from towpath.steps.protocol import Context, Item
from towpath.storage.roots import Root, Roots

ROOT = "data"

SHIFT = StepSpec("shift", "puts files in order", phase=Phase.MOVES)
TOUCH = StepSpec("touch", "does something harmless")
PUNCH = StepSpec("punch", "frees the data of files that are unchanged")
ERASE = StepSpec("erase", "deletes files and empty directories", phase=Phase.DELETES)
TELL = StepSpec("tell", "tells how its job ended, once", phase=Phase.FINISH)
SPECS = (SHIFT, TOUCH, PUNCH, ERASE, TELL)

LONG = 0.97
"""How many paths are large: they take longer than a lease lasts."""


@cache
def roots() -> Roots:
    """A root that bears the name; nothing beneath it is ever looked at."""
    return Roots([Root(ROOT, tempfile.gettempdir().encode())])


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that a step did to a file."""

    site: str
    step: str
    path: bytes
    version: int
    run: bytes


@dataclass
class Tree:
    """The files of one site: path → version; a directory has version 0 for ever."""

    site: str
    files: dict[bytes, int] = field(default_factory=dict)
    kinds: dict[bytes, Kind] = field(default_factory=dict)
    versions: int = 0

    def write(self, path: bytes, kind: Kind = Kind.FILE) -> None:
        """Make a file, or change one."""
        self.versions += 1
        self.files[path] = self.versions if kind is Kind.FILE else 0
        self.kinds[path] = kind

    def remove(self, path: bytes) -> None:
        """Delete a path."""
        self.files.pop(path, None)
        self.kinds.pop(path, None)

    def beneath(self, path: bytes) -> list[bytes]:
        """All that lies at and beneath a path, in the order of a walk."""
        return sorted((other for other in self.files if is_beneath(other, path)), key=order)


def planted(site: str, dice: Random, most: int) -> Tree:
    """A small tree."""
    tree = Tree(site)
    places = [b"d"]
    tree.write(b"d", Kind.DIRECTORY)
    for _ in range(dice.randint(2, 4)):
        place = dice.choice(places) + b"/" + dice.choice((b"a", b"b", b"c"))
        if place not in places:
            places.append(place)
            tree.write(place, Kind.DIRECTORY)
    for number in range(dice.randint(5, most)):
        ending = dice.choice((b"dat", b"dat", b"log", b"tmp"))
        tree.write(b"%s/f%02d.%s" % (dice.choice(places), number, ending))
    return tree


@dataclass
class Ground:
    """What steps and walks of all sites have in common."""

    trees: Mapping[str, Tree]
    dice: Random
    seed: int
    effects: list[Effect] = field(default_factory=list)
    malice: float = 0.0
    """How much goes wrong with files, from 0 to 1."""
    witness: Callable[[Effect], None] = lambda effect: None
    """Called at each effect that cannot be taken back, at its moment."""

    def luck(self, step: str, path: bytes) -> float:
        """What a step will meet at a path, from 0 to 1: the same each time."""
        return xxhash.xxh32_intdigest(b"%d %s %s" % (self.seed, step.encode(), path)) / 2**32

    def did(self, effect: Effect, *, for_good: bool = False) -> None:
        """Note an effect."""
        self.effects.append(effect)
        if for_good:
            self.witness(effect)


@dataclass
class SimulatedStep:
    """A step at one life of a node: it takes its time at each path, and some paths fail it, or worse."""

    ground: Ground
    tree: Tree
    process: Process
    spec: ClassVar[StepSpec]

    def run(self, context: Context) -> Iterator[PathOutcome]:
        """One outcome a path, one after the other."""
        for item in context.items:
            if not context.proceed():
                return
            yield self._one(context, item)

    def _one(self, context: Context, item: Item) -> PathOutcome:
        ground, process = self.ground, self.process
        luck = ground.luck(self.spec.name, item.path)
        before = self.tree.files.get(item.path)
        process.nap(9.0 * ground.dice.random() if luck > LONG else 1.6 * ground.dice.random())
        if (ill := self._ill(item, luck)) is not None:
            return ill
        destroys = self.spec in (PUNCH, ERASE)
        if destroys or self.spec is TELL:
            context.confirm()
        return self._act(context, item, before, destroys)

    def _ill(self, item: Item, luck: float) -> PathOutcome | None:
        """What goes wrong with a path, if anything: the same for ever, but for what is transient."""
        ill = self.ground.malice - luck
        if ill <= 0:
            return None
        match int(luck * 1000) % 20:
            case 0:
                self.process.doom()
            case 1 | 2:
                raise RuntimeError("the step stumbled")
            case 3:
                raise SystemExit(3)
            case 4 | 5 | 6 | 7 | 8:
                return outcomes.failed(item, "may not", ErrorClass.NO_PERMISSION)
            case 9 | 10:
                return outcomes.skipped(item, "not for this step")
            case 11 | 12 if self.ground.dice.random() < 0.6:
                return outcomes.failed(item, "the place is full", ErrorClass.NO_SPACE)
            case _ if self.ground.dice.random() < 0.6:
                return outcomes.failed(item, "not now", ErrorClass.TRANSIENT)
        return None

    def _act(self, context: Context, item: Item, before: int | None, destroys: bool) -> PathOutcome:
        """From here on nobody else comes in between: a real step has a lease on the file, or a rename."""
        tree, path = self.tree, item.path
        now = tree.files.get(path)
        if destroys and now is None:
            return outcomes.missing(item, abort=True)
        if destroys and now != before:
            return outcomes.skipped(item, "changed meanwhile")
        if self.spec is ERASE and tree.kinds[path] is Kind.DIRECTORY and len(tree.beneath(path)) > 1:
            return outcomes.failed(item, "not empty")
        run: bytes = context._run.id  # type: ignore[attr-defined]  # what the audit must know and no step may
        effect = Effect(tree.site, self.spec.name, path, now or 0, run)
        if self.spec is ERASE:
            tree.remove(path)
        self.ground.did(effect, for_good=destroys)
        return PathOutcome(item.index, Code.PROCESSED, bytes=item.size, carry=b"%d" % (now or 0))


class Shift(SimulatedStep):
    """Puts files in order."""

    spec = SHIFT


class Touch(SimulatedStep):
    """Does something harmless."""

    spec = TOUCH


class Punch(SimulatedStep):
    """Frees data."""

    spec = PUNCH


class Erase(SimulatedStep):
    """Deletes."""

    spec = ERASE


class Tell(SimulatedStep):
    """Tells how its job ended."""

    spec = TELL

    def _act(self, context: Context, item: Item, before: int | None, destroys: bool) -> PathOutcome:
        run: bytes = context._run.id  # type: ignore[attr-defined]  # as in every step
        self.ground.did(Effect(self.tree.site, self.spec.name, item.path, before or 0, run), for_good=True)
        return outcomes.processed(item)


STEPS: tuple[type[SimulatedStep], ...] = (Shift, Touch, Punch, Erase, Tell)


@dataclass
class SimulatedWalk:
    """The discovery of one life of a node: small pieces, each in its own time."""

    ground: Ground
    tree: Tree
    process: Process
    name: ClassVar[str] = "recursive"

    def walk(
        self, starts: Sequence[Start], options: Mapping[str, Any], cursor: bytes
    ) -> Generator[Piece, None, None]:
        """What is there behind the cursor."""
        place = Place.unpack(cursor) if cursor else None
        for number, start in enumerate(starts):
            if place is not None and number < place.start:
                continue
            after = order(place.path) if place is not None and number == place.start else None
            yield from self._from(number, start, after)

    def _from(self, number: int, start: Start, after: list[bytes] | None) -> Iterator[Piece]:
        dice = self.ground.dice
        while True:
            self.process.nap(1.2 * dice.random())
            left = [path for path in self.tree.beneath(start.path) if after is None or order(path) > after]
            if not left:
                return
            paths = left[: dice.randint(1, 4)]
            kinds = bytes(self.tree.kinds[path] for path in paths)
            sizes = [10 if kind == Kind.FILE else 0 for kind in kinds]
            after = order(paths[-1])
            yield Piece(number, self.cursor(number, paths[-1]), paths, kinds, sizes)

    def cursor(self, start: int, path: bytes) -> bytes:
        """The place behind that entry."""
        return Place(start, path).pack()
