"""Workers of the release before, built from its tag, go on working for the newest hub."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.fleet import SITE, Fleet, sailing
from tests.fixtures_hub import until
from tests.fixtures_postgres import Databases

ROOT = Path(__file__).parents[2]
GIT = ("git", "-c", "safe.directory=*")
TAG, COMMIT = "v0.1.0", "b4aca6da89f3fbad2478f3a763f508f4b821e940"
FILES = 1500


def run(*command: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[bytes]":
    """A command, with what it printed."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(command, check=False, cwd=cwd, env=env, capture_output=True, timeout=300)


def tagged() -> str:
    """The release's commit: by its tag, or by its hash where a clone was made without tags."""
    for name in (TAG, COMMIT):
        if run(*GIT, "rev-parse", "--quiet", "--verify", f"{name}^{{commit}}").returncode == 0:
            return name
    pytest.skip(
        f"the release {TAG} cannot be built: expected its tag, or its commit {COMMIT}, in this clone's history;"
        " found neither (fetch the tags, or clone without --depth)"
    )


@pytest.fixture(scope="session")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in which the release is installed from the wheel that its own sources make."""
    place = tmp_path_factory.mktemp("released")
    sources, wheels, installed = place / "sources", place / "wheels", place / "installed"
    sources.mkdir()
    archive = run(*GIT, "archive", "--output", str(place / "sources.tar"), tagged())
    assert archive.returncode == 0, archive.stderr
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    plain = ("--no-deps", "--no-index")
    for command in (
        ("tar", "-xf", str(place / "sources.tar"), "-C", str(sources)),
        (*pip, "wheel", *plain, "--no-build-isolation", "--wheel-dir", str(wheels), str(sources)),
        (*pip, "install", *plain, "--target", str(installed), "--find-links", str(wheels), "towpath"),
    ):
        done = run(*command, cwd=place)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
    return installed


@pytest.fixture
def fleet(databases: Databases, tmp_path: Path) -> Iterator[Fleet]:
    """A fleet on a database of its own."""
    with databases.lend() as url, sailing(tmp_path, url) as made:
        yield made


def test_a_worker_of_the_release_before_runs_a_job_of_the_newest_hub(released: Path, fleet: Fleet) -> None:
    hub = fleet.hub("new")
    place = fleet.root / SITE / "a"
    place.mkdir(parents=True)
    for number in range(FILES):
        (place / f"f{number:04}").write_bytes(b"x" * (number % 7))
    worker = fleet.worker("old", released)
    until(lambda: any(site["health"] == "ok" for site in hub.get("/api/sites/")["results"]), "it was heard")
    loaded = Path(f"/proc/{worker.pid}/environ").read_bytes().split(b"\0")
    assert f"PYTHONPATH={released}".encode() in loaded
    job = hub.do("checksum", place)
    assert job["totals"]["done"] == job["totals"]["discovered"] >= FILES
    said = (fleet.root / "old.log").read_text()
    assert "Traceback" not in said, said


def test_it_is_the_release_that_such_a_worker_loads(released: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-P", "-c", "import towpath; print(towpath.__file__)"],
        env={**os.environ, "PYTHONPATH": str(released)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(released / "towpath" / "__init__.py")
