"""What the run step promises: only listed commands, paths on their input, lines back, an end in time."""

import os
import signal
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures_hub import until
from tests.step_context import Place, place_with_directory

from towpath.domain.paths import Code, ErrorClass, PathOutcome
from towpath.steps.protocol import Stopped
from towpath.steps.run import Run
from towpath.steps.settings import Command, SiteSettings


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A site with a directory target."""
    made = place_with_directory(tmp_path)
    yield made
    made.root.close()


def listed(place: Place, script: str, **more: Any) -> None:
    """List a Python program as the command `job`; `paths` has what it was given."""
    opening = "import os, signal, sys, time\npaths = sys.stdin.buffer.read().split(b'\\0')[:-1]\n"
    command = Command((sys.executable, "-u", "-c", opening + script), **more)
    place.settings = SiteSettings(commands={"job": command})


def run(place: Place, *paths: bytes) -> dict[bytes, PathOutcome]:
    """One task of that command."""
    return place.run(Run(), *paths, command="job")


def test_paths_come_on_the_input_and_each_line_says_what_became_of_one(place: Place) -> None:
    listed(
        place,
        "print('hello')\n"
        "answers = ['processed', 'failed no such thing', 'skipped', 'aborted it was too late']\n"
        "for number in reversed(range(4)): print(number, answers[number])\n"
        "print('9 processed', 'x processed', '1 processed', sep='\\n')\n",
    )
    paths = (b"a b", b"\xff\n", b"c", b"d")
    outcomes = run(place, *paths)
    assert [outcomes[path].code for path in paths] == [
        Code.PROCESSED,
        Code.FAILED,
        Code.SKIPPED,
        Code.ABORTED,
    ]
    assert [outcomes[path].reason for path in paths[1:]] == [
        "no such thing",
        "the command skipped it",
        "it was too late",
    ]
    assert outcomes[paths[1]].error_class is ErrorClass.PERMANENT


def test_the_command_runs_in_the_roots_directory_with_the_paths_as_they_are(place: Place) -> None:
    names = (b"plain", b"new\nline", b"\xff\xfe", b" -x")
    for name in names:
        Path(os.fsdecode(os.fsencode(place.directory) + b"/" + name)).write_bytes(b"")
    listed(place, "for n, p in enumerate(paths): print(n, 'processed' if os.path.exists(p) else 'failed')")
    assert {outcome.code for outcome in run(place, *names).values()} == {Code.PROCESSED}


def test_what_a_command_says_nothing_of_has_failed(place: Place) -> None:
    listed(place, "print('0 processed')")
    outcomes = run(place, b"a", b"b")
    assert outcomes[b"a"].code is Code.PROCESSED
    assert outcomes[b"b"].reason == "command job said nothing of it"


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("print('no room', file=sys.stderr); sys.exit(3)", "command job ended with status 3: no room"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "command job ended by signal 9"),
    ],
)
def test_a_command_that_fails_fails_what_it_had_not_answered(place: Place, ending: str, said: str) -> None:
    listed(place, f"print('0 processed', flush=True); {ending}")
    outcomes = run(place, b"a", b"b")
    assert (outcomes[b"a"].code, outcomes[b"b"].reason) == (Code.PROCESSED, said)


@pytest.mark.parametrize(("status", "code"), [(0, Code.PROCESSED), (1, Code.FAILED)])
def test_where_the_settings_say_so_the_exit_status_answers_for_all(
    place: Place, status: int, code: Code
) -> None:
    listed(place, f"print('0 skipped'); sys.exit({status})", answers="status")
    assert {outcome.code for outcome in run(place, b"a", b"b").values()} == {code}


def test_only_what_is_listed_runs(place: Place) -> None:
    listed(place, "")
    for name in ("jab", "/bin/true", None):
        outcome = place.run_one(Run(), b"a", command=name)
        assert outcome.code is Code.FAILED
        assert f"the administrator of site oslo has listed none '{name or ''}'" in outcome.reason
    assert "did you mean 'job'?" in place.run_one(Run(), b"a", command="jab").reason


def test_a_program_that_is_not_there_fails_each_path(place: Place) -> None:
    place.settings = SiteSettings(commands={"job": Command(("/no/such/program",))})
    assert run(place, b"a")[b"a"].reason == "command /no/such/program: No such file or directory"


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(place: Place) -> None:
    listed(
        place,
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        "print('0 processed', flush=True)\n"
        "child = os.fork()\n"
        "if child: open('pid', 'w').write(f'{child}\\n')\n"
        "time.sleep(600)\n",
        timeout=1,
    )
    outcomes = run(place, b"a", b"b")
    assert outcomes[b"a"].code is Code.PROCESSED
    assert outcomes[b"b"].reason == "command job was ended after 1 s"
    child = int((place.directory / "pid").read_text())
    # Whoever sends a signal does not wait until it has ended the process.
    until(lambda: is_gone(child), "what it started has ended")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have asked for its status yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_task_that_is_to_be_given_back_ends_the_command_and_keeps_what_was_said(place: Place) -> None:
    listed(place, "open('pid', 'w').write(str(os.getpid())); print('0 processed'); time.sleep(600)")
    told = threading.Event()
    place.back = told.is_set
    context = place.context(Run(), [b"a", b"b"], command="job")
    outcomes = Run().run(context)
    first = next(outcomes)
    told.set()
    assert list(outcomes) == []
    assert (first.index, first.code) == (0, Code.PROCESSED)
    child = int((place.directory / "pid").read_text())
    # Whoever sends a signal does not wait until it has ended the process.
    until(lambda: is_gone(child), "what it started has ended")


def test_a_run_that_was_lost_ends_the_command(place: Place) -> None:
    listed(place, "open('pid', 'w').write(str(os.getpid())); print('0 processed'); time.sleep(600)")
    lost = threading.Event()

    def look() -> bool:
        if lost.is_set():
            raise Stopped
        return False

    place.back = look
    outcomes = Run().run(place.context(Run(), [b"a", b"b"], command="job"))
    next(outcomes)
    lost.set()
    with pytest.raises(Stopped):
        next(outcomes)
    child = int((place.directory / "pid").read_text())
    # Whoever sends a signal does not wait until it has ended the process.
    until(lambda: is_gone(child), "what it started has ended")


def test_a_task_without_leave_to_begin_starts_nothing(place: Place) -> None:
    listed(place, "open('ran', 'w')")
    place.allow = lambda: False
    assert run(place, b"a") == {}
    assert not (place.directory / "ran").exists()


def test_output_left_open_by_something_that_goes_on_does_not_hold_the_step(place: Place) -> None:
    listed(
        place,
        "child = os.fork()\nif not child: time.sleep(600)\n"
        "open('pid', 'w').write(str(child)); print('0 processed', flush=True)\nos._exit(0)\n",
    )
    try:
        assert run(place, b"a")[b"a"].code is Code.PROCESSED
    finally:
        os.kill(int((place.directory / "pid").read_text()), signal.SIGKILL)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root starts a program as somebody else")
def test_a_command_runs_as_the_user_that_the_settings_name(place: Place) -> None:
    for above in (place.directory, *place.directory.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | stat.S_IXOTH)
    place.settings = SiteSettings(
        commands={"job": Command(("/bin/sh", "-c", 'echo "0 skipped $(id -u)"'), user="nobody")}
    )
    assert run(place, b"a")[b"a"].reason == "65534"


def test_a_command_sees_little_of_the_workers_environment(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_WORKER", "x")
    listed(place, "print('0 skipped', sorted(n for n in os.environ if n.startswith(('SECRET', 'TOWPATH'))))")
    assert run(place, b"a")[b"a"].reason == "['TOWPATH_JOB', 'TOWPATH_SITE']"
