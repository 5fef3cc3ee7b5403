"""Towpath as pip installs it from its sources: with its web UI on a machine without Node, and without its web UI."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from tests.fixtures_hub import MakeHub

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
MADE = ("node_modules", "shots", "__pycache__", "*.gen.ts", "*.pyc")
"""Never part of the sources."""


def sources(place: Path) -> Path:
    """What a wheel is made of, without anything that was built."""
    for folder in ("ui", "src"):
        shutil.copytree(ROOT / folder, place / folder, ignore=shutil.ignore_patterns(*MADE))
    shutil.rmtree(place / "src" / "towpath" / "ui", ignore_errors=True)
    (place / "docs").mkdir()
    for name in (
        "pyproject.toml",
        "hatch_build.py",
        "README.md",
        "LICENSE",
        "docs/openapi.json",
        "docs/states.json",
    ):
        shutil.copy(ROOT / name, place / name)
    return place


def wheel(tmp_path: Path, *more: str, env: Mapping[str, str]) -> Path:
    """The wheel that pip makes of the sources."""
    made = tmp_path / "wheels"
    told = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [
        *PIP,
        "wheel",
        "--no-deps",
        *more,
        "--wheel-dir",
        str(made),
        str(sources(tmp_path / "sources")),
    ]
    done = subprocess.run(
        command, env={**told, **env}, cwd=tmp_path, capture_output=True, text=True, timeout=580, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    [found] = made.glob("towpath-*.whl")
    return found


@pytest.mark.long
@pytest.mark.timeout(600)
def test_pip_builds_the_web_ui_into_the_wheel_where_no_node_is_on_the_path(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    shell = shutil.which("sh")
    assert shell is not None
    (programs / "sh").symlink_to(shell)
    assert shutil.which("node", path=str(programs)) is None
    names = zipfile.ZipFile(wheel(tmp_path, env={"PATH": str(programs)})).namelist()
    assert "towpath/ui/index.html" in names
    assert any(name.startswith("towpath/ui/assets/") and name.endswith(".js.br") for name in names)
    assert not any("node_modules" in name for name in names)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_hub_that_was_installed_without_its_web_ui_leads_to_the_reference_of_its_api(
    tmp_path: Path, make_hub: MakeHub
) -> None:
    made = wheel(tmp_path, "--no-index", "--no-build-isolation", env={"TOWPATH_NO_UI": "1"})
    installed = tmp_path / "installed"
    subprocess.run(
        [*PIP, "install", "--no-deps", "--no-index", "--target", str(installed), str(made)], check=True
    )
    assert not (installed / "towpath" / "ui").exists()
    hub = make_hub()
    hub.env["PYTHONPATH"] = str(installed)
    hub.up()
    with httpx.Client(base_url=f"http://127.0.0.1:{hub.port}", trust_env=False) as browser:
        assert browser.get("/api/health").is_success
        front = browser.get("/")
        assert (front.status_code, front.headers["location"]) == (307, "/api/docs")
        assert "text/html" in browser.get("/api/docs").headers["content-type"]
        assert "Set a password" in browser.get("/welcome").text
        assert browser.get("/jobs").status_code == 404
