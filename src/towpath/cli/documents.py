"""Documents that commands read: workflow definitions, and the credentials of targets."""

import json
import sys
from pathlib import Path
from typing import Final

from towpath.domain.errors import Mistake
from towpath.domain.reading import as_json

FORMS: Final = "A JSON object, NAME=VALUE lines, or the file of a Google account's key; - for standard input."
"""What credentials may come as."""


def read_text(name: str, option: str) -> str:
    """The text of a file, or of standard input for `-`; raises `Mistake`."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except OSError as error:
        raise Mistake(f"{option} {name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"{option} {name}: expected UTF-8 text") from None


def read_document(name: str) -> object:
    """The JSON or YAML in a file, or on standard input for `-`; raises `Mistake` that names the line."""
    text = read_text(name, "FILE")
    if text.lstrip().startswith(("{", "[")):
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            if name.endswith(".json"):
                raise Mistake(f"FILE {name}: line {error.lineno}: {error.msg}") from None
    # Loaded only here: it takes longer to load than most commands take in all.
    import yaml  # noqa: PLC0415

    try:
        return as_json(yaml.safe_load(text))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise Mistake(f"FILE {name}: {line}{error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Mistake(f"FILE {name}: {error}") from None


def read_credentials(name: str) -> dict[str, str]:
    """Credentials in a file, or on standard input for `-`: a JSON object of strings, lines of NAME=VALUE, or the file
    that Google gives for a key of a service account, as it is."""
    text = read_text(name, "--credentials")
    if text.lstrip().startswith("{"):
        return _from_json(text, name)
    credentials: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        key, equals, value = entry.partition("=")
        if not equals or not key.strip():
            # The line itself is not shown: it may be a secret.
            raise Mistake(f"--credentials {name}: line {number}: expected NAME=VALUE")
        credentials[key.strip()] = value.strip().strip("\"'")
    return credentials


def _from_json(text: str, name: str) -> dict[str, str]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise Mistake(f"--credentials {name}: line {error.lineno}: {error.msg}") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Mistake(f"--credentials {name}: expected a JSON object whose values are strings")
    return {"service_account_key": text} if found.get("type") == "service_account" else found
