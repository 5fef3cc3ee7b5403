"""`towpath check` says of each thing what it expected and found, and makes nothing."""

import json
import os
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.certificates import write_certificate

from towpath.cli.home import Home, Remembered, write_remembered
from towpath.cli.main import main
from towpath.store import schema


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home that a hub may run in."""
    for name in [name for name in os.environ if name.startswith("TOWPATH_")]:
        monkeypatch.delenv(name)
    made = Home(tmp_path / "home")
    made.make()
    (tmp_path / "oslo").mkdir()
    write_remembered(made, Remembered("127.0.0.1:0", {"oslo": str(tmp_path / "oslo")}))
    return made


def look(capsys: pytest.CaptureFixture[str], home: Home, *more: str, status: int = 0) -> dict[str, Any]:
    """What it finds, by thing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["towpath", "check", "--home", str(home.root), "--json", *more])
        with pytest.raises(SystemExit) as ended:
            main()
    out = capsys.readouterr()
    assert ended.value.code == status, out
    found = json.loads(out.out)
    assert found["works"] is (status == 0)
    return {finding["thing"]: finding for finding in found["findings"]}


def test_a_home_that_is_fit_is_well_and_nothing_is_made_in_it(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(home.root.rglob("*"))
    found = look(capsys, home)
    assert not [finding for finding in found.values() if finding["well"] is False]
    assert found[f"database sqlite:///{home.root / 'hub.db'}"]["found"].startswith("an empty one")
    assert sorted(home.root.rglob("*")) == before


def test_each_thing_that_is_wrong_has_its_line(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oslo").rmdir()
    home.root.chmod(0o755)
    (home.root / "hub.key").write_bytes(b"short")
    (home.root / "hub.key").chmod(0o644)
    monkeypatch.setenv("TOWPATH_HEARTBEAT", "often")
    monkeypatch.setenv("TOWPATH_HEARTBEET", "5")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        found = look(
            capsys, home, "--listen", listen, "--bus", "nats://127.0.0.1:1",
            "--database", f"sqlite:///{tmp_path}/oslo.db", status=1,
        )  # fmt: skip
    wrong = {thing for thing, finding in found.items() if finding["well"] is False}
    assert wrong == {
        "TOWPATH_HEARTBEAT",
        f"rights of {home.root}",
        f"site oslo: {tmp_path / 'oslo'}",
        f"key {home.root / 'hub.key'}",
        f"rights of {home.root / 'hub.key'}",
        f"listen {listen}",
        "bus nats://127.0.0.1:1",
    }
    assert found["TOWPATH_HEARTBEET"]["well"] is None
    assert "did you mean 'TOWPATH_HEARTBEAT'" in found["TOWPATH_HEARTBEET"]["found"]
    key = found[f"key {home.root / 'hub.key'}"]
    assert (key["expected"], key["found"]) == ("a key of 32 bytes", "5")


def test_a_line_says_what_was_expected_and_what_was_found(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "oslo").rmdir()
    monkeypatch.setattr(sys, "argv", ["towpath", "check", "--home", str(home.root)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("wrong")]
    assert line == (
        f"wrong  site oslo: {tmp_path / 'oslo'}: expected a directory that may be read and written, found none"
    )


def test_a_database_of_a_newer_towpath_is_told_of(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    file = home.root / "hub.db"
    schema.upgrade(f"sqlite:///{file}")
    thing = f"database sqlite:///{file}"
    assert look(capsys, home)[thing]["well"] is True
    with sqlite3.connect(file) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert look(capsys, home, status=1)[thing]["found"] == "9999, of a newer Towpath"
    file.write_bytes(b"no database" * 1000)
    for left in home.root.glob("hub.db-*"):
        left.unlink()
    assert "file is not a database" in look(capsys, home, status=1)[thing]["found"]


def test_a_certificate_is_looked_at_with_its_key_and_its_end(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cert, key = write_certificate(tmp_path, "localhost")
    asked = ("--tls-cert", str(cert), "--tls-key", str(key))
    end = look(capsys, home, *asked)[f"certificate {cert}"]
    assert (end["well"], end["found"].partition(", ")[2]) == (None, "1.0 days from now")
    (tmp_path / "other").mkdir()
    _, other = write_certificate(tmp_path / "other", "localhost")
    pair = look(capsys, home, "--tls-cert", str(cert), "--tls-key", str(other), status=1)
    assert "key values mismatch" in pair[f"certificate {cert}"]["found"]
