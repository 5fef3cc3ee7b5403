"""What each document presumes before its commands are typed: files, jobs, people, another machine."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.documented import Reader
from tests.acceptance.world import OVER, WEAK
from tests.certificates import write_certificate
from tests.fixtures_hub import until
from tests.servers import quiet_port

PASSWORD = "long and of nobody else"


def nothing(reader: Reader) -> None:
    """Where a page presumes nothing."""


@dataclass(frozen=True)
class Lasting:
    """A command that works until it is interrupted."""

    says: str
    """What it must have said before the next command is typed."""
    provoke: Callable[[Reader], object] = nothing
    """What makes it say so, again and again."""
    stays: bool = False
    """Whether it goes on while the commands after it are typed."""


@dataclass(frozen=True)
class Stage:
    """What a page presumes. The keys of the tables are how a command of the page begins."""

    prepare: Callable[[Reader], None] = nothing
    before: Mapping[str, Callable[[Reader], None]] = field(default_factory=dict)
    lasting: Mapping[str, Lasting] = field(default_factory=dict)
    status: Mapping[str, int] = field(default_factory=dict)
    untold: tuple[str, ...] = ()
    """Commands that print something else here than the page shows, as of another machine."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Commands that do not run here, and what does run them."""

    def beginnings(self) -> set[str]:
        """The beginnings of commands that are told of."""
        return {*self.before, *self.lasting, *self.status, *self.untold, *self.elsewhere}


def submitted(reader: Reader, workflow: str, path: Path, **more: object) -> int:
    """The id of a job."""
    body = {"workflow": workflow, "site": "oslo", "paths": [str(path)], **more}
    return int(reader.api.post("/api/file/workflow/", json=body).raise_for_status().json()["id"])


def ended(reader: Reader, workflow: str, path: Path, **more: object) -> int:
    """The id of a job that has gone well."""
    job = submitted(reader, workflow, path, **more)
    until(lambda: reader.get(f"/api/jobs/{job}/")["state"] in OVER, f"job {job} was over")
    failed = reader.get(f"/api/jobs/{job}/paths/", {"outcome": "failed"})["results"]
    assert reader.get(f"/api/jobs/{job}/")["state"] == "SUCCESS", failed
    return job


def _projects(reader: Reader) -> None:
    reader.prefix = WEAK
    for name in ("projects/plan.txt", "projects/2024/a.dat", "projects/2024/b.dat"):
        reader.place(name, name.encode() * 1000)


def _closed_file(reader: Reader) -> None:
    reader.place("projects/closed.txt", b"closed" * 1000).chmod(0)


def _opened_file(reader: Reader) -> None:
    (reader.data / "projects/closed.txt").chmod(0o644)


def _waiting_job(reader: Reader) -> None:
    reader.names = {"4": str(submitted(reader, "noop", reader.data, queue="night"))}


def _standing_alert(reader: Reader) -> None:
    (reader.root / "pager.url").write_text("json://127.0.0.1:1/")
    mailed = f"json://127.0.0.1:{reader.receiver}/"
    reader.names = {"mailtos://user:password@example.org?to=ops@example.org": mailed, "n1": "local"}

    def stands() -> bool:
        rows = reader.get("/api/alerts/")["results"]
        reader.names |= {"12": str(rows[0]["id"])} if rows else {}
        return bool(rows)

    until(stands, "an alert stood")
    reader.names |= {"17": "1"}


def _two_versions(reader: Reader) -> None:
    reader.place("survey/a.dat", b"a")
    rule = '{"type": "file", "state": "all", "include": ["*.raw"], "action": [{"name": "checksum"}]}'
    old = f'{{"name": "tidy", "filter_rules": [{rule}]}}'
    reader.api.post("/api/workflows/import/", content=old).raise_for_status()
    new = """
name: tidy
filter_rules:
  - {type: file, state: all, include: ["*.raw"], action: [{name: noop}]}
  - {type: file, state: all, include: ["*.dat"], action: [{name: checksum}]}
"""
    (reader.root / "tidy.yaml").write_text(new)


def _another_home(reader: Reader) -> None:
    """Of a hub that does not run, with the same key."""
    [backup] = (reader.root / "var/backups/towpath").iterdir()
    reader.names = {"towpath-20261129T030000Z.towpath-backup": backup.name}
    home = reader.root / "restored"
    home.mkdir(mode=0o700)
    shutil.copy(reader.home / "hub.key", home)
    reader.variables = {"TOWPATH_HOME": str(home)}


def _happening(reader: Reader) -> None:
    submitted(reader, "noop", reader.data, discovery=None)


def _webhook(reader: Reader) -> None:
    called = f"http://127.0.0.1:{reader.receiver}/towpath"
    reader.names = {"4700": "0", "4711": "1", "https://example.org/towpath": called}


def _certificate(reader: Reader) -> None:
    place = reader.root / "etc/towpath"
    place.mkdir(exist_ok=True)
    certificate, key = write_certificate(reader.root, "localhost")
    for made, name in ((certificate, "fullchain.pem"), (certificate, "ca.pem"), (key, "privkey.pem")):
        shutil.copy(made, place / name)
    reader.names = {
        "0.0.0.0:8420": f"127.0.0.1:{reader.port}",
        "hub.example.org:8420": f"localhost:{reader.port}",
        "0.0.0.0:4222": f"127.0.0.1:{quiet_port()}",
    }


def _proxied_home(reader: Reader) -> None:
    reader.variables = {"TOWPATH_HOME": str(reader.root / "proxied")}
    reader.names |= {"10.0.0.5:8420": f"127.0.0.1:{quiet_port()}"}


def _first_home(reader: Reader) -> None:
    """The command line of another machine, which has nothing but what it is told."""
    reader.variables = {"TOWPATH_HOME": str(reader.root / "nothing")}
    reader.names |= {"towpath_…": reader.key}


def _other_machine(reader: Reader) -> None:
    token = reader.typed[-1].out.strip()
    reader.names |= {
        "towpath-join-1-…": f"{token} --node files1",
    }
    reader.variables = {"TOWPATH_CA": str(reader.root / "etc/towpath/ca.pem")}


def _lives(reader: Reader) -> None:
    (reader.root / "srv/tape").mkdir(exist_ok=True)
    target = {"name": "tape", "url": (reader.root / "srv/tape").as_uri()}
    reader.api.post("/api/targets/", json=target).raise_for_status()
    report = reader.place("report.pdf", b"a report" * 1000)
    reader.api.patch("/api/sites/oslo/", json={"default_target": "tape"}).raise_for_status()
    ended(reader, "migrate", report)
    report.unlink()
    reader.names = {"17": "1"}


def _waiting_sweep(reader: Reader) -> None:
    reader.api.post("/api/sites/oslo/pause/", json={}).raise_for_status()
    swept = reader.api.post("/api/sweeps/", json={"target": "tape"}).raise_for_status().json()
    reader.names = {"4": str(swept["id"])}


def _going_site(reader: Reader) -> None:
    reader.api.post("/api/sites/oslo/resume/", json={}).raise_for_status()
    stopped = reader.names["4"]
    until(lambda: reader.get(f"/api/sweeps/{stopped}/")["ended_at"] is not None, f"sweep {stopped} was over")


def _key(reader: Reader) -> None:
    (reader.root / "etc/prometheus").mkdir(exist_ok=True)
    reader.variables = {"KEY": reader.key, "URL": reader.url}


def _second_node(reader: Reader) -> None:
    reader.run("up", "--detach", "--node", "oslo/second")


def _genomes(reader: Reader) -> None:
    reader.place("genomes")


def _password_of_bea(reader: Reader) -> None:
    made = reader.api.post("/api/auth/users/bea/link/").raise_for_status().json()
    given = {"code": made["code"], "password": PASSWORD}
    reader.api.post("/api/auth/password/", json=given).raise_for_status()
    reader.names = {'"…"': f'"{PASSWORD}"'}


def _access(reader: Reader) -> None:
    reader.variables = {"ACCESS": json.loads(reader.typed[-1].out)["access"]}


def _report(reader: Reader) -> None:
    reader.place("survey/a.dat", b"a" * 1000)
    job = ended(reader, "checksum", reader.data / "survey")
    reader.names = {"42": str(job), "12": str(job)}
    _key(reader)


def _films(reader: Reader) -> None:
    reader.place("films/one.mkv", b"film")


def _copies(reader: Reader) -> None:
    for name in ("restored", "elsewhere", "2026"):
        reader.place(f"{name}/a", name.encode() * 1000)
    (reader.data / "report.pdf").unlink(missing_ok=True)
    report = reader.place("report.pdf", b"another report" * 1000)
    for path in (reader.data / "restored", reader.data / "2026", report):
        ended(reader, "migrate", path)
    shutil.rmtree(reader.data / "2026")
    report.unlink()


def _buckets(reader: Reader) -> None:
    reader.place("scans")
    for name in ("keys.txt", "new-keys.txt"):
        (reader.root / name).write_text("access_key_id=oslo\nsecret_access_key=secret\n")
    host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAKs0bFLAJGXqhxYbGC0Lbc3qBQ2l1Kc5rKk4rF4M0vZ"
    given = f'{{"username": "oslo", "password": "secret", "host_key": "{host_key}"}}'
    (reader.root / "nas.json").write_text(given)
    (reader.root / "account.json").write_text(
        '{"type": "service_account", "client_email": "oslo@example.org"}'
    )


BUILT = {"make ": "what whoever runs the tests has typed"}
SHARED: Mapping[str, Stage] = {
    "docs/api.md": Stage(_two_versions),
    "docs/backup.md": Stage(before={"towpath backup restore": _another_home}, untold=("towpath check",)),
    "docs/events.md": Stage(
        _webhook,
        before={"curl": _key},
        lasting={
            "towpath events --follow": Lasting('"kind"', _happening),
            "curl": Lasting("event: job.", _happening),
        },
    ),
    "docs/lives.md": Stage(
        _lives,
        before={"towpath orphan stop": _waiting_sweep, "towpath site rebuild": _going_site},
    ),
    "docs/monitoring.md": Stage(_key),
    "docs/nodes.md": Stage(_second_node),
    "docs/people.md": Stage(
        _genomes,
        before={
            "curl -s http://127.0.0.1:8420/api/auth": _password_of_bea,
            "curl -s http://127.0.0.1:8420/api/jobs": _access,
        },
    ),
    "docs/reports.md": Stage(_report),
    "docs/settings.md": Stage(),
    "docs/spaces.md": Stage(_films),
    "docs/stubs.md": Stage(_copies),
    "docs/targets.md": Stage(_buckets, elsewhere={"ssh-keyscan": "OpenSSH's own, against a server of yours"}),
    "docs/alerts.md": Stage(_standing_alert),
}
"""The pages that take a hub as it stands, in an order in which none is in another's way."""

OWN: Mapping[str, Stage] = {
    "README.md": Stage(
        _projects,
        before={
            "towpath run migrate --site oslo --wait": _closed_file,
            "towpath job retry": _opened_file,
            "towpath job pause": _waiting_job,
        },
        status={"towpath run migrate --site oslo --wait": 3},
        elsewhere={**BUILT, ". .venv": "the same"},
    ),
    "docs/https.md": Stage(
        _certificate,
        before={"towpath up --listen 10": _proxied_home, "export": _first_home},
        lasting={
            "towpath up --listen 0": Lasting("Ctrl-C stops it", stays=True),
            "towpath up --listen 10": Lasting("Ctrl-C stops it"),
        },
    ),
    "docs/joining.md": Stage(
        _certificate,
        before={"towpath worker --root data=/srv/data --join": _other_machine},
        lasting={
            "towpath up": Lasting("Ctrl-C stops it", stays=True),
            "towpath worker --root data=/srv/data --join": Lasting("joined site rome as node files1"),
            "towpath worker": Lasting("rome"),
        },
    ),
    "docs/tracing.md": Stage(
        lasting={"towpath up": Lasting("Ctrl-C stops it")},
        elsewhere={"pip install": "the lock that the tests are set up from has the extra"},
    ),
}
"""The pages that bring up a hub of their own."""

ELSEWHERE: Mapping[str, str] = {
    "CONTRIBUTING.md": "what whoever runs the tests has typed",
    "docs/chaos.md": "tests/chaos/test_chaos.py plays such rounds",
    "docs/leaving.md": "tests/integration/test_leaving.py runs these commands as they stand",
    "docs/scaling.md": "tests/acceptance/test_fleet.py brings hubs up so, on PostgreSQL",
    "docs/simulation.md": "tests/simulation/test_simulation.py plays such seeds",
}
"""The pages of which nothing runs here, and why."""
