"""`towpath worker`: one node of a site."""

import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.logs import log_as_json
from towpath.domain.errors import Mistake
from towpath.steps.settings import NO_SETTINGS, read_settings
from towpath.worker.settings import DEFAULT_QUEUES, WorkerSettings

Queues = Mapping[str, Mapping[str, int]]
Grace = Annotated[float, typer.Option("--grace", metavar="SECONDS", help="For running tasks at the end.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Commands, webhooks and mail of the site, as TOML."),
]


def worker(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    site: Annotated[str, typer.Option("--site", metavar="NAME", help="All nodes that bear it are one site.")],
    root: Annotated[
        list[str],
        typer.Option("--root", metavar="NAME=DIR", help="Nothing outside these is ever opened; repeatable."),
    ],
    home: Annotated[Path, typer.Option("--home", metavar="DIR", help="The node's own: outbox and keys.")],
    bus: Annotated[
        str, typer.Option("--bus", metavar="URL", help="nats://HOST:PORT, several with commas between.")
    ],
    seed: Annotated[Path, typer.Option("--seed", metavar="FILE", help="The node's NKEY seed.")],
    node: Annotated[str, typer.Option("--node", metavar="NAME", help="Unique at the site.")],
    queue: Annotated[
        list[str] | None,
        typer.Option(
            "--queue", metavar="NAME=FUNCTION:SLOTS", help="FUNCTION: worker, discovery; repeatable."
        ),
    ] = None,
    unguarded: Annotated[
        bool,
        typer.Option("--unguarded", help="Make stubs though no recall daemon guards them: root reads zeros."),
    ] = False,
    allow_target: Annotated[
        list[str] | None, typer.Option("--allow-target", metavar="DIR", help="Where file:// targets may lie.")
    ] = None,
    grace: Grace = 30.0,
    settings_file: SettingsFile = None,
) -> int:
    """Run a worker: it dials out to the bus, claims tasks of its site and runs them."""
    settings = WorkerSettings(
        site=site,
        node=node,
        roots=read_roots(root),
        home=home.absolute(),
        bus_url=bus,
        seed_file=seed,
        queues=read_queues(queue or []),
        unguarded=unguarded,
        allowed=tuple(os.path.abspath(directory) for directory in allow_target or []),
        grace=timedelta(seconds=grace),
        steps=read_settings(settings_file) if settings_file else NO_SETTINGS,
    )
    log_as_json()
    # Loaded only here: no other command needs the site's rooms.
    import asyncio  # noqa: PLC0415

    from towpath.worker.serve import serve  # noqa: PLC0415

    return asyncio.run(serve(settings))


def read_roots(given: Iterable[str]) -> dict[str, str]:
    """The roots in `NAME=DIR` arguments."""
    roots: dict[str, str] = {}
    for text in given:
        name, equals, directory = text.partition("=")
        if not equals or not directory:
            raise Mistake(f"--root: expected NAME=DIR, found '{text}'")
        if name in roots:
            raise Mistake(f"--root {name}: expected once, found twice")
        if not Path(directory).is_dir():
            raise Mistake(f"--root {name}: expected a directory, found none at {directory}")
        roots[name] = os.path.abspath(directory)
    return roots


def read_queues(given: Iterable[str]) -> Queues:
    """The queues in `NAME=FUNCTION:SLOTS` arguments; the default ones where there are none."""
    queues: dict[str, dict[str, int]] = {}
    for text in given:
        name, _, rest = text.partition("=")
        function, _, slots = rest.partition(":")
        if not name or not function or not (slots.isascii() and slots.isdigit() and len(slots) < 6):
            raise Mistake(f"--queue: expected NAME=FUNCTION:SLOTS, found '{text}'")
        queues.setdefault(name, {})[function] = int(slots)
    return queues or DEFAULT_QUEUES
