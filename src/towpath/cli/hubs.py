"""The hub that a command talks to."""

import os
from typing import TYPE_CHECKING

from towpath.client.connection import Connection, connection_of
from towpath.client.plans import Retries
from towpath.client.verbs import segment

if TYPE_CHECKING:
    from towpath.client import Client

__all__ = ["open_hub", "segment"]


def open_hub(connection: Connection | None = None, *, patient: bool = False) -> "Client":
    """The hub at that connection, else the one that the environment or the home names; use it as a context.

    Who types a command is told at once of a hub that is not there, but for commands that stay.
    """
    # Loaded only here: commands that do not talk to the hub shall start without the HTTP library.
    from towpath.client import Client  # noqa: PLC0415

    retries = Retries(attempts=10) if patient else Retries(attempts=4, connect=False)
    return Client(connection=connection or connection_of(os.environ), retries=retries)
