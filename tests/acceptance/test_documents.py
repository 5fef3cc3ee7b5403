"""Each command that a document shows runs as it stands there, in its order, and prints what the document says."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from tests.acceptance.documented import CURL, Reader, as_told, examples, pages
from tests.acceptance.stages import ELSEWHERE, OWN, SHARED, Stage, submitted
from tests.fixtures_hub import PATIENCE
from tests.receiver import receiving

T = TypeVar("T")


@contextmanager
def _reading(root: Path, reaper: Callable[[Path], None]) -> Iterator[Reader]:
    with receiving() as (port, _):
        reader = Reader(root, receiver=port)
        reaper(reader.home)
        try:
            yield reader
        finally:
            reader.close()
            reader.prefix, reader.variables = (), {}
            if reader.home.exists():
                reader.type("towpath down")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, reaper: Callable[[Path], None]) -> Iterator[Reader]:
    """Somebody whose hub is up, with the site oslo, and a job that fails: in ten seconds the hub sees that."""
    with _reading(tmp_path_factory.mktemp("reader"), reaper) as reader:
        up = reader.type("towpath up --site oslo=/srv/data --detach")
        assert up.status == 0, up
        reader.has_vault()
        submitted(reader, "premigrate", reader.data / "nowhere", discovery=None)
        yield reader


def of(table: Mapping[str, T], command: str) -> T | None:
    """What a table has for a command: by the longest beginning that fits."""
    fitting = [beginning for beginning in table if command.startswith(beginning)]
    return table[max(fitting, key=len)] if fitting else None


def follow(page: str, stage: Stage, reader: Reader) -> None:
    """Type the commands of a page, one after the other."""
    reader.begin()
    stage.prepare(reader)
    with ExitStack() as staying:
        for example in examples(page):
            if of(stage.elsewhere, example.command) is not None:
                continue
            if before := of(stage.before, example.command):
                before(reader)
            if lasting := of(stage.lasting, example.command):
                at_work = reader.lasting(example.command, lasting.says, lambda: lasting.provoke(reader))
                if lasting.stays:
                    staying.enter_context(at_work)
                else:
                    with at_work:
                        pass
                continue
            found = reader.type(example.command)
            expected = of(stage.status, example.command) or 0
            assert found.status == expected, (example.command, found, reader.reasons())
            if example.told and not example.command.startswith(stage.untold or ("\0",)):
                assert any(as_told(example.told, said) for said in (found.out, found.err + found.out)), (
                    example,
                    found,
                )


@pytest.mark.parametrize("page", SHARED)
def test_the_commands_of_a_page_run_at_a_hub_that_is_up(page: str, shared: Reader) -> None:
    shared.has_vault()
    follow(page, SHARED[page], shared)


@pytest.mark.parametrize("page", OWN)
def test_the_commands_of_a_page_that_brings_a_hub_up_run(
    page: str, tmp_path: Path, reaper: Callable[[Path], None]
) -> None:
    with _reading(tmp_path, reaper) as reader:
        follow(page, OWN[page], reader)


def test_no_command_of_any_page_is_left_out() -> None:
    assert set(pages()) == {*SHARED, *OWN, *ELSEWHERE}
    for page, stage in {**SHARED, **OWN}.items():
        commands = [example.command for example in examples(page)]
        stale = [
            key for key in stage.beginnings() if not any(command.startswith(key) for command in commands)
        ]
        assert not stale, (page, stale)
    for reason in ELSEWHERE.values():
        named = reason.split()[0]
        assert not named.endswith(".py") or Path(__file__).parents[2].joinpath(named).is_file(), named


def test_a_call_that_the_hub_refuses_does_not_run(shared: Reader) -> None:
    shared.begin()
    assert shared.type("curl -s http://127.0.0.1:8420/api/jobs/").status == 22


def test_the_stand_in_for_curl_does_what_curl_does(shared: Reader) -> None:
    url = f"http://127.0.0.1:{shared.receiver}/"
    told = ["-s", "-H", "X-One: 1", url, "--json", '{"a": 1}']
    ended = subprocess.run(
        [sys.executable, "-c", CURL, *told], capture_output=True, timeout=PATIENCE, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
