"""What a node is told and finds when it starts: settings, keys, steps."""

import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from tests.site_node import Plain

from towpath import descriptors
from towpath.bus.keys import load_or_make_seed
from towpath.domain.catalogue import StepSpec
from towpath.domain.errors import Mistake
from towpath.worker import keys, plugins
from towpath.worker.settings import WorkerSettings

GOOD: Mapping[str, Any] = {
    "site": "oslo",
    "node": "n1",
    "roots": {"data": "/srv"},
    "home": Path("/var/towpath"),
    "bus_url": "nats://127.0.0.1:4222",
    "seed_file": Path("/var/towpath/node.nk"),
}


def test_by_default_a_node_runs_eight_tasks_and_two_walks() -> None:
    assert WorkerSettings(**GOOD).queues == {"default": {"worker": 8, "discovery": 2}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"site": "os lo"}, "site: expected 1 to 64 letters, digits, '_' or '-'"),
        ({"node": ""}, "node: expected 1 to 64 letters"),
        ({"roots": {}}, "site 'oslo': expected at least one root NAME=DIRECTORY, found none"),
        ({"roots": {"data": "srv"}}, "root 'data': expected an absolute directory, found 'srv'"),
        ({"roots": {"da/ta": "/srv"}}, "root: expected 1 to 64 letters"),
        ({"allowed": ("archive",)}, "allowed directory for targets: expected an absolute directory"),
        ({"grace": timedelta(seconds=-1)}, "grace: expected a time of 0 or more"),
        ({"io_threads": 0}, "io_threads: expected 1 or more, found 0"),
        ({"queues": {}}, "queues: expected at least one slot, found none"),
        ({"queues": {"q": {"worker": 0}}}, "queues: expected at least one slot, found none"),
        (
            {"queues": {"q": {"worker": 1, "discovery": -1}}},
            "queue 'q': expected 0 to 10000 slots for discovery",
        ),
        ({"queues": {"q": {"workers": 1}}}, "queue 'q': unknown function 'workers', did you mean 'worker'?"),
    ],
)
def test_settings_that_cannot_be_are_named(changed: Mapping[str, Any], message: str) -> None:
    with pytest.raises(Mistake) as raised:
        WorkerSettings(**{**GOOD, **changed})
    assert str(raised.value).startswith(message)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = keys.load_or_make(tmp_path / "site.key")
    assert len(made) == 32
    assert stat.S_IMODE((tmp_path / "site.key").stat().st_mode) == 0o600
    assert keys.load_or_make(tmp_path / "site.key") == made
    assert os.listdir(tmp_path) == ["site.key"]


def test_two_that_make_a_key_at_once_end_with_the_same(tmp_path: Path) -> None:
    barrier, found = threading.Barrier(4), set()

    def make() -> None:
        barrier.wait(30)
        found.add(keys.load_or_make(tmp_path / "site.key"))

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [(bytes(31), 0o600, "expected a key of 32 bytes, found 31"), (bytes(32), 0o640, "found mode 0640")],
)
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes, mode: int, message: str) -> None:
    path = tmp_path / "site.key"
    path.write_bytes(content)
    path.chmod(mode)
    with pytest.raises(Mistake, match=message):
        keys.load_or_make(path)


class Plugin(Plain):
    """A step that the hub does not know by itself."""

    spec = StepSpec("shred", "a plugin", aliases=("dynamo.custom.shred",))


def test_a_plugin_that_cannot_be_loaded_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    points = [
        EntryPoint("broken", "no_such_module:Step", "towpath.steps"),
        EntryPoint("noop", f"{Plain.__module__}:Plain", "towpath.steps"),
        EntryPoint("shred", f"{Plugin.__module__}:Plugin", "towpath.steps"),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    steps = plugins.installed_steps()
    assert sorted(steps) == ["dynamo.custom.shred", "noop", "shred"]
    assert [spec.name for spec in plugins.beyond_built_in(steps)] == ["shred"]
    assert "broken" in capsys.readouterr().out


def test_a_node_may_open_as_many_files_as_its_user_may() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
    try:
        descriptors.raise_descriptors()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert raised == (
        descriptors.DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, descriptors.DESCRIPTORS)
    )


def test_a_home_without_room_is_told_in_one_line(tmp_path: Path) -> None:
    home, root, seed = tmp_path / "home", tmp_path / "data", tmp_path / "node.nk"
    root.mkdir()
    load_or_make_seed(seed)
    command = [
        sys.executable, "-m", "towpath", "worker", "--home", str(home), "--site", "oslo", "--node", "n1",
        "--seed", str(seed), "--bus", "nats://127.0.0.1:9", "--root", f"data={root}",
    ]  # fmt: skip
    # No file of it may grow: the nearest to a full disk that needs no rights.
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"towpath: home {home}: expected room for what the node keeps there, found: ")
