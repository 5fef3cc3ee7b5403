"""What commands make of their arguments, and of the files that they name."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from towpath.cli.documents import read_credentials, read_document
from towpath.cli.home import Home, Remembered
from towpath.cli.run import absolute, fields_of
from towpath.cli.up import merge, read_sites, with_database
from towpath.cli.worker_command import read_queues, read_roots
from towpath.client.jobs import spelled
from towpath.domain.errors import Mistake
from towpath.worker.settings import DEFAULT_QUEUES


def test_a_relative_path_is_relative_to_where_the_caller_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    assert absolute("a/../b") == f"{tmp_path}/b"
    assert absolute(".") == str(tmp_path)
    assert absolute("/x//y/") == "/x/y"
    assert absolute("--odd") == f"{tmp_path}/--odd"


def test_the_caller_stands_where_the_shell_says_also_behind_a_symbolic_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path / "link")
    monkeypatch.setenv("PWD", str(tmp_path / "link"))
    assert absolute("f") == f"{tmp_path}/link/f"
    monkeypatch.setenv("PWD", "/somewhere/else")
    assert absolute("f") == f"{tmp_path}/real/f"


def test_a_path_that_is_no_utf8_is_sent_exactly() -> None:
    exact = b"/mnt/\xff\n-x"
    assert spelled(absolute(os.fsdecode(exact))) == {"path_b64": base64.b64encode(exact).decode()}
    assert spelled(absolute("/mnt/\n å")) == "/mnt/\n å"


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(Mistake, match="PATH: expected a path"):
        absolute("")


def test_fields_are_name_and_value() -> None:
    assert fields_of(["a=1", "b=x=y", "c="]) == {"a": "1", "b": "x=y", "c": ""}
    for wrong in (["a"], ["=1"], ["a=1", "a=2"]):
        with pytest.raises(Mistake, match="--field"):
            fields_of(wrong)


def test_sites_are_directories_that_exist(tmp_path: Path) -> None:
    home = Home(tmp_path / "h")
    (tmp_path / "d").mkdir()
    (tmp_path / "f").touch()
    assert read_sites([f"oslo={tmp_path}/d"], home) == {"oslo": f"{tmp_path}/d"}
    for wrong, text in (
        ("oslo", "expected NAME=DIR, found 'oslo'"),
        ("oslo=", "expected NAME=DIR"),
        (f"os lo={tmp_path}/d", "expected 1 to 64 letters"),
        (f"oslo={tmp_path}/none", "expected a directory, found nothing at"),
        (f"oslo={tmp_path}/f", "expected a directory, found something else at"),
    ):
        with pytest.raises(Mistake, match=text):
            read_sites([wrong], home)
    with pytest.raises(Mistake, match="--site oslo: expected once, found twice"):
        read_sites([f"oslo={tmp_path}/d"] * 2, home)


def test_a_site_that_holds_the_hubs_own_home_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Mistake, match="holds the hub's own home"):
        read_sites([f"oslo={tmp_path}"], Home(tmp_path / "h"))


def test_a_site_stays_where_it_was(tmp_path: Path) -> None:
    before = Remembered("127.0.0.1:9", {"oslo": str(tmp_path)}, None)
    merged = merge(before, {"rome": "/r"}, None)
    assert merged == Remembered("127.0.0.1:9", {"oslo": str(tmp_path), "rome": "/r"}, None)
    with pytest.raises(Mistake, match="as before; found /elsewhere"):
        merge(before, {"oslo": "/elsewhere"}, None)


def test_a_home_stays_with_the_database_that_it_began_with() -> None:
    url = "postgresql://hub@db/towpath"
    assert with_database(Remembered(), Remembered(), None).database is None
    told = with_database(Remembered(sites={"oslo": "/o"}), Remembered(), url)
    assert told.database == url
    assert with_database(told, told, url) == with_database(told, told, None) == told
    with pytest.raises(Mistake, match="expected postgresql://hub@db/towpath, as before; found another one"):
        with_database(told, told, "postgresql://hub@elsewhere/towpath")
    begun = Remembered(sites={"oslo": "/o"})
    with pytest.raises(Mistake, match="expected the one in the home, as before"):
        with_database(begun, begun, url)
    with pytest.raises(Mistake, match=r"begins with sqlite:/// or postgresql://, found 'mysql:…'"):
        with_database(Remembered(), Remembered(), "mysql://db")


def test_the_roots_and_queues_of_a_worker_are_read(tmp_path: Path) -> None:
    assert read_roots([f"data={tmp_path}"]) == {"data": str(tmp_path)}
    assert read_queues([]) == DEFAULT_QUEUES
    assert read_queues(["default=worker:4", "default=discovery:1", "big=worker:2"]) == {
        "default": {"worker": 4, "discovery": 1},
        "big": {"worker": 2},
    }
    for wrong in (["data"], ["data=/does/not/exist"], [f"data={tmp_path}"] * 2):
        with pytest.raises(Mistake, match="--root"):
            read_roots(wrong)
    for wrong_queue in ("default", "default=worker", "default=worker:x", "=worker:1"):
        with pytest.raises(Mistake, match="--queue: expected NAME=FUNCTION:SLOTS"):
            read_queues([wrong_queue])


def test_credentials_are_json_or_lines(tmp_path: Path) -> None:
    file = tmp_path / "c"
    file.write_text('{"access_key_id": "a", "secret_access_key": "b=c"}')
    assert read_credentials(str(file)) == {"access_key_id": "a", "secret_access_key": "b=c"}
    file.write_text("# of the archive\naccess_key_id = a\n\nsecret_access_key='b=c'\n")
    assert read_credentials(str(file)) == {"access_key_id": "a", "secret_access_key": "b=c"}


def test_the_file_of_a_google_account_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text('{\n "type": "service_account",\n "client_email": "a@b",\n "private_key": "k"\n}\n')
    assert read_credentials(str(file)) == {"service_account_key": file.read_text()}


def test_an_error_about_credentials_does_not_show_them(tmp_path: Path) -> None:
    file = tmp_path / "c"
    for text in ("hunter2", '{"key": {"a": "hunter2"}}', '{"key": hunter2}'):
        file.write_text(text)
        with pytest.raises(Mistake, match="--credentials") as caught:
            read_credentials(str(file))
        assert "hunter2" not in str(caught.value)


def test_a_definition_may_be_json_or_yaml(tmp_path: Path) -> None:
    file = tmp_path / "w"
    file.write_text('{"name": "a", "filter_rules": []}')
    assert read_document(str(file)) == {"name": "a", "filter_rules": []}
    file.write_text("name: a\nlabel: 2026-01-31\nfilter_rules:\n  - {type: file, state: all}\n")
    assert read_document(str(file)) == {
        "name": "a",
        "label": "2026-01-31",
        "filter_rules": [{"type": "file", "state": "all"}],
    }


def test_the_line_of_a_broken_definition_is_named(tmp_path: Path) -> None:
    file = tmp_path / "w.yaml"
    file.write_text("name: a\n  bad: [\n")
    with pytest.raises(Mistake, match=r"w\.yaml: line 2"):
        read_document(str(file))
    other = tmp_path / "w.json"
    other.write_text('{"name": "a"\n"rules": []}')
    with pytest.raises(Mistake, match=r"w\.json: line 2"):
        read_document(str(other))
    with pytest.raises(Mistake, match=r"FILE .*none: No such file"):
        read_document(str(tmp_path / "none"))


def test_a_shell_is_told_how_a_word_goes_on() -> None:
    asking = {"_TOWPATH_COMPLETE": "complete_bash", "COMP_WORDS": "towpath job pa", "COMP_CWORD": "2"}
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; sys.argv = ['towpath']; from towpath.cli.main import main; main()",
        ],
        env={**os.environ, **asking},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["paths", "pause"], "")
