"""Running hubs as the acceptance tests use them: the command line, the API, and what jobs say of themselves."""

import base64
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import httpx
import pytest
from tests.fixtures_hub import PATIENCE, Hub, until
from tests.servers import quiet_port

Document: TypeAlias = dict[str, Any]

OVER = ("SUCCESS", "FAILURE", "CANCELLED")

CALM = 1.0
"""Seconds between the heartbeats of a hub whose processes nobody harms; most of what it costs is done at each."""
HEARTBEAT = 0.3
LEASE = 4 * HEARTBEAT
"""Seconds: a node is silent once it missed four heartbeats."""

HERE = Path(__file__).parent
WEAK = (sys.executable, "-I", "-S", str(HERE / "weaken.py"))
"""Permission bits count for what is run by this program, also where root runs it."""

TOTALS = ("done", "failed", "skipped", "aborted", "not_run", "unknown")


@dataclass
class World(Hub):
    """A running hub, with what its API is asked."""

    hook: int = 0
    """The port of the webhook `ops`, which the settings of site oslo name: a test may listen there."""
    _made: "Counter[str]" = field(default_factory=Counter)

    def down(self) -> None:
        """Stop everything; a hub that comes up in another home has another key."""
        self.run("down")
        self.close()

    def kill_and_await(self, role: str) -> None:
        """The first process of that role dies; returns once another has taken its place, and the hub answers."""
        place = next(place for place in self.pids() if place[0] == role)
        before = self.pids()[place]
        assert before is not None
        os.kill(before, signal.SIGKILL)
        until(lambda: self.pids()[place] not in (before, None), f"{role} was back")
        until(self.answers, "the hub answered")

    def answers(self) -> bool:
        """Whether the API answers, and the hub is on the bus."""
        try:
            return self.api.get("/api/health").is_success
        except httpx.TransportError:
            return False

    def post(self, path: str, body: object) -> Document:
        """What the API answers."""
        answer = self.api.post(path, json=body)
        assert answer.is_success, (path, answer.text)
        found: Document = answer.json()
        return found

    def lines(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Document]:
        """Each row of a list, streamed."""
        with self.api.stream("GET", path, params={"format": "jsonl", **(query or {})}) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                yield json.loads(line)

    def fresh(self, name: str, site: str = "oslo") -> Path:
        """A new empty directory at a site."""
        self._made[name] += 1
        place = self.site(site) / f"{name}-{self._made[name]}"
        place.mkdir()
        return place

    def submit(
        self,
        workflow: str,
        paths: Path | Sequence[str],
        fields: Mapping[str, object] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> int:
        """Start a job; its id. `more` is what else the request says, or says otherwise."""
        given = [asked(paths)] if isinstance(paths, Path) else list(paths)
        body = {"workflow": workflow, "site": "oslo", "paths": given, "fields": dict(fields or {})}
        return int(self.post("/api/file/workflow/", {**body, **(more or {})})["id"])

    def job(self, job_id: int) -> Document:
        """How a job stands."""
        return self.get(f"/api/jobs/{job_id}/")

    def wait(self, job_id: int, state: str, patience: float = PATIENCE) -> Document:
        """The job once it is in that state; it must not end in another."""
        seen: list[Document] = []

        def stands() -> bool:
            seen[:] = [self.job(job_id)]
            assert seen[0]["state"] == state or seen[0]["state"] not in OVER, seen[0]
            return bool(seen[0]["state"] == state)

        until(stands, f"job {job_id} was {state}", patience)
        return seen[0]

    def finish(self, job_id: int, state: str = "SUCCESS", patience: float = PATIENCE) -> Document:
        """The job once it is over: in that state, and with totals that add up."""
        seen: list[Document] = []

        def is_over() -> bool:
            seen[:] = [self.job(job_id)]
            return seen[0]["state"] in OVER

        until(is_over, f"job {job_id} was over", patience)
        job = seen[0]
        assert job["state"] == state, (job, self.tasks(job_id), list(self.failed(job_id))[:20])
        totals = job["totals"]
        assert totals["discovered"] == sum(totals[name] for name in TOTALS), totals
        return job

    def do(
        self,
        workflow: str,
        place: Path,
        fields: Mapping[str, object] | None = None,
        state: str = "SUCCESS",
        site: str = "oslo",
        patience: float = PATIENCE,
    ) -> Document:
        """Run a job to its end."""
        return self.finish(self.submit(workflow, place, fields, {"site": site}), state, patience)

    def begin_at_gate(self, place: Path, gate: Path) -> int:
        """A job whose first task runs, and waits until that file is there."""
        job = self.submit("gated-checksum", place, {"gate": str(gate)})
        until(lambda: self.at_gate(job), "a task waited at the gate")
        return job

    def at_gate(self, job_id: int) -> int:
        """How many tasks of a job wait at the gate."""
        return sum(task["step"] == "gate" for task in self.tasks(job_id, "STARTED"))

    def steps(self, job_id: int) -> dict[tuple[int, int], Document]:
        """(rule, position) → the step of a job with its counts."""
        return {
            (row["rule"], row["position"]): row for row in self.get(f"/api/jobs/{job_id}/steps/")["results"]
        }

    def tasks(self, job_id: int, state: str = "") -> list[Document]:
        """The tasks of a job."""
        return list(self.lines(f"/api/jobs/{job_id}/tasks/", {"state": state} if state else None))

    def paths(self, job_id: int, **filters: str) -> Iterator[Document]:
        """What became of each path in each task."""
        return self.lines(f"/api/jobs/{job_id}/paths/", filters)

    def outcomes(self, job: Document, **filters: str) -> dict[bytes, tuple[str, str | None]]:
        """Path → its outcome and the reason, of each path of a job, which must come once."""
        rows = [(exact(row), row["outcome"], row["reason"]) for row in self.paths(job["id"], **filters)]
        found = {path: (outcome, reason) for path, outcome, reason in rows}
        assert len(found) == len(rows)
        return found

    def failed(self, job_id: int) -> Iterator[Document]:
        """The paths that failed."""
        return self.paths(job_id, outcome="failed")


def asked(path: Path) -> dict[str, str]:
    """A path as a request names it, exactly."""
    return {"path_b64": base64.b64encode(bytes(path)).decode()}


def exact(row: Document) -> bytes:
    """The path of a row."""
    return base64.b64decode(row["path_b64"], validate=True)


def one_line(text: str) -> bool:
    """Whether it is one line, with its end."""
    return text.count("\n") == 1 and text.endswith("\n")


class MakeWorld(Protocol):
    """Makes a running hub with these sites."""

    def __call__(self, *sites: str, weak: bool = False, heartbeat: float = HEARTBEAT) -> World: ...


STEPS = ("Gate", "Hang", "Stroll", "Stumble", "Deadly", "Brim")
"""The steps of the tests' plugin."""

RIG_FILES = {
    "METADATA": "Metadata-Version: 2.1\nName: towpath-rig\nVersion: 1.0\n",
    "entry_points.txt": "[towpath.steps]\n" + "".join(f"{s.lower()} = towpath_rig:{s}\n" for s in STEPS),
    "INSTALLER": "the tests\n",
}


def plant_rig(place: Path) -> Path:
    """Install the tests' plugin into a directory, as pip would."""
    shutil.copy(HERE / "rig" / "towpath_rig.py", place)
    about = place / "towpath_rig-1.0.dist-info"
    about.mkdir()
    for name, text in RIG_FILES.items():
        (about / name).write_text(text)
    return place


SHOUT = """
import sys
for number, path in enumerate(sys.stdin.buffer.read().split(b"\\0")[:-1]):
    with open(path, "a") as file:
        file.write("!")
    print(number, "processed")
"""


HOOK_SECRET = b"what the receiver knows"


def plant_settings(home: Path) -> int:
    """Let the site oslo have one command that workflows may run, which adds a mark to each file, and one webhook; its
    port."""
    (home / "settings").mkdir(parents=True, mode=0o700)
    argv = json.dumps([sys.executable, "-I", "-c", SHOUT])
    secret, port = home / "settings" / "hook.secret", quiet_port()
    secret.touch(mode=0o600)
    secret.write_bytes(HOOK_SECRET)
    hook = f'[webhooks.ops]\nurl = "http://127.0.0.1:{port}/hook"\nsecret_file = "{secret}"\n'
    (home / "settings" / "oslo.toml").write_text(f"[commands.shout]\nargv = {argv}\n{hook}")
    return port


def chain(name: str, *action: Mapping[str, object], kinds: Sequence[str] = ("file",)) -> Document:
    """A workflow that takes each path of these kinds through the same steps; its field `gate` names a file."""
    rules = [{"type": kind, "state": "all", "action": list(action)} for kind in kinds]
    return {"name": name, "fields": [{"name": "gate", "type": "string"}], "filter_rules": rules}


GATE = {"name": "gate", "until": "*gate"}
HANG = {"name": "hang", "until": "*gate"}

CHAINS = (
    chain("gated", GATE),
    chain("hung", HANG),
    chain("gated-checksum", GATE, {"name": "checksum"}),
    chain("gated-premigrate", GATE, {"name": "migrate", "premigrate": True}),
    chain("checksum-noop", {"name": "checksum"}, {"name": "noop"}),
    chain("checksum-migrate", {"name": "checksum"}, {"name": "migrate", "premigrate": True}),
    chain("deadly", {"name": "deadly"}, {"name": "noop"}),
    chain(
        "brim",
        {"name": "brim", "until": "*gate", "patience": {"space_first": 1, "space_longest": 1}},
        {"name": "noop"},
    ),
    chain("stumble", {"name": "noop"}, {"name": "stumble"}, {"name": "checksum"}, {"name": "noop"}),
)
"""The workflows that every world has besides the installed ones."""


def furnished(world: World) -> World:
    """The world, with a directory target `vault` that every site sends to by default, and with its workflows."""
    (world.root / "vault").mkdir(exist_ok=True)
    world.post("/api/targets/", {"name": "vault", "url": (world.root / "vault").as_uri()})
    for site in world.get("/api/sites/")["results"]:
        world.api.patch(f"/api/sites/{site['name']}/", json={"default_target": "vault"}).raise_for_status()
    for document in CHAINS:
        world.post("/api/workflows/", document)
    return world


@contextmanager
def making(
    tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None], rig: Path
) -> Iterator[MakeWorld]:
    """A way to make worlds, which are stopped at the end."""
    made: list[World] = []

    def make(*sites: str, weak: bool = False, heartbeat: float = HEARTBEAT) -> World:
        root = tmp_path_factory.mktemp("world")
        above = os.environ.get("PYTHONPATH", "")
        env = {
            "TOWPATH_HEARTBEAT": str(heartbeat),
            "PYTHONPATH": os.pathsep.join(filter(None, [str(rig), above])),
        }
        world = World(root, env=env, prefix=WEAK if weak else ())
        world.hook = plant_settings(world.home)
        reaper(world.home)
        made.append(world)
        world.up(*sites)
        return world

    try:
        yield make
    finally:
        for world in made:
            world.close()
        for process in [world.start("down") for world in made]:
            with process:
                process.communicate(timeout=PATIENCE)
