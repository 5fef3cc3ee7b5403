"""Where a hub is, and the key that opens it: as told, or as the environment or the home of `towpath up` says."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from towpath.client.errors import Misconfigured


class Connection(msgspec.Struct, frozen=True):
    """Where the hub is, and the key that opens it."""

    url: str
    api_key: str
    ca: str | None = None
    """The file, PEM, of the authorities that are trusted, or of the hub's own certificate; None = the usual ones."""
    name: str | None = None
    """The host that the hub's certificate names, where that is not the URL's."""


def client_file(env: Mapping[str, str]) -> Path:
    """`client.toml` of the home that `TOWPATH_HOME` names, else of `~/.towpath`."""
    return Path(env.get("TOWPATH_HOME") or Path.home() / ".towpath").absolute() / "client.toml"


def read_connection(file: Path) -> Connection | None:
    """What a `client.toml` says; None where there is none. Raises `Misconfigured`."""
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Connection)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError:
        raise Misconfigured(f"{file}: not readable for you; ask its owner for an API key") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{file}: expected url and api_key, found {error}") from None


def connection_of(env: Mapping[str, str]) -> Connection:
    """`TOWPATH_URL` and `TOWPATH_API_KEY`, else `client.toml` of the home.

    Raises `Misconfigured` where there is neither. `TOWPATH_CA` comes before what that file says of authorities.
    """
    url, key, ca = env.get("TOWPATH_URL"), env.get("TOWPATH_API_KEY"), env.get("TOWPATH_CA") or None
    if url and key:
        return Connection(url, key, ca)
    if url or key:
        said, missing = ("TOWPATH_URL", "TOWPATH_API_KEY") if url else ("TOWPATH_API_KEY", "TOWPATH_URL")
        raise Misconfigured(f"{said} is set, but {missing} is not")
    file = client_file(env)
    connection = read_connection(file)
    if connection is None:
        raise Misconfigured(
            f"no hub: {file} does not exist; start one with `towpath up`,"
            " or set TOWPATH_HOME, or TOWPATH_URL and TOWPATH_API_KEY"
        )
    return msgspec.structs.replace(connection, ca=ca) if ca else connection


def told(url: str | None, api_key: str | None, ca: str | None) -> Connection:
    """What a caller says, and what the environment says of the rest; raises `Misconfigured`."""
    said = {"TOWPATH_URL": url, "TOWPATH_API_KEY": api_key, "TOWPATH_CA": ca}
    return connection_of({**os.environ, **{name: value for name, value in said.items() if value is not None}})
