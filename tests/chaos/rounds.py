"""One round: jobs at two sites, the turns of its script while they run, calm, and the audit."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos import audits
from tests.chaos.errands import Errand, errands, workflow
from tests.chaos.ground import LULL, Failed, Ground, standing
from tests.chaos.script import (
    DAY,
    DISKS,
    DOOMED,
    HUB,
    JOBS,
    NATS,
    SITES,
    VAULT,
    Deed,
    Turn,
    When,
    on_postgres,
    script,
)

IMPATIENT = 2.0
"""Seconds after which a turn comes though what it waits for has not: nothing may be coming any more."""
LONG = 5.0
PATIENCE = 90.0
SLOW = "0.1"
"""Seconds that each path takes in the step `stroll` while the jobs are further than the script."""


@dataclass
class Tale:
    """What happened in a round."""

    seed: int
    files: int
    began: float = field(default_factory=time.monotonic)
    blows: "Counter[str]" = field(default_factory=Counter)
    kills: "Counter[str]" = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)

    def tell(self, what: str) -> None:
        """Keep a line of what happens."""
        self.lines.append(f"{time.monotonic() - self.began:6.2f} {what}")

    def digest(self, verdict: str) -> str:
        """The round in one line."""
        kills = ", ".join(f"{name} {number}" for name, number in sorted(self.kills.items()))
        others = ", ".join(f"{name} {number}" for name, number in sorted(self.blows.items()))
        kept = "PostgreSQL" if on_postgres(self.seed) else "SQLite"
        seconds = time.monotonic() - self.began
        return (
            f"seed {self.seed}: {self.kills.total()} kills ({kills}); {others}; {self.files} files,"
            f" {len(JOBS)} jobs, {kept}; {seconds:.0f} s; {verdict}"
        )


@dataclass
class Round:
    """A round under way."""

    ground: Ground
    turns: list[Turn]
    kills: int
    """How many there must have been in the end."""
    tale: Tale
    work: dict[str, Errand]
    chance: Random
    come: float = 0.0
    """The share of the jobs' work that is known to be done."""
    unsaid: list[tuple[Deed, Errand]] = field(default_factory=list)
    """What the hub is to be asked, and has not answered yet, in this order."""

    @property
    def pace(self) -> Path:
        """The file that says how long the step `stroll` takes over a path."""
        return self.ground.root / "pace"

    def begin(self) -> None:
        """Start all jobs."""
        self.pace.write_text(SLOW)
        self.ground.post("/api/targets/", {"name": "vault", "url": (self.ground.root / VAULT).as_uri()})
        for site in SITES:
            body = {"default_target": "vault"}
            self.ground.api.patch(f"/api/sites/{site}/", json=body).raise_for_status()
        for errand in self.work.values():
            self.ground.post("/api/workflows/", workflow(errand.name))
            errand.begin(self.ground, self.pace)

    def storm(self) -> None:
        """Do all that the script says."""
        for number, turn in enumerate(self.turns):
            share = number / len(self.turns)
            self._wait_for(turn.when, share)
            self._take(turn, share)
        while self.tale.kills.total() < self.kills:
            # What was to be killed was dead just then, and did not come up in time.
            self._wait_for(When.BACK, 1.0)
            self._take(Turn(When.BACK, Deed.KILL, self.chance.choice((HUB, NATS))), 1.0)

    def _take(self, turn: Turn, share: float) -> None:
        self.tale.tell(f"{share:4.0%} ({self.come:4.0%}) {turn}")
        self._do(turn)

    def _wait_for(self, when: When, share: float) -> None:
        end = time.monotonic() + IMPATIENT
        while time.monotonic() < end:
            self._tend()
            come = self._hold_pace(share)
            if when is When.AT_ONCE:
                return
            if when is When.BACK and self.ground.all_up():
                return
            if when is When.FURTHER and come:
                return
            time.sleep(LULL)

    def _hold_pace(self, share: float) -> bool:
        """Let the jobs go fast until they are as far as the script; whether they are."""
        self.come = self._progress() or self.come
        come = self.come >= share
        pace = SLOW if come else "0"
        if self.pace.read_text() != pace:
            self.pace.write_text(pace)
        return come

    def _progress(self) -> float:
        """The share of all steps of all paths that is done, as far as the hub can say."""
        total = sum(errand.steps * len(errand.contents) for errand in self.work.values())
        done = 0
        for errand in self.work.values():
            answer = self.ground.ask("GET", f"/api/jobs/{errand.job}/steps/")
            if answer is None or not answer.is_success:
                break
            done += sum(step["processed"] for step in answer.json()["results"])
        return done / total

    def _do(self, turn: Turn) -> None:
        ground, deed, whom = self.ground, turn.deed, turn.whom
        match deed:
            case Deed.KILL:
                self._meet(whom)
                self.tale.kills[whom] += ground.kill(whom)
            case Deed.WIPE:
                self._meet(whom)
                self.tale.kills["nats with its files"] += ground.wipe()
            case Deed.KILL_ALL:
                self.tale.kills["everything"] += ground.kill_all()
            case Deed.STOP:
                self.tale.blows["stops"] += ground.stop(whom)
            case Deed.FILL:
                self.tale.blows["full disks"] += ground.fill(whom)
            case Deed.FREE:
                ground.free(whom)
            case Deed.SET_CLOCK:
                ground.clocks.set_wall(int(whom))
                self.tale.blows["clocks set"] += 1
            case Deed.SUSPEND:
                ground.clocks.suspend(float(whom))
                self.tale.blows["suspends"] += 1
            case Deed.EDIT:
                self.work[whom].edit(self.chance)
            case _:
                self.unsaid.append((deed, self.work[whom]))

    def _meet(self, whom: str) -> None:
        """Wait until a process lives, but not for long: with a full disk it may not come up."""
        end = time.monotonic() + LONG
        while not self.ground.lives(whom) and time.monotonic() < end:
            self._tend()
            time.sleep(LULL)

    def _tend(self) -> None:
        """Do what is due: wake sleepers, and say what could not be said yet."""
        self.ground.tend()
        while self.unsaid and self._said(*self.unsaid[0]):
            del self.unsaid[0]

    def _said(self, deed: Deed, errand: Errand) -> bool:
        """Tell the hub a wish; False where it does not answer. It may have heard it before: a conflict is an answer."""
        verb = deed.value.split()[0]
        body = {"now": True} if deed is Deed.PAUSE_NOW else {}
        answer = self.ground.ask("POST", f"/api/jobs/{errand.job}/{verb}/", body)
        if answer is None or answer.status_code >= 500:
            return False
        if not answer.is_success and answer.status_code != 409:
            raise Failed(f"{deed} {errand.name}: expected that it is done, found {answer.text}")
        self.tale.blows["wishes"] += 1
        return True

    def calm(self) -> None:
        """Let everything be well: all awake and up, room on the disk, no pause; and time, so that leftovers are old."""
        self.tale.tell("calm")
        for disk in DISKS:
            self.ground.free(disk)
        self.ground.wake_all()
        self.ground.clocks.set_wall(self.ground.clocks.wall_seconds + 2 * DAY)
        self.pace.write_text("0")
        self._until(self.ground.all_up, "all was up")
        self.unsaid += [(Deed.RESUME, errand) for errand in self.work.values() if errand.name != DOOMED]
        self._until(lambda: not self.unsaid, "every wish was said")

    def _until(self, holds: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            self._tend()
            if time.monotonic() > end:
                raise Failed(f"waited {PATIENCE:.0f} s in vain until {what}")
            time.sleep(LULL)


def play(root: Path, tale: Tale, kills: int) -> None:
    """Play the round of a seed in an empty directory; raises `Failed` for what must not be."""
    chance = Random(f"work {tale.seed}")
    with standing(root, tale.files, on_postgres(tale.seed)) as ground:
        tale.tell("up")
        played = Round(
            ground, script(tale.seed, kills), kills, tale, errands(ground, tale.files, chance), chance
        )
        played.begin()
        tale.tell("begun")
        played.storm()
        played.calm()
        audits.audit(ground, played.work, tale.tell)
