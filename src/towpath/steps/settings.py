"""What the administrator of a site has set for its steps: commands, webhooks, mail. No workflow can say these."""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from towpath.domain.errors import Mistake
from towpath.domain.reading import Entries, Reading
from towpath.domain.values import name_fault

ANSWERS: Final = ("lines", "status")
LONGEST_TIMEOUT: Final = 7 * 24 * 3600
_PORTS: Final = range(1, 65536)
_SECURITY: Final = ("tls", "starttls", "none")


@dataclass(frozen=True, slots=True)
class Command:
    """A command that workflows may run by its name: `argv` begins with an absolute path, and no shell reads it."""

    argv: tuple[str, ...]
    timeout: int = 3600
    """Seconds, for the paths of one task."""
    user: str = ""
    """Who it runs as, where the worker is root; "" = who the worker is."""
    answers: str = "lines"
    """`lines`: it says on its output what became of each path; `status`: its exit status says it of all."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of jobs; what it is sent is signed with the secret."""

    url: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail is sent: to which server, as whom. `security` is tls, starttls or none."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """All of it."""

    commands: Mapping[str, Command] = field(default_factory=lambda: MappingProxyType({}))
    webhooks: Mapping[str, Webhook] = field(default_factory=lambda: MappingProxyType({}))
    mail: Mail | None = None


NO_SETTINGS: Final = SiteSettings()


def read_settings(path: Path) -> SiteSettings:
    """The settings in a TOML file; raises `Mistake` that names all that is wrong with it.

    Secrets stand in files of their own, which only their owner may read.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Mistake(f"settings {path}: expected a TOML file, found: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Mistake(f"settings {path}: expected TOML, found: {error}") from None
    reading = Reading()
    top = reading.mapping(document, "", ("commands", "webhooks", "mail"))
    settings = SiteSettings(
        MappingProxyType({name: _command(entry) for name, entry in _tables(top, "commands", _COMMAND)}),
        MappingProxyType({name: _webhook(entry) for name, entry in _tables(top, "webhooks", _WEBHOOK)}),
        _mail(top),
    )
    if reading.problems:
        raise Mistake(f"settings {path}: {'; '.join(map(str, reading.problems))}")
    return settings


_COMMAND: Final = ("argv", "timeout", "user", "answers")
_WEBHOOK: Final = ("url", "secret_file")
_MAIL: Final = ("host", "port", "sender", "security", "user", "password_file")


def _tables(top: Entries, key: str, known: tuple[str, ...]) -> list[tuple[str, Entries]]:
    """The named tables under a key."""
    found = top.reading.mapping(top.found.get(key, {}), key).found
    tables = []
    for name, document in found.items():
        if fault := name_fault(name):
            top.reading.wrong(key, fault)
        tables.append((name, top.reading.mapping(document, f"{key}.{name}", known)))
    return tables


def _command(entry: Entries) -> Command:
    argv = entry.reading.strings(entry.found.get("argv", ()), entry.at("argv"))
    if not argv or not os.path.isabs(argv[0]):
        entry.reading.wrong(
            entry.at("argv"), "expected a list that begins with the absolute path of a program"
        )
    timeout = _number(entry, "timeout", 3600, range(1, LONGEST_TIMEOUT + 1))
    return Command(argv, timeout, entry.string("user"), _one_of(entry, "answers", ANSWERS))


def _webhook(entry: Entries) -> Webhook:
    url = entry.string("url")
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        entry.reading.wrong(entry.at("url"), f"expected an http or https URL, found '{url}'")
    secret = _secret(entry, "secret_file")
    if not secret:
        entry.reading.wrong(entry.at("secret_file"), "expected the path of a file that holds a secret")
    return Webhook(url, secret)


def _mail(top: Entries) -> Mail | None:
    if "mail" not in top.found:
        return None
    entry = top.reading.mapping(top.found["mail"], "mail", _MAIL)
    host, sender = entry.string("host"), entry.string("sender")
    if not host or not re.fullmatch(r"[^\s@]+@[^\s@]+", sender):
        entry.reading.wrong("mail", "expected a host, and a sender such as towpath@example.org")
    security = _one_of(entry, "security", _SECURITY, "starttls")
    port = _number(entry, "port", {"tls": 465, "starttls": 587}.get(security, 25), _PORTS)
    password = _secret(entry, "password_file").decode("utf-8", "replace")
    return Mail(host, port, sender, security, entry.string("user"), password)


def _number(entry: Entries, key: str, default: int, allowed: range) -> int:
    value = entry.found.get(key, default)
    if isinstance(value, int) and not isinstance(value, bool) and value in allowed:
        return value
    wanted = f"expected a whole number from {allowed.start} to {allowed.stop - 1}"
    entry.reading.wrong(entry.at(key), f"{wanted}, found {value!r}")
    return default


def _one_of(entry: Entries, key: str, choices: tuple[str, ...], default: str = "") -> str:
    value = entry.string(key, default or choices[0])
    if value not in choices:
        entry.reading.wrong(entry.at(key), f"expected one of {', '.join(choices)}, found '{value}'")
    return value


def _secret(entry: Entries, key: str) -> bytes:
    """What a secret's file holds, without the line's end; b"" where none is named."""
    name = entry.string(key)
    if not name:
        return b""
    try:
        if os.stat(name).st_mode & 0o077:
            entry.reading.wrong(entry.at(key), f"expected that only its owner may read {name} (chmod 600)")
        return Path(name).read_bytes().rstrip(b"\r\n")
    except OSError as error:
        entry.reading.wrong(entry.at(key), f"{name}: {error.strerror}")
        return b""
