"""The hub that a command talks to."""

import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from towpath.cli.home import Connection, connection_of

if TYPE_CHECKING:
    from towpath.cli.client import Hub


def open_hub(connection: Connection | None = None) -> "Hub":
    """The hub at that connection, else the one that the environment or the home names; use it as a context."""
    # Loaded only here: commands that do not talk to the hub shall start without the HTTP library.
    from towpath.cli.client import Hub  # noqa: PLC0415

    return Hub(connection or connection_of(os.environ))


def segment(text: str | int) -> str:
    """A name as a part of a URL's path."""
    return quote(str(text), safe="")
