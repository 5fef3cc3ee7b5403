"""The `towpath` command: its groups, and how errors end it."""

import os
import sys
import traceback
from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Annotated

import typer
from typer.exceptions import TyperException

from towpath import __version__
from towpath.cli.errors import Exit
from towpath.client.errors import HubBug, HubError
from towpath.domain.errors import Mistake

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "up": "up:up",
        "down": "up:down",
        "status": "up:status",
        "check": "check:check",
        "hub": "hub_command:hub",
        "worker": "worker_command:worker",
        "supervise": "supervise:supervise",
        "run": "run:run",
        "ls": "files:ls",
        "history": "history:history",
        "undelete": "undelete:undelete",
        "errors": "error_table:errors",
        "throughput": "throughput:throughput",
        "audit": "audit:audit",
        "events": "events:events",
        "settings": "setting:app",
        "backup": "backup:app",
        "job": "job:app",
        "workflow": "workflow:app",
        "site": "site:app",
        "node": "node:app",
        "bucket": "bucket:app",
        "target": "target:app",
        "orphan": "orphan:app",
        "space": "space:app",
        "limit": "limit:app",
        "user": "user:app",
        "group": "group:app",
        "key": "key:app",
        "webhook": "webhook:app",
        "alert": "alert:app",
    }
)
"""Name → where in this room the command or the group of commands stands, as `module:name`."""

HIDDEN = frozenset({"supervise"})


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"towpath {__version__}")
        raise typer.Exit


def _towpath(
    ca: Annotated[
        str | None,
        typer.Option("--ca", metavar="FILE", help="Authorities that may vouch for the hub; or TOWPATH_CA."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Runs data workflows over many sites: start with `towpath up --site NAME=DIR`."""
    if ca is not None:
        # Every command finds its hub by the environment, and by what its home says.
        os.environ["TOWPATH_CA"] = ca


def command_line(first: str = "") -> typer.Typer:
    """The command line, with one command alone where the first word names it: to load all takes longer than most of
    them."""
    app = typer.Typer(
        help="Runs data workflows over many sites: start with `towpath up --site NAME=DIR`.",
        add_completion=True,
        pretty_exceptions_enable=False,
        no_args_is_help=True,
    )
    app.callback()(_towpath)
    # Who asks for the version needs no command, who asks for help all of them.
    for name in [first] if first in COMMANDS else [] if first == "--version" else COMMANDS:
        module, _, what = COMMANDS[name].partition(":")
        found = getattr(import_module(f"towpath.cli.{module}"), what)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, hidden=name in HIDDEN)(found)
    return app


def main() -> None:
    """Run a command and end the process with its status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    status = _run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = _close_pipe()
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        app = command_line(*arguments[:1])
        return int(app(arguments, prog_name="towpath", standalone_mode=False) or 0)
    except TyperException as error:
        return _mistaken(" ".join(error.format_message().split()))
    except Mistake as error:
        return _mistaken(" ".join(str(error).split()))
    except HubBug as error:
        print(f"towpath: {error}", file=sys.stderr)
        return Exit.BUG
    except HubError as error:
        return _mistaken(" ".join(str(error).split()))
    except BrokenPipeError:
        return _close_pipe()
    except SystemExit as end:
        # Typer's own way to end: what completes words has done so, else nobody reads the output any more.
        return Exit.OK if not end.code else _close_pipe()
    except (KeyboardInterrupt, typer.Abort):
        return Exit.INTERRUPTED
    except Exception:
        # The boundary for bugs of the command line: a trace for whoever mends it, and a status of its own.
        traceback.print_exc()
        return Exit.BUG


def _mistaken(text: str) -> int:
    if text:
        print(f"towpath: {text}", file=sys.stderr)
    return Exit.MISTAKE


def _close_pipe() -> int:
    """Whoever read the output has gone: the interpreter must not complain at its end either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return Exit.PIPE_CLOSED
