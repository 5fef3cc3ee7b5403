"""`towpath supervise`: the process that `towpath up` starts; it keeps the others alive."""

import fcntl
import os
from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.home import Home
from towpath.cli.running import sign_lock, take_lock
from towpath.domain.errors import Mistake


def supervise(
    home: Annotated[Path, typer.Option("--home")],
    lock_fd: Annotated[int | None, typer.Option("--lock-fd", help="The home's lock, inherited.")] = None,
) -> int:
    """Keep the processes of a home alive (what `towpath up` starts)."""
    place = Home(home.absolute())
    lock = take_lock(place) if lock_fd is None else lock_fd
    if lock is None:
        raise Mistake(f"{place.root}: a supervisor runs here already")
    # Children that inherited the lock would hold it when the supervisor is gone.
    fcntl.fcntl(lock, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    sign_lock(lock, os.getpid())
    # Loaded only here: no other command needs the hub's store.
    from towpath.cli.supervisor import Supervisor  # noqa: PLC0415

    return Supervisor(place).run()
