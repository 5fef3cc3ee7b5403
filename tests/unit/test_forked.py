"""A command that is forked is as one that is started."""

import socket
import subprocess
import threading
from pathlib import Path

import pytest
from tests.fixtures_hub import Ended, Hub
from tests.forked import run_forked

from towpath.bus.ports import free_port

COMMANDS: tuple[tuple[str | bytes, ...], ...] = (
    ("--version",),
    ("job", "list", "--help"),
    ("job", "list"),
    ("job", "lst"),
    ("nonsense",),
    ("ls", "oslo", b"/not \xff text"),
    ("settings", "set", "x\ny", "1"),
    ("status", "--home", "here"),
)


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    """One that is not up: commands say so."""
    (tmp_path / "here").mkdir()
    env = {"TOWPATH_URL": f"http://127.0.0.1:{free_port()}", "TOWPATH_API_KEY": "x", "COLUMNS": "60"}
    return Hub(tmp_path, env=env)


@pytest.mark.parametrize("arguments", COMMANDS)
def test_it_says_the_same_and_ends_as_well(hub: Hub, arguments: tuple[str | bytes, ...]) -> None:
    with hub.start(*arguments) as process:
        out, err = process.communicate(timeout=60)
    assert hub.command(*arguments) == Ended(process.returncode, out, err)


def test_it_is_a_process_of_its_own_that_is_killed_where_it_does_not_end(hub: Hub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        hub.env["TOWPATH_URL"] = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(subprocess.TimeoutExpired):
            hub.command("job", "list", timeout=1)
    assert hub.run("--version").startswith("towpath ")


def test_those_that_are_asked_for_at_once_all_come_to_their_end(hub: Hub) -> None:
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(hub.run("--version"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 4
    assert len(set(said)) == 1


def test_what_lasts_is_started(hub: Hub) -> None:
    assert run_forked((), ["up", "--detach"], hub.environment(), hub.root, 60) is None
