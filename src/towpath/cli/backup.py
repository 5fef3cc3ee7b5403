"""`towpath backup`: what the hub knows as a file, and a hub from such a file."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated

import typer

from towpath.cli.backup_files import (
    key_name,
    keys_to_write,
    named_at,
    read_keys,
    superfluous,
    write_keys,
    write_whole,
)
from towpath.cli.database_option import read_database
from towpath.cli.home import Home, home_of, read_remembered
from towpath.cli.hub_command import HomeOption
from towpath.cli.keyfile import load_hub_key
from towpath.cli.output import say, size
from towpath.config import HubSettings, read_heartbeat, read_key_file
from towpath.domain.errors import Mistake

app = typer.Typer(help="Write, restore and prune backups of what the hub knows.", no_args_is_help=True)

DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="As the hub was told; as before where left out."),
]


@app.command()
def export(
    place: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="In a directory, it is named by its time.")
    ] = Path(),
    home: HomeOption = None,
    database: DatabaseOption = None,
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys", help="Put the home's keys in, in the clear: whoever has the file has all."
        ),
    ] = False,
) -> None:
    """Write all that the hub knows at one moment into a file, while it runs or not; print the file's name."""
    root = home_of(home, os.environ)
    url = _database(root, database)
    key = _key(root)
    file = place / named_at(datetime.now(UTC)) if place.is_dir() else place
    written = write_whole(
        file, _writing(url, key_name(key) if key else "", read_keys(root.root) if with_keys else {})
    )
    print(file)
    if key and not with_keys:
        say(
            f"kept apart: the key {key_name(key)} ({_key_file(root)}); without it the secrets in the backup are lost"
        )
    say(f"{size(written)}")


def _writing(url: str, key: str, files: dict[str, str]) -> Callable[[IO[bytes]], None]:
    # Loaded only here: few commands need the database.
    from towpath import __version__  # noqa: PLC0415
    from towpath.store import backup  # noqa: PLC0415
    from towpath.store.database import Database  # noqa: PLC0415

    def write(file: IO[bytes]) -> None:
        made = datetime.now(UTC).isoformat()
        store = Database(url, lambda: time.time_ns() // 1000)
        try:
            with store.reading() as conn:
                backup.write(
                    conn, lambda form: backup.Head(backup.FORMAT, __version__, form, made, key, files), file
                )
        finally:
            store.stop()

    return write


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    home: HomeOption = None,
    database: DatabaseOption = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of what the database holds, which is lost.")
    ] = False,
    without_key: Annotated[
        bool, typer.Option("--without-key", help="Give up the secrets in it: credentials, webhooks' secrets.")
    ] = False,
) -> None:
    """Fill a database, of either kind, from a backup, all or nothing; the hub must not run."""
    from towpath.cli.alone import alone  # noqa: PLC0415
    from towpath.store import backup  # noqa: PLC0415

    root = home_of(home, os.environ)
    url = _database(root, database)
    try:
        content = file.open("rb")
    except OSError as error:
        raise Mistake(f"FILE {file}: {error.strerror}") from None
    with content:
        reader = backup.Reader(content, str(file))
        keys = keys_to_write(root.root, reader.head.files, replace=replace)
        if not without_key and "hub.key" not in reader.head.files:
            _check_key(root, reader.head.key)
        root.make()
        with alone(HubSettings(root.root, url, "")):
            _check_alone(url)
            backup.restore(url, reader, replace=replace)
            write_keys(keys)
    rows = sum(reader.rows.values())
    say(f"restored {rows} rows of {reader.head.made_at[:19]} UTC, form {reader.head.form}")


def _check_key(home: Home, expected: str) -> None:
    """Raises `Mistake` where the hub would not be able to read the secrets of a backup."""
    found = _key(home)
    if expected and (found is None or key_name(found) != expected):
        raise Mistake(
            f"{_key_file(home)}: expected the key {expected}, under which the backup's secrets are encrypted, found"
            f" {key_name(found) if found else 'none'}; put it there, or say --without-key"
        )


def _check_alone(url: str) -> None:
    """Raises `Mistake` where a hub works on that database now: one that conducts beats."""
    from towpath.store import backup  # noqa: PLC0415

    # A hub on SQLite holds a lock, which is taken by now.
    before = None if url.startswith("sqlite") else backup.conducting(url)
    if before is None or not before.holder:
        return
    end = time.monotonic() + 2 * read_heartbeat(os.environ)
    while time.monotonic() < end:
        if backup.conducting(url) != before:
            raise Mistake(f"database: expected that no hub works on it, found {before.holder}; stop it first")
        time.sleep(0.2)


@app.command()
def prune(
    directory: Annotated[Path, typer.Argument(metavar="DIR")],
    keep: Annotated[int | None, typer.Option("--keep", metavar="N", min=1, help="The newest N.")] = None,
    days: Annotated[
        float | None, typer.Option("--days", metavar="D", min=0, help="Those of the last D days.")
    ] = None,
) -> None:
    """Delete backups that `export DIR` wrote, but those that are to be kept; print what was deleted."""
    if keep is None and days is None:
        raise Mistake("expected --keep or --days, or both, found neither")
    for file in superfluous(directory, keep, days, datetime.now(UTC)):
        file.unlink()
        print(file)


def _database(home: Home, given: str | None) -> str:
    return read_database(given, os.environ, read_remembered(home).database or home.database_url)


def _key_file(home: Home) -> Path:
    return read_key_file(os.environ) or home.root / "hub.key"


def _key(home: Home) -> bytes | None:
    """The hub's key; None where it has none yet."""
    given = read_key_file(os.environ)
    return load_hub_key(_key_file(home), given) if given or _key_file(home).exists() else None
