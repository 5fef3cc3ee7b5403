"""The `towpath` command: its groups, and how errors end it."""

import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from towpath.cli import (
    alert,
    alert_destination,
    audit,
    backup,
    bucket,
    check,
    error_table,
    events,
    files,
    group,
    history,
    hub_command,
    job,
    key,
    limit,
    node,
    orphan,
    run,
    setting,
    site,
    space,
    supervise,
    target,
    undelete,
    up,
    user,
    webhook,
    worker_command,
    workflow,
)
from towpath.cli.errors import Exit
from towpath.client.errors import HubBug, HubError
from towpath.domain.errors import Mistake

app = typer.Typer(
    help="Runs data workflows over many sites: start with `towpath up --site NAME=DIR`.",
    add_completion=True,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"towpath {version('towpath')}")
        raise typer.Exit


@app.callback()
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


app.command("up")(up.up)
app.command("down")(up.down)
app.command("status")(up.status)
app.command("check")(check.check)
app.command("hub")(hub_command.hub)
app.command("worker")(worker_command.worker)
app.command("supervise", hidden=True)(supervise.supervise)
app.command("run")(run.run)
app.command("ls")(files.ls)
app.command("history")(history.history)
app.command("undelete")(undelete.undelete)
app.command("errors")(error_table.errors)
app.add_typer(setting.app, name="settings")
app.add_typer(backup.app, name="backup")
app.add_typer(job.app, name="job")
app.add_typer(workflow.app, name="workflow")
app.add_typer(site.app, name="site")
app.add_typer(node.app, name="node")
app.add_typer(bucket.app, name="bucket")
app.add_typer(target.app, name="target")
app.add_typer(orphan.app, name="orphan")
app.add_typer(space.app, name="space")
app.add_typer(limit.app, name="limit")
app.add_typer(user.app, name="user")
app.add_typer(group.app, name="group")
app.add_typer(key.app, name="key")
app.add_typer(webhook.app, name="webhook")
alert.app.add_typer(alert_destination.app, name="destination")
alert.app.command("test")(alert_destination.test)
app.add_typer(alert.app, name="alert")
app.command("audit")(audit.audit)
app.command("events")(events.events)


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
