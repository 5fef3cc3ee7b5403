"""The options that say how a hub is reached, and the way to one on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from towpath.cli.home import Remembered
from towpath.client.connection import Connection
from towpath.config import Front, Listen

CertOption = Annotated[
    Path | None,
    typer.Option("--tls-cert", metavar="FILE", help="The hub's certificate, PEM; taken up when renewed."),
]
KeyOption = Annotated[
    Path | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's private key, PEM.")
]
ProxyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--behind-proxy", metavar="ADDRESS|NET", help="A proxy whose X-Forwarded-… are believed; repeatable."
    ),
]
UrlOption = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Under which others reach the hub: https://HOST.")
]


def read_front(
    listen: str, cert: Path | None, key: Path | None, proxies: list[str] | None, url: str | None
) -> Front:
    """How the API is reached, from the options; raises `Mistake`."""
    return Front(
        Listen.parse(listen),
        cert and cert.absolute(),
        key and key.absolute(),
        tuple(proxies or ()),
        (url or "").rstrip("/"),
    )


PlainOption = Annotated[
    bool, typer.Option("--plain", help="Forget --tls-cert, --tls-key and --behind-proxy of earlier times.")
]


BusListenOption = Annotated[
    str | None,
    typer.Option(
        "--bus-listen",
        metavar="HOST:PORT",
        help="Let nodes join from elsewhere, by TLS there; '' = none again.",
    ),
]


@dataclass(frozen=True, slots=True)
class FrontAsked:
    """What `up` is told of how the hub is reached; None = as before."""

    listen: str | None = None
    cert: Path | None = None
    key: Path | None = None
    proxies: list[str] | None = None
    url: str | None = None
    plain: bool = False
    bus_listen: str | None = None
    """Where the bus listens with TLS; empty: in the clear again, on the loopback."""


def with_front(told: Remembered, before: Remembered, asked: FrontAsked) -> Remembered:
    """What is remembered, with how the hub is reached; raises `Mistake` where that would not be safe.

    A home whose hub was at some port of a host keeps it where any port of that host is asked for.
    """
    if asked.plain:
        told = replace(told, tls_cert=None, tls_key=None, proxies=())
    if asked.listen is not None:
        listen, kept = Listen.parse(asked.listen), Listen.parse(before.listen)
        as_before = listen.port == 0 and before != Remembered() and listen.host == kept.host
        told = replace(told, listen=str(kept if as_before else listen))
    if asked.cert is not None or asked.key is not None:
        files = (path and str(path.absolute()) for path in (asked.cert, asked.key))
        told = replace(told, **dict(zip(("tls_cert", "tls_key"), files, strict=True)))
    if asked.proxies:
        told = replace(told, proxies=tuple(asked.proxies))
    if asked.url is not None:
        told = replace(told, url=asked.url.rstrip("/"))
    if asked.bus_listen is not None:
        bus = str(Listen.parse(asked.bus_listen, "--bus-listen")) if asked.bus_listen else None
        told = replace(told, bus_listen=bus)
    front_of(told)
    return told


def front_of(told: Remembered) -> Front:
    """How the API is reached, from what `up` was told; raises `Mistake`."""
    return Front(
        Listen.parse(told.listen),
        None if told.tls_cert is None else Path(told.tls_cert),
        None if told.tls_key is None else Path(told.tls_key),
        told.proxies,
        told.url,
    )


def arguments_of(front: Front) -> tuple[str, ...]:
    """The options of a hub that is reached so."""
    tls = () if front.cert is None else ("--tls-cert", str(front.cert), "--tls-key", str(front.key))
    proxies = tuple(word for proxy in front.proxies for word in ("--behind-proxy", proxy))
    return ("--listen", str(front.listen), *tls, *proxies, *(("--url", front.url) if front.url else ()))


def connection_here(front: Front, api_key: str) -> Connection:
    """The way from this machine to a hub on it: the hub's own certificate is what it is known by."""
    if front.cert is None:
        return Connection(front.url_here, api_key)
    # Loaded only here: reading certificates takes a library that commands without one shall not wait for.
    from towpath.cli.certificate import first_name  # noqa: PLC0415

    return Connection(front.url_here, api_key, str(front.cert), first_name(front.cert))
