"""A simulated world: a hub, two sites, three nodes, and all that lies between them."""

import os
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

from tests.simulation.bus import Bus, Weather
from tests.simulation.clockwork import Clockwork
from tests.simulation.files import ROOT, SPECS, Ground, planted
from tests.simulation.houses import DIRECTORY, HubHouse, NodeHouse
from tests.simulation.processes import Process
from tests.simulation.truth import Desktop, Truth, raw
from tests.simulation.watch import Watch, Wrong

from towpath import wire
from towpath.domain.errors import Conflict, Mistake, NotFound
from towpath.domain.states import IllegalWish
from towpath.engine import nodes, registry, workflows
from towpath.engine.inputs import Asked
from towpath.store.database import Tx

REFUSALS = (IllegalWish, Conflict, NotFound, Mistake)
"""What the hub says to people who ask for what cannot be."""

HUBS = ("hub", "other-hub")
PLACES = {"n1": "oslo", "n2": "oslo", "n3": "bergen"}
MOST_FILES = 22
MALICE = (0.0, 0.02, 0.05, 0.2)


def rule(kind: str, *steps: str, include: str = "") -> dict[str, Any]:
    """A rule of a workflow; a step is `name` or `name@site`."""
    action = []
    for step in steps:
        name, _, site = step.partition("@")
        action.append({"name": name, "site": site} if site else {"name": name})
    globs = {"include": [include]} if include else {}
    return {"type": kind, "state": "all", "action": action, **globs}


WORKFLOWS: dict[str, list[dict[str, Any]]] = {
    "haul": [
        rule("file", "touch", include="*.log"),
        rule("file", "touch", "punch", "touch@bergen", include="*.dat"),
        rule("all", "punch", "tell"),
    ],
    "clear": [
        rule("file", "touch", "erase", include="*.log"),
        rule("file", "erase"),
        rule("directory", "erase"),
    ],
    "order": [
        rule("file", "shift", include="*.log"),
        rule("file", "shift", "touch", "erase", "tell", "tell@bergen"),
    ],
    "plain": [rule("all", "touch")],
}


PATIENCE = {"longest": 3, "space_first": 1, "space_longest": 3}
"""How long what may pass is waited for, in seconds: within the time that a history has."""


def furnish(tx: Tx) -> None:
    """What every history begins with: sites with their steps, nodes, workflows."""
    workflows.install(tx)
    for site in dict.fromkeys(PLACES.values()):
        registry.add_site(tx, site)
    for name, site in PLACES.items():
        registry.register_node(tx, site, name, f"U{name}")
        said = wire.Hello(wire.VERSION, bytes(16), {ROOT: DIRECTORY}, {}, list(SPECS), bytes(32), True)
        nodes.hello(tx, site, name, said)
    for name, rules in WORKFLOWS.items():
        workflows.define_workflow(tx, {"name": name, "filter_rules": rules, "patience": PATIENCE})


class World:
    """All of it, from one seed."""

    def __init__(self, seed: int, aloud: Callable[[str], None] | None = None) -> None:
        self.seed = seed

        def dice(purpose: str) -> Random:
            return Random(f"{seed} {purpose}")

        self.clockwork = Clockwork(dice("turns"), aloud)
        self.bus = Bus(self.clockwork, dice("bus"))
        self.trees = {site: planted(site, dice(f"files {site}"), MOST_FILES) for site in ("oslo", "bergen")}
        self.ground = Ground(self.trees, dice("steps"), seed, malice=dice("malice").choice(MALICE))
        self.truth = Truth(furnish)
        self.watch = Watch(self.ground, self._was_harmed)
        self.truth.watch = self._look
        self.hubs = [
            HubHouse(self.clockwork, self.bus, self.truth, name, dice(name))
            for name in HUBS[: dice("hubs").choice((1, 1, 2))]
        ]
        self.nodes = [
            NodeHouse(self.clockwork, self.bus, self.ground, self.trees[site], name, dice(name))
            for name, site in PLACES.items()
        ]
        self.trouble_until = 0.0
        """When the last of what goes wrong for a while is over by itself."""
        self.wrong: Exception | None = None
        watch = self.watch
        self.ground.witness = lambda effect: self._checked(lambda: watch.witness(effect))
        self.bus.witness = lambda letter, answer: self._checked(lambda: watch.promise(letter, answer))

    @property
    def houses(self) -> list[HubHouse | NodeHouse]:
        """All of them."""
        return [*self.hubs, *self.nodes]

    def start(self) -> None:
        """Everybody begins."""
        for house in self.houses:
            house.start()

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> None:
        """Let things happen until a moment, or until it is done; raises what was found wrong."""
        self.clockwork.run(until, lambda: self.wrong is not None or done())
        if self.wrong is not None:
            raise self.wrong

    def lasts(self, seconds: float) -> None:
        """Something will be wrong for so long."""
        self.trouble_until = max(self.trouble_until, self.clockwork.now + seconds)

    def _was_harmed(self, node_id: int, or_another: bool) -> bool:
        name, site = raw().execute("SELECT name, site FROM nodes WHERE id = ?", (node_id,)).fetchone()
        return any(
            node.harmed for node in self.nodes if node.name == name or (or_another and node.site == site)
        )

    def _look(self, calls: int) -> None:
        self._checked(partial(self.watch.look, calls))

    def _checked(self, check: Callable[[], None]) -> None:
        """A step's thread would take what is raised for the step's own failure: so it is kept."""
        try:
            check()
        except Wrong as wrong:
            self.wrong = self.wrong or wrong

    # What people ask --------------------------------------------------------------------------------------------

    def ask(self, what: str, work: Callable[[Tx], object]) -> None:
        """Ask the hub something, as the API does; where it is away, or says no, that is the end of it."""
        for house in self.hubs:
            if house.process is not None and house.database is not None and not house.process.frozen:
                self._ask(house.process, house.database, what, work)
                return
        self.clockwork.note(f"{what}: nobody answers")

    def _ask(self, process: Process, database: Desktop, what: str, work: Callable[[Tx], object]) -> None:
        async def asking() -> None:
            try:
                answer = await database.write(work)
            except REFUSALS as refusal:
                self.clockwork.note(f"{what}: {refusal}")
            else:
                self.clockwork.note(f"{what}: {answer}")

        process.start(asking())

    def jobs(self) -> list[int]:
        """The ids of all jobs."""
        return [row[0] for row in raw().execute("SELECT id FROM jobs ORDER BY id")]

    # The end of all trouble -----------------------------------------------------------------------------------

    def heal(self) -> None:
        """Everything works from now on."""
        self.bus.weather = Weather()
        self.bus.cut.clear()
        self.truth.fates.clear()
        for house in self.houses:
            if house.process is not None:
                house.process.frozen = False
        for node in self.nodes:
            node.gone = False
            node.outbox.execute("PRAGMA max_page_count = 100000")
            node.start()
        for hub in self.hubs:
            hub.down_for = 0.0
            hub.start()

    def close(self) -> None:
        """Nothing of it runs any more."""
        for house in self.houses:
            if house.process is not None:
                house.process.on_death = lambda: None
                house.process.kill()
        for node in self.nodes:
            node.outbox.close()


def asked(*paths: str) -> tuple[Asked, ...]:
    """Paths beneath the root, as people name them."""
    return tuple(Asked(os.fsencode(f"{DIRECTORY}/{path}")) for path in paths)
