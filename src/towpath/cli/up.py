"""`towpath up`, `down` and `status`: a hub with its sites on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from towpath.cli import ready
from towpath.cli.children import GRACE_SECONDS, environment, spawn
from towpath.cli.database_option import check_option, read_database, without_password
from towpath.cli.errors import Exit
from towpath.cli.front import (
    BusListenOption,
    CertOption,
    FrontAsked,
    KeyOption,
    PlainOption,
    ProxyOption,
    UrlOption,
    connection_here,
    front_of,
    with_front,
)
from towpath.cli.home import NODE, Home, Remembered, home_of, read_remembered, write_remembered
from towpath.cli.hub_command import HomeOption, bind
from towpath.cli.output import Column, Format, Json, Rows, print_list, say
from towpath.cli.running import Child, Status, is_running, read_status, sign_lock, supervisor_of, take_lock
from towpath.config import Listen
from towpath.domain.errors import Mistake, did_you_mean
from towpath.domain.values import name_fault

CHILDREN = Rows(
    Child,
    (
        Column("role", 8, lambda child: child.role),
        Column("site", 16, lambda child: child.site or ""),
        Column("state", 5, lambda child: "up" if child.pid else "down"),
        Column("pid", 8, lambda child: str(child.pid or "-"), right=True),
        Column("restarts", 8, lambda child: str(child.restarts), right=True),
        Column("since", 20, lambda child: child.since),
    ),
    "nothing runs",
)


def up(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    home: HomeOption = None,
    listen: Annotated[
        str | None,
        typer.Option(
            "--listen", metavar="HOST:PORT", help="127.0.0.1:8420, or as before; port 0: any that is free."
        ),
    ] = None,
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    behind_proxy: ProxyOption = None,
    url: UrlOption = None,
    plain: PlainOption = False,
    bus_listen: BusListenOption = None,
    site: Annotated[
        list[str] | None,
        typer.Option("--site", metavar="NAME=DIR", help="A site and its directory; repeatable; remembered."),
    ] = None,
    node: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="SITE/NODE", help="A further node of a site; repeatable; remembered."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once everything is up.")] = False,
    nats_server: Annotated[
        Path | None, typer.Option("--nats-server", metavar="PATH", help="Instead of the bundled one.")
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", metavar="URL", help="postgresql://…; sqlite:///HOME/hub.db, or as before."
        ),
    ] = None,
) -> int:
    """Run a hub, its NATS server and a worker for each site; again with the same home, restart what is dead."""
    place = home_of(home, os.environ)
    sites = read_sites(site or [], place)
    place.make()
    before = read_remembered(place)
    named = without_password(read_database(database, os.environ, "")) or None
    remembered = with_database(merge(before, sites, nats_server), before, named)
    asked = FrontAsked(listen, tls_cert, tls_key, behind_proxy, url, plain, bus_listen)
    remembered = with_nodes(with_front(remembered, before, asked), node or [])
    lock = take_lock(place)
    if lock is None:
        return _join(place, remembered, before)
    return _bring_up(place, lock, _settled(remembered, listen), detach)


def _bring_up(place: Home, lock: int, remembered: Remembered, detach: bool) -> int:
    front = front_of(remembered)
    connection_here(front, "")
    # Loaded only here: no other command needs the bus.
    from towpath.bus.server import find_server  # noqa: PLC0415

    find_server(Path(remembered.nats_server) if remembered.nats_server else None)
    bind(front.listen).close()
    write_remembered(place, remembered)
    supervisor = _start(place, lock, tied=not detach)
    try:
        _wait_until_up(place, remembered, supervisor)
        return Exit.OK if detach else _attend(supervisor)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        return Exit.INTERRUPTED


def read_sites(given: Sequence[str], home: Home) -> dict[str, str]:
    """The sites in `NAME=DIR` arguments; raises `Mistake` for what cannot be one."""
    sites: dict[str, str] = {}
    for text in given:
        name, equals, directory = text.partition("=")
        if not equals or not directory:
            raise Mistake(f"--site: expected NAME=DIR, found '{text}'")
        if fault := name_fault(name):
            raise Mistake(f"--site: {fault}")
        if name in sites:
            raise Mistake(f"--site {name}: expected once, found twice")
        place = Path(os.path.abspath(directory))
        if not place.is_dir():
            found = "something else" if place.exists() else "nothing"
            raise Mistake(f"--site {name}: expected a directory, found {found} at {place}")
        if home.root.resolve().is_relative_to(place.resolve()):
            raise Mistake(
                f"--site {name}: {place} holds the hub's own home {home.root}; choose another --home"
            )
        sites[name] = str(place)
    return sites


def _settled(told: Remembered, asked: str | None) -> Remembered:
    """What is remembered, with a port that is free, where any was asked for."""
    if asked is None or Listen.parse(asked).port:
        return told
    listen = Listen.parse(told.listen)
    if listen.port:
        with suppress(Mistake):
            bind(listen).close()
            return told
    # Loaded only here: no other command needs the bus.
    from towpath.bus.ports import free_port  # noqa: PLC0415

    return msgspec.structs.replace(told, listen=str(Listen(listen.host, free_port(listen.host))))


def merge(before: Remembered, sites: dict[str, str], server: Path | None) -> Remembered:
    """What was told before and what is told now; raises `Mistake` where a site has moved."""
    for name, place in sites.items():
        if before.sites.get(name, place) != place:
            raise Mistake(f"--site {name}: expected {before.sites[name]}, as before; found {place}")
    for name, place in before.sites.items():
        if name not in sites and not Path(place).is_dir():
            say(f"site {name}: {place} is not there; its worker cannot start until it is")
    return msgspec.structs.replace(
        before,
        sites={**before.sites, **sites},
        nats_server=before.nats_server if server is None else str(server.absolute()),
    )


def with_nodes(told: Remembered, given: Sequence[str]) -> Remembered:
    """What is remembered, with further nodes of its sites; raises `Mistake` for what cannot be one."""
    for text in given:
        site, slash, name = text.partition("/")
        if not slash:
            raise Mistake(f"--node: expected SITE/NODE, found '{text}'")
        if fault := name_fault(name):
            raise Mistake(f"--node: {fault}")
        if site not in told.sites:
            raise Mistake(f"--node {text}: no site '{site}' runs here{did_you_mean(site, told.sites)}")
        if name == NODE:
            raise Mistake(f"--node {text}: expected another name than that of each site's first node")
    return msgspec.structs.replace(told, nodes=tuple(dict.fromkeys([*told.nodes, *given])))


def with_database(told: Remembered, before: Remembered, url: str | None) -> Remembered:
    """What is remembered, with the database that was named; raises `Mistake` for another than a home has had.

    A home that has sites has begun, and what began in one database does not go on in another.
    """
    if url is None or url == before.database:
        return told
    check_option(url)
    if before.sites or before.database is not None:
        raise Mistake(
            f"--database: expected {before.database or 'the one in the home'}, as before; found another one"
        )
    return msgspec.structs.replace(told, database=url)


def _start(home: Home, lock: int, tied: bool) -> subprocess.Popen[bytes]:
    """Start the supervisor; the lock goes over to it."""
    arguments = ["supervise", "--home", str(home.root), "--lock-fd", str(lock)]
    supervisor = spawn(arguments, home.log("supervisor"), environment(os.environ), tied, pass_fds=(lock,))
    sign_lock(lock, supervisor.pid)
    os.close(lock)
    return supervisor


def _wait_until_up(home: Home, remembered: Remembered, supervisor: subprocess.Popen[bytes]) -> None:
    try:
        ready.wait(home, remembered, lambda: supervisor.poll() is None)
    except Mistake:
        # Half a hub is no use to anybody, and would keep its port.
        supervisor.terminate()
        supervisor.wait()
        raise
    _greet(home, remembered)


def _join(home: Home, remembered: Remembered, before: Remembered) -> int:
    """A supervisor runs here: let it take up new sites and restart what is dead."""
    pid = supervisor_of(home)
    status_now = ready.wait_for_status(home)
    if pid is None or status_now is None:
        raise Mistake(f"{home.root}: the hub that ran here has just stopped; try again")
    front = front_of(remembered)
    if front.url_here != status_now.url:
        raise Mistake(f"--listen {remembered.listen}: the hub runs at {status_now.url}; `towpath down` first")
    if front != front_of(before) or remembered.bus_listen != before.bus_listen:
        raise Mistake(
            "expected --tls-cert, --tls-key, --behind-proxy, --url and --bus-listen as the hub that runs was told,"
            " found others; `towpath down` first"
        )
    write_remembered(home, remembered)
    os.kill(pid, signal.SIGHUP)
    ready.wait(home, remembered, lambda: is_running(home))
    _greet(home, remembered)
    return Exit.OK


def _greet(home: Home, remembered: Remembered) -> None:
    front = front_of(remembered)
    print(f"hub up at {front.url or front.url_here}")
    print(f"home {home.root}")
    for name, place in remembered.sites.items():
        print(f"site {name}: {place} (unguarded: where a file is a stub, root, and so a backup, reads zeros)")
    for name in remembered.nodes:
        print(f"node {name}")
    if not remembered.sites:
        print("no sites yet; add one with: towpath up --site NAME=DIR")
    # In the foreground the process goes on, and whoever reads this must not wait for its end.
    sys.stdout.flush()


def _attend(supervisor: subprocess.Popen[bytes]) -> int:
    """Stay until the supervisor has ended; Ctrl-C or SIGTERM stops it in good order."""

    def forward(_number: int, _frame: object) -> None:
        supervisor.terminate()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, forward)
    # Said only now: whoever reads it may press it at once.
    say("Ctrl-C stops it")
    return Exit.OK if supervisor.wait() == 0 else Exit.BUG


def down(home: HomeOption = None) -> int:
    """Stop what `up` started: workers finish or hand back what they do, then the hub and NATS end."""
    place = home_of(home, os.environ)
    pid = supervisor_of(place)
    if pid is None:
        print(f"nothing runs at {place.root}")
        return Exit.OK
    os.kill(pid, signal.SIGTERM)
    if not _gone(place, 3 * GRACE_SECONDS + 5):
        os.kill(pid, signal.SIGKILL)
        _gone(place, 5)
        say(f"the supervisor (pid {pid}) did not end in time: ended by force")
    print(f"stopped what ran at {place.root}")
    return Exit.OK


def _gone(home: Home, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while is_running(home):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def status(home: HomeOption = None, as_json: Json = False) -> int:
    """Say what runs: role, site, pid, restarts."""
    place = home_of(home, os.environ)
    found = read_status(place)
    children = found.children if found else []
    if as_json:
        rows = [msgspec.to_builtins(child) for child in children]
        print(json.dumps([{k: v for k, v in row.items() if k != "born"} for row in rows], indent=2))
    elif found is None:
        print(f"nothing runs at {place.root}")
    else:
        _print_status(place, found)
    return Exit.OK


def _print_status(home: Home, found: Status) -> None:
    print(f"hub at {found.url}, home {home.root}, supervisor pid {found.pid}")
    print_list((msgspec.json.encode(child) for child in found.children), CHILDREN, Format())
