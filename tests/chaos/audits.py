"""The audit after a round: how jobs ended, what is told of paths, what the database holds, and what is on disk."""

import json
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from tests.acceptance import trees
from tests.acceptance.world import OVER, TOTALS, Document
from tests.chaos.errands import Errand, digest
from tests.chaos.ground import LULL, Failed, Ground
from tests.chaos.script import DOOMED, DROP, HAUL, KEEP, SHIP, WORKERS
from tests.conformance.store.audit import audit as audit_database

from towpath.store.engines import open_engine
from towpath.store.tables import quarantine
from towpath.store.tasks import DISCOVERY

PATIENCE = 120.0

Tell = Callable[[str], None]


def audit(ground: Ground, work: dict[str, Errand], tell: Tell) -> None:
    """Raise `Failed` for the first thing that is not as it must be."""
    for errand in work.values():
        expected = ("CANCELLED", "SUCCESS") if errand.name == DOOMED else ("SUCCESS",)
        ended = finish(ground, errand, errand.job, expected)
        tell(f"{errand.name} is over: {ended['state']} {ended['totals']}")
        _paths(ground, errand)
    _family(ground, work[DOOMED])
    tell("each path is told of once in each step")
    _databases(ground)
    tell("the database is true")
    _effects(ground, work)
    tell("the files are as they must be")
    _databases(ground)
    for complaint, times in sorted(_complaints(ground).items()):
        tell(f"said {times} times: {complaint}")


def finish(ground: Ground, errand: Errand, job: int, expected: tuple[str, ...]) -> Document:
    """The job once it is over; it must have ended so, and its totals add up. Edited files may have failed."""
    end = time.monotonic() + PATIENCE
    found: Document = {"state": "unheard of"}
    while found["state"] not in OVER:
        answer = ground.ask("GET", f"/api/jobs/{job}/")
        if answer is not None and answer.is_success:
            found = answer.json()
        if time.monotonic() > end:
            raise Failed(f"{errand.name}: job {job} is not over after {PATIENCE:.0f} s of calm: {found}")
        time.sleep(LULL)
    totals = found["totals"]
    if totals["discovered"] != sum(totals[name] for name in TOTALS):
        raise Failed(f"{errand.name}: job {job}: discovered is not the sum: {totals}")
    excused = errand.edited and found["state"] == "FAILURE"
    if found["state"] not in expected and not excused:
        raise Failed(
            f"{errand.name}: expected job {job} to end {expected}, found {found}: {_why(ground, job)}"
        )
    return found


def _why(ground: Ground, job: int) -> str:
    failed = list(ground.failed(job))[:5]
    tasks = [task for task in ground.tasks(job) if task["state"] in ("FAILURE", "ERROR", "CANCELLED")][:5]
    return f"{failed} {tasks}"


def _complaints(ground: Ground) -> "Counter[str]":
    """What the logs call an error, for people to judge: much of it is right where disks are full."""
    said: Counter[str] = Counter()
    for log in sorted((ground.home / "logs").glob("*.log")):
        bare = False
        for line in log.read_text(errors="replace").splitlines():
            if bare and not line.startswith(" "):
                said[f"{log.stem}: {line[:150]}"] += 1
            bare = line.startswith("Traceback") or (bare and line.startswith(" "))
            if '"level": "error"' in line:
                with suppress(ValueError):
                    found = json.loads(line)
                    last = str(found.get("exception", found.get("reason", ""))).strip().splitlines()[-1:]
                    said[f"{log.stem}: {found['event']}: {''.join(last)[:150]}"] += 1
    return said


# What is told of paths ----------------------------------------------------------------------------------------


def _paths(ground: Ground, errand: Errand) -> None:
    """Each file that was found has one line in each step; only those that somebody edited may have been left."""
    seen: dict[int, Counter[bytes]] = defaultdict(Counter)
    for row in ground.paths(errand.job):
        path = errand.relative(row)
        seen[row["position"]][path] += 1
        if row["outcome"] != "processed" and errand.name != DOOMED and path not in errand.edited:
            raise Failed(f"{errand.name}: expected that a path is processed, found {row}")
    for position in range(errand.steps):
        lines = seen[position]
        if twice := [path for path, times in lines.items() if times > 1]:
            raise Failed(f"{errand.name}: step {position}: told of twice: {twice[:5]}")
        missing = set(errand.contents) - set(lines) - errand.edited
        if missing and errand.name != DOOMED:
            raise Failed(
                f"{errand.name}: step {position}: {len(missing)} never told of: {sorted(missing)[:5]}"
            )
    if strangers := set().union(*seen.values()) - set(errand.contents):
        raise Failed(f"{errand.name}: never planted: {sorted(strangers)[:5]}")


def _found(ground: Ground, errand: Errand, job: Document) -> int:
    """How many paths a job and its retry find: the retry goes on with a walk that did not end."""
    walks = [task["state"] for task in ground.tasks(errand.job) if task["position"] == DISCOVERY]
    return len(errand.contents) if "CANCELLED" in walks else int(job["totals"]["discovered"])


def _family(ground: Ground, errand: Errand) -> None:
    """What a cancelled job left is done by its retry, and nothing else is: together they are all that was found."""
    first = ground.job(errand.job)
    if first["state"] != "CANCELLED":
        return
    last = errand.steps - 1
    done = [r for r in ground.paths(errand.job) if r["position"] == last and r["outcome"] == "processed"]
    if len(done) != first["totals"]["done"]:
        raise Failed(f"{errand.name}: {first['totals']['done']} are said to be done, {len(done)} are listed")
    if len(done) == first["totals"]["discovered"]:
        return
    again = int(ground.post(f"/api/jobs/{errand.job}/retry/", {"which": "unfinished"})["id"])
    finish(ground, errand, again, ("SUCCESS",))
    done += [r for r in ground.paths(again) if r["position"] == last and r["outcome"] == "processed"]
    times = Counter(errand.relative(row) for row in done)
    found = _found(ground, errand, first)
    if len(times) != found or max(times.values()) > 1:
        raise Failed(f"{errand.name}: {found} were to be found, {len(times)} done by the family")


# What the database holds --------------------------------------------------------------------------------------


def _databases(ground: Ground) -> None:
    engine = open_engine(ground.database)
    try:
        with engine.connect() as conn:
            audit_database(conn)
            aside = conn.scalars(sa.select(quarantine.c.error)).all()
    except AssertionError as error:
        raise Failed(f"the database: {error}") from error
    finally:
        engine.dispose()
    if aside:
        raise Failed(f"events were set aside: {aside[:5]}")


# What is on disk ----------------------------------------------------------------------------------------------


def _effects(ground: Ground, work: dict[str, Errand]) -> None:
    """Stubs are stubs, and all that was written last can be read again; what was to go is gone, and nothing else."""
    haul, keep, ship = (work[name] for name in (HAUL, KEEP, SHIP))
    for site, name in (("oslo", HAUL), ("bergen", SHIP)):
        place = ground.site(site) / name
        unfreed = [p for p in _unedited(place, work[name]) if not _is_stub(p)]
        if unfreed:
            raise Failed(f"{name}: {len(unfreed)} were never freed: {unfreed[:5]}")
    _restart_workers(ground)
    recalls = [
        (errand, ground.submit("recall", ground.site(site) / errand.name, {}, {"site": site}))
        for errand, site in ((haul, "oslo"), (ship, "bergen"))
    ]
    for errand, job in recalls:
        finish(ground, errand, job, ("SUCCESS",))
    for errand in work.values():
        _compare(errand, errand.tree, {} if errand.name == DROP else errand.contents)
    _compare(ship, ground.site("bergen") / SHIP, ship.contents)
    _targets(ground, (haul, keep, ship))
    leftovers = [path for site in ("oslo", "bergen", "vault") for path in _parts(ground.root / site)]
    if leftovers:
        raise Failed(f"left behind: {leftovers[:5]}")


def _unedited(place: Path, errand: Errand) -> Iterator[bytes]:
    for path in errand.contents:
        if path not in errand.edited:
            yield os.path.join(os.fsencode(place), path)


def _is_stub(path: bytes) -> bool:
    found = os.lstat(path)
    return trees.is_stub(path, found.st_size, found.st_mtime_ns)


def _restart_workers(ground: Ground) -> None:
    """New workers look at their targets anew: what those who died wrote there and never finished goes."""
    before = {whom: ground.child(whom) for whom in WORKERS}
    for child in before.values():
        if child is not None and child.pid is not None:
            os.kill(child.pid, signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while any((now := ground.child(whom)) is None or now == was for whom, was in before.items()):
        if time.monotonic() > end:
            raise Failed("workers that were told to stop did not come again")
        ground.revive()
        time.sleep(LULL)


def _compare(errand: Errand, place: Path, expected: dict[bytes, bytes]) -> None:
    """A tree holds these files, each as it was written last."""
    found = {os.path.relpath(path, os.fsencode(place)): path for path in trees.files(place)}
    if gone := set(expected) - set(found):
        raise Failed(f"{errand.name}: {len(gone)} files are gone: {sorted(gone)[:5]}")
    if more := set(found) - set(expected):
        raise Failed(f"{errand.name}: {len(more)} files too many: {sorted(more)[:5]}")
    for path, content in expected.items():
        if _digest_of(found[path]) != content:
            raise Failed(f"{errand.name}: {path!r} is not as it was written")


def _digest_of(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return digest(file.read())


def _targets(ground: Ground, errands: tuple[Errand, ...]) -> None:
    """The target holds each file that was sent to it, once for each content that it had."""
    for errand in errands:
        place = ground.root / "vault" / errand.site / "data" / errand.name
        objects = Counter(_digest_of(path) for path in trees.files(place))
        names = Counter(os.path.relpath(p, bytes(place)).rpartition(b"@")[0] for p in trees.files(place))
        missing = [path for path in errand.contents if path not in errand.edited and names[path] == 0]
        if missing:
            raise Failed(f"{errand.name}: {len(missing)} are not at the target: {missing[:5]}")
        if unlike := [
            p for p, content in errand.contents.items() if p not in errand.edited and not objects[content]
        ]:
            raise Failed(f"{errand.name}: not at the target as they are: {unlike[:5]}")
        if twice := [path for path, times in names.items() if times > 1 and path not in errand.edited]:
            raise Failed(f"{errand.name}: several versions of what was never edited: {twice[:5]}")


def _parts(top: Path) -> Iterator[bytes]:
    for path in trees.files(top):
        if os.path.basename(path).startswith(b".towpath-"):
            yield path
