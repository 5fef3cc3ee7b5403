"""`towpath backup` on a home: keys stay apart unless they are asked for, files are whole, old ones go."""

import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fixtures_api import laid

from towpath.cli.alone import alone
from towpath.cli.backup_files import key_name, named_at
from towpath.cli.home import Home
from towpath.cli.keyfile import load_or_make_key
from towpath.cli.main import main
from towpath.config import HubSettings

__all__ = ["laid"]


class Cli:
    """The command line of a home."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys, self._patch = capsys, patch
        self.err = ""

    def run(self, *words: str, status: int = 0) -> str:
        self._patch.setattr(sys, "argv", ["towpath", "backup", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, self.err = self._capsys.readouterr()
        assert ended.value.code == status, (out, self.err)
        return out.strip()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    for name in ("TOWPATH_DATABASE", "TOWPATH_KEY_FILE", "TOWPATH_HOME"):
        monkeypatch.delenv(name, raising=False)
    return Cli(capsys, monkeypatch)


@pytest.fixture
def home(laid: tuple[Path, str], tmp_path: Path) -> Home:
    """A home with a database that has a site, and a key."""
    made = Home(tmp_path / "home")
    made.make()
    (made.root / "hub.db").write_bytes(laid[0].read_bytes())
    load_or_make_key(made.root / "hub.key")
    return made


def sites(home: Home) -> list[str]:
    with closing(sqlite3.connect(home.root / "hub.db")) as database:
        return [name for (name,) in database.execute("SELECT name FROM sites")]


def test_a_home_is_exported_wiped_and_restored(cli: Cli, home: Home, tmp_path: Path) -> None:
    file = Path(cli.run("export", str(tmp_path), "--home", str(home.root)))
    key = (home.root / "hub.key").read_bytes()
    assert file.parent == tmp_path
    assert file.stat().st_mode & 0o777 == 0o600
    assert key_name(key) in cli.err
    for left in home.root.glob("hub.db*"):
        left.unlink()
    cli.run("restore", str(file), "--home", str(home.root))
    assert sites(home) == ["oslo"]
    assert (
        "expected an empty one" in cli.run("restore", str(file), "--home", str(home.root), status=1) + cli.err
    )
    cli.run("restore", str(file), "--home", str(home.root), "--replace")


def test_a_backup_is_not_restored_beside_another_key(cli: Cli, home: Home, tmp_path: Path) -> None:
    file = cli.run("export", str(tmp_path / "b"), "--home", str(home.root))
    assert (
        "expected a name that is free"
        in cli.run("export", file, "--home", str(home.root), status=1) + cli.err
    )
    other = ("--home", str(tmp_path / "other"))
    cli.run("restore", file, *other, status=1)
    assert "under which the backup's secrets are encrypted, found none" in cli.err
    assert not (tmp_path / "other" / "hub.db").exists()
    cli.run("restore", file, *other, "--without-key")
    assert sites(Home(tmp_path / "other")) == ["oslo"]


def test_keys_go_with_a_backup_where_that_was_asked_for(cli: Cli, home: Home, tmp_path: Path) -> None:
    (home.root / "sites" / "oslo").mkdir()
    load_or_make_key(home.root / "sites" / "oslo" / "site.key")
    file = cli.run("export", str(tmp_path / "b"), "--home", str(home.root), "--with-keys")
    other = tmp_path / "other"
    cli.run("restore", file, "--home", str(other))
    for name in ("hub.key", "sites/oslo/site.key"):
        assert (other / name).read_bytes() == (home.root / name).read_bytes()
        assert (other / name).stat().st_mode & 0o777 == 0o600
    (other / "hub.key").write_bytes(b"k" * 32)
    cli.run("restore", file, "--home", str(other), status=1)
    assert "found another key; --replace" in cli.err


def test_nothing_is_restored_under_a_hub_that_runs(cli: Cli, home: Home, tmp_path: Path) -> None:
    file = cli.run("export", str(tmp_path / "b"), "--home", str(home.root))
    with alone(HubSettings(home.root, home.database_url, "")):
        cli.run("restore", file, "--home", str(home.root), "--replace", status=1)
    assert "another hub has it" in cli.err


def test_old_backups_go_and_nothing_else(cli: Cli, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    made = [tmp_path / named_at(now - timedelta(days=days)) for days in (0, 1, 2, 3, 40)]
    beside = [tmp_path / "towpath-notes", tmp_path / "x.towpath-backup"]
    for file in (*made, *beside):
        file.write_text("")
    assert cli.run("prune", str(tmp_path), "--keep", "2", "--days", "2.5").splitlines() == [
        str(made[4]),
        str(made[3]),
    ]
    assert cli.run("prune", str(tmp_path), "--days", "1.5").splitlines() == [str(made[2])]
    assert cli.run("prune", str(tmp_path), "--keep", "1").splitlines() == [str(made[1])]
    assert sorted(tmp_path.iterdir()) == sorted([made[0], *beside])
    assert "expected --keep or --days" in cli.run("prune", str(tmp_path), status=1) + cli.err
