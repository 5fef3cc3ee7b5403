"""`towpath worker`: one node of a site."""

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.home import home_of
from towpath.cli.hub_command import BusCaOption, BusNameOption
from towpath.cli.loading import loading
from towpath.cli.logs import log_as_json
from towpath.cli.output import say
from towpath.domain.errors import Mistake
from towpath.steps.settings import NO_SETTINGS, read_settings
from towpath.worker.settings import DEFAULT_QUEUES, WorkerSettings

STDIN = "-"

Queues = Mapping[str, Mapping[str, int]]
Grace = Annotated[float, typer.Option("--grace", metavar="SECONDS", help="For running tasks at the end.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", metavar="FILE", help="Commands, webhooks and mail of the site, as TOML."),
]


JoinOption = Annotated[
    str | None,
    typer.Option(
        "--join",
        metavar="TOKEN",
        envvar="TOWPATH_JOIN",
        help="What `towpath site token` printed; - = stdin; once.",
    ),
]
HomeOfNode = Annotated[
    Path | None,
    typer.Option(
        "--home", metavar="DIR", help="The node's own: outbox and keys; ~/.towpath/node.", readable=False
    ),
]
SiteOption = Annotated[
    str | None, typer.Option("--site", metavar="NAME", help="All nodes that bear it are one site.")
]
NodeOption = Annotated[str | None, typer.Option("--node", metavar="NAME", help="Unique at the site.")]
SeedOption = Annotated[Path | None, typer.Option("--seed", metavar="FILE", help="The node's NKEY seed.")]
BusOption = Annotated[
    str | None, typer.Option("--bus", metavar="URL", help="tls://HOST:PORT, several with commas between.")
]
QueueOption = Annotated[
    list[str] | None,
    typer.Option("--queue", metavar="NAME=FUNCTION:SLOTS", help="FUNCTION: worker, discovery; repeatable."),
]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a node is, and where the bus is; None: as it was told when it joined."""

    home: Path
    site: str | None
    node: str | None
    seed: Path | None
    bus: str | None
    bus_ca: Path | None
    bus_name: str


def worker(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    root: Annotated[
        list[str],
        typer.Option("--root", metavar="NAME=DIR", help="Nothing outside these is ever opened; repeatable."),
    ],
    join: JoinOption = None,
    home: HomeOfNode = None,
    site: SiteOption = None,
    node: NodeOption = None,
    seed: SeedOption = None,
    bus: BusOption = None,
    bus_ca: BusCaOption = None,
    bus_name: BusNameOption = "",
    queue: QueueOption = None,
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
    place = (home or home_of(None, os.environ).root / "node").absolute()
    roots = read_roots(root)
    who = identified(Identity(place, site, node, seed, bus, bus_ca, bus_name), join)
    settings = WorkerSettings(
        site=str(who.site),
        node=str(who.node),
        roots=roots,
        home=place,
        bus_url=str(who.bus),
        seed_file=who.seed or place / "node.nk",
        bus_ca=who.bus_ca,
        bus_name=who.bus_name,
        queues=read_queues(queue or []),
        unguarded=unguarded,
        allowed=tuple(os.path.abspath(directory) for directory in allow_target or []),
        grace=timedelta(seconds=grace),
        steps=read_settings(settings_file) if settings_file else NO_SETTINGS,
    )
    return _serve(settings)


def _serve(settings: WorkerSettings) -> int:
    log_as_json()
    # Loaded only here: no other command needs the site's rooms.
    with loading():
        import asyncio  # noqa: PLC0415

        from towpath.worker.serve import serve  # noqa: PLC0415
    from towpath.cli.tracing import collecting  # noqa: PLC0415

    with collecting(os.environ, "worker", f"{settings.site}/{settings.node}") as traces:
        return asyncio.run(serve(settings, traces))


def identified(given: Identity, token: str | None) -> Identity:
    """Who the node is: as the options say, or as the hub has told it, now or when it joined; raises `Mistake`."""
    needed = {"--site": given.site, "--node": given.node, "--seed": given.seed, "--bus": given.bus}
    if all(needed.values()):
        return given
    # Loaded only here: a node whose options say all has nothing to read.
    from towpath.cli.join import NodeHome, join  # noqa: PLC0415

    home = NodeHome(given.home)
    if token is not None:
        text = sys.stdin.read() if token == STDIN else token
        told = join(text, home, given.node, os.environ.get("TOWPATH_CA"))
        say(f"joined site {told.site} as node {told.node}; start it from now on without --join")
    elif (known := home.find()) is not None:
        told = known
    else:
        missing = ", ".join(name for name, value in needed.items() if not value)
        raise Mistake(
            f"expected --join TOKEN, or a --home that has joined, or {missing}; found none at {given.home}"
        )
    for name, said, true in (("--site", given.site, told.site), ("--node", given.node, told.node)):
        if said not in (None, true):
            raise Mistake(f"{name}: expected {true}, as this node has joined; found {said}")
    home.check(told)
    ca = home.ca if told.bus_ca else None
    return Identity(given.home, told.site, told.node, home.seed, told.bus, ca, told.bus_name)


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
