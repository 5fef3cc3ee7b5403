"""`towpath check`: whether a hub could run as it is configured; nothing is started, made or changed."""

import os
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from towpath.cli.database_option import read_database
from towpath.cli.errors import Exit
from towpath.cli.front import CertOption, KeyOption, ProxyOption, UrlOption, front_of
from towpath.cli.home import home_of, read_remembered
from towpath.cli.hub_command import BusCaOption, BusNameOption, HomeOption
from towpath.cli.output import Json, print_document
from towpath.config import Front, Listen

if TYPE_CHECKING:
    from towpath.cli.findings import Finding

WORDS = {True: "ok", False: "wrong", None: "note"}


def check(  # noqa: PLR0913, PLR0917  the options of a command are its parameters
    home: HomeOption = None,
    database: Annotated[
        str | None, typer.Option("--database", metavar="URL", help="As the hub would be told; as before.")
    ] = None,
    bus: Annotated[
        str, typer.Option("--bus", metavar="URL", help="Of a server elsewhere; the hub's own where left out.")
    ] = "",
    bus_ca: BusCaOption = None,
    bus_name: BusNameOption = "",
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="As before where left out.")
    ] = None,
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    behind_proxy: ProxyOption = None,
    url: UrlOption = None,
    as_json: Json = False,
) -> int:
    """Look whether a hub could run so; one line for each thing, and exit 1 where one of them is wrong.

    What is left out is as `towpath up` remembers it.
    """
    # Loaded only here: no other command looks at all of it.
    from towpath.cli.findings import ALL, Looked  # noqa: PLC0415

    place = home_of(home, os.environ)
    remembered = read_remembered(place)
    before = front_of(remembered)
    front = Front(
        before.listen if listen is None else Listen.parse(listen),
        tls_cert or before.cert,
        tls_key or before.key,
        tuple(behind_proxy or before.proxies),
        url or before.url,
    )
    named = read_database(database, os.environ, remembered.database or place.database_url)
    looked = Looked(place, remembered, front, named, bus, bus_ca, bus_name, dict(os.environ))
    found = [finding for look in ALL for finding in look(looked)]
    return _tell(found, as_json)


def _tell(found: "list[Finding]", as_json: bool) -> int:
    wrong = sum(finding.well is False for finding in found)
    if as_json:
        print_document(msgspec.json.encode({"works": not wrong, "findings": found}))
    else:
        for finding in found:
            expected = "" if finding.well else f"expected {finding.expected}, "
            print(f"{WORDS[finding.well]:<5}  {finding.thing}: {expected}found {finding.found}")
    return Exit.MISTAKE if wrong else Exit.OK
