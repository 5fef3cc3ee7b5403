"""Which database a hub is told to use: by an option without a secret, or by the environment with one."""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from towpath.domain.errors import Mistake

VARIABLE = "TOWPATH_DATABASE"

SCHEMES = ("sqlite:///", "postgresql://", "postgresql+psycopg://")
ASKED_FOR = "expected a URL that begins with sqlite:/// or postgresql://"


def read_database(given: str | None, env: Mapping[str, str], default: str) -> str:
    """The URL of the database: that of the option, else that of the environment, else the default.

    Only the environment may say a password; where it names the same database as the option, it adds it. Raises
    `Mistake`.
    """
    named = env.get(VARIABLE)
    if named:
        _check_scheme(VARIABLE, named)
    if given is None:
        return named or default
    check_option(given)
    return named if named and without_password(named) == given else given


def check_option(url: str) -> None:
    """Raise `Mistake` for a URL that no option may give."""
    _check_scheme("--database", url)
    if without_password(url) != url:
        raise Mistake(
            "--database: expected a URL without a password, since anybody on this machine can read arguments;"
            f" give it in PGPASSWORD, in ~/.pgpass, or in a whole URL in {VARIABLE}"
        )


def without_password(url: str) -> str:
    """The URL less its password."""
    parts = urlsplit(url)
    place = parts.netloc
    if parts.password is not None:
        user, _, host = place.rpartition("@")
        place = f"{user.partition(':')[0]}@{host}"
    query = parse_qsl(parts.query, keep_blank_values=True)
    kept = [(name, value) for name, value in query if name != "password"]
    if place == parts.netloc and kept == query:
        return url
    return urlunsplit(parts._replace(netloc=place, query=urlencode(kept)))


def _check_scheme(where: str, url: str) -> None:
    if not url.startswith(SCHEMES):
        scheme = url.partition(":")[0][:40]
        raise Mistake(f"{where}: {ASKED_FOR}, found '{scheme}:…'")
