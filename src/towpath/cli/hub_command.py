"""`towpath hub`: the hub alone, for a bus and a database that are elsewhere."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from towpath.cli.database_option import read_database
from towpath.cli.front import CertOption, KeyOption, ProxyOption, UrlOption, read_front
from towpath.cli.home import Home, home_of, replace_file
from towpath.cli.loading import loading
from towpath.cli.logs import log_as_json
from towpath.config import (
    HubSettings,
    Listen,
    find_ui,
    read_heartbeat,
    read_keep_days,
    read_keep_events_days,
    read_key_file,
    read_requests_per_minute,
)
from towpath.domain.errors import Mistake

HomeOption = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="TOWPATH_HOME, else ~/.towpath, where left out.")
]


BusCaOption = Annotated[
    Path | None,
    typer.Option("--bus-ca", metavar="FILE", help="Authorities, PEM, that may vouch for the bus."),
]
BusNameOption = Annotated[
    str, typer.Option("--bus-name", metavar="NAME", help="What its certificate names, if not the host.")
]


def hub(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    bus: Annotated[
        str, typer.Option("--bus", metavar="URL", help="tls://HOST:PORT, several with commas between.")
    ],
    bus_ca: BusCaOption = None,
    bus_name: BusNameOption = "",
    node_bus: Annotated[
        str,
        typer.Option("--node-bus", metavar="URL", help="Where nodes that join find the bus, if elsewhere."),
    ] = "",
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="postgresql://USER@HOST/NAME, the password elsewhere; TOWPATH_DATABASE, else sqlite:///HOME/hub.db.",
        ),
    ] = None,
    listen: Annotated[
        str, typer.Option("--listen", metavar="HOST:PORT", help="Port 0: any that is free.")
    ] = str(Listen()),
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    behind_proxy: ProxyOption = None,
    url: UrlOption = None,
    home: HomeOption = None,
) -> int:
    """Run a hub: the API, and the desk that nodes talk to over the bus."""
    front = read_front(listen, tls_cert, tls_key, behind_proxy, url)
    place = home_of(home, os.environ)
    place.make()
    sockets = [bind(front.listen)]
    front = replace(front, listen=Listen(front.listen.host, sockets[0].getsockname()[1]))
    settings = HubSettings(
        home=place.root,
        database_url=read_database(database, os.environ, place.database_url),
        bus_url=bus,
        bus_ca=bus_ca,
        bus_name=bus_name,
        node_bus=node_bus,
        front=front,
        heartbeat=read_heartbeat(os.environ),
        keep_days=read_keep_days(os.environ),
        requests_per_minute=read_requests_per_minute(os.environ),
        keep_events_days=read_keep_events_days(os.environ),
        given_key=read_key_file(os.environ),
        ui=find_ui(),
    )
    return _serve(place, settings, sockets)


def _serve(place: Home, settings: HubSettings, sockets: list[socket.socket]) -> int:
    replace_file(place.url_file, settings.front.url_here + "\n")
    print(f"hub at {settings.front.url_here}", flush=True)
    log_as_json()
    # Loaded only here: no other command needs the hub's rooms.
    with loading():
        import uvloop  # noqa: PLC0415

        from towpath.cli.hub_process import serve_hub  # noqa: PLC0415
    from towpath.cli.tracing import collecting  # noqa: PLC0415

    with collecting(os.environ, "hub", settings.name) as traces:
        uvloop.run(serve_hub(settings, sockets, traces))
    return 0


def bind(listen: Listen) -> socket.socket:
    """The socket of the API; raises `Mistake` where another program has it."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    try:
        bound = socket.create_server((listen.host, listen.port), family=family, backlog=1024)
    except OSError as error:
        raise Mistake(
            f"--listen {listen}: {error.strerror}; stop the program that listens there, or choose another port"
        ) from None
    # Connections inherit it. Without it an answer's body waits 40 ms for the client to acknowledge its headers.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound
