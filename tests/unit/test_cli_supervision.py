"""What the supervisor does when a child ends, and how it is known what runs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from towpath.cli.children import DELAYS, Slot, environment, trim_log
from towpath.cli.home import Home
from towpath.cli.running import (
    Child,
    Status,
    born_at,
    is_running,
    read_status,
    sign_lock,
    supervisor_of,
    take_lock,
    write_status,
)


class Sleeper:
    """A real process that does nothing."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"])

    def poll(self) -> int | None:
        return -1 if self.process is None else self.process.poll()

    def stop(self, grace: float) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[Slot]:
    made = Slot("worker", "oslo", Sleeper(), tmp_path / "log")
    yield made
    made.stop(0)


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def kill(slot: Slot) -> None:
    pid = slot.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: slot.pid is None)


def test_a_child_that_is_killed_is_started_again_after_a_moment(slot: Slot) -> None:
    slot.start()
    first = slot.pid
    assert slot.look(time.monotonic()) is None
    kill(slot)
    now = time.monotonic()
    assert slot.look(now) == "worker of site oslo was ended by SIGKILL"
    assert slot.look(now) is None
    assert slot.look(now + DELAYS[0]) == "worker of site oslo was started again"
    assert slot.restarts == 1
    assert slot.pid not in (None, first)


def test_a_child_that_ends_again_and_again_waits_longer_but_never_five_seconds(slot: Slot) -> None:
    slot.start()
    waits = []
    for _ in range(len(DELAYS) + 2):
        kill(slot)
        now = time.monotonic()
        slot.look(now)
        assert slot.due is not None
        waits.append(round(slot.due - now, 3))
        slot.look(slot.due)
    assert waits == [*DELAYS, DELAYS[-1], DELAYS[-1]]
    assert max(waits) < 3


def test_a_child_that_waits_can_be_hurried(slot: Slot) -> None:
    slot.start()
    kill(slot)
    slot.look(time.monotonic())
    slot.hurry()
    assert slot.look(time.monotonic()) == "worker of site oslo was started again"


def test_a_lock_tells_who_runs_here(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    assert not is_running(home)
    home.make()
    lock = take_lock(home)
    assert lock is not None
    sign_lock(lock, os.getpid())
    assert is_running(home)
    assert take_lock(home) is None
    assert supervisor_of(home) == os.getpid()
    os.close(lock)
    assert supervisor_of(home) is None


def test_the_status_leaves_out_the_pid_of_a_process_that_is_gone(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    home.make()
    gone = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    gone.wait()
    mine = Child("hub", None, os.getpid(), 0, "2026-01-31T12:00:00Z", born_at(os.getpid()))
    dead = Child("nats", None, gone.pid, 0, "2026-01-31T12:00:00Z", 1)
    other = Child("worker", "oslo", os.getpid(), 0, "2026-01-31T12:00:00Z", 1)
    write_status(home, Status(os.getpid(), "http://127.0.0.1:1", [mine, dead, other]))
    assert read_status(home) is None
    lock = take_lock(home)
    assert lock is not None
    sign_lock(lock, os.getpid())
    status = read_status(home)
    os.close(lock)
    assert status is not None
    assert [child.pid for child in status.children] == [os.getpid(), None, None]


def test_what_an_earlier_supervisor_wrote_says_nothing_of_the_one_that_lives(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    home.make()
    often_dead = Child("nats", None, None, 7, "2026-01-31T12:00:00Z", 1)
    write_status(home, Status(os.getpid() + 1, "http://127.0.0.1:1", [often_dead]))
    lock = take_lock(home)
    assert lock is not None
    sign_lock(lock, os.getpid())
    assert read_status(home) is None
    write_status(home, Status(os.getpid(), "http://127.0.0.1:1", []))
    assert read_status(home) == Status(os.getpid(), "http://127.0.0.1:1", [])
    os.close(lock)


def test_a_log_that_has_grown_too_long_goes_aside(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    trim_log(log)
    with log.open("ab") as file:
        file.truncate(17 * 1024 * 1024)
        trim_log(log)
        file.write(b"next\n")
    assert log.read_bytes() == b"next\n"
    assert (tmp_path / "hub.log.1").stat().st_size == 17 * 1024 * 1024


def test_what_is_relative_in_the_environment_still_holds_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert environment({"PYTHONPATH": "src:/x", "A": "b"}) == {"PYTHONPATH": f"{tmp_path}/src:/x", "A": "b"}
    assert environment({"A": "b"}) == {"A": "b"}
